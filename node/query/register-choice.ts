import {
  formatObis,
  formatUnit,
  type Obis,
  parseObis,
  parseUnit,
  type Register,
  UNIT,
  WattnessError,
} from '../../protocol/index.ts'
import { kindOf, type RegisterKind } from './register-kind.ts'

/**
 * One code with one unit: what people call a register. A meter may have written it with several scalers (rule R3), as more
 * decimals came to be known: its values are brought to the finest of them.
 */
export interface Series {
  /** Code, unit and the finest scaler. */
  readonly register: Register
  readonly kind: RegisterKind
  /** Each with the factor that brings it to that scaler. */
  readonly parts: readonly { readonly register: Register; readonly factor: number }[]
}

/** Scalers further apart leave no room in a safe integer: what is written so is left out, and said in `raw` only. */
const MAX_SCALER = 9

/** All series of the registers, those that say most about a home first. */
export function seriesOf(registers: readonly Register[]): Series[] {
  const groups = new Map<string, Register[]>()
  for (const register of registers) {
    const name = `${formatObis(register.obis)}/${register.unit}`
    const group = groups.get(name) ?? []
    groups.set(name, [...group, register])
  }
  const all = [...groups.values()].map(joined)
  return all.toSorted(
    (x, y) => rankOf(x.register.obis) - rankOf(y.register.obis) || compareObis(x.register.obis, y.register.obis),
  )
}

function joined(registers: readonly Register[]): Series {
  const usual = registers.filter(({ scaler }) => Math.abs(scaler) <= MAX_SCALER)
  const taken = usual.length > 0 ? usual : registers.slice(0, 1)
  const finest = taken.reduce((best, each) => (each.scaler < best.scaler ? each : best))
  const parts = taken.map((register) => ({ register, factor: 10 ** (register.scaler - finest.scaler) }))
  return { register: finest, kind: kindOf(finest), parts }
}

/** Active energy imported, exported, then everything else. */
function rankOf({ a, c, d }: Obis): number {
  const isEnergy = a === 1 && (d === 8 || d === 29)
  if (!isEnergy) return 4
  return (c === 1 ? 0 : c === 2 ? 2 : 4) + (d === 8 ? 0 : 1)
}

function compareObis(x: Obis, y: Obis): number {
  const numbers = ({ a, b, c, d, e, f }: Obis): number[] => [a, b, c, d, e, f]
  const others = numbers(y)
  for (const [place, each] of numbers(x).entries()) if (each !== others[place]) return each - (others[place] as number)
  return 0
}

const NAMED = 16

/**
 * The series that `text` names: a code, `1-0:1.8.0`, or where a code was written with several units, code and unit,
 * `1-0:1.8.0/kWh`; the first of all without a text. Throws QUERY_INVALID, MALFORMED_OBIS, UNKNOWN_UNIT, REGISTER_UNKNOWN.
 */
export function chooseSeries(all: readonly Series[], text: string | undefined): Series {
  const [code, unit] = text === undefined ? [] : text.split('/', 2)
  const wanted = code === undefined ? undefined : formatObis(parseObis(code))
  const unitCode = unit === undefined ? undefined : parseUnit(unit).unit
  const found = all.filter(
    ({ register }) =>
      (wanted === undefined || formatObis(register.obis) === wanted) && (unitCode === undefined || register.unit === unitCode),
  )
  const [first] = found
  const names = all.slice(0, NAMED).map(nameOfSeries)
  if (first === undefined) {
    const has = all.length === 0 ? 'it has written none yet' : `it has ${names.join(', ')}${all.length > NAMED ? ', …' : ''}`
    throw new WattnessError('REGISTER_UNKNOWN', `the member has no register ${text ?? ''}: ${has}`, { registers: names })
  }
  if (wanted !== undefined && found.length > 1) {
    throw new WattnessError(
      'QUERY_INVALID',
      `register: ${wanted} was written with several units: ${found.map(nameOfSeries).join(', ')}`,
      {
        name: 'register',
        registers: found.map(nameOfSeries),
      },
    )
  }
  return first
}

export function nameOfSeries({ register }: Series): string {
  return `${formatObis(register.obis)}/${formatUnit(register.unit)}`
}

/** What a home's balance is made of: each a series, of which the amounts add up. */
export interface EnergySeries {
  readonly imported: readonly Series[]
  readonly exported: readonly Series[]
}

const IMPORT_GROUP = 1
const EXPORT_GROUP = 2
const TOTAL_GROUPS: readonly RegisterKind[] = ['total', 'counter']

/** Active energy on each channel: totals of intervals where there are any, else counters; the sum of all tariffs, else each. */
export function energySeries(all: readonly Series[]): EnergySeries {
  let energy = energies.get(all)
  if (energy === undefined) {
    const active = all.filter(({ register }) => register.obis.a === 1 && register.unit === UNIT.wattHour)
    energy = { imported: chosen(active, IMPORT_GROUP), exported: chosen(active, EXPORT_GROUP) }
    energies.set(all, energy)
  }
  return energy
}

/** Of lists that are asked for again and again. */
const energies = new WeakMap<readonly Series[], EnergySeries>()

function chosen(active: readonly Series[], group: number): Series[] {
  const own = active.filter(({ register }) => register.obis.c === group && register.obis.f === 255)
  const channels = [...new Set(own.map(({ register }) => register.obis.b))]
  return channels.flatMap((channel) => {
    const here = own.filter(({ register }) => register.obis.b === channel)
    for (const kind of TOTAL_GROUPS) {
      const d = kind === 'total' ? 29 : 8
      const candidates = here.filter(({ register }) => register.obis.d === d)
      const whole = candidates.filter(({ register }) => register.obis.e === 0)
      if (whole.length > 0) return whole
      if (candidates.length > 0) return candidates
    }
    return []
  })
}
