/** Times and quantities as the reader's locale writes them. Exact numbers stay exact: decimal text is grouped, never rounded. */
export interface Formats {
  /** `2026-01-01T00:15:00Z`, to the minute; with the day unless it is today's. */
  moment(time: string | number, nowMs?: number): string
  /** To the second, with the zone. */
  exact(time: string | number): string
  day(time: string | number): string
  clock(time: string | number): string
  /** With seconds. */
  second(time: string | number): string
  /** A decimal text, all its digits. */
  decimal(text: string): string
  count(value: number): string
}

const MINUTE = 60_000

export function formatsOf(locale: string, timeZone: string): Formats {
  const date = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(locale, { timeZone, ...options })
  const clock = date({ hour: '2-digit', minute: '2-digit' })
  const second = date({ hour: '2-digit', minute: '2-digit', second: '2-digit' })
  const day = date({ day: 'numeric', month: 'short', year: 'numeric' })
  const moment = date({ day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
  const dated = date({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' })
  const exact = date({ dateStyle: 'medium', timeStyle: 'long' })
  const count = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
  const exactly = new Intl.NumberFormat(locale, { maximumFractionDigits: 20 })
  const point = exactly.formatToParts(0.5).find(({ type }) => type === 'decimal')?.value ?? '.'
  return {
    moment(time, nowMs) {
      const ms = typeof time === 'number' ? time : Date.parse(time)
      if (nowMs === undefined) return dated.format(ms)
      if (day.format(ms) === day.format(nowMs)) return clock.format(ms)
      return Math.abs(nowMs - ms) < 300 * 1_440 * MINUTE ? moment.format(ms) : dated.format(ms)
    },
    exact: (time) => exact.format(typeof time === 'number' ? time : Date.parse(time)),
    day: (time) => day.format(typeof time === 'number' ? time : Date.parse(time)),
    clock: (time) => clock.format(typeof time === 'number' ? time : Date.parse(time)),
    second: (time) => second.format(typeof time === 'number' ? time : Date.parse(time)),
    decimal(text) {
      const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
      if (match === null) return text
      const [, sign = '', whole = '', fraction] = match
      // Of more digits than a float holds, none may be lost.
      const grouped = exactly.format(BigInt(whole))
      return `${sign === '' ? '' : '−'}${grouped}${fraction === undefined ? '' : point + fraction}`
    },
    count: (value) => count.format(value),
  }
}
