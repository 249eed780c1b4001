import {
  type Bytes,
  conflictSize,
  EMPTY_CHAIN,
  type Epoch,
  type Epochs,
  formatAddCheckpointRequest,
  formatSignedCheckpointNote,
  type Genesis,
  isWattnessError,
  type Leaf,
  type Member,
  makeProofFile,
  type NoteSignature,
  type ProofFile,
  parseNote,
  readCosignature,
  type SignedAttestation,
  type SignedCheckpoint,
  toHex,
  type VerifySignature,
  WattnessError,
  type WitnessResponse,
  witnessVerifierKey,
} from '../../protocol/index.ts'
import type { Clock, Timers } from '../platform.ts'
import type { HeldBlock, LedgerStore, StoredBlock } from '../store/index.ts'
import type { OwnChains } from './own-chains.ts'
import { proveMembership } from './registrar-proof.ts'

/** From the question to the answer, whatever witnesses do; whoever waits at the control socket waits 30 s. */
export const PROVE_MS = 25_000
/** Between two rounds: a witness fetches what it lacks, and a newer checkpoint comes. */
export const ROUND_MS = 500
/** One finds out what a witness has recorded, the next one follows; more where it attests meanwhile. */
export const MAX_TRIES = 4
/** Proofs that are being made at once. */
export const MAX_PROVING = 4

export interface ProverInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly verify: VerifySignature
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  readonly chains: OwnChains
  readonly epochs: () => Epochs
  readonly ownLeavesOf: (attestation: SignedAttestation) => Promise<readonly Leaf[] | undefined>
  /** Hands a request to a witness, this node itself among them; rejects where it cannot be asked. */
  readonly ask: (witness: Bytes, request: string, signal: AbortSignal) => Promise<WitnessResponse>
}

/** What came of asking one witness. */
type Outcome =
  | { readonly type: 'cosigned'; readonly line: NoteSignature }
  | { readonly type: 'ahead'; readonly size: number }
  | { readonly type: 'refused'; readonly detail: string }

/** One checkpoint, and what its witnesses have said to it so far; by member index. */
interface Collection {
  readonly checkpoint: SignedCheckpoint
  readonly epoch: Epoch
  readonly lines: Map<number, NoteSignature>
  readonly asked: Set<number>
  readonly refusals: Map<number, Exclude<Outcome, { type: 'cosigned' }>>
  /** Ends what is still being asked. */
  readonly end: AbortController
}

/** Collects cosignatures of one chain's checkpoint, and makes the proof file of one block (rules P10 to P19). */
export class Prover {
  readonly #init: ProverInit
  #proving = 0
  #stopped = false

  constructor(init: ProverInit) {
    this.#init = init
  }

  /**
   * Throws BLOCK_UNKNOWN, BODY_PRUNED, CHECKPOINT_UNKNOWN, NO_WITNESSES, NOT_FINAL, QUORUM_MISSING with what each witness said,
   * PROVING_BUSY for more at once than MAX_PROVING.
   */
  async prove(member: Member, height: number): Promise<ProofFile> {
    const block = await this.#init.store.readBlock(member.key, height)
    if (block === undefined) {
      const size = this.#init.chains.size(member.index)
      const data = { member: member.keyHex, height, size }
      throw new WattnessError('BLOCK_UNKNOWN', `block ${height} of member ${member.index} is not held: it has ${size} here`, data)
    }
    if (this.#proving >= MAX_PROVING) throw new WattnessError('PROVING_BUSY', `${MAX_PROVING} proofs are being made already`)
    this.#proving++
    try {
      return await this.#file(block, await this.#collect(member, height))
    } finally {
      this.#proving--
    }
  }

  /** Whoever still waits for a proof is told. */
  stop(): void {
    this.#stopped = true
  }

  async #collect(member: Member, height: number): Promise<Collection> {
    const { clock } = this.#init
    const endMs = clock.monotonicMs() + PROVE_MS
    let collection: Collection | undefined
    try {
      for (;;) {
        collection = await this.#renewed(member, height, collection)
        await this.#round(member, collection)
        if (collection.lines.size >= (collection.epoch.quorum as number)) return collection
        if (this.#stopped) throw new WattnessError('NETWORK_STOPPED', 'the node stopped while a proof was made')
        if (clock.monotonicMs() >= endMs) throw quorumMissing(collection)
      }
    } finally {
      collection?.end.abort(new Error('nobody waits for the answer any more'))
    }
  }

  /** What is collected already, unless a witness has signed more: it signs nothing older, and a newer checkpoint is taken. */
  async #renewed(member: Member, height: number, current: Collection | undefined): Promise<Collection> {
    const isOutrun = [...(current?.refusals.values() ?? [])].some(({ type }) => type === 'ahead')
    if (current !== undefined && !isOutrun) return current
    const checkpoint = await this.#checkpoint(member)
    if (checkpoint === undefined || checkpoint.size <= height) {
      const data = { member: member.keyHex, height }
      throw new WattnessError('CHECKPOINT_UNKNOWN', `no signature over block ${height} of member ${member.index} is held`, data)
    }
    if (current?.checkpoint.size === checkpoint.size) return current
    current?.end.abort(new Error('a newer checkpoint is asked for'))
    const epoch = await this.#epochOf(member, checkpoint.size)
    return { checkpoint, epoch, lines: new Map(), asked: new Set(), refusals: new Map(), end: new AbortController() }
  }

