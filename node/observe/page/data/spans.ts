import type { Resolution } from '../../schemas/index.ts'

/** How much time a chart shows, by the reader's calendar. */
export const SPANS = ['hour', 'day', 'week', 'month', 'year'] as const
export type Span = (typeof SPANS)[number]

/** UTC milliseconds, `toMs` not part of it. */
export interface Range {
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export const isSpan = (text: string | null): text is Span => SPANS.some((span) => span === text)

/** The whole hour, day, week (from Monday), month or year that holds `atMs`, `steps` of them later. */
export function rangeOf(span: Span, atMs: number, steps = 0): Range {
  const at = new Date(atMs)
  const [year, month, day] = [at.getFullYear(), at.getMonth(), at.getDate()]
  const between = (from: Date, to: Date): Range => ({ fromMs: from.getTime(), toMs: to.getTime() })
  switch (span) {
    case 'hour': {
      const fromMs = Math.floor(atMs / HOUR_MS) * HOUR_MS + steps * HOUR_MS
      return { fromMs, toMs: fromMs + HOUR_MS }
    }
    case 'day':
      return between(new Date(year, month, day + steps), new Date(year, month, day + steps + 1))
    case 'week': {
      const monday = day - ((at.getDay() + 6) % 7) + 7 * steps
      return between(new Date(year, month, monday), new Date(year, month, monday + 7))
    }
    case 'month':
      return between(new Date(year, month + steps, 1), new Date(year, month + steps + 1, 1))
    case 'year':
      return between(new Date(year + steps, 0, 1), new Date(year + steps + 1, 0, 1))
  }
}

/** Before and after too, so that a chart that is dragged has something to show. */
export function widened(span: Span, range: Range): Range {
  return { fromMs: rangeOf(span, range.fromMs, -1).fromMs, toMs: rangeOf(span, range.toMs - 1, 1).toMs }
}

/** Of what is seen at once: some hundred bars. `stepMs`: how far apart the meter's readings are. */
export function resolutionOf({ fromMs, toMs }: Range, stepMs: number): Resolution {
  const seen = toMs - fromMs
  if (seen <= 3 * HOUR_MS) return 'raw'
  if (seen <= 3 * DAY_MS) return stepMs > 15 * 60_000 ? '1h' : '15m'
  if (seen <= 16 * DAY_MS) return '1h'
  return seen <= 900 * DAY_MS ? '1d' : '1mo'
}

/** `2026-05-01` by the reader's calendar, as it stands in addresses. */
export function formatDay(ms: number): string {
  const at = new Date(ms)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

/** The other way; the hour of `T13` too. Undefined for what is no day. */
export function parseDay(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d))?$/.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number]
  const at = new Date(year, month - 1, day, Number.isNaN(hour) ? 0 : hour)
  return at.getMonth() === month - 1 && at.getDate() === day ? at.getTime() : undefined
}
