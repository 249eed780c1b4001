import { parseDuration } from '../config/index.ts'

const CALENDAR = /^(?:(\d{1,4})y)?(?:(\d{1,5})mo)?(.*)$/

/**
 * The moment an age lies back: durations as elsewhere (`400d`, `36h`), and years and months of the calendar in front of them
 * (`13mo`, `1y6mo`), in UTC. A day that the earlier month does not have is its last. Undefined for text that is no age.
 */
export function momentBefore(nowMs: number, text: string): number | undefined {
  const [, years, months, rest = ''] = CALENDAR.exec(text) ?? []
  const durationMs = rest === '' ? 0 : parseDuration(rest)
  if (text === '' || durationMs === undefined) return undefined
  const back = Number(years ?? 0) * 12 + Number(months ?? 0)
  const at = new Date(nowMs)
  const day = at.getUTCDate()
  at.setUTCDate(1)
  at.setUTCMonth(at.getUTCMonth() - back)
  const last = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 0)).getUTCDate()
  at.setUTCDate(Math.min(day, last))
  const beforeMs = at.getTime() - durationMs
  return Number.isFinite(beforeMs) ? beforeMs : undefined
}
