import {
  type Bytes,
  equalBytes,
  isWattnessError,
  type Membership,
  type MembershipOperation,
  WattnessError,
} from '../protocol/index.ts'
import type { NodeEmitter } from './events.ts'
import type { Sealed, Sealer, SealGate } from './seal/index.ts'
import type { Session } from './sync/index.ts'

const TWO_HISTORIES = 'this key has signed two histories: another node runs under it, or an old copy did'

const SEALS_NOTHING = 'this node only takes what its neighbours give'

export interface OwnChainInit {
  readonly key: Bytes
  /** False: nothing is written here as long as this node runs. */
  readonly seals: boolean
  readonly membership: () => Membership
  readonly sealer: Sealer
  readonly gate: SealGate
  readonly events: NodeEmitter
  readonly waitingRows: () => number
  /** A block is on disk and may be seen. */
  readonly onSealed: (sealed: Sealed) => void
}

/** The chain that this node writes itself: what is sealed, when that is held back, and what others say of it. */
export class OwnChain {
  readonly #init: OwnChainInit
  #closedFor: string | undefined
  /** Why the newest attempt failed, until one succeeds. */
  #failure: string | undefined
  /** Why the newest readings were not taken, until some are. */
  #refused: string | undefined

  constructor(init: OwnChainInit) {
    this.#init = init
  }

  /** Why this node does not seal at present, be it not allowed or not able to; undefined when it may and can. */
  heldBack(): string | undefined {
    return this.refusal() ?? (this.#init.waitingRows() > 0 ? this.#failure : undefined) ?? this.#refused
  }

  /** Why this node may not seal; undefined when it may. What failed is no reason: it is tried again. */
  refusal(): string | undefined {
    const { seals, gate, events } = this.#init
    const reason = seals ? gate.heldBack() : SEALS_NOTHING
    if (reason !== this.#closedFor) {
      this.#closedFor = reason
      events.emit('heldBack', { reason })
    }
    return reason
  }

  /** Seals one block of what waits, now; undefined when nothing does. Throws SEAL_HELD_BACK, SEAL_FAILED. */
  async sealNow(): Promise<Sealed | undefined> {
    this.#assertMaySeal()
    try {
      const sealed = await this.#init.sealer.sealNext()
      if (sealed !== undefined) this.onSealed(sealed)
      return sealed
    } catch (error) {
      this.onSealFailed(error)
      throw error
    }
  }

  /** Throws as `sealNow` does. */
  async sealMembership(operations: readonly MembershipOperation[]): Promise<Sealed> {
    this.#assertMaySeal()
    const sealed = await this.#init.sealer.sealMembership(operations)
    this.onSealed(sealed)
    return sealed
  }

  onSealed(sealed: Sealed): void {
    this.#failure = undefined
    this.#init.onSealed(sealed)
    this.#init.events.emit('sealed', { height: sealed.height, rows: sealed.rows })
  }

  onSealFailed(error: unknown): void {
    this.#failure = `sealing fails: ${error instanceof Error ? error.message : String(error)}`
    this.#init.events.emit('sealFailed', { error })
  }

  /** Readings were taken; or they were not, and it is said why as long as that is the disk's fault. */
  onTaking(error?: unknown): void {
    const refusal = isWattnessError(error, 'DISK_FULL') ? `no reading is taken: ${error.message}` : undefined
    const isNews = (refusal === undefined) !== (this.#refused === undefined)
    this.#refused = refusal
    if (isNews) this.#init.events.emit('taking', { refusal })
  }

  /** Own blocks that were lost here and came back hold readings that may have been in the spool still when it was written. */
  takeBack(blocks: readonly Bytes[]): void {
    this.#init.sealer.forget(blocks).catch((error: unknown) => this.#init.events.emit('sealFailed', { error }))
  }

  /** What a neighbour has said of this node's own chain. */
  hear(session: Session): void {
    const { key, membership, gate } = this.#init
    const own = membership().member(key)
    // Anyone may come to read where observers are open: only who belongs to the network is believed.
    if (own === undefined || membership().member(session.peer) === undefined || equalBytes(session.peer, key)) return
    if (session.hello !== undefined) gate.heard(session.peerHex, session.remoteSize(own.index))
  }

  /** The own key was proven to have told two stories. */
  stopForGood(): void {
    this.#init.gate.stop(TWO_HISTORIES)
  }

  #assertMaySeal(): void {
    const reason = this.refusal()
    if (reason !== undefined) throw new WattnessError('SEAL_HELD_BACK', `not sealed: ${reason}`, { reason })
  }
}
