import type { NetworkFigures } from '../network-figures.ts'
import type { Report } from '../report.ts'
import { PRESETS, RULES, SETTING_NAMES } from '../settings.ts'
import { frame } from './frame.ts'
import { html, type Markup } from './markup.ts'
import { meshPicture } from './mesh-drawing.ts'
import { costPicture, coursePicture, duplicatesPicture, latencyPicture, trafficPicture } from './pictures.ts'
import { bytesText, countText, instantText, percentText, shortNumber, timeText, wholeText } from './words.ts'

/** `report.html`: one run, told to somebody who has never heard of it. */
export function reportPage(report: Report): string {
  const { scenario, seed, settings } = report
  const title = `Wattness simulation: ${scenario}, ${settings.meters} meters, seed ${seed}`
  return frame(
    title,
    html`<header><h1>${scenario}: ${countText(settings.meters, 'electricity meter')} keep a ledger together</h1>
<p class="lead">${report.story}</p>${verdictOf(report)}</header>
<main>${violationsOf(report)}${factsOf(report)}
<section><h2>What is seen here</h2>
<p>Wattness is a ledger of electricity readings that the meters keep themselves, without a server. Every
${timeText(settings.blockIntervalMs)} each meter <b>seals</b> what it has read into a block and tells its neighbours, who tell
theirs. A block is <b>delivered</b> to another home when it is stored there, and <b>final</b> when a quorum of chosen meters, the
<b>witnesses</b>, has signed for it: from then on nobody can replace it unseen. This page shows one simulated
neighbourhood, run by the very program that runs in a real box.</p></section>
<section><h2>How fast</h2><div class="figures">
${latencyPicture(
  'latency',
  'From sealing to everybody',
  'How many of all blocks had come, and had become final, by a time after their sealing: the further left a curve, the faster.',
  [
    { name: 'delivered', tone: 1, spread: report.delivery },
    { name: 'final', tone: 2, spread: report.finality },
  ],
)}${coursePicture(report)}</div></section>
<section><h2>At what cost</h2><div class="figures">
${isCounted(report) ? [trafficPicture(report), duplicatesPicture(report)] : undefined}
${costPicture(report)}${meshPicture(report)}</div></section>
${networksOf(report)}${logOf(report)}${settingsOf(report)}${realityOf(report)}
<section><h2>Again</h2><p>The same seed at the same commit gives the same run, event by event.</p>
<pre>${report.replay}</pre></section></main>
<footer><p>Commit <code>${report.commit}</code>, Node ${report.nodeVersion}, ${countText(report.cores, 'core')}.
All ${wholeText(report.eventLogLines)} events
in order have the SHA-256 <code>${report.eventLogHash}</code>: two runs with the same one were the same.</p></footer>`,
  )
}

/** Over real sockets nobody counts what a node sends. */
function isCounted({ nodes }: Report): boolean {
  return nodes.length === 0 || nodes.some(({ sentBytes }) => sentBytes > 0)
}

function verdictOf({ violations, isComplete, brokenOnPurpose }: Report): Markup {
  const verdict =
    violations.length > 0
      ? html`<span class="badge bad">✗ a rule was broken</span>`
      : isComplete
        ? html`<span class="badge good">✓ no rule was broken</span>`
        : html`<span class="badge">stopped before its end: what is judged only then was not</span>`
  const planted = html`<p>Broken on purpose, to see that it is found: ${brokenOnPurpose}.</p>`
  return html`<p>${verdict}</p>${brokenOnPurpose === undefined ? undefined : planted}`
}

function violationsOf({ violations, violationsLeftOut, replay }: Report): Markup | undefined {
  if (violations.length === 0) return undefined
  return html`<section class="violations" role="alert"><h2>Broken rules</h2><ul>${violations.map(
    ({ checker, atMs, what }) => html`<li><b>${checker}</b> at ${instantText(atMs)}: ${what}</li>`,
  )}</ul>${violationsLeftOut === 0 ? undefined : html`<p>and ${wholeText(violationsLeftOut)} more</p>`}
<p>This shows it again: <code>${replay}</code></p></section>`
}

function factsOf(report: Report): Markup {
  const { delivery, finality, traffic, gossip } = { ...report, gossip: report.traffic.gossip }
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0)
  const heard = `a day; ${wholeText(gossip.duplicates)} duplicates heard in all`
  const isReal = report.transport === 'libp2p'
  const speed = `in ${shortNumber(report.wallSeconds)} s, ${wholeText(report.speedUp)} times real time`
  const fact = (name: string, value: string, note: string): Markup =>
    html`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`
  return html`<dl class="facts">
${fact('delivered', percentText(report.deliveredShare), `${wholeText(report.deliveries)} times a block reached a home`)}
${fact('final', percentText(report.finalShare), `of ${wholeText(report.blocks)} blocks on every node`)}
${fact('time to delivery', timeText(delivery.p50Ms), `half of them; 95 % in ${timeText(delivery.p95Ms)}`)}
${fact('time to final', timeText(finality.p50Ms), `half of them; 95 % in ${timeText(finality.p95Ms)}`)}
${isCounted(report) ? fact('sent by a node', bytesText(traffic.bytesPerNodePerDay), heard) : undefined}
${fact('kept by a node', bytesText(report.storedMiBPerNode * 1_048_576), 'of blocks, proofs and signatures')}
${fact(isReal ? 'time' : 'virtual time', timeText(report.virtualSeconds * 1_000), speed)}
${fact('power cuts', wholeText(report.crashes), `and ${wholeText(faults)} faults held against neighbours`)}
</dl>`
}

