import {
  type AddCheckpointRequest,
  type Bytes,
  cosignedResponse,
  decideAddCheckpoint,
  decodeSignedAttestation,
  type Epochs,
  equalBytes,
  formatNote,
  type Genesis,
  isWattnessError,
  type Leaf,
  logVerifierKey,
  type Member,
  type Membership,
  malformedResponse,
  type NoteSignature,
  noteKeyId,
  parseAddCheckpointRequest,
  parseCheckpointOrigin,
  parseNote,
  type Signer,
  sha256,
  signCosignature,
  toHex,
  toUtf8,
  unavailableResponse,
  type VerifierKey,
  type VerifySignature,
  type WitnessResponse,
  witnessName,
} from '../../protocol/index.ts'
import type { Clock } from '../platform.ts'
import type { LedgerStore, SignedLeaf } from '../store/index.ts'
import type { OwnChains } from './own-chains.ts'
import type { SigningTurn } from './signing-turn.ts'

/** Requests that wait for their turn, over all ways by which they come; each holds at most 68 kB. */
export const MAX_COSIGN_WAITING = 64

export interface CosignDeskInit {
  readonly store: LedgerStore
  readonly genesis: Genesis
  readonly signer: Signer
  readonly verify: VerifySignature
  readonly clock: Pick<Clock, 'now'>
  readonly chains: OwnChains
  readonly epochs: () => Epochs
  /** Members that count: of other chains no leaf is signed. */
  readonly membership: () => Membership
  /** Whether anything may be signed yet. */
  readonly isOpen: () => boolean
  /** Shared with whoever else signs as this witness. */
  readonly turn: SigningTurn
  /** A cosigned leaf is in the record, and is to be attested as well. */
  readonly onRecorded: () => void
}

/** Answers requests for cosignatures of every member's chain: rules P10 to P12. */
export class CosignDesk {
  readonly #init: CosignDeskInit
  /** By SHA-256 of the origin, in hex: the newest cosigned checkpoint of each member's chain. */
  readonly #cosigned = new Map<string, string>()
  #waiting = 0
  #stopped = false

  constructor(init: CosignDeskInit) {
    this.#init = init
  }

  /** The body of a request as it came. Throws what is a fault of this node: nothing is signed then. */
  async answer(body: Bytes): Promise<WitnessResponse> {
    if (this.#waiting >= MAX_COSIGN_WAITING) return unavailableResponse('more requests wait here than may; ask again')
    this.#waiting++
    try {
      const request = parseAddCheckpointRequest(body)
      return await this.#init.turn.run(() => this.#answer(request))
    } catch (error) {
      if (isWattnessError(error, 'WITNESS_HALTED')) return unavailableResponse(error.message)
      return malformedResponse(error)
    } finally {
      this.#waiting--
    }
  }

  /** Nothing is signed once it has resolved. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#init.turn.run(() => Promise.resolve())
  }

  /** The newest checkpoint, cosigned since the start, of the log whose origin has this hash: for monitors. */
  cosigned(originHash: string): string | undefined {
    return this.#cosigned.get(originHash)
  }

  async #answer(request: AddCheckpointRequest): Promise<WitnessResponse> {
    const member = this.#memberOf(request)
    const recorded = member && this.#init.store.witness.signedLeaf(member.key)
    const decision = this.#decide(request, member, recorded)
    if (decision.type === 'refuse') return decision.response
    // Without a member the decision was 404.
    const { key, index } = member as Member
    const leaf = decision.record
    const why = await this.#refusal(index, leaf, recorded)
    if (why !== undefined) return unavailableResponse(why)
    const refused = await this.#record(key, leaf, recorded)
    if (refused === 'moved') return this.#answer(request)
    if (refused !== undefined) return unavailableResponse(refused)
    // Rule P11: the record is on the disk, and nothing came between it and this.
    return cosignedResponse([this.#sign(request, key)])
  }

  #memberOf({ checkpoint }: AddCheckpointRequest): Member | undefined {
    const { genesis, membership } = this.#init
    const names = parseCheckpointOrigin(checkpoint.origin)
    return names !== undefined && equalBytes(names.networkId, genesis.networkId) ? membership().member(names.member) : undefined
  }

  #decide(
    request: AddCheckpointRequest,
    member: Member | undefined,
    recorded: Leaf | undefined,
  ): ReturnType<typeof decideAddCheckpoint> {
    const { verify, genesis } = this.#init
    const log = member && { keys: [logVerifierKey(genesis.networkId, member.key)], recorded }
    return decideAddCheckpoint(verify, request, log)
  }

