import { equalBytes, toHex } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Leaf } from '../../protocol/frames.ts'
import { MAX_MEMBERS } from '../../protocol/limits.ts'
import { type Acceptance, rootWithin } from './acceptance.ts'
import { ATTESTATION_KIND, AttestationTable, CLOSING_KIND, type StoredAttestation } from './attestation-table.ts'
import { type Damage, keptKey, memberText } from './chain-entry.ts'
import type { Kv } from './kv.ts'
import { readWitness } from './witness-memory.ts'
import {
  type FinalLeaf,
  finalOperation,
  NO_WITNESS,
  type SignedLeaf,
  type StoredWitness,
  signedLeafOperation,
  type WitnessRecord,
  witnessOperation,
} from './witness-records.ts'
import type { StoreWriter } from './writer.ts'

/** What the records of witnessing need to know of the chains they are about. */
export interface HeldChains {
  sizeOf(member: Uint8Array): number
  rootAt(member: Uint8Array, size: number): Promise<Uint8Array | undefined>
  /** Runs `act` alone: no block is stored and no chain is changed meanwhile. */
  inTurn<T>(act: () => Promise<T>): Promise<T>
}

/** A leaf that is about to be signed. */
export interface LeafChange extends Leaf {
  readonly member: Uint8Array
  /** Signed only where this is the size that is recorded (0: none): compare and set. */
  readonly expectedSize?: number
}

/** Everything that one signature needs on the disk before it leaves. */
export interface WitnessWrite {
  /** Leaves that are not the recorded ones. */
  readonly leaves: readonly LeafChange[]
  /** Absent for a cosignature, which is no attestation. With a later epoch than the recorded one, leaves may go back. */
  readonly record?: WitnessRecord
  readonly attestations?: readonly StoredAttestation[]
  readonly closings?: readonly StoredAttestation[]
}

/** Where a chain must lead that is held no further than this. */
export interface OwedLeaf extends Leaf {
  readonly isFinal: boolean
}

/** Chains that may have a record: every member of a full network, and as many from before it was mended. */
const MAX_LEAVES = 4 * MAX_MEMBERS

/** What this node signed as a witness, what is final, and the attestations that say so. Behind the store's one writer. */
export class WitnessStore {
  /** The newest of each witness in each epoch. Written unsynced: they can be had again. */
  readonly attestations: AttestationTable
  /** Kept with the registrar's chain, for ever. */
  readonly closings: AttestationTable
  readonly #kv: Kv
  readonly #writer: StoreWriter
  readonly #chains: HeldChains
  #leaves = new Map<string, SignedLeaf>()
  #finals = new Map<string, FinalLeaf>()
  #witness: StoredWitness = NO_WITNESS

  constructor(kv: Kv, writer: StoreWriter, chains: HeldChains) {
    this.#kv = kv
    this.#writer = writer
    this.#chains = chains
    this.attestations = new AttestationTable(kv, writer, ATTESTATION_KIND)
    this.closings = new AttestationTable(kv, writer, CLOSING_KIND)
  }