/** Each of several networks: what is above is of all together. */
function networksOf({ networks = [], networksNotRun = [], virtualSeconds }: Report): Markup | undefined {
  if (networks.length === 0) return undefined
  const notRun = html`<p><b>Stopped before they began, and in no figure of this page: ${networksNotRun.join(', ')}.</b></p>`
  return html`<section><h2>Each network</h2>
<p>The meters belong to ${countText(networks.length, 'network')} of their own, each with its registrar, its witnesses and its
connections; none knows of the others. All that is said elsewhere on this page is of all of them together, through
${timeText(virtualSeconds * 1_000)}.</p>${networksNotRun.length === 0 ? undefined : notRun}
<div class="scroll" tabindex="0" role="region" aria-label="networks"><table><thead><tr>${NETWORK_COLUMNS.map(
    ([name]) => html`<th scope="col">${name}</th>`,
  )}</tr></thead><tbody>${networks.map(
    (each) => html`<tr>${NETWORK_COLUMNS.map(([, text]) => html`<td class="num">${text(each)}</td>`)}</tr>`,
  )}</tbody></table></div></section>`
}

const NETWORK_COLUMNS: readonly (readonly [name: string, text: (network: NetworkFigures) => string])[] = [
  ['network', ({ name }) => name],
  ['meters', ({ meters }) => wholeText(meters)],
  ['virtual time', ({ virtualSeconds }) => timeText(virtualSeconds * 1_000)],
  ['blocks', ({ blocks }) => wholeText(blocks)],
  ['delivered', ({ deliveredShare }) => percentText(deliveredShare)],
  ['final', ({ finalShare }) => percentText(finalShare)],
  ['delivered, 95 % in', ({ delivery }) => timeText(delivery.p95Ms)],
  ['final, 95 % in', ({ finality }) => timeText(finality.p95Ms)],
  ['sent by a node a day', ({ bytesPerNodePerDay }) => bytesText(bytesPerNodePerDay)],
  ['power cuts', ({ crashes }) => wholeText(crashes)],
  ['broken rules', ({ violations }) => wholeText(violations)],
]

const KINDS = { deed: 'done to it', node: 'a node says', run: 'the run', violation: 'broken rule' } as const

function logOf({ notes, notesLeftOut }: Report): Markup {
  const kinds = (Object.keys(KINDS) as (keyof typeof KINDS)[]).filter((kind) => notes.some((note) => note.kind === kind))
  if (notes.length === 0)
    return html`<section><h2>What happened</h2><p>Nothing worth a line: no fault, no complaint.</p></section>`
  return html`<section><h2>What happened</h2>
<p>What was done to the network, what nodes had to say about it, and broken rules. The time is virtual, since the start.</p>
<form class="filter" hidden><label>show <select><option value="">everything</option>${kinds.map(
    (kind) => html`<option value="${kind}">${KINDS[kind]}</option>`,
  )}</select></label><label>with the words <input type="search"></label><output></output></form>
<div class="scroll" tabindex="0" role="region" aria-label="event log"><table id="log"><thead>
<tr><th scope="col">time</th><th scope="col">kind</th><th scope="col">what</th></tr></thead><tbody>${notes.map(
    ({ atMs, kind, text }) =>
      html`<tr class="${kind}"><td class="num">${instantText(atMs)}</td><td>${KINDS[kind]}</td><td>${text}</td></tr>`,
  )}</tbody></table></div>
${notesLeftOut === 0 ? undefined : html`<p>${wholeText(notesLeftOut)} later lines are left out.</p>`}</section>`
}

function settingsOf({ settings, load }: Report): Markup {
  return html`<section><h2>Settings</h2><p>What differs from the presets is bold. Readings: ${load}.</p>
<ul class="settings card">${SETTING_NAMES.map((name) => {
    // A report of another version may lack a setting, or have had another preset.
    const value = settings[name] as (typeof settings)[typeof name] | undefined
    if (value === undefined) return undefined
    const text = (RULES[name] as { format(value: unknown): string }).format(value)
    return html`<li${value === PRESETS[name] ? undefined : CHANGED}><code>${name}</code> ${text}</li>`
  })}</ul></section>`
}

const CHANGED = html` class="changed"`

/** On real sockets nobody counts them: each node makes its own. */
function checksOf({ asked, made, runs }: Report['sharedChecks']): Markup | undefined {
  if (runs.asked === 0) return undefined
  return html`<p>${wholeText(runs.asked)} runs of blocks came to a node’s door, ${wholeText(runs.made)} were checked; beside them
${wholeText(asked)} signatures were to be checked, ${wholeText(made)} were.</p>`
}

function realityOf({ differences, transport, sharedChecks }: Report): Markup {
  const how =
    transport === 'libp2p'
      ? 'Nodes spoke over real sockets of this machine, each checking everything itself.'
      : 'The node program was the real one. Its clock, its randomness, its network and its disk were not: they were played ' +
        'by the simulation, so that every fault can be repeated exactly. Figures of time are of virtual time; those of ' +
        'processor time are real.'
  return html`<section><h2>What is not as in reality</h2><p>${how}</p>
<ul>${differences.map((each) => html`<li>${each}</li>`)}</ul>
${checksOf(sharedChecks)}</section>`
}
