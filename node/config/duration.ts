/** Durations as people write them: `15m`, `2s`, `500ms`, and several in a row from large to small, `1h30m`. */

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

const DURATION = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/

/** Milliseconds; undefined for text that is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = text === '' ? null : DURATION.exec(text)
  if (match === null) return undefined
  return UNITS.reduce((sum, [, ms], at) => sum + Number(match[at + 1] ?? 0) * ms, 0)
}

/** The shortest text that parseDuration reads back; `0ms` for nothing. */
export function formatDuration(ms: number): string {
  let rest = ms
  let text = ''
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${name}`
    rest -= count * size
  }
  return text === '' ? '0ms' : text
}
