import { html, type Markup } from './markup.ts'

/** Drawn in units that are pixels on a phone; a wide screen shows them larger. */
export const WIDTH = 440
export const HEIGHT = 268
const LEFT = 52
const RIGHT = 12
const TOP = 26
const BOTTOM = 42

export type Point = readonly [x: number, y: number]

export interface Tick {
  readonly at: number
  readonly text: string
}

export interface Axis {
  readonly from: number
  readonly to: number
  readonly isLog?: boolean
  readonly ticks: readonly Tick[]
  readonly label: string
}

export interface Line {
  readonly name: string
  /** 1 to 6: a colour of the style sheet. */
  readonly tone: number
  readonly points: readonly Point[]
  readonly isStepped?: boolean
  readonly isDashed?: boolean
}

/** An instant that is marked by a line across the picture. */
export interface Mark {
  readonly at: number
  readonly text: string
}

export interface LineChart {
  readonly id: string
  readonly title: string
  /** What the picture shows, in numbers: for who does not see it. */
  readonly summary: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly marks?: readonly Mark[]
  /** Read out where a pointer rests: so many columns. */
  readonly hover?: (x: number) => string
}

const HOVER_COLUMNS = 48

export function scaleOf({ from, to, isLog }: Axis, start: number, end: number): (value: number) => number {
  const by = isLog === true ? (value: number): number => Math.log(Math.max(value, from)) : (value: number): number => value
  const [low, high] = [by(from), by(to)]
  const span = high - low || 1
  return (value) => start + ((Math.min(high, Math.max(low, by(value))) - low) / span) * (end - start)
}

/** One decimal: a tenth of a pixel. */
export const place = (value: number): number => Math.round(value * 10) / 10

export function lineChart(chart: LineChart): Markup {
  const { x, y, lines, marks = [] } = chart
  const across = scaleOf(x, LEFT, WIDTH - RIGHT)
  const up = scaleOf(y, HEIGHT - BOTTOM, TOP)
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${chart.id}-t ${chart.id}-d">
<title id="${chart.id}-t">${chart.title}</title><desc id="${chart.id}-d">${chart.summary}</desc>
${gridOf(x, y, across, up)}
${marks.map(
  ({ at, text }) => html`<path class="mark" d="M${place(across(at))} ${TOP}V${HEIGHT - BOTTOM}"><title>${text}</title></path>`,
)}
${lines.map((line) => {
  const dashes = line.isDashed === true ? ' dashed' : ''
  return html`<path class="line tone-${line.tone}${dashes}" d="${pathOf(line, across, up)}"/>`
})}
${hoverOf(chart)}
</svg>`
}

export function gridOf(x: Axis, y: Axis, across: (v: number) => number, up: (v: number) => number): Markup {
  const floor = HEIGHT - BOTTOM
  return html`<g class="grid">${y.ticks.map(
    ({ at, text }) =>
      html`<path d="M${LEFT} ${place(up(at))}H${WIDTH - RIGHT}"/>
<text x="${LEFT - 6}" y="${place(up(at) + 4)}" text-anchor="end">${text}</text>`,
  )}${x.ticks.map(
    ({ at, text }) =>
      html`<path class="tick" d="M${place(across(at))} ${floor}v4"/>
<text x="${place(across(at))}" y="${floor + 16}" text-anchor="middle">${text}</text>`,
  )}<path class="axis" d="M${LEFT} ${floor}H${WIDTH - RIGHT}"/>
<text class="label" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}" text-anchor="middle">${x.label}</text>
<text class="label" x="2" y="12">${y.label}</text></g>`
}

function pathOf({ points, isStepped }: Line, across: (v: number) => number, up: (v: number) => number): string {
  let path = ''
  for (const [x, y] of points) {
    if (path === '') path = `M${place(across(x))} ${place(up(y))}`
    else path += isStepped === true ? `H${place(across(x))}V${place(up(y))}` : `L${place(across(x))} ${place(up(y))}`
  }
  return path
}

/** Strips that say what is read there; the browser shows it by itself, without a script. */
function hoverOf({ x, hover }: LineChart): Markup | undefined {
  if (hover === undefined) return undefined
  const wide = (WIDTH - RIGHT - LEFT) / HOVER_COLUMNS
  const strips = Array.from({ length: HOVER_COLUMNS }, (_, column) => {
    const share = (column + 0.5) / HOVER_COLUMNS
    const value = x.isLog === true ? x.from * (x.to / x.from) ** share : x.from + share * (x.to - x.from)
    const left = LEFT + column * wide
    return html`<g><rect x="${place(left)}" y="${TOP}" width="${place(wide)}" height="${HEIGHT - BOTTOM - TOP}"/>
<path d="M${place(left + wide / 2)} ${TOP}V${HEIGHT - BOTTOM}"/><title>${hover(value)}</title></g>`
  })
  return html`<g class="hover">${strips}</g>`
}

export interface Bar {
  readonly name: string
  readonly tone: number
  readonly value: number
  readonly text: string
}

export interface BarChart {
  readonly id: string
  readonly title: string
  readonly summary: string
  readonly label: string
  readonly y: Axis
  readonly bars: readonly Bar[]
}

/** More bars than this are too thin to point at. */
const MAX_TITLES = 300

/** Bars side by side, as thin as it takes. */
export function barChart({ id, title, summary, label, y, bars }: BarChart): Markup {
  const up = scaleOf(y, HEIGHT - BOTTOM, TOP)
  const wide = (WIDTH - RIGHT - LEFT) / Math.max(1, bars.length)
  const gap = wide > 3 ? 1 : 0
  const floor = HEIGHT - BOTTOM
  const x: Axis = { from: 0, to: 1, ticks: [], label }
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-t ${id}-d">
<title id="${id}-t">${title}</title><desc id="${id}-d">${summary}</desc>
${gridOf(x, y, () => 0, up)}
<g class="bars">${bars.map(({ name, tone, value, text }, index) => {
    const top = up(value)
    const tip = bars.length > MAX_TITLES ? undefined : html`<title>${name}: ${text}</title>`
    const shape = `M${place(LEFT + index * wide)} ${floor}V${place(top)}h${place(wide - gap)}V${floor}z`
    return html`<path class="tone-${tone}" d="${shape}">${tip}</path>`
  })}</g>
</svg>`
}
