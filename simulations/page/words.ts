/** Numbers as people read them. */

const TIMES: readonly (readonly [ms: number, unit: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
  [1, 'ms'],
]

/** With three digits and the largest unit that leaves a number above one: 37.5 ms, 6.3 s, 18.2 min. */
export function timeText(ms: number | undefined): string {
  if (ms === undefined) return '–'
  const [size, unit] = TIMES.find(([each]) => ms >= each) ?? [1, 'ms']
  return `${shortNumber(ms / size)} ${unit}`
}

/** Virtual time since the start, as a clock of hours shows it: 1:05:30, and days before it where there are some. */
export function instantText(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  const days = Math.floor(seconds / 86_400)
  const two = (value: number): string => String(value).padStart(2, '0')
  const clock = `${two(Math.floor(seconds / 3_600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return days === 0 ? clock : `${days} d ${clock}`
}

export function shortNumber(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 1_000) return wholeText(Math.round(value))
  return String(Number(value.toPrecision(3)))
}

/** 12,345 */
export function wholeText(value: number): string {
  return value.toLocaleString('en-GB', { maximumFractionDigits: 0 })
}

export function percentText(share: number): string {
  // 99.996 % is not all: only what is whole is called so.
  const percent = share === 1 ? '100' : Math.min(99.99, 100 * share).toFixed(share > 0.99 ? 2 : 1)
  return `${percent} %`
}

export function bytesText(bytes: number): string {
  for (const [size, unit] of [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
  ] as const) {
    if (bytes >= size) return `${shortNumber(bytes / size)} ${unit}`
  }
  return `${Math.round(bytes)} B`
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${wholeText(count)} ${count === 1 ? one : many}`
}
