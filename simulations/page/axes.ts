import type { Axis, Tick } from './chart.ts'
import { shortNumber } from './words.ts'

const DECADES: readonly (readonly [ms: number, text: string])[] = [
  [0.1, '0.1 ms'],
  [1, '1 ms'],
  [10, '10 ms'],
  [100, '100 ms'],
  [1_000, '1 s'],
  [10_000, '10 s'],
  [60_000, '1 min'],
  [600_000, '10 min'],
  [3_600_000, '1 h'],
  [36_000_000, '10 h'],
  [86_400_000, '1 d'],
  [864_000_000, '10 d'],
  [8_640_000_000, '100 d'],
]

/** Labels that fit beside each other on a phone. */
const MOST_LABELS = 6

/** Time from the next round number below `least` to the next one above `most`. */
export function logTimeAxis(least: number, most: number, label: string): Axis {
  const first = Math.max(
    0,
    DECADES.findLastIndex(([ms]) => ms <= least),
  )
  const above = DECADES.findIndex(([ms]) => ms >= most)
  const last = Math.max(first + 1, above === -1 ? DECADES.length - 1 : above)
  const inside = DECADES.slice(first, last + 1)
  const every = Math.ceil(inside.length / MOST_LABELS)
  const ticks = inside.filter((_, place) => place % every === 0).map(([at, text]) => ({ at, text }))
  return { from: DECADES[first]?.[0] ?? 1, to: DECADES[last]?.[0] ?? 1_000, isLog: true, ticks, label }
}

const STEPS_MS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * 1_000,
)
const DAY_MS = 86_400_000

/** Virtual time from the start to `endMs`. */
export function virtualTimeAxis(endMs: number): Axis {
  const stepMs = STEPS_MS.find((each) => endMs / each <= MOST_LABELS) ?? niceStep(endMs / DAY_MS) * DAY_MS
  const [unitMs, unit] =
    stepMs >= DAY_MS
      ? [DAY_MS, 'days']
      : stepMs >= 1_800_000
        ? [3_600_000, 'hours']
        : stepMs >= 60_000
          ? [60_000, 'minutes']
          : [1_000, 'seconds']
  const ticks: Tick[] = []
  for (let at = 0; at <= endMs; at += stepMs) ticks.push({ at, text: shortNumber(at / unitMs) })
  return { from: 0, to: Math.max(1, endMs), ticks, label: `virtual time, ${unit}` }
}

/** 1, 2 or 5 times a power of ten: about four steps up to `most`. */
function niceStep(most: number): number {
  const rough = most / 4 || 1
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10)
}

export function countAxis(most: number, label: string, format: (value: number) => string = shortNumber): Axis {
  const step = niceStep(most)
  const to = Math.max(step, Math.ceil(most / step) * step)
  const ticks: Tick[] = []
  for (let count = 0; count * step <= to * 1.0001; count++) ticks.push({ at: count * step, text: format(count * step) })
  return { from: 0, to, ticks, label }
}

export const SHARE_AXIS: Axis = {
  from: 0,
  to: 1,
  ticks: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: `${at * 100} %` })),
  label: '',
}
