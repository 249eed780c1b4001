import type { Report, Spread } from '../report.ts'
import { countAxis, logTimeAxis, SHARE_AXIS, virtualTimeAxis } from './axes.ts'
import { barChart, type Line, lineChart, type Mark } from './chart.ts'
import { figure, type LegendEntry } from './frame.ts'
import type { Markup } from './markup.ts'
import { bytesText, countText, instantText, percentText, shortNumber, timeText, wholeText } from './words.ts'

/** Instants marked in a picture: with more of them nothing else would be seen. */
const MAX_MARKS = 24

/** One cumulative curve of a latency, or several over each other. */
export interface Curve {
  readonly name: string
  readonly tone: number
  readonly spread: Spread
  readonly isDashed?: boolean
}

export function latencyPicture(id: string, title: string, caption: string, curves: readonly Curve[]): Markup {
  const drawn = curves.filter(({ spread }) => spread.curve.length > 0)
  const ends = drawn.flatMap(({ spread }) => spread.curve.map(([upTo]) => upTo))
  const x = logTimeAxis(Math.min(...ends, 1_000), Math.max(...ends, 1_000), 'time since sealing (the scale grows to the right)')
  const lines: Line[] = drawn.map(({ name, tone, spread, isDashed = false }) => {
    const first = spread.curve[0]?.[0] ?? x.from
    return { name, tone, isDashed, isStepped: true, points: [[x.from, 0], [first, 0], ...spread.curve, [x.to, 1]] }
  })
  const summary =
    drawn.length === 0
      ? 'There is nothing to draw: no block got that far.'
      : drawn.map(({ name, spread }) => `${name}: ${spreadText(spread)}.`).join(' ')
  const picture = lineChart({
    ...{ id, title, summary, x, lines },
    y: { ...SHARE_AXIS, label: 'share' },
    hover: (value) =>
      `within ${timeText(value)}: ` +
      drawn.map(({ name, spread }) => `${name} ${percentText(shareAt(spread, value))}`).join(', '),
  })
  const legend = drawn.map(
    ({ name, tone, isDashed }): LegendEntry => ({ name, tone, shape: isDashed === true ? 'dashed' : 'line' }),
  )
  return figure({ title, caption, picture, legend, summary })
}

export function spreadText({ p50Ms, p95Ms, maxMs, count }: Spread): string {
  if (count === 0) return 'none'
  return `half within ${timeText(p50Ms)}, 95 % within ${timeText(p95Ms)}, the last after ${timeText(maxMs)}`
}

function shareAt({ curve }: Spread, ms: number): number {
  return curve.findLast(([upTo]) => upTo <= ms)?.[1] ?? 0
}

/** When something was done to the network, and when a rule was broken. */
function marksOf({ notes }: Report): Mark[] {
  const marked = notes.filter(({ kind }) => kind === 'deed' || kind === 'violation')
  const every = Math.ceil(marked.length / MAX_MARKS)
  return marked
    .filter((_, index) => index % every === 0)
    .map(({ atMs, text }) => ({ at: atMs, text: `${instantText(atMs)} ${text}` }))
}

export function coursePicture(report: Report): Markup {
  const { timeline } = report
  const end = timeline.at(-1)
  const marks = marksOf(report)
  const [title, id] = ['Blocks over time', 'course']
  const line = (name: string, tone: number, pick: (point: Report['timeline'][number]) => number, isDashed = false): Line => ({
    ...{ name, tone, isDashed },
    points: timeline.map((point) => [point.atMs, pick(point)]),
  })
  const lines = [
    line('sealed, by all meters together', 6, ({ sealed }) => sealed),
    line('held, by a node on average', 1, ({ heldMean }) => heldMean),
    line('held, by the node that has the fewest', 1, ({ heldLeast }) => heldLeast, true),
    line('final, on a node on average', 2, ({ finalMean }) => finalMean),
    line('final, on the node that has the fewest', 2, ({ finalLeast }) => finalLeast, true),
  ]
  const summary =
    end === undefined
      ? 'The run did not begin.'
      : `At the end ${countText(end.sealed, 'block')} were sealed; the node with the fewest held ` +
        `${wholeText(end.heldLeast)} of them and called ${wholeText(end.finalLeast)} final.`
  const near = (ms: number): Report['timeline'][number] | undefined => timeline.findLast(({ atMs }) => atMs <= ms)
  const picture = lineChart({
    ...{ id, title, summary, lines, marks },
    x: virtualTimeAxis(end?.atMs ?? 1),
    y: countAxis(end?.sealed ?? 1, 'blocks', wholeText),
    hover: (ms) => {
      const point = near(ms)
      const counts =
        point === undefined
          ? ''
          : `: ${point.sealed} sealed, ${Math.round(point.heldMean)} held, ${Math.round(point.finalMean)} final, ` +
            `${point.up} nodes on`
      return instantText(ms) + counts
    },
  })
  const legend = lines.map(
    ({ name, tone, isDashed }): LegendEntry => ({ name, tone, shape: isDashed === true ? 'dashed' : 'line' }),
  )
  if (marks.length > 0) legend.push({ name: 'something is done to the network', tone: 4, shape: 'mark' })
  const caption =
    'Where the lines lie on each other, everybody has everything. A gap is what is still on its way, or cannot come through; ' +
    'nodes that are switched off are not counted.'
  return figure({ title, caption, picture, legend, summary })
}

