import {
  bodyContent,
  decodeEvents,
  decodeMembershipBody,
  decodeReadings,
  formatEventCode,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  type Member,
  type OperationText,
  operationText,
  toHex,
  WattnessError,
} from '../../protocol/index.ts'
import { type ReadLine, readLines } from '../collect/index.ts'
import type { HeldBlock } from '../store/index.ts'
import { findMember, nameOf } from './member-name.ts'
import type { LedgerView } from './status.ts'

/** One block for people and programs: its header, and what its body says. */
export interface BlockLine {
  readonly member: number
  readonly label: string | null
  readonly key: string
  readonly height: number
  readonly kind: 'readings' | 'event' | 'membership' | number
  readonly hash: string
  readonly previous: string
  readonly sealedAt: string
  readonly registrarSize: number
  readonly bytes: number
  /** Whether a signature of exactly this block is kept; the next one's covers it as well. */
  readonly signed: boolean
  /** A quorum of witnesses has signed a history that holds it. */
  readonly final: boolean
  readonly readings?: readonly ReadLine[]
  readonly events?: readonly { readonly time: string; readonly event: string; readonly detail: string }[]
  readonly operations?: readonly OperationText[]
  /** What it said is not held any more; `bytes` is what it had. Absent for every other block. */
  readonly pruned?: true
  /** Values that are left out, where there are more than were asked for. */
  readonly omitted?: number
}

/** A block without what its body says. */
export type BlockHeadLine = Omit<BlockLine, 'readings' | 'events' | 'operations' | 'omitted' | 'pruned'>

export interface BlockQuery {
  /** Label, key prefix or index; every member's chain unless given. */
  readonly member?: string
  readonly from?: number
  /** Blocks of each chain. */
  readonly limit?: number
}

export const MAX_BLOCK_LIMIT = 1_000_000_000

/** Blocks read at once. */
const BATCH_BLOCKS = 256
const BATCH_BYTES = 1_048_576

/** Each chain from `from` upwards, in order of members. Throws MEMBER_UNKNOWN, MEMBER_AMBIGUOUS, STORE_DAMAGED. */
export async function* readBlockLines(view: LedgerView, query: BlockQuery): AsyncGenerator<BlockLine> {
  const { membership, store } = view
  const members = query.member === undefined ? membership.members : [findMember(membership, query.member)]
  const from = query.from ?? 0
  for (const member of members) {
    let left = query.limit ?? MAX_BLOCK_LIMIT
    const finalSize = store.witness.final(member.key)?.size ?? 0
    for (let at = from; left > 0; ) {
      const blocks = await store.readHeld(member.key, at, Math.min(left, BATCH_BLOCKS), BATCH_BYTES)
      if (blocks.length === 0) break
      for (const block of blocks) yield blockLine(member, block, finalSize)
      at += blocks.length
      left -= blocks.length
    }
  }
}

/** `maxValues`: of its readings; a body of the largest size holds 65,536. */
export function blockLine(member: Member, block: HeldBlock, finalSize: number, maxValues = Number.POSITIVE_INFINITY): BlockLine {
  const { kind } = block.header
  const head = blockHeadLine(member, block, finalSize)
  return block.body === undefined
    ? { ...head, pruned: true }
    : { ...head, ...contentOf(kind, bodyContent(block.body), maxValues) }
}

export function blockHeadLine(
  member: Member,
  block: Pick<HeldBlock, 'header' | 'headerBytes' | 'hash' | 'signature'>,
  finalSize: number,
): BlockHeadLine {
  const { header } = block
  return {
    member: member.index,
    label: member.label ?? null,
    key: member.keyHex,
    height: header.height,
    kind: KIND_NAMES.get(header.kind) ?? header.kind,
    hash: toHex(block.hash),
    previous: toHex(header.previous),
    sealedAt: new Date(header.sealedAt).toISOString(),
    registrarSize: header.registrarSize,
    bytes: block.headerBytes.length + header.bodyLength,
    signed: block.signature !== undefined,
    final: header.height < finalSize,
  }
}

