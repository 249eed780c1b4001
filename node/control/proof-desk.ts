import { checkProofFile, formatProofFile, type ProofFile, type VerifySignature, WattnessError } from '../../protocol/index.ts'
import { blockAtTime } from './block-at-time.ts'
import { findMember } from './member-name.ts'
import type { LedgerView } from './status.ts'

/** Which block is to be proven: the one at a height, or the one with the readings of a time. */
export interface ProveOrder {
  /** Label, first digits of a key, or index. */
  readonly member: string
  readonly height?: string
  /** `2013-01-01T00:00:00Z` */
  readonly time?: string
}

export interface ProveResult {
  readonly index: number
  readonly key: string
  readonly label: string | null
  readonly height: number
  /** Blocks of the chain that the witnesses have cosigned. */
  readonly size: number
  readonly epoch: number
  readonly cosignatures: number
  readonly witnesses: number
  readonly existedBy: string
  /** The proof file's text. */
  readonly file: string
}

export interface ProvingNode extends Pick<LedgerView, 'genesis' | 'membership' | 'store'> {
  prove(key: Uint8Array, height: number): Promise<ProofFile>
}

/**
 * Has one block cosigned and proven; what is handed out has passed the check that its readers make. Throws QUERY_INVALID,
 * MEMBER_UNKNOWN, MEMBER_AMBIGUOUS, BLOCK_UNKNOWN, CHECKPOINT_UNKNOWN, NO_WITNESSES, NOT_FINAL, QUORUM_MISSING, PROVING_BUSY.
 */
export async function proveBlock(node: ProvingNode, verify: VerifySignature, order: ProveOrder): Promise<ProveResult> {
  const { key, keyHex, index, label } = findMember(node.membership, order.member)
  const file = formatProofFile(await node.prove(key, await heightOf(node, key, order)))
  const report = checkProofFile(file, { verify, ticketGenesis: node.genesis.bytes })
  if (!report.ok) throw new WattnessError(report.code, report.message, { parts: report.parts })
  const { header, size, epoch, cosignatures, existedByS } = report.proven
  return {
    index,
    key: keyHex,
    label: label ?? null,
    height: header.height,
    size,
    epoch: epoch.number,
    cosignatures: cosignatures.length,
    witnesses: epoch.witnesses.length,
    existedBy: new Date(existedByS * 1_000).toISOString(),
    file,
  }
}

async function heightOf({ store }: ProvingNode, key: Uint8Array, { height, time }: ProveOrder): Promise<number> {
  if ((height === undefined) === (time === undefined)) throw invalid('expected a height or a time, and not both')
  if (height !== undefined) {
    if (/^\d{1,15}$/.test(height)) return Number(height)
    throw invalid(`height: found ${JSON.stringify(height)}, expected a whole number from 0`)
  }
  return blockAtTime(store, key, timeOf(time as string))
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/

/** A time without an offset would mean another one on each machine. */
function timeOf(text: string): number {
  const ms = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw invalid(`time: found ${JSON.stringify(text)}, expected such as 2013-01-01T00:30:00Z or 2013-01-01T01:30+01:00`)
}

function invalid(message: string): WattnessError {
  return new WattnessError('QUERY_INVALID', message)
}