  /** The newest that its witnesses may sign: of a revoked chain, at its end. */
  async #checkpoint({ key, revoked }: Member): Promise<SignedCheckpoint | undefined> {
    const { store } = this.#init
    const head = store.head(key) ?? EMPTY_CHAIN
    const size = Math.min(head.size, revoked?.endSize ?? head.size)
    return head.checkpoint?.size === size ? head.checkpoint : store.signatureAtOrBelow(key, size - 1)
  }

  async #epochOf({ index }: Member, size: number): Promise<Epoch> {
    const { chains, epochs } = this.#init
    const epoch = epochs().get(await chains.epochOf(index, size)) as Epoch
    if (epoch.quorum !== undefined) return epoch
    const text = `epoch ${epoch.number} of the network has no witnesses: nothing in it can be proven`
    throw new WattnessError('NO_WITNESSES', text, { epoch: epoch.number })
  }

  /** Asks every witness that has not cosigned and is not being asked; ends with the quorum, or after its time. */
  #round(member: Member, collection: Collection): Promise<void> {
    const { epoch, lines, asked, refusals } = collection
    return new Promise((resolve) => {
      const timer = this.#init.timers.set(ROUND_MS, resolve)
      for (const index of epoch.witnesses) {
        if (lines.has(index) || asked.has(index)) continue
        asked.add(index)
        void this.#ask(member, collection, index).then((outcome) => {
          asked.delete(index)
          if (outcome.type === 'cosigned') lines.set(index, outcome.line)
          else refusals.set(index, outcome)
          if (lines.size < (epoch.quorum as number)) return
          this.#init.timers.clear(timer)
          resolve()
        })
      }
    })
  }

  /** Never rejects. */
  async #ask(member: Member, { checkpoint, end }: Collection, index: number): Promise<Outcome> {
    const { store, chains, genesis, verify, ask } = this.#init
    const key = chains.key(index) as Bytes
    const note = formatSignedCheckpointNote(genesis.networkId, checkpoint)
    const { size } = checkpoint
    // Most have attested just this.
    let recorded = size
    try {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const proof = recorded === 0 || recorded === size ? [] : await store.consistencyProof(member.key, recorded, size)
        const { status, body } = await ask(key, formatAddCheckpointRequest(recorded, proof, note), end.signal)
        if (status === 200) {
          const witness = witnessVerifierKey(genesis.networkId, key)
          return { type: 'cosigned', line: readCosignature(verify, body, parseNote(note).text, witness) }
        }
        const signed = status === 409 ? conflictSize(body) : undefined
        if (signed === undefined) return { type: 'refused', detail: `${status}: ${body.trim().slice(0, 200)}` }
        if (signed > size) return { type: 'ahead', size: signed }
        recorded = signed
      }
      return { type: 'refused', detail: 'signs more each time it is asked' }
    } catch (error) {
      const detail = isWattnessError(error) ? error.message : 'cannot be asked'
      return { type: 'refused', detail }
    }
  }

  async #file({ header, headerBytes, body }: StoredBlock, { checkpoint, epoch, lines }: Collection): Promise<ProofFile> {
    const { store, genesis, chains } = this.#init
    const { member, size } = checkpoint
    const last = header.height === size - 1 ? header : (await this.#blockAt(member, size - 1)).header
    const end = last === header ? undefined : await this.#endOf(member, size)
    return makeProofFile({
      genesis,
      block: { headerBytes, body },
      checkpoint,
      inclusion: await store.inclusionProof(member, header.height, size),
      cosignatures: [...lines.values()],
      witnesses: epoch.witnesses.map((index) => chains.key(index) as Bytes),
      quorum: epoch.quorum as number,
      membership: await proveMembership(this.#init, last.registrarSize),
      ...(end === undefined ? {} : { end }),
    })
  }

  async #endOf(member: Bytes, size: number): Promise<{ header: Bytes; inclusion: Bytes[] }> {
    const { headerBytes } = await this.#blockAt(member, size - 1)
    return { header: headerBytes, inclusion: await this.#init.store.inclusionProof(member, size - 1, size) }
  }

  async #blockAt(member: Bytes, height: number): Promise<HeldBlock> {
    const [block] = await this.#init.store.readHeld(member, height, 1)
    if (block !== undefined) return block
    throw new WattnessError('STORE_CONFLICT', `chain ${toHex(member)} changed while a proof of it was made`, { height })
  }
}

function quorumMissing({ checkpoint, epoch, lines, refusals }: Collection): WattnessError {
  const answers = epoch.witnesses
    .filter((index) => !lines.has(index))
    .map((index) => ({ witness: index, answer: answerText(refusals.get(index)) }))
  const said = answers.map(({ witness, answer }) => `member ${witness}: ${answer}`).join('; ')
  const { length } = epoch.witnesses
  const text = `${lines.size} of ${length} witnesses cosigned ${checkpoint.size} blocks, ${epoch.quorum} are needed: ${said}`
  return new WattnessError('QUORUM_MISSING', text, { found: lines.size, quorum: epoch.quorum, answers })
}

function answerText(refusal: Exclude<Outcome, { type: 'cosigned' }> | undefined): string {
  if (refusal === undefined) return 'no answer'
  return refusal.type === 'ahead' ? `has signed ${refusal.size} blocks already` : refusal.detail
}