export function costPicture(report: Report): Markup {
  const { timeline, usPerDelivery } = report
  const [title, id] = ['Processor time per delivered block', 'cost']
  const points: [number, number][] = []
  // Slices with at least a hundredth of all deliveries: where next to nothing is delivered, the share of a block says nothing.
  const least = Math.max(1, report.deliveries / 100)
  // Starting up is paid before anything is delivered.
  let from = timeline.findLast(({ deliveries }) => deliveries === 0) ?? timeline[0]
  for (const point of timeline) {
    if (from === undefined || point.deliveries - from.deliveries < least) continue
    points.push([point.atMs, ((point.cpuMs - from.cpuMs) * 1_000) / (point.deliveries - from.deliveries)])
    from = point
  }
  const summary =
    usPerDelivery === undefined
      ? 'Nothing was delivered.'
      : `${wholeText(usPerDelivery)} microseconds per delivered block over the whole run: ` +
        `${shortNumber(report.cpuSeconds)} s of processor time for ` +
        `${wholeText(report.deliveries)} deliveries. This figure alone depends on the machine.`
  const picture = lineChart({
    ...{ id, title, summary },
    x: virtualTimeAxis(timeline.at(-1)?.atMs ?? 1),
    y: countAxis(Math.max(usPerDelivery ?? 1, ...points.map(([, us]) => us)), 'microseconds'),
    lines: [{ name: 'cost', tone: 3, isStepped: true, points }],
  })
  const caption =
    'Everything counts: sealing, checking, storing, cross-checks between neighbours, witnessing, and the simulation itself; ' +
    'only starting up is left out of the picture.'
  return figure({ title, caption, picture, summary })
}

const ROLE_TONES = { registrar: 5, witness: 2, meter: 1, liar: 4 } as const
const ROLE_NAMES = { registrar: 'registrar', witness: 'witness', meter: 'meter', liar: 'attacker' } as const

export type Role = keyof typeof ROLE_TONES
export const toneOf = (role: Role): number => ROLE_TONES[role]

export function roleLegend({ nodes }: Report): LegendEntry[] {
  const roles = (Object.keys(ROLE_TONES) as Role[]).filter((role) => nodes.some((node) => node.role === role))
  return roles.map((role) => ({ name: ROLE_NAMES[role], tone: ROLE_TONES[role], shape: 'dot' }))
}

export function trafficPicture(report: Report): Markup {
  const sorted = report.nodes.toSorted((a, b) => b.sentBytes - a.sentBytes)
  const [most, least] = [sorted[0], sorted.at(-1)]
  const middle = sorted[sorted.length >> 1]
  const [title, id] = ['Bytes sent by each node', 'traffic']
  const summary =
    most === undefined || least === undefined || middle === undefined
      ? 'There are no nodes.'
      : `${most.name} sent the most, ${bytesText(most.sentBytes)}; the one in the middle ${bytesText(middle.sentBytes)}; the ` +
        `fewest ${bytesText(least.sentBytes)}, by ${least.name}. ` +
        `A day of this comes to ${bytesText(report.traffic.bytesPerNodePerDay)} a node.`
  const picture = barChart({
    ...{ id, title, summary, label: 'nodes, those that sent the most first' },
    y: countAxis(most?.sentBytes ?? 1, 'sent', bytesText),
    bars: sorted.map(({ name, role, sentBytes }) => ({ name, tone: toneOf(role), value: sentBytes, text: bytesText(sentBytes) })),
  })
  const caption = 'One bar a node. Bars of about one height mean that no home pays for the others.'
  return figure({ title, caption, picture, legend: roleLegend(report), summary })
}

export function duplicatesPicture(report: Report): Markup {
  const ratio = ({ heard, duplicates }: Report['nodes'][number]): number => (heard === 0 ? 0 : duplicates / heard)
  const sorted = report.nodes.toSorted((a, b) => ratio(b) - ratio(a))
  const { heard, duplicates } = report.traffic.gossip
  const [title, id] = ['Duplicates heard by each node', 'duplicates']
  const summary =
    heard === 0
      ? 'Nothing was gossiped in this run: blocks were fetched from neighbours in batches.'
      : `${wholeText(heard)} payloads were heard for the first time and ${wholeText(duplicates)} once more: ` +
        `${shortNumber(duplicates / heard)} duplicates for each.`
  const picture = barChart({
    ...{ id, title, summary, label: 'nodes, those with the most first' },
    y: countAxis(Math.max(1, ...sorted.map(ratio)), 'duplicates per new payload'),
    bars: sorted.map((node) => ({
      ...{ name: node.name, tone: toneOf(node.role), value: ratio(node) },
      text: `${wholeText(node.heard)} new, ${wholeText(node.duplicates)} duplicates`,
    })),
  })
  const caption =
    'News is passed on by several neighbours, so that none of them can keep it back; what comes again was sent for nothing.'
  return figure({ title, caption, picture, legend: roleLegend(report), summary })
}
