import type uPlot from 'uplot'
import { type Bar, barAt, gapsOf } from '../data/bars.ts'

/** Bars above zero and below it: what came in, what went out. */
export interface ChartBars {
  readonly above: readonly Bar[]
  readonly below: readonly Bar[]
}

interface Colours {
  readonly above: string
  readonly below: string
  readonly gap: string
  readonly doubt: string
}

export function coloursOf(element: HTMLElement): Colours & { readonly ink: string; readonly line: string } {
  const colour = (name: string): string => {
    // A computed `color` is resolved for the theme in force; the variable itself still says light-dark(…).
    element.style.color = `var(${name})`
    return getComputedStyle(element).color
  }
  const found = {
    above: colour('--copper'),
    below: colour('--verdigris'),
    gap: colour('--line-strong'),
    doubt: colour('--amber'),
    ink: colour('--muted'),
    line: colour('--line'),
  }
  element.style.color = ''
  return found
}

const HATCH_PIXELS = 7

/** Draws the bars that are seen, each from its own beginning to its end: days of a clock change are longer or shorter. */
export function paintBars(plot: uPlot, { above, below }: ChartBars, colours: Colours): void {
  const { ctx, bbox } = plot
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  for (const gap of knownGaps(above)) paintGap(plot, gap.fromMs, gap.toMs, colours.gap)
  paintSide(plot, above, colours.above, colours.doubt, 1)
  paintSide(plot, below, colours.below, colours.doubt, -1)
  ctx.restore()
}

/** The same bars are painted with every move. */
const gapsOfBars = new WeakMap<readonly Bar[], ReturnType<typeof gapsOf>>()

function knownGaps(bars: readonly Bar[]): ReturnType<typeof gapsOf> {
  const gaps = gapsOfBars.get(bars) ?? gapsOf(bars)
  gapsOfBars.set(bars, gaps)
  return gaps
}

const xOf = (plot: uPlot, ms: number): number => plot.valToPos(ms / 1_000, 'x', true)

function paintSide(plot: uPlot, bars: readonly Bar[], colour: string, doubt: string, sign: 1 | -1): void {
  const { ctx, scales } = plot
  const minMs = (scales.x?.min ?? 0) * 1_000
  const maxMs = (scales.x?.max ?? 0) * 1_000
  const zero = Math.round(plot.valToPos(0, 'y', true))
  const mark = Math.round(3 * devicePixelRatio)
  const doubts: (readonly [number, number, number])[] = []
  ctx.fillStyle = colour
  // On whole pixels: edges in between take ten times as long to paint, and are blurred.
  for (let at = Math.max(0, barAt(bars, minMs)); at < bars.length; at++) {
    const { fromMs, toMs, value, quality } = bars[at] as Bar
    if (fromMs > maxMs) break
    if (value === null) continue
    const left = Math.round(xOf(plot, fromMs))
    const right = Math.round(xOf(plot, toMs))
    const width = Math.max(1, right - left - (right - left > 4 ? 1 : 0))
    const y = Math.round(plot.valToPos(sign * value, 'y', true))
    const isCertain = quality === 'good'
    ctx.globalAlpha = isCertain ? 1 : UNCERTAIN
    ctx.fillRect(left, Math.min(y, zero), width, Math.max(1, Math.abs(y - zero)))
    if (!isCertain) doubts.push([left, sign > 0 ? y - mark : y, width])
  }
  ctx.globalAlpha = 1
  ctx.fillStyle = doubt
  for (const [left, y, width] of doubts) ctx.fillRect(left, y, width, mark)
}

/** How solid a bar is that is estimated or not whole. */
const UNCERTAIN = 0.45

function paintGap(plot: uPlot, fromMs: number, toMs: number, colour: string): void {
  const { ctx, bbox } = plot
  const left = Math.max(bbox.left, xOf(plot, fromMs))
  const right = Math.min(bbox.left + bbox.width, xOf(plot, toMs))
  if (right <= left) return
  const step = HATCH_PIXELS * devicePixelRatio
  ctx.save()
  ctx.beginPath()
  ctx.rect(left, bbox.top, right - left, bbox.height)
  ctx.clip()
  ctx.strokeStyle = colour
  ctx.globalAlpha = 0.55
  ctx.lineWidth = devicePixelRatio
  ctx.beginPath()
  // From a fixed point of time, so that the hatch moves with the chart.
  const origin = xOf(plot, fromMs) % step
  for (let x = left - bbox.height - step + (origin - (left % step)); x < right; x += step) {
    ctx.moveTo(x, bbox.top + bbox.height)
    ctx.lineTo(x + bbox.height, bbox.top)
  }
  ctx.stroke()
  ctx.restore()
}

/** Highest above and below zero among the bars that are seen. */
export function heightsOf(
  { above, below }: ChartBars,
  minMs: number,
  maxMs: number,
): { readonly up: number; readonly down: number } {
  const highest = (bars: readonly Bar[]): number => {
    let most = 0
    for (let at = Math.max(0, barAt(bars, minMs)); at < bars.length && (bars[at] as Bar).fromMs <= maxMs; at++) {
      most = Math.max(most, (bars[at] as Bar).value ?? 0)
    }
    return most
  }
  return { up: highest(above), down: highest(below) }
}
