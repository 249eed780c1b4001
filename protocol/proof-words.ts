import { bodyContent, KIND_EVENT, KIND_MEMBERSHIP, KIND_READINGS } from './block.ts'
import { toHex } from './bytes.ts'
import { decodeEvents, formatEventCode } from './event-body.ts'
import type { Member } from './membership.ts'
import type { ProofReport, ProvenBlock } from './proof-check.ts'
import { formatUtc, type ReadingText } from './proof-readings.ts'

/** Lines of readings or events that are shown; the file has them all. */
const SHOWN = 12

const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`

/** What a proof says, or which part of it is wrong, in plain words. */
export function explainProof(report: ProofReport): string {
  if (!report.ok) return `Not proven. What is wrong: ${report.parts.join(' or ')} (${report.code}).\n${report.message}\n`
  const { proven } = report
  const { genesis, header, size, epoch, cosignatures, existedByS } = proven
  const { height } = header
  const lines = [
    `Proven, for whoever believes the genesis of the network ${JSON.stringify(genesis.name)} (${toHex(genesis.networkId)}):`,
    '',
    `Who: ${nameOf(proven.member)} signed this.`,
    ...labelLines(proven.member),
    ...whatLines(proven),
    `When: the meter's node says that it sealed this at ${formatUtc(header.sealedAt)}. That is its own word.`,
    `      It existed by ${formatUtc(existedByS * 1000)}: the witnesses' word.`,
    `Order: block ${height} of its chain, after ${count(height, 'block')} that the same signatures fix.`,
    `       The witnesses saw ${count(size, 'block')} of it.`,
    `Witnesses: ${cosignatures.length} of ${epoch.witnesses.length} signed that they hold exactly this chain;`,
    `           ${epoch.quorum} are needed.`,
    ...cosignatures.map(({ witness, timeS }) => `  ${nameOf(witness)} at ${formatUtc(timeS * 1000)}`),
    trustLine(epoch.tolerated, epoch.witnesses.length),
    'Not proven: that the meter measured right, and that its node passed on what it said.',
  ]
  return `${lines.join('\n')}\n`
}

function nameOf({ index, label, keyHex }: Member): string {
  const name = label === undefined ? '' : ` ${JSON.stringify(label)}`
  return `member ${index}${name}, key ${keyHex}`
}

/** Rule M14: the salt of a label is for members, so that nobody else can find out who lives where. */
function labelLines({ label }: Member): string[] {
  if (label !== undefined) return []
  return ["     What it is called is told to members only: `wattness member list` on a member's node names this key."]
}

function trustLine(tolerated: number, witnesses: number): string {
  if (tolerated === 0)
    return `This holds while none of the ${count(witnesses, 'witness', 'witnesses')} lies: fewer than four tolerate no liar.`
  const most = `no more than ${tolerated} of the ${witnesses} witnesses lie`
  return `This holds while ${most}, and less than a third of each set of witnesses before them.`
}

function whatLines({ header, body, readings }: ProvenBlock): string[] {
  if (header.kind === KIND_READINGS) return listed(`What: ${count(readings.length, 'value')}:`, readings.map(readingLine))
  if (header.kind === KIND_EVENT) {
    const events = decodeEvents(bodyContent(body))
    const lines = events.map(({ time, code, detail }) => `${formatUtc(time)} ${formatEventCode(code)} ${JSON.stringify(detail)}`)
    return listed(`What: ${count(events.length, 'event')}:`, lines)
  }
  if (header.kind === KIND_MEMBERSHIP) return ['What: who belongs to the network.']
  return [`What: a block of kind ${header.kind}, which this version does not read.`]
}

function listed(head: string, lines: readonly string[]): string[] {
  const shown = lines.slice(0, SHOWN).map((line) => `  ${line}`)
  return lines.length > SHOWN ? [head, ...shown, `  and ${lines.length - SHOWN} more`] : [head, ...shown]
}

function readingLine({ time, register, value, unit, quality, intervalMs, timeSource }: ReadingText): string {
  const span = intervalMs === undefined ? '' : ` over ${intervalMs / 1000} s`
  const shown = value === null ? 'missing' : `${value} ${unit}`
  const note = value === null || quality === 'good' ? '' : `, ${quality}`
  return `${time}${span} ${register} ${shown}${note} (time: ${timeSource})`
}