  /** Reads everything anew, once the chains are loaded. Damage is reported; that of what was signed halts. */
  async load(damage: Damage[]): Promise<void> {
    const { leaves, finals, witness } = await readWitness(this.#kv, damage)
    for (const [text, leaf] of leaves) {
      if (leaf.left || (await this.#agrees(leaf))) continue
      damage.push({ ...contradiction(leaf, 'what this node signed as a witness'), kind: 'witness' })
      leaves.set(text, { ...leaf, left: true })
    }
    for (const leaf of finals.values()) {
      if (!(await this.#agrees(leaf))) damage.push({ ...contradiction(leaf, 'what is final'), kind: 'final' })
    }
    await this.attestations.load(damage)
    await this.closings.load(damage)
    this.#leaves = leaves
    this.#finals = finals
    this.#witness = witness
  }

  async #agrees({ member, size, root }: Leaf & { member: Uint8Array }): Promise<boolean> {
    const held = await this.#chains.rootAt(member, size)
    return held === undefined || equalBytes(held, root)
  }

  /** What a witness goes on from. Sequence 0 where it has signed no attestation yet. */
  get record(): WitnessRecord {
    return this.#witness
  }

  /** Why this node must not witness any more under its key; undefined: it may. */
  get halted(): string | undefined {
    return this.#witness.halted === '' ? undefined : this.#witness.halted
  }

  /** What this node signed last of a member's chain. */
  signedLeaf(member: Uint8Array): SignedLeaf | undefined {
    return this.#leaves.get(memberText(member))
  }

  signedLeaves(): Iterable<SignedLeaf> {
    return this.#leaves.values()
  }

  final(member: Uint8Array): FinalLeaf | undefined {
    return this.#finals.get(memberText(member))
  }

  finals(): Iterable<FinalLeaf> {
    return this.#finals.values()
  }

  /**
   * Where blocks were lost that this node signed, or that are final: only blocks that lead to this leaf are to be taken back.
   * Undefined where nothing is missing. A branch that was left for the final one is not owed.
   */
  owed(member: Uint8Array): OwedLeaf | undefined {
    const held = this.#chains.sizeOf(member)
    const leaf = this.signedLeaf(member)
    const final = this.final(member)
    const signed = leaf === undefined || leaf.left || leaf.size <= held ? undefined : leaf
    if (final !== undefined && final.size > held && final.size >= (signed?.size ?? 0)) return owedOf(final, true)
    return signed === undefined ? undefined : owedOf(signed, false)
  }

  /**
   * Everything in one synced write: leaves, record, attestations. Only once this has resolved may the signature leave. Throws
   * WITNESS_HALTED, WITNESS_REVERSED for an epoch or sequence before the recorded one, SIGNED_LEAF_CONFLICT (with `fault` in
   * its data) for a leaf that contradicts what was signed or is not of the chain that is held. Nothing is written then.
   */
  sign(write: WitnessWrite): Promise<void> {
    return this.#alone(async () => {
      const { record = this.#witness, attestations = [], closings = [] } = write
      if (this.halted !== undefined) throw new WattnessError('WITNESS_HALTED', `witness: ${this.halted}`, { reason: this.halted })
      assertFollows(this.#witness, record)
      const changed = new Map<string, SignedLeaf>()
      const isEntering = record.epoch > this.#witness.epoch
      for (const change of write.leaves) {
        const text = memberText(change.member)
        changed.set(text, await this.#signable(change, changed.get(text) ?? this.#leaves.get(text), isEntering))
      }
      const leaves = this.#leaves.size + [...changed.keys()].filter((text) => !this.#leaves.has(text)).length
      if (leaves > MAX_LEAVES)
        throw new WattnessError('LIMIT_EXCEEDED', `signed leaves: at most ${MAX_LEAVES}`, { limit: MAX_LEAVES })
      const { epoch, sequence, closing, attestation } = record
      const witness = { epoch, sequence, closing, attestation, leaves, halted: '' }
      const operations = [...changed.values()].map(signedLeafOperation)
      operations.push(witnessOperation(witness))
      operations.push(...this.attestations.operations(attestations), ...this.closings.operations(closings))
      await this.#writer.write(operations, true)
      for (const [text, leaf] of changed) this.#leaves.set(text, leaf)
      this.#witness = witness
      this.attestations.stored(attestations)
      this.closings.stored(closings)
    })
  }

  async #signable(change: LeafChange, signed: SignedLeaf | undefined, isEntering: boolean): Promise<SignedLeaf> {
    const { size, root, expectedSize } = change
    const member = keptKey(change.member)
    const refuse = (fault: LeafFault): never => {
      throw new WattnessError(
        'SIGNED_LEAF_CONFLICT',
        `leaf ${size} of ${toHex(member).slice(0, 16)}… (${signed?.size ?? 0} signed before): ${FAULT_WORDS[fault]}`,
        { member: toHex(member), size, signedSize: signed?.size ?? 0, fault },
      )
    }
    if (expectedSize !== undefined && expectedSize !== (signed?.size ?? 0)) refuse('moved')
    const held = await this.#chains.rootAt(member, size)
    const isHeld = held !== undefined && equalBytes(held, root)
    const next = { member, size, root: root.slice(), left: false }
    if (isEntering) return { ...next, left: held !== undefined && !isHeld }
    if (signed !== undefined) {
      if (signed.size > size) refuse('back')
      if (signed.left || (signed.size === size && !equalBytes(signed.root, root))) refuse('other-branch')
    }
    if (held === undefined) refuse('not-held')
    if (!isHeld) refuse('other-branch')
    return next
  }

  /**
   * Moves what is final forward, all or nothing, on the disk when it resolves; `attestations` that made it so go along, and are
   * written where nothing moves too, not synced then. Throws FINAL_REVERSED for less than was final, FINAL_CONFLICT for what is
   * not of the chain that is held: the final branch is to be fetched first (`replaceTail`).
   */
  setFinal(changes: readonly FinalLeaf[], attestations: readonly StoredAttestation[] = []): Promise<void> {
    return this.#alone(async () => {
      const changed = new Map<string, FinalLeaf>()
      for (const change of changes) {
        const text = memberText(change.member)
        const before = changed.get(text) ?? this.#finals.get(text)
        const { size, root, epoch } = change
        const isSame = before?.size === size && equalBytes(before.root, root)
        if (isSame) continue
        if (before !== undefined && size <= before.size)
          throw finalError('FINAL_REVERSED', change, `${before.size} were final before`)
        const held = await this.#chains.rootAt(change.member, size)
        if (held === undefined) throw finalError('FINAL_CONFLICT', change, `${this.#chains.sizeOf(change.member)} are held`)
        if (!equalBytes(held, root)) throw finalError('FINAL_CONFLICT', change, 'another branch is held')
        changed.set(text, { member: keptKey(change.member), size, root: root.slice(), epoch })
      }
      if (changed.size === 0 && attestations.length === 0) return
      const operations = [...[...changed.values()].map(finalOperation), ...this.attestations.operations(attestations)]
      await this.#writer.write(operations, changed.size > 0)
      for (const [text, leaf] of changed) this.#finals.set(text, leaf)
      this.attestations.stored(attestations)
    })
  }

  /** For ever: this node has signed more than its record says, or cannot tell. On the disk when it resolves. */
  halt(reason: string): Promise<void> {
    return this.#alone(async () => {
      const witness = { ...this.#witness, leaves: this.#leaves.size, halted: reason === '' ? 'halted' : reason }
      await this.#writer.write([witnessOperation(witness)], true)
      this.#witness = witness
    })
  }

  #alone(act: () => Promise<void>): Promise<void> {
    return this.#chains.inTurn(async () => {
      await this.#writer.ready()
      await act()
    })
  }

  /**
   * For new blocks at a chain's end; `text`: the member as memberText, which whoever stores a block has at hand. Throws
   * SIGNED_LEAF_CONFLICT or FINAL_CONFLICT where they lead elsewhere than to what is owed.
   */
  assertLeads(text: string, before: ChainState, acceptance: Acceptance): void {
    const leaf = this.#leaves.get(text)
    if (leaf !== undefined && !leaf.left && leaf.size > before.size && leadsElsewhere(before, acceptance, leaf)) {
      throw owedError('SIGNED_LEAF_CONFLICT', acceptance, leaf, 'signed before')
    }
    this.assertLeadsToFinal(text, before, acceptance)
  }

  assertLeadsToFinal(text: string, before: ChainState, acceptance: Acceptance): void {
    const final = this.#finals.get(text)
    if (final !== undefined && final.size > before.size && leadsElsewhere(before, acceptance, final)) {
      throw owedError('FINAL_CONFLICT', acceptance, final, 'that are final')
    }
  }

  /**
   * For a chain whose tail is replaced: the leaf signed of it, where that changes. Which of two branches leads to a leaf that
   * neither reaches, nobody can tell here: then it stays as it was. `rootBefore` gives roots of the branch that is left.
   */
  async replaced(
    before: ChainState,
    below: ChainState,
    acceptance: Acceptance,
    rootBefore: (size: number) => Promise<Uint8Array>,
  ): Promise<SignedLeaf | undefined> {
    const leaf = this.signedLeaf(acceptance.member)
    if (leaf === undefined || leaf.size <= below.size) return undefined
    const after = acceptance.state
    const isReached = after.size >= leaf.size
    if (!isReached && (leaf.left || before.size < leaf.size)) return undefined
    const left = isReached ? leadsElsewhere(below, acceptance, leaf) : !equalBytes(await rootBefore(after.size), after.root)
    return left === leaf.left ? undefined : { ...leaf, left }
  }

  /** Once the write has succeeded that `replaced` asked for. */
  setLeaf(leaf: SignedLeaf): void {
    this.#leaves.set(memberText(leaf.member), leaf)
  }
}

