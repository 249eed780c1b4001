import {
  type Bytes,
  equalBytes,
  type Frame,
  type Genesis,
  type HelloFrame,
  type Holdings,
  type Membership,
  type SignedCheckpoint,
  type VerifySignature,
} from '../../protocol/index.ts'
import type { Channel } from '../net/index.ts'
import type { Platform, Timer } from '../platform.ts'
import type { LedgerStore } from '../store/index.ts'
import type { Outcome, StoredRun } from '../validate/index.ts'
import { Announcer } from './announcer.ts'
import { compareHeads, differingChains } from './cross-check.ts'
import { Disputes } from './disputes.ts'
import { Fetcher } from './fetcher.ts'
import { LocalView } from './local-view.ts'
import { Server } from './server.ts'
import { type Agreement, type Fault, Session } from './session.ts'

/** Time between two cross-checks of heads roots with a neighbour. */
export const CROSS_CHECK_MS = 30_000

export interface SyncInit {
  readonly genesis: Genesis
  readonly store: LedgerStore
  readonly platform: Platform
  readonly verify: VerifySignature
  readonly announceDelayMs: number
  readonly crossCheckMs?: number
  readonly isObserver: boolean
  readonly agent: string
  readonly submit: (run: Bytes) => Promise<Outcome>
  readonly backlogBytes: () => number
  /** Evidence that checked out and was new: to be stored, gossiped and shouted about by the node. */
  readonly onEvidence: (evidence: Bytes, source: string) => Promise<void>
  /** A neighbour said what it holds: own blocks that this node lacks show here. */
  readonly onHoldings: (session: Session, holdings: Holdings) => void
  readonly onAgreement: (peerHex: string, agreement: Agreement) => void
  readonly onFault: (peerHex: string, fault: Fault, detail: string, isLast: boolean) => void
  /** Frames of rooms that ride on the channel (peers, labels). */
  readonly onOther: (session: Session, frame: Frame) => void
  readonly onGreeted: (session: Session) => void
  readonly onDamage: (error: Error) => void
}

/**
 * The ledger's own exchange, enough by itself: neighbours tell each other what they hold, fetch what they lack, and compare
 * heads roots. Nothing here depends on gossip.
 */
export class Sync {
  readonly #init: SyncInit
  readonly view: LocalView
  readonly #sessions = new Map<string, Session>()
  readonly #fetcher: Fetcher
  readonly #server: Server
  readonly #announcer: Announcer
  readonly #disputes: Disputes
  /** What each neighbour said last, until it could be compared. */
  readonly #unchecked = new Map<Session, Holdings>()
  #timer: Timer | undefined
  #checking = false

