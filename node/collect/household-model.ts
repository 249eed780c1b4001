/**
 * A household that can be asked for any instant: every number is a pure function of seed, options and time, in integers, so
 * that it is the same on every machine and after every restart. Nothing here is measured; the shapes are what a
 * north-west European home looks like in a year of quarter hours: two peaks a day, late weekends, heating by the
 * outside temperature, sun by the season.
 */

export type Heating = 'none' | 'heat-pump' | 'electric'
export const HEATINGS: readonly Heating[] = ['none', 'heat-pump', 'electric']

export interface HouseholdModel {
  /** Any text; two seeds are two homes. */
  readonly seed: string
  readonly heating: Heating
  /** Peak watts of the panels; 0 for none. */
  readonly solarWp: number
  /** UTC milliseconds at which the registers stood at zero; a multiple of a day. */
  readonly startMs: number
}

const DAY_MS = 86_400_000
export const SLOT_MS = 300_000
const SLOTS_PER_DAY = 288
const SLOT_SECONDS = 300
const JOULES_PER_WH = 3_600

/** Watts of an average home by hour of the day (UTC is taken for local: the model has no clock changes). */
const WEEKDAY_W = [
  120, 105, 100, 95, 100, 130, 260, 430, 330, 220, 200, 215, 270, 230, 205, 225, 310, 520, 640, 590, 500, 410, 290, 180,
]
const WEEKEND_W = [
  150, 125, 110, 100, 100, 105, 140, 230, 370, 450, 430, 410, 460, 400, 330, 330, 390, 510, 580, 560, 500, 440, 340, 220,
]
/** Outside temperature at noon of the month's middle, in tenths of a degree. */
const MONTH_TENTHS = [35, 42, 75, 115, 160, 190, 212, 208, 172, 128, 78, 45]
/** Sunrise and sunset in slots of the day, by month. */
const SUNRISE = [96, 88, 77, 66, 58, 54, 56, 64, 72, 80, 88, 96]
const SUNSET = [198, 208, 219, 230, 240, 246, 244, 234, 222, 209, 198, 194]
/** Peak of a clear day as thousandths of the panels' peak, by month. */
const SUN_PEAK = [310, 430, 580, 720, 790, 820, 810, 750, 650, 500, 340, 270]

/** Heating starts below this; each tenth of a degree costs so many watts before the home's own factor. */
const HEATING_LIMIT_TENTHS = 155
const HEAT_PUMP_W_PER_10_TENTHS = 75
const ELECTRIC_W_PER_10_TENTHS = 210

/** What one day has in common. */
interface Day {
  readonly hash: number
  readonly month: number
  readonly weekend: boolean
  readonly temperatureTenths: number
  readonly cloudPermille: number
}