/** Why a leaf is not signed. */
export type LeafFault = 'moved' | 'back' | 'other-branch' | 'not-held'

const FAULT_WORDS: Readonly<Record<LeafFault, string>> = {
  moved: 'something else was signed meanwhile',
  back: 'it goes back',
  'other-branch': 'it is of another branch',
  'not-held': 'its blocks are not held',
}

const owedOf = ({ size, root }: Leaf, isFinal: boolean): OwedLeaf => ({ size, root, isFinal })

function assertFollows(before: WitnessRecord, { epoch, sequence, closing, attestation }: WitnessRecord): void {
  const isNew = sequence > before.sequence
  const isSame = sequence === before.sequence && equalBytes(attestation, before.attestation)
  const isReopened = epoch === before.epoch && before.closing && !closing
  if (epoch >= before.epoch && (isNew || isSame) && !isReopened) return
  throw new WattnessError(
    'WITNESS_REVERSED',
    `witness: epoch ${epoch}, sequence ${sequence} after epoch ${before.epoch}, sequence ${before.sequence}`,
    { epoch, sequence, recordedEpoch: before.epoch, recordedSequence: before.sequence },
  )
}

function leadsElsewhere(before: ChainState, acceptance: Acceptance, { size, root }: Leaf): boolean {
  const found = rootWithin(before, acceptance, size)
  return found !== undefined && !equalBytes(found, root)
}

function contradiction({ member, size }: Leaf & { member: Uint8Array }, what: string): Damage {
  return { what: `the first ${size} blocks held are not ${what}`, member }
}

function finalError(code: string, { member, size }: FinalLeaf, found: string): WattnessError {
  return new WattnessError(code, `chain ${toHex(member).slice(0, 16)}…: ${size} blocks cannot become final: ${found}`, {
    member: toHex(member),
    size,
  })
}

function owedError(code: string, { member, state }: Acceptance, { size }: Leaf, which: string): WattnessError {
  return new WattnessError(
    code,
    `chain ${toHex(member).slice(0, 16)}…: ${state.size} blocks do not lead to the ${size} ${which}`,
    { member: toHex(member), size: state.size, owedSize: size },
  )
}
