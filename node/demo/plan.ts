import type { OfferedSource } from '../collect/index.ts'
import type { SourceOrder } from './messages.ts'

/** Who runs in a demonstration, in which process, and what each meter reads. */

export const REGISTRAR = 'registrar'
export const OBSERVER = 'observer'

/** A neighbourhood holds 256 members, the registrar among them. */
export const MAX_METERS = 255

/** Up to here each node is a process of its own. */
export const MAX_METERS_ALONE = 16

/** Above, so many meters share one: forty are five processes, which two cores start in seconds. */
export const NODES_PER_HOST = 8

/** `meter-01`; three digits where there are a hundred. */
export function meterNames(count: number): string[] {
  const digits = Math.max(2, String(count).length)
  return Array.from({ length: count }, (_, at) => `meter-${String(at + 1).padStart(digits, '0')}`)
}

/** The names of the nodes of each process. Registrar and observer, the first and the last, are always alone. */
export function hostsOf(meters: readonly string[]): string[][] {
  const size = meters.length > MAX_METERS_ALONE ? NODES_PER_HOST : 1
  const hosts: string[][] = [[REGISTRAR]]
  for (let at = 0; at < meters.length; at += size) hosts.push(meters.slice(at, at + size))
  return [...hosts, [OBSERVER]]
}

/** A block of a built-in home holds a quarter of a day: four of its blocks are a day to look at. */
const HOUSEHOLD_ROWS = 24

/** A Monday in spring: some days of heating, some of sun. Fixed, so that a run goes on where the last one stopped. */
const HOUSEHOLD_FROM = '2025-04-07'

const HEATINGS = ['none', 'heat-pump', 'none', 'electric'] as const
const SOLAR = [undefined, '4kWp', undefined, undefined, '6.5kWp'] as const

/** Built-in homes, no two alike; two of five have panels. */
export function householdOrders(meters: readonly string[]): SourceOrder[] {
  return meters.map((name, at) => {
    // Rows are asked for one by one: the demonstration's own time need not be the clock's.
    const options = [`from=${HOUSEHOLD_FROM}`, 'speed=max']
    const heating = HEATINGS[at % HEATINGS.length]
    const solar = SOLAR[at % SOLAR.length]
    if (heating !== undefined && heating !== 'none') options.push(`heating=${heating}`)
    if (solar !== undefined) options.push(`solar=${solar}`)
    return { spec: `household:${name}?${options.join('&')}`, rowsPerBlock: HOUSEHOLD_ROWS }
  })
}

/**
 * Homes in the order in which the data directory offers them (measured ones before modelled ones, files of many homes before
 * single ones): the first meter gets the first home, and where there are more meters than homes it begins again.
 */
export function fileOrders(meters: readonly string[], sources: readonly OfferedSource[]): SourceOrder[] {
  return meters.map((_, at) => ({ spec: (sources[at % sources.length] as OfferedSource).spec }))
}
