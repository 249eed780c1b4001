import type { Report } from '../report.ts'
import { place } from './chart.ts'
import { figure } from './frame.ts'
import { html, type Markup } from './markup.ts'
import { roleLegend, toneOf } from './pictures.ts'
import { countText, shortNumber } from './words.ts'

const WIDTH = 440
const HEIGHT = 310
const MIDDLE = [WIDTH / 2, HEIGHT / 2] as const
const RADII = [200, 140] as const

/** How far a link bends towards the middle: 1 leads through it. */
const BEND = 0.72

/** All nodes on an oval in the order of the member list, from the top; a link is a bow between two of them. */
export function meshPicture(report: Report): Markup {
  const { nodes, links } = report
  const at = (index: number): readonly [number, number] => {
    const angle = (2 * Math.PI * index) / Math.max(1, nodes.length) - Math.PI / 2
    return [MIDDLE[0] + RADII[0] * Math.cos(angle), MIDDLE[1] + RADII[1] * Math.sin(angle)]
  }
  const bow = ([from, to]: readonly [number, number]): string => {
    const [[x1, y1], [x2, y2]] = [at(from), at(to)]
    const bent = (value: number, middle: number): number => place(value + (middle - value) * BEND)
    const bend = `${bent((x1 + x2) / 2, MIDDLE[0])} ${bent((y1 + y2) / 2, MIDDLE[1])}`
    return `M${place(x1)} ${place(y1)}Q${bend} ${place(x2)} ${place(y2)}`
  }
  const counts = nodes.map(() => 0)
  for (const pair of links) for (const index of pair) counts[index] = (counts[index] ?? 0) + 1
  const small = Math.max(2, Math.min(6, 320 / Math.max(1, nodes.length)))
  const off = nodes.filter(({ isUp }) => !isUp).length
  const liars = nodes.filter(({ role }) => role === 'liar').length
  const lone = counts.filter((count) => count === 0).length
  const mean = nodes.length === 0 ? 0 : (2 * links.length) / nodes.length
  const summary =
    `${countText(nodes.length, 'node')} with ${countText(links.length, 'link')} at the end, ` +
    `${shortNumber(mean)} a node on average` +
    (lone === 0 ? '; every node has at least one.' : `; ${countText(lone, 'node')} without any.`) +
    (liars === 0 ? '' : ` ${countText(liars, 'attacker')} among them.`) +
    (off === 0 ? '' : ` ${countText(off, 'node')} switched off.`)
  const title = 'Who is linked with whom'
  const picture = html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="mesh-t mesh-d">
<title id="mesh-t">${title}</title><desc id="mesh-d">${summary}</desc>
<path class="links" d="${links.map(bow).join('')}"/>
${nodes.map(({ name, role, isUp }, index) => {
  const [x, y] = at(index)
  const size = role === 'meter' ? small : small * 1.5
  const shape = role === 'liar' ? diamond(x, y, size * 1.4) : circle(x, y, size)
  const state = `${countText(counts[index] ?? 0, 'link')}${isUp ? '' : ', switched off'}`
  return html`<path class="dot tone-${toneOf(role)}${isUp ? '' : ' off'}" d="${shape}"><title>${name}: ${state}</title></path>`
})}
</svg>`
  const caption =
    'Each dot is a home, each bow a connection between two of them. There is no server in the middle: everybody reaches ' +
    'everybody over a few neighbours.'
  return figure({ title, caption, picture, legend: roleLegend(report), summary })
}

function circle(x: number, y: number, radius: number): string {
  const half = `a${place(radius)} ${place(radius)} 0 1 0`
  return `M${place(x - radius)} ${place(y)}${half} ${place(2 * radius)} 0${half} ${place(-2 * radius)} 0z`
}

/** Told from a circle by who sees no colours. */
function diamond(x: number, y: number, reach: number): string {
  const [there, back] = [place(reach), place(-reach)]
  return `M${place(x)} ${place(y - reach)}l${there} ${there}l${back} ${there}l${back} ${back}z`
}