/** Integer hash of 32 bits (the finaliser of MurmurHash3): well mixed and the same everywhere. */
export function mix(a: number, b: number): number {
  let h = (Math.imul(a, 0x9e3779b1) ^ b) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

export function hashSeed(seed: string): number {
  let h = 0x811c9dc5
  for (const char of seed) h = mix(h, char.codePointAt(0) as number)
  return h
}

/** Energy since the start, in joules. */
export interface Energy {
  readonly importJ: number
  readonly exportJ: number
}

/** One home. Keeps the totals of the days asked for, so that the next question costs one day at most. */
export class Household {
  readonly #model: HouseholdModel
  readonly #seed: number
  /** The home's own size, 60 to 180 per cent. */
  readonly #sizePercent: number
  /** Totals at the beginning of each day since the start, as far as asked for. */
  readonly #days: Energy[] = [{ importJ: 0, exportJ: 0 }]
  #slotsOf = -1
  #slots: Energy[] = []

  constructor(model: HouseholdModel) {
    this.#model = model
    this.#seed = hashSeed(model.seed)
    this.#sizePercent = 60 + (mix(this.#seed, 1) % 121)
  }

  /** Totals at an instant not before the start. Inside a slot the power is constant. */
  energyAt(timeMs: number): Energy {
    const sinceMs = Math.max(0, timeMs - this.#model.startMs)
    const day = Math.floor(sinceMs / DAY_MS)
    const before = this.#dayStart(day)
    const inDayMs = sinceMs - day * DAY_MS
    const slot = Math.floor(inDayMs / SLOT_MS)
    const atSlot = this.#slotStarts(day)[slot] as Energy
    const watts = this.wattsAt(timeMs)
    const joules = (w: number): number => Math.floor((w * (inDayMs - slot * SLOT_MS)) / 1_000)
    return {
      importJ: before.importJ + atSlot.importJ + joules(Math.max(0, watts)),
      exportJ: before.exportJ + atSlot.exportJ + joules(Math.max(0, -watts)),
    }
  }

  /** Net watts at an instant: below zero where the sun gives more than the home takes. */
  wattsAt(timeMs: number): number {
    const sinceMs = Math.max(0, timeMs - this.#model.startMs)
    const day = Math.floor(sinceMs / DAY_MS)
    return this.#slotWatts(this.#day(day), Math.floor((sinceMs - day * DAY_MS) / SLOT_MS))
  }

  /** Tenths of a volt of the phase at an instant: 230 V, lower under load, with noise. */
  deciVoltsAt(timeMs: number): number {
    const noise = mix(this.#seed ^ 0x5bd1, Math.floor(timeMs / 1_000)) % 31
    const drop = Math.max(-30, Math.min(40, Math.trunc(this.wattsAt(timeMs) / 120)))
    return 2_315 + noise - drop - 15
  }

  #dayStart(day: number): Energy {
    for (let known = this.#days.length; known <= day; known++) {
      const before = this.#days[known - 1] as Energy
      const total = this.#slotStarts(known - 1)[SLOTS_PER_DAY] as Energy
      this.#days.push({ importJ: before.importJ + total.importJ, exportJ: before.exportJ + total.exportJ })
    }
    return this.#days[day] as Energy
  }

  /** Totals at the beginning of each slot of a day and at its end: 289 entries. The last day asked for is kept. */
  #slotStarts(day: number): readonly Energy[] {
    if (this.#slotsOf === day) return this.#slots
    const facts = this.#day(day)
    const slots: Energy[] = [{ importJ: 0, exportJ: 0 }]
    let importJ = 0
    let exportJ = 0
    for (let slot = 0; slot < SLOTS_PER_DAY; slot++) {
      const watts = this.#slotWatts(facts, slot)
      if (watts > 0) importJ += watts * SLOT_SECONDS
      else exportJ -= watts * SLOT_SECONDS
      slots.push({ importJ, exportJ })
    }
    this.#slots = slots
    this.#slotsOf = day
    return slots
  }

  #day(day: number): Day {
    const date = new Date(this.#model.startMs + day * DAY_MS)
    const hash = mix(this.#seed, Math.floor(date.getTime() / DAY_MS))
    const month = date.getUTCMonth()
    const weekend = date.getUTCDay() === 0 || date.getUTCDay() === 6
    // Weather is the neighbourhood's, not the home's: it hangs on the date alone.
    const weather = mix(0x77ea, Math.floor(date.getTime() / DAY_MS))
    const temperatureTenths = (MONTH_TENTHS[month] as number) + (weather % 81) - 40
    return { hash, month, weekend, temperatureTenths, cloudPermille: 250 + ((weather >>> 8) % 751) }
  }

  #slotWatts(day: Day, slot: number): number {
    return this.#loadWatts(day, slot) + this.#heatingWatts(day, slot) - this.#solarWatts(day, slot)
  }

  #loadWatts(day: Day, slot: number): number {
    const table = day.weekend ? WEEKEND_W : WEEKDAY_W
    const hour = Math.floor(slot / 12)
    const here = table[hour] as number
    const next = table[(hour + 1) % 24] as number
    const base = here + Math.trunc(((next - here) * (slot % 12)) / 12)
    const hash = mix(day.hash, slot)
    // Winter evenings are darker: up to a fifth more than in July.
    const season = 100 + Math.trunc((212 - (MONTH_TENTHS[day.month] as number)) / 9)
    // A kettle, an oven, a washing machine: rare slots with a large load, likelier where the home is busy.
    const appliance = hash % 4_000 < base ? 800 + ((hash >>> 12) % 1_600) : 0
    const noise = 70 + ((hash >>> 20) % 61)
    return Math.trunc((base * season * noise * this.#sizePercent) / 1_000_000) + appliance
  }

  #heatingWatts(day: Day, slot: number): number {
    if (this.#model.heating === 'none') return 0
    // Nights are some degrees colder than noon.
    const distance = Math.abs(slot - 168)
    const missing = HEATING_LIMIT_TENTHS - (day.temperatureTenths - Math.trunc(distance / 3))
    if (missing <= 0) return 0
    const perTen = this.#model.heating === 'heat-pump' ? HEAT_PUMP_W_PER_10_TENTHS : ELECTRIC_W_PER_10_TENTHS
    const night = slot < 66 || slot >= 270 ? 60 : 100
    return Math.trunc((missing * perTen * night * this.#sizePercent) / 100_000)
  }

  #solarWatts(day: Day, slot: number): number {
    if (this.#model.solarWp === 0) return 0
    const rise = SUNRISE[day.month] as number
    const set = SUNSET[day.month] as number
    if (slot <= rise || slot >= set) return 0
    const span = set - rise
    // A parabola over the day is close to the sun's height, and needs no sine.
    const shapePermille = Math.trunc((4_000 * (slot - rise) * (set - slot)) / (span * span))
    const flicker = 850 + (mix(day.hash ^ 0x501a, slot) % 151)
    const peakW = Math.trunc((this.#model.solarWp * (SUN_PEAK[day.month] as number)) / 1_000)
    return Math.trunc((peakW * shapePermille * day.cloudPermille * flicker) / 1_000_000_000)
  }
}

export function wattHours(joules: number): number {
  return Math.floor(joules / JOULES_PER_WH)
}