const KIND_NAMES: ReadonlyMap<number, 'readings' | 'event' | 'membership'> = new Map([
  [KIND_READINGS, 'readings'],
  [KIND_EVENT, 'event'],
  [KIND_MEMBERSHIP, 'membership'],
])

function contentOf(kind: number, content: Uint8Array, maxValues: number): Omit<BlockLine, keyof BlockHeadLine> {
  if (kind === KIND_READINGS) return readingsOf(content, maxValues)
  if (kind === KIND_EVENT) {
    return {
      events: decodeEvents(content).map(({ time, code, detail }) => ({ time: iso(time), event: formatEventCode(code), detail })),
    }
  }
  if (kind === KIND_MEMBERSHIP) return { operations: decodeMembershipBody(content).map(operationText) }
  // Kept, proven and passed on, but of a later version of the protocol.
  return {}
}

function readingsOf(content: Uint8Array, maxValues: number): Pick<BlockLine, 'readings' | 'omitted'> {
  const lines: ReadLine[] = []
  let omitted = 0
  for (const reading of decodeReadings(content).readings) {
    const { values } = reading
    if (lines.length + values.length <= maxValues) lines.push(...readLines({ type: 'reading', reading }))
    else omitted += values.length
  }
  return omitted === 0 ? { readings: lines } : { readings: lines, omitted }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** A line for the block and one, indented, for each thing that it says. */
export function formatBlockLine(line: BlockLine): string {
  const { label, key, height, kind, hash, sealedAt, bytes, readings = [], events = [], operations = [] } = line
  const name = label ?? nameOf({ keyHex: key })
  const what = typeof kind === 'number' ? `kind ${kind}` : kind
  const rows = [`${name} ${height}  ${hash.slice(0, 16)}  ${sealedAt}  ${what}  ${bytes} bytes  ${finalText(line)}`]
  if (line.pruned === true) rows.push('    pruned: what it said is not held here any more')
  for (const { time, register, value, unit, quality, intervalMs } of readings) {
    const over = intervalMs === undefined ? '' : `  over ${intervalMs / 1_000} s`
    rows.push(`    ${time}  ${register}  ${value ?? '-'} ${unit}${over}${quality === 'good' ? '' : `  ${quality}`}`)
  }
  for (const { time, event, detail } of events) rows.push(`    ${time}  ${event}${detail === '' ? '' : `: ${detail}`}`)
  for (const operation of operations) rows.push(`    ${formatOperation(operation)}`)
  return rows.join('\n')
}

/** A running node of an older version may not say it. */
function finalText({ final }: Partial<BlockLine>): string {
  return final === undefined ? 'final or not: not known' : final ? 'final' : 'not final'
}

function formatOperation({ operation, key, newKey, roles, endSize }: OperationText): string {
  switch (operation) {
    case 'admit':
      return `admit ${key} as ${roles}`
    case 'change-roles':
      return `make ${key} ${roles}`
    case 'revoke':
      return `revoke ${key} after ${endSize} blocks`
    case 'replace-key':
      return `replace ${key} by ${newKey} after ${endSize} blocks`
    default:
      // Of a later version than this.
      return `${operation as string} ${key}`
  }
}

/** The query of a URL or of flags. Throws QUERY_INVALID. */
export function blockQueryOf(given: {
  member?: string | undefined
  from?: string | undefined
  limit?: string | undefined
}): BlockQuery {
  const from = countOf('from', given.from)
  const limit = countOf('limit', given.limit)
  return {
    ...(given.member === undefined ? {} : { member: given.member }),
    ...(from === undefined ? {} : { from }),
    ...(limit === undefined ? {} : { limit }),
  }
}

function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(count)) return count
  throw new WattnessError('QUERY_INVALID', `${name}: found ${JSON.stringify(text)}, expected a whole number from 0`, {
    name,
    found: text,
  })
}