  constructor(init: SyncInit, membership: Membership) {
    this.#init = init
    this.view = new LocalView(init.store, membership)
    const sessions = (): Iterable<Session> => this.#sessions.values()
    const keyAt = (index: number): Bytes | undefined => this.view.membership.at(index)?.key
    const onFault = (session: Session, fault: Fault, detail: string): void => this.#charge(session, fault, detail)
    this.#server = new Server({ store: init.store, keyAt, onDamage: init.onDamage })
    this.#announcer = new Announcer({
      timers: init.platform.timers,
      announceDelayMs: init.announceDelayMs,
      sessions,
      sizeOf: (index) => this.view.sizeOf(index),
    })
    this.#disputes = new Disputes({ ...init, view: this.view, onFault })
    this.#fetcher = new Fetcher({
      platform: init.platform,
      sessions,
      chainCount: () => this.view.membership.members.length,
      ownSize: (index) => this.#heldSize(index),
      isWanted: (index) => this.#isWanted(index),
      keyAt,
      backlogBytes: init.backlogBytes,
      submit: init.submit,
      onRefused: (session, outcome, index) => this.noteRefusal(session.peerHex, outcome, index),
      onFault,
    })
  }

  start(): void {
    const again = (): void => {
      this.#timer = this.#init.platform.timers.set(this.#init.crossCheckMs ?? CROSS_CHECK_MS, () => {
        this.crossCheck()
        again()
      })
    }
    again()
  }

  stop(): void {
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#announcer.stop()
    this.#fetcher.stop()
    for (const session of [...this.#sessions.values()]) this.#end(session)
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  /** Nothing is being asked for, and no neighbour is known to hold more than this node. */
  get isCaughtUp(): boolean {
    if (!this.#fetcher.isIdle) return false
    for (const session of this.#sessions.values()) {
      for (let index = 0; index < this.view.membership.members.length; index++) {
        if (this.#isWanted(index) && session.remoteSize(index) > this.#heldSize(index)) return false
      }
    }
    return true
  }

  /** How far each neighbour's clock is ahead of this node's, as its last words told. */
  clockOffsetsMs(): number[] {
    const offsets: number[] = []
    for (const { clockOffsetMs } of this.#sessions.values()) if (clockOffsetMs !== undefined) offsets.push(clockOffsetMs)
    return offsets
  }

  /** Sends this node's holdings to every neighbour now. */
  crossCheck(): void {
    this.#announcer.flush()
    const holdings = this.holdings()
    for (const session of this.#sessions.values()) session.send({ type: 'status', ...holdings })
    this.#fetcher.consider()
  }

  /** Tells what is new without waiting for the announce delay. */
  announceNow(): void {
    this.#announcer.flush()
  }

  holdings(): Holdings {
    return {
      timeMs: this.#init.platform.clock.now(),
      frontier: this.view.frontier,
      headsRoot: this.view.headsRoot(),
      named: this.view.named(),
    }
  }

  addChannel(channel: Channel): void {
    const before = this.#sessions.get(channel.peerHex)
    if (before !== undefined) this.#end(before)
    const session = new Session(channel, this.#init.platform.clock.monotonicMs())
    this.#sessions.set(channel.peerHex, session)
    channel.onClose = () => this.#end(session)
    channel.onFrame = (bytes) => this.#onBytes(session, bytes)
    session.send({
      type: 'hello',
      networkId: this.#init.genesis.networkId,
      observer: this.#init.isObserver,
      pruned: false,
      agent: this.#init.agent,
      ...this.holdings(),
    })
  }

  setMembership(membership: Membership): void {
    this.view.setMembership(membership)
    this.#fetcher.consider()
  }

  /** Called after a run was stored, whichever way it came. */
  onStored(run: StoredRun): void {
    const member = this.view.update(run.member)
    if (member === undefined) return
    this.#announcer.noteGrowth(member.index)
    if (this.#unchecked.size > 0) void this.#checkAll()
  }

  /** A chain stopped being wanted, or its leaf became a named one. */
  onQuarantine(): void {
    void this.#checkAll()
  }

  /** Shows evidence to every neighbour but the one that it came from. */
  spreadEvidence(evidence: Bytes, exceptPeerHex?: string): void {
    for (const session of this.#sessions.values()) {
      if (session.peerHex !== exceptPeerHex) session.send({ type: 'evidence', evidence })
    }
  }

  /** What the door said of a run that this neighbour sent, by gossip or by sync. */
  noteRefusal(peerHex: string, outcome: Exclude<Outcome, { verdict: 'accept' }>, index?: number): void {
    const session = this.#sessions.get(peerHex)
    if (outcome.announced !== undefined) this.#noteAnnounced(session, outcome.announced, outcome.code)
    if (session !== undefined && outcome.verdict === 'reject') {
      this.#charge(session, 'rejected-run', `${outcome.code}${index === undefined ? '' : ` in chain ${index}`}: ${outcome.message}`)
    }
  }

  #noteAnnounced(session: Session | undefined, announced: SignedCheckpoint, code: string): void {
    const index = this.view.membership.member(announced.member)?.index
    if (index === undefined) return
    if (code === 'CONFLICT') {
      void this.#disputes.settleConflict(announced)
    } else if (session !== undefined && code === 'FORK') {
      this.#disputes.open(session, index, Math.min(announced.size, this.#heldSize(index)))
    } else if (session !== undefined) {
      session.learn(index, announced.size)
      this.#fetcher.considerChain(index)
    }
  }

  #heldSize(index: number): number {
    const key = this.view.membership.at(index)?.key
    return key === undefined ? 0 : (this.#init.store.head(key)?.size ?? 0)
  }

  #isWanted(index: number): boolean {
    const member = this.view.membership.at(index)
    if (member === undefined || this.#init.store.quarantined(member.key)) return false
    return member.revoked === undefined || this.#heldSize(index) < member.revoked.endSize
  }

  #onBytes(session: Session, bytes: Bytes): void {
    if (!session.isOpen) return
    if (!session.takeFrameCredit(this.#init.platform.clock.monotonicMs())) {
      this.#charge(session, 'flood', 'frames come faster than any ledger grows')
      return
    }
    let frame: Frame
    try {
      frame = session.decode(bytes)
    } catch (error) {
      this.#charge(session, 'malformed', error instanceof Error ? error.message : String(error))
      return
    }
    if (session.hello === undefined && frame.type !== 'hello') {
      this.#charge(session, 'malformed', `${frame.type} before hello`)
      return
    }
    this.#onFrame(session, frame)
  }

  #onFrame(session: Session, frame: Frame): void {
    switch (frame.type) {
      case 'hello':
        return this.#onHello(session, frame)
      case 'status':
        return this.#onHoldings(session, frame)
      case 'announce':
        for (const { index, size } of frame.sizes) {
          session.learn(index, size)
          this.#fetcher.considerChain(index)
        }
        return
      case 'want':
      case 'want-checkpoint':
        return this.#server.onWant(session, frame)
      case 'run':
        return this.#fetcher.onRun(session, frame)
      case 'miss':
        this.#fetcher.onMiss(session, frame.id)
        this.#disputes.onMiss(session, frame.id)
        return
      case 'checkpoint':
        return void this.#disputes.onCheckpoint(session, frame)
      case 'ask-leaves':
        session.send({ type: 'leaves', id: frame.id, leaves: this.view.leaves(), headsRoot: this.view.headsRoot() })
        return
      case 'leaves':
        return void this.#onLeaves(session, frame)
      case 'evidence':
        return void this.#init.onEvidence(frame.evidence, session.peerHex)
      default:
        this.#init.onOther(session, frame)
    }
  }

  #onHello(session: Session, frame: HelloFrame): void {
    if (!equalBytes(frame.networkId, this.#init.genesis.networkId)) {
      this.#charge(session, 'wrong-network', 'hello of another network')
      return
    }
    const isFirst = session.hello === undefined
    session.hello = frame
    this.#onHoldings(session, frame)
    if (isFirst) this.#init.onGreeted(session)
  }

  #onHoldings(session: Session, holdings: Holdings): void {
    session.clockOffsetMs = holdings.timeMs - this.#init.platform.clock.now()
    holdings.frontier.forEach((size, index) => session.learn(index, size))
    this.#init.onHoldings(session, holdings)
    this.#unchecked.set(session, holdings)
    void this.#checkAll()
    this.#fetcher.consider()
  }

  /** Compares what neighbours said with what is held; what this node lacks is compared once it has come. */
  async #checkAll(): Promise<void> {
    if (this.#checking) return
    this.#checking = true
    try {
      for (const [session, holdings] of [...this.#unchecked]) {
        const agreement = await compareHeads(this.view, this.#init.store, holdings)
        if (this.#unchecked.get(session) !== holdings) continue
        this.#setAgreement(session, agreement)
        if (agreement === 'behind') continue
        this.#unchecked.delete(session)
        if (agreement === 'different') session.send({ type: 'ask-leaves', id: 0 })
      }
    } catch (error) {
      this.#init.onDamage(error as Error)
    } finally {
      this.#checking = false
    }
  }

  #setAgreement(session: Session, agreement: Agreement): void {
    if (session.agreement === agreement) return
    session.agreement = agreement
    this.#init.onAgreement(session.peerHex, agreement)
  }

  async #onLeaves(session: Session, frame: Extract<Frame, { type: 'leaves' }>): Promise<void> {
    const differing = await differingChains(this.view, this.#init.store, frame)
    for (const index of differing) {
      const key = this.view.membership.at(index)?.key as Bytes
      if (this.#init.store.quarantined(key)) continue
      this.#disputes.open(session, index, Math.min(session.remoteSize(index), this.#heldSize(index)))
    }
  }

  #charge(session: Session, fault: Fault, detail: string): void {
    const isLast = session.charge(fault)
    this.#init.onFault(session.peerHex, fault, detail, isLast)
    if (isLast) this.#end(session)
  }

  #end(session: Session): void {
    if (!session.isOpen) return
    session.isOpen = false
    if (this.#sessions.get(session.peerHex) === session) this.#sessions.delete(session.peerHex)
    this.#unchecked.delete(session)
    this.#server.onSessionEnd(session)
    this.#disputes.onSessionEnd(session)
    this.#fetcher.onSessionEnd(session)
    session.channel.close()
  }
}
