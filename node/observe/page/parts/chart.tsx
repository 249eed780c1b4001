import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { Range } from '../data/spans.ts'
import { usePage } from '../page-context.tsx'
import { watchGestures } from './chart-gestures.tsx'
import { type ChartBars, coloursOf, heightsOf, paintBars } from './chart-paint.tsx'

export interface ChartProps extends ChartBars {
  readonly range: Range
  readonly label: string
  readonly unit: string
  /** What is seen has changed by hand. */
  readonly onRange: (range: Range) => void
  /** The moment under the pointer; undefined where there is none. */
  readonly onPoint: (ms: number | undefined) => void
}

const DAY_S = 86_400

/** Bars over time that can be dragged, zoomed and walked by keys. Its numbers stand in a table beside it. */
export function Chart(props: ChartProps): JSX.Element {
  const { locale, timeZone } = usePage()
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef(props)
  latest.current = props

  useEffect(() => {
    const element = holder.current as HTMLDivElement
    let colours = coloursOf(element)
    // The plot asks for the heights before it has taken over the new times.
    const seen = { minMs: 0, maxMs: 0 }
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: element.clientHeight,
        legend: { show: false },
        cursor: { drag: { x: false, y: false, setScale: false }, y: false, points: { show: false } },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), timeZone),
        scales: {
          x: {
            time: true,
            range: (_plot, min, max) => {
              seen.minMs = min * 1_000
              seen.maxMs = max * 1_000
              return [min, max]
            },
          },
          y: {
            range: () => {
              const { up, down } = heightsOf(latest.current, seen.minMs, seen.maxMs)
              const room = (up + down) * 0.08
              if (up + down === 0) return [0, 1]
              return [down === 0 ? 0 : -down - room, up + room]
            },
          },
        },
        series: [{}, { scale: 'y', paths: () => null, points: { show: false } }],
        axes: [
          axis(() => colours, {
            values: (_self, splits, _index, _space, step) => splits.map((at) => timeLabel(at, step, locale, timeZone)),
            space: 70,
            size: 30,
          }),
          axis(() => colours, { values: (_self, splits) => splits.map((value) => quantity(Math.abs(value), locale)), size: 52 }),
        ],
        hooks: {
          drawClear: [],
          draw: [(self) => paintBars(self, latest.current, colours)],
          setCursor: [
            (self) => {
              // What moves under the pointer says nothing; writing it would cost the drag its frames.
              if (element.classList.contains('dragged')) return
              const { left } = self.cursor
              const isInside = left !== undefined && left !== null && left >= 0
              latest.current.onPoint(isInside ? self.posToVal(left, 'x') * 1_000 : undefined)
            },
          ],
        },
      },
      dataOf(latest.current),
      element,
    )
    plot.current = made
    setRange(made, latest.current.range)
    const endGestures = watchGestures(element, made, (range) => latest.current.onRange(range))
    const sizes = new ResizeObserver(() =>
      made.setSize({ width: Math.max(200, element.clientWidth), height: element.clientHeight }),
    )
    sizes.observe(element)
    const recolour = (): void => {
      colours = coloursOf(element)
      made.redraw(false, true)
    }
    const themes = new MutationObserver(recolour)
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', recolour)
    return () => {
      endGestures()
      sizes.disconnect()
      themes.disconnect()
      dark.removeEventListener('change', recolour)
      made.destroy()
      plot.current = undefined
    }
  }, [locale, timeZone])

  const { above, below, range, label } = props
  useEffect(() => {
    plot.current?.setData(dataOf(latest.current), false)
    if (plot.current !== undefined) setRange(plot.current, latest.current.range)
  }, [above, below])
  useEffect(() => {
    if (plot.current !== undefined) setRange(plot.current, range)
  }, [range.fromMs, range.toMs])

  return <div ref={holder} class="chart" tabIndex={0} role="application" aria-roledescription={label} aria-label={label} />
}

function setRange(plot: uPlot, { fromMs, toMs }: Range): void {
  const { min, max } = plot.scales.x ?? {}
  if (min === fromMs / 1_000 && max === toMs / 1_000) plot.redraw(true, true)
  else plot.setScale('x', { min: fromMs / 1_000, max: toMs / 1_000 })
}

/** The bars are painted from what they are made of: the plot itself only has to know the times. */
function dataOf({ above, below }: ChartBars): uPlot.AlignedData {
  const bars = above.length > 0 ? above : below
  return [bars.map(({ fromMs }) => fromMs / 1_000), bars.map(({ value }) => value)]
}

type AxisColours = () => { readonly ink: string; readonly line: string }

function axis(colours: AxisColours, more: uPlot.Axis): uPlot.Axis {
  return {
    stroke: () => colours().ink,
    font: '12px system-ui, sans-serif',
    grid: { stroke: () => colours().line, width: 1 },
    ticks: { show: false },
    gap: 6,
    ...more,
  }
}

/** Making a format takes longer than painting the chart. */
const labels = new Map<string, Intl.DateTimeFormat>()
const LABEL_FORMATS = {
  year: { year: 'numeric' },
  month: { month: 'short' },
  day: { day: 'numeric', month: 'short' },
  time: { hour: '2-digit', minute: '2-digit' },
} as const satisfies Record<string, Intl.DateTimeFormatOptions>

function formatOf(name: keyof typeof LABEL_FORMATS, locale: string, timeZone: string): Intl.DateTimeFormat {
  const key = `${name} ${locale} ${timeZone}`
  const made = labels.get(key) ?? new Intl.DateTimeFormat(locale, { timeZone, ...LABEL_FORMATS[name] })
  if (labels.size < 64) labels.set(key, made)
  return made
}

/** The days between hours are named, and the years between months. */
function timeLabel(seconds: number, step: number, locale: string, timeZone: string): string {
  const date = new Date(seconds * 1_000)
  const text = (name: keyof typeof LABEL_FORMATS, by = locale): string => formatOf(name, by, timeZone).format(date)
  if (step >= 300 * DAY_S) return text('year')
  if (step >= 28 * DAY_S) return text('month', 'en') === 'Jan' ? text('year') : text('month')
  return step >= DAY_S || /^(00|24):00/.test(text('time', 'en-GB')) ? text('day') : text('time')
}

const quantities = new Map<string, Intl.NumberFormat>()

function quantity(value: number, locale: string): string {
  const made = quantities.get(locale) ?? new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 })
  quantities.set(locale, made)
  return made.format(value)
}