  /** Rule P12: why this leaf is not signed, for a person; undefined where it is. */
  async #refusal(index: number, leaf: Leaf, recorded: SignedLeaf | undefined): Promise<string | undefined> {
    const { store, chains, epochs, membership, signer, isOpen } = this.#init
    const { halted, record } = store.witness
    if (this.#stopped) return 'this node is stopping'
    if (halted !== undefined) return `this witness signs no more: ${halted}`
    if (!isOpen()) return 'this witness has not heard enough of its neighbours since it started'
    const { size } = leaf
    if (size === 0) return 'there is no block to cosign'
    const isHeld = await chains.isOn(index, leaf)
    if (isHeld === undefined) return `of these ${size} blocks ${chains.size(index)} are held here`
    if (!isHeld) return `the first ${size} blocks held here are others`
    const number = await chains.epochOf(index, size)
    const self = membership().member(signer.publicKey)?.index
    if (self === undefined || epochs().get(number)?.witnesses.includes(self) !== true) {
      return `this node is no witness of epoch ${number}, of which the checkpoint is`
    }
    const isSame = recorded?.size === size
    if (number === record.epoch && !record.closing && !this.#isFrozen(index)) return undefined
    // What it has attested it may repeat at any time: that says nothing new.
    if (isSame && (await this.#hasAttested(index, size, number))) return undefined
    if (number !== record.epoch) return `the checkpoint is of epoch ${number}, and this witness signs in epoch ${record.epoch}`
    return record.closing ? `this witness has closed epoch ${number}` : 'nothing more is signed of this chain'
  }

  /** Rule W9. */
  #isFrozen(index: number): boolean {
    const { store, membership } = this.#init
    const member = membership().at(index)
    return member === undefined || member.revoked !== undefined || store.quarantined(member.key)
  }

  /** An attestation of this witness's own has counted for these blocks, in the epoch that is theirs (rules W10 and W11). */
  async #hasAttested(index: number, size: number, epoch: number): Promise<boolean> {
    const { store, chains, signer } = this.#init
    const stored = await store.witness.attestations.get(epoch, signer.publicKey)
    // The newest stands in the record as well, which is never lost.
    for (const bytes of [stored?.bytes, store.witness.record.attestation]) {
      if (bytes === undefined || bytes.length === 0) continue
      const attestation = decodeSignedAttestation(bytes)
      const attested = attestation.frontier[index] ?? 0
      if (attestation.epoch !== epoch || attested < size) continue
      const named = attestation.named.find((leaf) => leaf.index === index)
      if (named !== undefined && (await chains.isOn(index, named)) !== true) continue
      // A record never goes back: an attested leaf is at most the recorded one, which is held.
      if ((await chains.epochOf(index, attested)) === epoch) return true
    }
    return false
  }

  /** Rule P11: compares and replaces the record in one write; 'moved' where it was not the compared one any more. */
  async #record(member: Bytes, leaf: Leaf, recorded: SignedLeaf | undefined): Promise<'moved' | string | undefined> {
    const { store, onRecorded } = this.#init
    // What is recorded already needs no write.
    if (leaf.size === recorded?.size) return store.witness.signedLeaf(member) === recorded ? undefined : 'moved'
    try {
      await store.witness.sign({ leaves: [{ member, ...leaf, expectedSize: recorded?.size ?? 0 }] })
    } catch (error) {
      if (!isWattnessError(error, 'SIGNED_LEAF_CONFLICT')) throw error
      return error.data['fault'] === 'moved' ? 'moved' : error.message
    }
    onRecorded()
    return undefined
  }

  #sign({ text, note, checkpoint }: AddCheckpointRequest, member: Bytes): NoteSignature {
    const { signer, genesis, clock } = this.#init
    const name = witnessName(genesis.networkId, signer.publicKey)
    const cosignature = signCosignature(signer, name, text, Math.floor(clock.now() / 1_000))
    const own = signatureOf(note, logVerifierKey(genesis.networkId, member))
    this.#cosigned.set(toHex(sha256(toUtf8(checkpoint.origin))), formatNote(text, [own, cosignature]))
    return cosignature
  }
}

/** The log's own line of a note that holds one. */
function signatureOf(note: string, { name, type, key }: VerifierKey): NoteSignature {
  const keyId = noteKeyId(name, type, key)
  return parseNote(note).signatures.find((line) => line.name === name && equalBytes(line.keyId, keyId)) as NoteSignature
}
