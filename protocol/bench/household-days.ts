import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Reading, Register } from '../reading.ts'
import { UNIT } from '../units.ts'

/**
 * Two days of half-hours of one home after another, as a meter would say them: what the encoding is measured on. The
 * half-hour energies are real where the London file is at hand; the rest is derived or seeded, and the same in every run.
 */

export const ROWS = 96
const HALF_HOURS = 48
const HALF_HOUR_MS = 1_800_000
const DAY_MS = 86_400_000

function electricity(c: number, d: number, unit: number, scaler: number): Register {
  return { obis: { a: 1, b: 0, c, d, e: 0, f: 255 }, unit, scaler }
}

/**
 * D = 8 is the cumulative register; D = 29 the energy of one load profile interval; D = 7 an instantaneous value; D = 5 the
 * "last average": the mean of the interval that has just ended (D = 4, the current average, is still moving when it is read).
 */
export const REGISTERS = {
  importEnergy: electricity(1, 8, UNIT.wattHour, 0),
  intervalEnergy: electricity(1, 29, UNIT.wattHour, 0),
  voltage: electricity(32, 7, UNIT.volt, -1),
  meanPower: electricity(1, 5, UNIT.watt, 0),
} as const

export interface HouseholdDays {
  readonly source: string
  readonly blocks: readonly (readonly Reading[])[]
}

/** Every pair of consecutive days of every home in `load/lcl_open_1.csv.gz`, or 200 pairs of a seeded household. */
export function loadHouseholdDays(dataDir: string): HouseholdDays {
  const file = join(dataDir, 'load', 'lcl_open_1.csv.gz')
  if (existsSync(file)) {
    const text = gunzipSync(readFileSync(file)).toString('utf8')
    return { source: file, blocks: pairsOf(parseDays(text)) }
  }
  return { source: `seeded household (${file} is not there)`, blocks: pairsOf(syntheticDays(400)) }
}

interface Day {
  readonly home: string
  readonly start: number
  /** Wh per half-hour; null where the source has none. */
  readonly energies: readonly (number | null)[]
}

function parseDays(text: string): Day[] {
  const lines = text.trim().split('\n').slice(1)
  return lines.map((line) => {
    const [home = '', date = '', ...cells] = line.trim().split(',')
    return { home, start: Date.parse(`${date}T00:00:00Z`), energies: cells.map((cell) => (cell === '' ? null : Number(cell))) }
  })
}

/** Evening peak, quiet night, and an appliance now and then. */
function syntheticDays(count: number): Day[] {
  const random = seeded(7)
  const start = Date.parse('2013-01-01T00:00:00Z')
  return Array.from({ length: count }, (_, day) => ({
    home: 'synthetic',
    start: start + day * DAY_MS,
    energies: Array.from({ length: HALF_HOURS }, (_, slot) => {
      const evening = 250 * Math.exp(-(((slot - 38) / 5) ** 2))
      const appliance = random() < 0.06 ? 700 * random() : 0
      return Math.round(40 + evening * (0.5 + random()) + 60 * random() + appliance)
    }),
  }))
}

function pairsOf(days: readonly Day[]): Reading[][] {
  const blocks: Reading[][] = []
  const random = seeded(1)
  let total = 0
  let home = ''
  for (let i = 0; i + 1 < days.length; ) {
    const first = days[i] as Day
    const second = days[i + 1] as Day
    if (first.home !== home) {
      home = first.home
      // A meter that has been in its place for some years: up to 30 MWh.
      total = Math.floor(random() * 30_000_000)
    }
    if (second.home !== first.home || second.start !== first.start + DAY_MS) {
      i++
      continue
    }
    const energies = [...first.energies, ...second.energies]
    blocks.push(
      energies.map((energy, slot) => row(first.start + (slot + 1) * HALF_HOUR_MS, energy, (total += energy ?? 0), random)),
    )
    i += 2
  }
  return blocks
}

function row(time: number, energy: number | null, total: number, random: () => number): Reading {
  // Independent from one half-hour to the next, with a standard deviation of 2 V: real voltages follow each other more closely.
  const volts = Math.round(2_300 + 20 * gaussian(random))
  const cells: readonly (readonly [Register, number])[] = [
    [REGISTERS.importEnergy, total],
    [REGISTERS.intervalEnergy, energy ?? 0],
    [REGISTERS.voltage, volts],
    [REGISTERS.meanPower, (energy ?? 0) * 2],
  ]
  return {
    time,
    intervalMs: HALF_HOUR_MS,
    timeSource: 'meter-clock',
    values: cells.map(([register, value]) =>
      energy === null ? { register, value: null, quality: 'missing' as const } : { register, value, quality: 'good' as const },
    ),
  }
}

/** Park–Miller: the same numbers on every machine. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
}
