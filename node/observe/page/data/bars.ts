import type { IntervalValue, RawValue, ReadingsAnswer } from '../../schemas/index.ts'

/** One bar of a chart: what an interval came to. */
export interface Bar extends Bounds {
  /** Null where nothing is known. */
  readonly value: number | null
  /** Exact, as it was answered. */
  readonly text: string | null
  readonly quality: IntervalValue['quality']
}

interface Bounds {
  readonly fromMs: number
  readonly toMs: number
}

/** In order of time. Of values as sealed: the interval's own, or how far the register went on since the value before. */
export function barsOf(answer: ReadingsAnswer): Bar[] {
  if (answer.resolution === 'raw') {
    const values = answer.values.filter((value): value is RawValue => 'time' in value)
    return answer.kind === 'counter' ? growthOf(values) : ownIntervals(values)
  }
  return answer.values.flatMap((value) => {
    if ('time' in value) return []
    const { from, to, value: text, quality } = value
    return [{ fromMs: Date.parse(from), toMs: Date.parse(to), value: text === null ? null : Number(text), text, quality }]
  })
}

/** What a register that runs on grew by from one value to the next; one that went back has grown by nobody knows what. */
function growthOf(values: readonly RawValue[]): Bar[] {
  return values.slice(1).map(({ time, value, quality }, at) => {
    const before = values[at] as RawValue
    const grown = value === null || before.value === null ? null : differenceOf(value, before.value)
    const text = grown?.startsWith('-') === true ? null : grown
    return { fromMs: Date.parse(before.time), toMs: Date.parse(time), value: text === null ? null : Number(text), text, quality }
  })
}

function ownIntervals(values: readonly RawValue[]): Bar[] {
  return values.map(({ time, value: text, quality, intervalMs = 0 }) => {
    const toMs = Date.parse(time)
    return { fromMs: toMs - intervalMs, toMs, value: text === null ? null : Number(text), text, quality }
  })
}

/** `a` − `b` of decimal texts, exactly. */
export function differenceOf(a: string, b: string): string {
  const decimals = Math.max(decimalsOf(a), decimalsOf(b))
  return textOf(scaled(a, decimals) - scaled(b, decimals), decimals)
}

/** Of all bars that are known, exactly; null where none is. */
export function sumOf(bars: readonly Bar[]): string | null {
  const texts = bars.flatMap(({ text }) => (text === null ? [] : [text]))
  if (texts.length === 0) return null
  const decimals = Math.max(...texts.map(decimalsOf))
  return textOf(
    texts.reduce((sum, text) => sum + scaled(text, decimals), 0n),
    decimals,
  )
}

function textOf(value: bigint, decimals: number): string {
  const digits = String(value < 0n ? -value : value).padStart(decimals + 1, '0')
  const sign = value < 0n ? '-' : ''
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

const decimalsOf = (text: string): number => text.split('.')[1]?.length ?? 0

function scaled(text: string, decimals: number): bigint {
  const [whole = '0', fraction = ''] = text.split('.')
  return BigInt(whole + fraction.padEnd(decimals, '0'))
}

/** Where nothing is known between bars that are: holes of the chart. Holes side by side are one. */
export function gapsOf(bars: readonly Bar[]): Bounds[] {
  const gaps: { fromMs: number; toMs: number }[] = []
  const first = bars.findIndex(({ value }) => value !== null)
  const last = bars.findLastIndex(({ value }) => value !== null)
  const add = (fromMs: number, toMs: number): void => {
    const before = gaps.at(-1)
    if (before !== undefined && before.toMs >= fromMs) before.toMs = Math.max(before.toMs, toMs)
    else gaps.push({ fromMs, toMs })
  }
  let endMs = bars[first]?.fromMs ?? 0
  for (const { fromMs, toMs, value } of bars.slice(Math.max(0, first), last + 1)) {
    if (fromMs > endMs) add(endMs, fromMs)
    if (value === null) add(fromMs, toMs)
    endMs = Math.max(endMs, toMs)
  }
  return gaps
}

/** Index of the bar that holds `ms`, else of the last one before it; −1 before the first. */
export function barAt(bars: readonly Bounds[], ms: number): number {
  let low = 0
  let high = bars.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((bars[middle] as Bounds).fromMs <= ms) low = middle + 1
    else high = middle
  }
  return low - 1
}
