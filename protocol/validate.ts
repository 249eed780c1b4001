import { type Block, blockHash, bodyContent, bodyHash, KIND_EVENT, KIND_MEMBERSHIP, KIND_READINGS } from './block.ts'
import { type Bytes, equalBytes } from './bytes.ts'
import type { ChainState } from './chain-state.ts'
import { type SignedCheckpoint, verifyCheckpoint } from './checkpoint.ts'
import type { VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { decodeEvents } from './event-body.ts'
import type { Genesis } from './genesis.ts'
import { type Membership, mayWrite } from './membership.ts'
import { decodeMembershipBody } from './membership-body.ts'
import { decodeTables } from './readings-body.ts'
import { decodeRun, type Run } from './run.ts'
import { verifyConsistency } from './tree.ts'
import { type ValidationCode, type Verdict, verdictOf } from './verdict.ts'

/** Everything that the door may look at: the run's bytes, the genesis, and what this node happens to know. */
export interface DoorContext {
  readonly genesis: Genesis
  readonly membership: Membership
  /** The chain as this node holds it; of size 0 where it holds none. */
  readonly chain: ChainState
  readonly quarantined: boolean
  /** UTC milliseconds. */
  readonly nowMs: number
  readonly verify: VerifySignature
  /** Root and last block hash of the held chain at the run's end, where the chain reaches that far. */
  readonly known?: { readonly root: Bytes; readonly lastHash: Bytes } | undefined
}

/** A run that passed: its new blocks (those already held are cut off), their hashes, and the chain state after them. */
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
 * of a history that may contradict the held one (CONFLICT, FORK).
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

/** The one door: own, gossiped and synced blocks all pass here (section V of the specification). */
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

function checkRun(run: Run, context: DoorContext): Accepted {
  const first = run.blocks[0] as Block
  const member = first.header.member
  const from = first.header.height
  const end = from + run.blocks.length
  const { chain } = context

  checkForm(run, context)
  checkMember(run, context)
  // Rule V5: a quarantined chain is dropped before any signature is looked at.
  if (context.quarantined) throw new Refusal('QUARANTINED', `chain ${short(member)} is quarantined`, { height: from })

  const signed = signedCheckpoint(run, member, end)
  const authentic = once(() => isAuthentic(signed, context))

  if (end <= chain.size) checkKnown(run, context, end, signed, authentic)
  checkClock(run, context)

  // Rule V8: without the parent only the checkpoint can be authentic; the blocks beside it are dropped.
  if (from > chain.size) {
    requireAuthentic(authentic, signed)
    throw new Refusal(
      'UNKNOWN_PARENT',
      `block ${from} of ${short(member)}: ${chain.size} held`,
      { height: from, held: chain.size },
      signed,
    )
  }
  // Rule V9: one live block pays for its signature before its hashes; in a run hashing comes first, it is the cheaper part.
  if (run.blocks.length === 1) requireAuthentic(authentic, signed)

  const blocks = from === chain.size ? run.blocks : run.blocks.slice(chain.size - from)
  const parent = blocks[0] as Block
  // Rule V10: another parent than the held one. Who is to blame is not known yet: the checkpoint, if authentic, decides.
  if (!equalBytes(parent.header.previous, chain.lastHash)) {
    requireAuthentic(authentic, signed)
    throw new Refusal(
      'FORK',
      `block ${parent.header.height} of ${short(member)} names another parent than the held block ${chain.size - 1}`,
      { height: parent.header.height },
      signed,
    )
  }
  return checkChain(blocks, run, context, signed, authentic)
}

/** Rules V2 and V3: what one look at the bytes and the genesis decides. */
function checkForm(run: Run, context: DoorContext): void {
  const { maxBodyBytes } = context.genesis.limits
  const first = (run.blocks[0] as Block).header
  for (let i = 0; i < run.blocks.length; i++) {
    const { header } = run.blocks[i] as Block
    // Rule V2: a run is one chain's consecutive blocks.
    if (i > 0 && !equalBytes(header.member, first.member)) {
      throw new Refusal('MIXED_RUN', `run of ${short(first.member)} holds a block of ${short(header.member)}`, { position: i })
    }
    if (header.height !== first.height + i) {
      throw new Refusal('MIXED_RUN', `run from ${first.height}: height ${header.height} at position ${i}`, { position: i })
    }
    // Rule V3: genesis may allow less than the protocol.
    if (header.bodyLength > maxBodyBytes) {
      throw new Refusal('OVERSIZED_BODY', `body of ${header.bodyLength} bytes, this network allows ${maxBodyBytes}`, {
        height: header.height,
        bodyLength: header.bodyLength,
      })
    }
  }
}

/** Rule V4: only members write, under a registrar's chain that this node holds, and not beyond the end of a revoked chain. */
function checkMember(run: Run, context: DoorContext): void {
  for (const { header } of run.blocks) {
    const code = mayWrite(context.membership, header.member, header.registrarSize, header.height)
    if (code !== undefined) {
      throw new Refusal(code, `${short(header.member)} may not write block ${header.height}: ${code}`, {
        height: header.height,
        registrarSize: header.registrarSize,
      })
    }
  }
}

/** Rule V6: what is held already is compared by root; another root under a right signature is a second story. */
function checkKnown(run: Run, context: DoorContext, end: number, signed: SignedCheckpoint, authentic: () => boolean): never {
  const { known } = context
  const last = run.blocks.at(-1) as Block
  const where = { height: end - 1 }
  if (signed.size !== end || known === undefined || equalBytes(known.root, signed.root)) {
    // Rule V7: a genuine root with another block attached is the sender's doing, never the author's.
    if (known !== undefined && !equalBytes(blockHash(last.headerBytes), known.lastHash) && signed.size === end) {
      throw new Refusal('WRONG_ROOT', `another block ${end - 1} under the held root`, where)
    }
    throw new Refusal('DUPLICATE', `block ${end - 1} of ${short(last.header.member)} is held`, where)
  }
  requireAuthentic(authentic, signed)
  throw new Refusal('CONFLICT', `a second root of size ${end} signed by ${short(last.header.member)}`, where, signed)
}

/** Rule V11: a clock ahead of this node's by more than the drift allowed: ignored, since this clock may be the wrong one. */
function checkClock(run: Run, context: DoorContext): void {
  const latest = context.nowMs + context.genesis.limits.maxClockDriftMs
  for (const { header } of run.blocks) {
    if (header.sealedAt > latest) {
      throw new Refusal(
        'CLOCK_AHEAD',
        `block ${header.height} sealed ${header.sealedAt - context.nowMs} ms ahead of this clock`,
        {
          height: header.height,
          aheadMs: header.sealedAt - context.nowMs,
        },
      )
    }
  }
}

/** Rules V12 to V18: links, times, bodies, tree, and at the end the one signature. */
function checkChain(
  blocks: readonly Block[],
  run: Run,
  context: DoorContext,
  signed: SignedCheckpoint,
  authentic: () => boolean,
): Accepted {
  const { chain, genesis } = context
  const first = blocks[0] as Block
  const member = first.header.member
  const isRegistrar = equalBytes(member, genesis.registrar)
  const range = chain.range.clone()
  const hashes: Bytes[] = []
  let { lastHash, sealedAt, registrarSize } = chain
  for (const block of blocks) {
    const { header } = block
    const refuse = (code: ValidationCode, detail: string): never => {
      throw new Refusal(code, `block ${header.height} of ${short(member)}: ${detail}`, { height: header.height })
    }
    // Rule V12: each block names the hash of the one before it.
    if (!equalBytes(header.previous, lastHash)) refuse('BROKEN_LINK', 'previous is not the hash of the block before')
    // Rule V13: sealed-at never decreases, and keeps the network's smallest interval.
    if (header.height > 0 && header.sealedAt < sealedAt + genesis.limits.minBlockIntervalMs) {
      if (header.sealedAt < sealedAt) refuse('TIME_REVERSED', `sealed ${sealedAt - header.sealedAt} ms before its parent`)
      refuse(
        'TOO_SOON',
        `sealed ${header.sealedAt - sealedAt} ms after its parent, at least ${genesis.limits.minBlockIntervalMs}`,
      )
    }
    // Rule V14: the registrar's chain counts itself; every other chain never goes back to an older membership.
    if (isRegistrar ? header.registrarSize !== header.height : header.registrarSize < registrarSize) {
      refuse('WRONG_REGISTRAR_SIZE', `names registrar size ${header.registrarSize}`)
    }
    // Rule V15: the header commits to the body.
    if (!equalBytes(bodyHash(block.body), header.bodyHash)) refuse('BODY_HASH_MISMATCH', 'another body than the header names')
    checkContent(block, isRegistrar)
    lastHash = blockHash(block.headerBytes)
    sealedAt = header.sealedAt
    registrarSize = header.registrarSize
    hashes.push(lastHash)
    range.append(lastHash)
  }
  const root = range.root()
  checkEnd(run, range.size, root, signed, context, authentic)
  // Copies: what is kept must not hold on to the buffer that the run came in.
  const checkpoint: SignedCheckpoint = {
    member: member.slice(),
    size: signed.size,
    root: signed.root.slice(),
    signature: signed.signature.slice(),
  }
  const state: ChainState = { size: range.size, range, root, lastHash, sealedAt, registrarSize, checkpoint }
  return { verdict: 'accept', member: checkpoint.member, from: first.header.height, blocks, hashes, state }
}

/** Rule V16: bodies of known kinds are canonical; membership is the registrar's alone. */
function checkContent(block: Block, isRegistrar: boolean): void {
  const { kind } = block.header
  if (kind === KIND_READINGS) decodeTables(bodyContent(block.body))
  else if (kind === KIND_EVENT) decodeEvents(bodyContent(block.body))
  else if (kind === KIND_MEMBERSHIP) {
    if (!isRegistrar) {
      throw new Refusal('WRONG_KIND', `membership block ${block.header.height} in a chain that is not the registrar's`)
    }
    decodeMembershipBody(bodyContent(block.body))
  }
}

/** Rules V17 and V18: the tree ends in the signed root, or in a prefix of it, and the signature is the member's. */
function checkEnd(
  run: Run,
  size: number,
  root: Bytes,
  signed: SignedCheckpoint,
  context: DoorContext,
  authentic: () => boolean,
): void {
  if (run.end.type === 'signed') {
    if (!equalBytes(root, signed.root)) {
      throw new Refusal('WRONG_ROOT', `blocks up to ${size - 1} of ${short(signed.member)} do not make the signed root`, { size })
    }
  } else if (signed.size <= size || !verifyConsistency(size, root, signed.size, signed.root, run.end.proof)) {
    throw new Refusal('WRONG_PROOF', `blocks up to ${size - 1} are no prefix of the checkpoint of size ${signed.size}`, { size })
  }
  const held = context.chain.checkpoint
  // A checkpoint that was checked when it came is not checked again: a catch-up names the same one in every batch.
  const checked =
    held !== undefined &&
    held.size === signed.size &&
    equalBytes(held.root, signed.root) &&
    equalBytes(held.signature, signed.signature)
  if (!checked) requireAuthentic(authentic, signed)
}

function signedCheckpoint(run: Run, member: Bytes, end: number): SignedCheckpoint {
  const size = run.end.type === 'signed' ? end : run.end.size
  return { member, size, root: run.end.root, signature: run.end.signature }
}

function isAuthentic(signed: SignedCheckpoint, context: DoorContext): boolean {
  return verifyCheckpoint(context.verify, context.genesis.networkId, signed)
}

function requireAuthentic(authentic: () => boolean, signed: SignedCheckpoint): void {
  if (!authentic()) {
    throw new Refusal(
      'BAD_SIGNATURE',
      `checkpoint of size ${signed.size}: not signed by ${short(signed.member)} for this network`,
      {
        size: signed.size,
      },
    )
  }
}

function once(decide: () => boolean): () => boolean {
  let answer: boolean | undefined
  return () => {
    answer ??= decide()
    return answer
  }
}

function short(key: Bytes): string {
  let text = ''
  for (let i = 0; i < 4; i++) text += (key[i] as number).toString(16).padStart(2, '0')
  return text
}
