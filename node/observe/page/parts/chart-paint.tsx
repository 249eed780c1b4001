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
  for (const gap of gapsOf(above)) paintGap(plot, gap.fromMs, gap.toMs, colours.gap)
  paintSide(plot, above, colours.above, colours.doubt, 1)
  paintSide(plot, below, colours.below, colours.doubt, -1)
  ctx.restore()
}

const xOf = (plot: uPlot, ms: number): number => plot.valToPos(ms / 1_000, 'x', true)

function paintSide(plot: uPlot, bars: readonly Bar[], colour: string, doubt: string, sign: 1 | -1): void {
  const { ctx, scales } = plot
  const minMs = (scales.x?.min ?? 0) * 1_000
  const maxMs = (scales.x?.max ?? 0) * 1_000
  const zero = plot.valToPos(0, 'y', true)
  const certain = new Path2D()
  const uncertain = new Path2D()
  const marks = new Path2D()
  for (let at = Math.max(0, barAt(bars, minMs)); at < bars.length; at++) {
    const { fromMs, toMs, value, quality } = bars[at] as Bar
    if (fromMs > maxMs) break
    if (value === null) continue
    const left = xOf(plot, fromMs)
    const right = xOf(plot, toMs)
    const space = right - left > 5 ? Math.min(2, (right - left) * 0.12) * devicePixelRatio : 0
    const y = plot.valToPos(sign * value, 'y', true)
    const width = Math.max(1, right - left - space)
    const isCertain = quality === 'good'
    ;(isCertain ? certain : uncertain).rect(left + space / 2, Math.min(y, zero), width, Math.max(1, Math.abs(y - zero)))
    if (!isCertain) marks.rect(left + space / 2, sign > 0 ? y - 3 * devicePixelRatio : y, width, 3 * devicePixelRatio)
  }
  ctx.fillStyle = colour
  ctx.fill(certain)
  ctx.globalAlpha = 0.45
  ctx.fill(uncertain)
  ctx.globalAlpha = 1
  ctx.fillStyle = doubt
  ctx.fill(marks)
}

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
