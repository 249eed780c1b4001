import { type Block, blockHash } from './block.ts'
import {
  assertBody,
  assertBodyAllowed,
  assertContent,
  assertContinuation,
  assertMayWrite,
  assertRegistrarSize,
  assertTime,
  type Parent,
  refuseBlock,
  shortKey,
} from './block-rules.ts'
import { type Bytes, equalBytes } from './bytes.ts'
import type { ChainState } from './chain-state.ts'
import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import type { VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import type { Genesis } from './genesis.ts'
import { ZERO_HASH } from './hash.ts'
import { agreesWithEnd, type Membership } from './membership.ts'
import { decodeRun, type Run } from './run.ts'
import { verifyConsistency } from './tree.ts'
import { type ValidationCode, type Verdict, verdictOf } from './verdict.ts'

/** Everything that the door may look at: the run's bytes, the genesis, and what this node happens to know. */
export interface DoorContext {
  readonly genesis: Genesis
  readonly membership: Membership
  /** The chain as this node holds it; EMPTY_CHAIN where it holds none. */
  readonly chain: ChainState
  readonly quarantined: boolean
  /** UTC milliseconds. */
  readonly nowMs: number
  readonly verify: VerifySignature
  /**
   * Root and last block hash of the held chain at the run's end, where the chain goes on beyond it. Undefined there: the run
   * counts as held. (At the end of the held chain itself the door looks into `chain`.)
   */
  readonly known?: KnownEnd | undefined
}

export interface KnownEnd {
  readonly root: Bytes
  readonly lastHash: Bytes
}

/**
 * A run that passed: its new blocks (those already held are cut off), their hashes, and the chain state after them. The
 * blocks are views of the run's bytes, everything else is a copy: what is kept does not hold on to a buffer of a megabyte.
 */
export interface Accepted {
  readonly verdict: 'accept'
  readonly member: Bytes
  readonly from: number
  readonly blocks: readonly Block[]
  readonly hashes: readonly Bytes[]
  readonly state: ChainState
}

/**
 * A run that did not. `announced` is an authentic checkpoint that came with it: of a gap to be synced (UNKNOWN_PARENT), or
 * of a history that may contradict the held one (CONFLICT, FORK). It accuses nobody: only evidence does.
 */
export interface Refused {
  readonly verdict: Exclude<Verdict, 'accept'>
  readonly code: ValidationCode | string
  readonly message: string
  readonly data: Readonly<Record<string, unknown>>
  readonly announced?: SignedCheckpoint
}

export type DoorResult = Accepted | Refused

class Refusal extends WattnessError<ValidationCode> {
  readonly announced: SignedCheckpoint | undefined

  constructor(code: ValidationCode, message: string, data: Record<string, unknown> = {}, announced?: SignedCheckpoint) {
    super(code, message, data)
    this.announced = announced
  }
}

/** Turns whatever was thrown into the door's answer, by the one table (rule V1). */
export function refusalOf(error: unknown): Refused {
  const { verdict, code } = verdictOf(error)
  const message = error instanceof Error ? error.message : String(error)
  const data = error instanceof WattnessError ? error.data : {}
  const announced = error instanceof Refusal ? error.announced : undefined
  return announced === undefined ? { verdict, code, message, data } : { verdict, code, message, data, announced }
}

/** The one door: own, gossiped and synced blocks all pass here (section V of the specification). Never throws. */
export function validateRun(bytes: Bytes, context: DoorContext): DoorResult {
  try {
    return checkRun(decodeRun(bytes), context)
  } catch (error) {
    return refusalOf(error)
  }
}

/** The same for a run that is decoded already. */
export function validateDecodedRun(run: Run, context: DoorContext): DoorResult {
  try {
    return checkRun(run, context)
  } catch (error) {
    return refusalOf(error)
  }
}

/** A run at the door, with what every check asks of it. */
interface Visit {
  readonly run: Run
  readonly context: DoorContext
  readonly member: Bytes
  /** Height of the run's first block, and one past its last. */
  readonly from: number
  readonly end: number
  /** The checkpoint that vouches for the run; views of the run's bytes. */
  readonly signed: SignedCheckpoint
  /** Whether its signature holds; undefined until that is asked: once a run at most. */
  authentic: boolean | undefined
}

function checkRun(run: Run, context: DoorContext): Accepted {
  const { member, height: from } = (run.blocks[0] as Block).header
  const end = from + run.blocks.length
  const size = run.end.type === 'signed' ? end : run.end.size
  const signed = { member, size, root: run.end.root, signature: run.end.signature }
  const visit: Visit = { run, context, member, from, end, signed, authentic: undefined }
  checkForm(visit)
  for (const { header } of run.blocks) assertMayWrite(header, context.membership)
  // Rule V5: a quarantined chain is dropped before any signature is looked at.
  if (context.quarantined) throw new Refusal('QUARANTINED', `chain ${shortKey(member)} is quarantined`, { height: from })
  if (end <= context.chain.size) checkKnown(visit)
  checkClock(visit)
  // Rule V9: without the parent only the checkpoint can be authentic; the blocks beside it are dropped.
  if (from > context.chain.size) {
    const held = context.chain.size
    throw announcing(visit, 'UNKNOWN_PARENT', `block ${from} of ${shortKey(member)}: ${held} held`, { height: from, held })
  }
  // Rule V10: one live block pays for its signature before its hashes; in a run hashing comes first, it is the cheaper part.
  if (run.blocks.length === 1) requireAuthentic(visit)
  return checkChain(visit)
}

/** Rules V2 and V3: what one look at the bytes and the genesis decides. */
function checkForm({ run, context, member, from, end, signed }: Visit): void {
  for (let i = 0; i < run.blocks.length; i++) {
    const { header } = run.blocks[i] as Block
    // Rule V2: a run is one chain's consecutive blocks.
    if (i > 0 && !equalBytes(header.member, member)) {
      throw new Refusal('MIXED_RUN', `run of ${shortKey(member)} holds a block of ${shortKey(header.member)}`, { position: i })
    }
    if (header.height !== from + i) {
      throw new Refusal('MIXED_RUN', `run from ${from}: height ${header.height} at position ${i}`, { position: i })
    }
    assertBodyAllowed(header, context.genesis)
  }
  // Rule V2: a chain's first block has no parent, whoever looks at it.
  if (from === 0 && !equalBytes((run.blocks[0] as Block).header.previous, ZERO_HASH)) {
    throw new Refusal('BROKEN_LINK', `block 0 of ${shortKey(member)} names a parent`, { height: 0 })
  }
  // Rule V2: a checkpoint that covers a run lies above its end; one of the end itself is written without a proof.
  if (run.end.type === 'covered' && signed.size <= end) {
    throw new Refusal('WRONG_PROOF', `run up to ${end} covered by a checkpoint of size ${signed.size}`, { size: signed.size })
  }
}

/** Rules V6 and V7: all of the run's heights are held, so its end is compared with the held chain's. */
function checkKnown(visit: Visit): never {
  const { run, context, member, end, signed } = visit
  const { chain } = context
  const known: KnownEnd | undefined = end === chain.size ? chain : context.known
  const where = { height: end - 1 }
  const isHeld = known === undefined || equalBytes(blockHash((run.blocks.at(-1) as Block).headerBytes), known.lastHash)
  const sameRoot = known === undefined || (run.end.type === 'signed' && equalBytes(signed.root, known.root))
  // Rule V6: another root of a held size under the author's signature is a second story; so may be a larger checkpoint over
  // another block.
  if (run.end.type === 'signed' && !sameRoot) {
    throw announcing(visit, 'CONFLICT', `a second root of size ${end} signed by ${shortKey(member)}`, where)
  }
  if (isHeld) throw new Refusal('DUPLICATE', `block ${end - 1} of ${shortKey(member)} is held`, where)
  // Rule V7: a genuine root with another block attached is the sender's doing, never the author's.
  if (sameRoot) throw new Refusal('WRONG_ROOT', `another block ${end - 1} under the held root`, where)
  throw announcing(visit, 'FORK', `another block ${end - 1} of ${shortKey(member)} than the held one`, where)
}

/** Rule V8: a clock ahead of this node's by more than the drift allowed: ignored, since this clock may be the wrong one. */
function checkClock({ run, context }: Visit): void {
  const latest = context.nowMs + context.genesis.limits.maxClockDriftMs
  for (const { header } of run.blocks) {
    if (header.sealedAt <= latest) continue
    const aheadMs = header.sealedAt - context.nowMs
    throw new Refusal('CLOCK_AHEAD', `block ${header.height} sealed ${aheadMs} ms ahead of this clock`, {
      height: header.height,
      aheadMs,
    })
  }
}

/** Rules V11 to V19: links, times, bodies, tree, the one signature, and at the very end the contents. */
function checkChain(visit: Visit): Accepted {
  const { run, context, member, from, end, signed } = visit
  const { chain, genesis } = context
  const isRegistrar = equalBytes(member, genesis.registrar)
  const range = chain.range.clone()
  const hashes: Bytes[] = []
  // Blocks that are held already are checked too: who passes a run on answers for all of it.
  let before: Parent | undefined = from === chain.size ? chain : undefined
  let lastHash: Bytes | undefined
  for (const block of run.blocks) {
    const { header } = block
    // Rule V11: each block names the hash of the one before it.
    if (lastHash !== undefined && !equalBytes(header.previous, lastHash)) {
      refuseBlock('BROKEN_LINK', header, 'previous is not the hash of the block before')
    }
    // Rule V12: another parent than the held one. Who is to blame is not known yet: the checkpoint, if authentic, decides.
    if (header.height === chain.size && !equalBytes(header.previous, chain.lastHash)) {
      const detail = `block ${header.height} of ${shortKey(member)} names another parent than the held block ${chain.size - 1}`
      throw announcing(visit, 'FORK', detail, { height: header.height })
    }
    // `before` is undefined for a block that is held and whose parent did not come with it.
    assertTime(header, before, genesis)
    assertRegistrarSize(header, before, isRegistrar)
    assertBody(block)
    before = header
    lastHash = blockHash(block.headerBytes)
    if (header.height < chain.size) continue
    hashes.push(lastHash)
    range.append(lastHash)
  }
  const root = range.root()
  checkEnd(visit, root)
  const { sealedAt, registrarSize } = before as Parent
  const blocks = from === chain.size ? run.blocks : run.blocks.slice(chain.size - from)
  // Rules V18 and M20: contents come last. Few bytes may stand for many cells, and by now the author vouches for them.
  for (const block of blocks) {
    assertContent(block, isRegistrar)
    assertContinuation(block, context.membership)
  }
  // What the held chain has already is not kept a second time, of each of hundreds of chains.
  const checkpoint: SignedCheckpoint = {
    member: chain.checkpoint?.member ?? context.membership.member(member)?.key ?? new Uint8Array(member),
    size: signed.size,
    root: signed.size === end ? root : new Uint8Array(signed.root),
    signature: new Uint8Array(signed.signature),
  }
  const state: ChainState = { size: end, range, root, lastHash: lastHash as Bytes, sealedAt, registrarSize, checkpoint }
  return { verdict: 'accept', member: checkpoint.member, from: chain.size, blocks, hashes, state }
}

/** Rules V16, V17 and V19: the tree ends in the signed root, or in a prefix of it, and the signature is the member's. */
function checkEnd(visit: Visit, root: Bytes): void {
  const { run, context, member, end, signed } = visit
  const isRight =
    run.end.type === 'signed'
      ? equalBytes(root, signed.root)
      : verifyConsistency(end, root, signed.size, signed.root, run.end.proof)
  if (!isRight) {
    assertSound(context.chain)
    const where = { size: end }
    if (run.end.type === 'signed') {
      throw new Refusal('WRONG_ROOT', `blocks up to ${end - 1} of ${shortKey(member)} do not make the signed root`, where)
    }
    throw new Refusal('WRONG_PROOF', `blocks up to ${end - 1} are no prefix of the checkpoint of size ${signed.size}`, where)
  }
  requireAuthentic(visit)
  // Rule V19: the branch that a revocation ends is the one that stays.
  const writer = context.membership.member(member)
  if (writer !== undefined && !agreesWithEnd(writer, end, root)) {
    throw new Refusal('REVOKED', `${shortKey(member)} was revoked at size ${end} under another root`, { height: end - 1 })
  }
}

/** A root that does not fit costs the sender: so this node's own half of it must be whole. Throws a plain error (UNEXPECTED). */
function assertSound({ size, range, root }: ChainState): void {
  if (range.size !== size || !equalBytes(range.root(), root)) throw new Error(`held state of size ${size} is damaged`)
}

/** Rule V17. A checkpoint that was checked when it came is not checked again: a catch-up names one in every batch. */
function isAuthentic({ context, signed }: Visit): boolean {
  const held = context.chain.checkpoint
  const isChecked =
    held !== undefined &&
    held.size === signed.size &&
    equalBytes(held.root, signed.root) &&
    equalBytes(held.signature, signed.signature)
  return isChecked || verifyCheckpoint(context.verify, context.genesis.networkId, signed)
}

function requireAuthentic(visit: Visit): void {
  visit.authentic ??= isAuthentic(visit)
  if (visit.authentic) return
  const { size, member } = visit.signed
  throw new Refusal('BAD_SIGNATURE', `checkpoint of size ${size}: not signed by ${shortKey(member)} for this network`, { size })
}

/** A refusal that passes the run's checkpoint on, which must be authentic. */
function announcing(visit: Visit, code: ValidationCode, message: string, data: Record<string, unknown>): Refusal {
  requireAuthentic(visit)
  return new Refusal(code, message, data, copyOf(visit.signed))
}

/** In bytes of its own, also where the run came in a Buffer, whose slice() is a view. */
function copyOf({ member, size, root, signature }: SignedCheckpoint): SignedCheckpoint {
  return { member: new Uint8Array(member), size, root: new Uint8Array(root), signature: new Uint8Array(signature) }
}
