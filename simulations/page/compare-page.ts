import type { Report } from '../report.ts'
import { type ComparedRun, compareReports, percentChange } from './comparison.ts'
import { frame } from './frame.ts'
import { html, type Markup } from './markup.ts'
import { latencyPicture } from './pictures.ts'
import { shortNumber } from './words.ts'

/** Two runs on one page, both curves in one picture. */
export function comparePage(a: Report, b: Report): string {
  const comparison = compareReports(a, b)
  const same = a.scenario === b.scenario
  const title = `Wattness simulations compared: ${a.scenario} and ${b.scenario}`
  const curves = (pick: (report: Report) => Report['delivery']) => [
    { name: 'A', tone: 1, spread: pick(a) },
    { name: 'B', tone: 2, spread: pick(b), isDashed: true },
  ]
  return frame(
    title,
    html`<header><h1>${same ? html`${a.scenario}, run twice` : html`${a.scenario} beside ${b.scenario}`}</h1>
<p class="lead">A: ${a.scenario}, seed ${a.seed}, ${a.settings.meters} meters.
B: ${b.scenario}, seed ${b.seed}, ${b.settings.meters} meters.</p></header>
<main>${violationsOf('A', comparison.a)}${violationsOf('B', comparison.b)}
<section><h2>How fast</h2><div class="figures">
${latencyPicture(
  'delivery',
  'From sealing to another home',
  'How many of all blocks had come by a time after their sealing: the further left a curve, the faster.',
  curves((report) => report.delivery),
)}
${latencyPicture(
  'finality',
  'From sealing to final',
  'How many of all blocks had become final by then, on each node for itself.',
  curves((report) => report.finality),
)}
</div></section>
<section><h2>Settings that differ</h2>${
      comparison.settings.length === 0
        ? html`<p>None.</p>`
        : table(
            ['setting', 'A', 'B'],
            comparison.settings.map(({ name, a: left, b: right }) => [name, left, right]),
          )
    }</section>
<section><h2>All figures</h2><p>The last column says by how much B is above A.</p>${table(
      ['figure', 'A', 'B', 'difference'],
      comparison.figures.map(({ name, a: left, b: right, percent }) => [
        name,
        numberText(left),
        numberText(right),
        percentChange(percent),
      ]),
    )}</section>
<section><h2>Again</h2><pre>${a.replay}
${b.replay}</pre></section></main>
<footer><p>A is of commit <code>${a.commit}</code>, B of <code>${b.commit}</code>.</p></footer>`,
  )
}

const numberText = (value: number | undefined): string => (value === undefined ? '–' : shortNumber(value))

function table(head: readonly string[], rows: readonly (readonly string[])[]): Markup {
  return html`<div class="scroll whole" tabindex="0" role="region" aria-label="${head.join(', ')}"><table><thead><tr>${head.map(
    (name, place) => html`<th scope="col"${place === 0 ? undefined : NUMBER}>${name}</th>`,
  )}</tr></thead><tbody>${rows.map(
    ([first, ...rest]) => html`<tr><th scope="row">${first}</th>${rest.map((cell) => html`<td class="num">${cell}</td>`)}</tr>`,
  )}</tbody></table></div>`
}

const NUMBER = html` class="num"`

function violationsOf(letter: string, { violations, violationsLeftOut }: ComparedRun): Markup {
  if (violations.length === 0) return html`<p><span class="badge good">✓ ${letter}: no rule was broken</span></p>`
  return html`<section class="violations" role="alert"><h2>Rules broken in ${letter}</h2><ul>${violations.map(
    ({ checker, what }) => html`<li><b>${checker}</b>: ${what}</li>`,
  )}</ul>${violationsLeftOut === 0 ? undefined : html`<p>and ${violationsLeftOut} more</p>`}</section>`
}
