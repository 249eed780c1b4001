import { WattnessError } from '../../protocol/errors.ts'
import { localMs, parseZone } from './local-time.ts'
import { parseInstant } from './source-spec.ts'

/** The time columns of a CSV: text to the instants it can mean. */

/**
 * Instants the text can mean, earliest first: none in the missing spring hour, two in the doubled autumn hour; undefined for
 * text of another form. `addMs` is added on the wall clock, for slots of a day.
 */
export type TimeReader = (text: string, addMs?: number) => readonly number[] | undefined

export interface TimeFormat {
  readonly format: string
  readonly zone?: string
  readonly start?: string
}

const TOKENS: ReadonlyMap<string, string> = new Map([
  ['YYYY', '(?<YYYY>\\d{4})'],
  ['YY', '(?<YY>\\d{2})'],
  ['MM', '(?<MM>\\d{2})'],
  ['DD', '(?<DD>\\d{2})'],
  ['HH', '(?<HH>\\d{1,2})'],
  ['mm', '(?<mm>\\d{2})'],
  ['ss', '(?<ss>\\d{2})'],
  ['M', '(?<MM>\\d{1,2})'],
  ['D', '(?<DD>\\d{1,2})'],
])
const TOKEN = /YYYY|YY|MM|DD|HH|mm|ss|M|D/g

/** A pattern of YYYY YY MM M DD D HH mm ss and plain characters as the wall clock's milliseconds. Throws CSV_MAPPING_INVALID. */
export function compilePattern(pattern: string): (text: string) => number | undefined {
  const seen = new Set<string>()
  let source = ''
  let from = 0
  const rest = pattern.endsWith('*') ? '.*' : ''
  const plain = rest === '' ? pattern : pattern.slice(0, -1)
  for (const match of plain.matchAll(TOKEN)) {
    source += escape(plain.slice(from, match.index)) + (TOKENS.get(match[0]) as string)
    from = match.index + match[0].length
    seen.add(match[0].length === 1 ? match[0] + match[0] : match[0])
  }
  source += escape(plain.slice(from)) + rest
  const named = (name: string): boolean => seen.has(name)
  if (!((named('YYYY') || named('YY')) && named('MM') && named('DD'))) {
    throw new WattnessError('CSV_MAPPING_INVALID', `time format ${pattern}: expected at least year, month and day`, {
      found: pattern,
    })
  }
  const expression = new RegExp(`^${source}$`)
  return (text) => {
    const parts = expression.exec(text)?.groups
    if (parts === undefined) return undefined
    const part = (name: string): number => Number(parts[name] ?? 0)
    const year = parts['YYYY'] === undefined ? 2_000 + part('YY') : part('YYYY')
    return localMs(year, part('MM'), part('DD'), part('HH'), part('mm'), part('ss'))
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

/** What `format`, `zone` and `start` declare. Undefined for text of another form. Throws CSV_MAPPING_INVALID and ZONE_UNKNOWN. */
export function compileTimeFormat({ format, zone, start }: TimeFormat, intervalMs = 0): TimeReader {
  if (format === 'iso') return (text, addMs = 0) => list(isoInstant(text), addMs)
  if (format === 'epoch-s') return (text, addMs = 0) => list(wholeNumber(text, 1_000), addMs)
  if (format === 'epoch-ms') return (text, addMs = 0) => list(wholeNumber(text, 1), addMs)
  if (format === 'index') {
    const from = start === undefined ? undefined : parseInstant(start)
    if (from === undefined)
      throw new WattnessError('CSV_MAPPING_INVALID', 'time format index: needs "start", an ISO instant with offset', {})
    return (text, addMs = 0) => list(wholeNumber(text, intervalMs), from + addMs)
  }
  const read = compilePattern(format)
  if (zone === undefined) {
    throw new WattnessError('CSV_MAPPING_INVALID', `time format ${format}: needs "zone", such as Europe/Brussels or +01:00`, {})
  }
  const wallClock = parseZone(zone)
  return (text, addMs = 0) => {
    const local = read(text)
    return local === undefined ? undefined : wallClock.utcOf(local + addMs)
  }
}

/** Slot columns of the wide layout: `HHmm` or `HH:mm-HH:mm` (the first counts) as milliseconds of the day. */
export function compileSlotFormat(slots: string): (header: string) => number | undefined {
  const parts = slots.split('-')
  const source = parts
    .map((part, index) =>
      escape(part)
        .replace('HH', index === 0 ? '(?<HH>\\d{2})' : '\\d{2}')
        .replace('mm', index === 0 ? '(?<mm>\\d{2})' : '\\d{2}'),
    )
    .join('-')
  if (!source.includes('(?<HH>') || !source.includes('(?<mm>')) {
    throw new WattnessError('CSV_MAPPING_INVALID', `slots ${slots}: expected HHmm, HH:mm or HH:mm-HH:mm`, { found: slots })
  }
  const expression = new RegExp(`^${source}$`)
  return (header) => {
    const parts = expression.exec(header)?.groups
    if (parts === undefined) return undefined
    const minutes = Number(parts['HH']) * 60 + Number(parts['mm'])
    return minutes <= 1_440 ? minutes * 60_000 : undefined
  }
}

function list(instant: number | undefined, addMs: number): readonly number[] | undefined {
  return instant === undefined ? undefined : [instant + addMs]
}

const ISO_WITH_OFFSET = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/

function isoInstant(text: string): number | undefined {
  if (!ISO_WITH_OFFSET.test(text)) return undefined
  const time = Date.parse(text.replace(' ', 'T'))
  return Number.isNaN(time) ? undefined : time
}

function wholeNumber(text: string, timesMs: number): number | undefined {
  const value = /^\d{1,15}$/.test(text) ? Number(text) * timesMs : Number.NaN
  return Number.isSafeInteger(value) ? value : undefined
}
