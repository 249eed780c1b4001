import {
  type AnnounceFrame,
  type Bytes,
  equalBytes,
  type Frame,
  type HelloFrame,
  type Holdings,
  type Membership,
} from '../../protocol/index.ts'
import type { Channel } from '../net/index.ts'
import type { Timer } from '../platform.ts'
import { gatherMsOf } from '../rounds.ts'
import type { Outcome, StoredRun } from '../validate/index.ts'
import { Announcer } from './announcer.ts'
import { AttestationExchange } from './attestation-exchange.ts'
import { LIVE_BLOCKS } from './bounds.ts'
import { Branches } from './branches.ts'
import { Checker } from './checker.ts'
import { Conduct, type Fault } from './conduct.ts'
import { isTurnOf } from './cross-check.ts'
import { Disputes } from './disputes.ts'
import { EvidenceExchange } from './evidence-exchange.ts'
import { Fetcher } from './fetcher.ts'
import { Gatherer } from './gatherer.ts'
import { type Lack, type LacksInit, lacksOf } from './lacks.ts'
import { LeafSeeker } from './leaf-seeker.ts'
import { LocalView } from './local-view.ts'
import { RefusedRuns } from './refused-runs.ts'
import { Server } from './server.ts'
import { Session, sendToAll } from './session.ts'
import { NO_ATTESTATIONS, type SyncInit } from './sync-init.ts'

/** A neighbour that has not greeted by then is charged for it at each cross-check: a link that is cut is dead sooner. */
const HELLO_TIMEOUT_MS = 25_000

/**
 * The ledger's own exchange, enough by itself: neighbours tell each other what they hold, fetch what they lack, and compare
 * heads roots. Nothing here depends on gossip.
 */
export class Sync {
  readonly #init: SyncInit
  readonly view: LocalView
  readonly #sessions = new Map<string, Session>()
  readonly #conduct = new Conduct()
  readonly #fetcher: Fetcher
  readonly #gatherer: Gatherer
  readonly #server: Server
  readonly #announcer: Announcer
  readonly #disputes: Disputes
  readonly #checker: Checker
  readonly #evidence: EvidenceExchange
  readonly attestations: AttestationExchange
  readonly branches: Branches
  readonly #refused: RefusedRuns
  readonly leaves: LeafSeeker
  readonly #holders: LacksInit
  /** Of the clock before the monotonic one, at the start: a clock that stands still must not leave half of the neighbours out. */
  readonly #aheadMs: number
  #timer: Timer | undefined
  #stopped = false

  constructor(init: SyncInit, membership: Membership) {
    this.#init = init
    this.#aheadMs = init.platform.clock.now() - init.platform.clock.monotonicMs()
    this.view = new LocalView(init.store, membership)
    const { genesis, store, platform, verify, onDamage } = init
    const sessions = (): Iterable<Session> => this.#sessions.values()
    const keyAt = (index: number): Bytes | undefined => this.view.membership.at(index)?.key
    const onFault = this.#charge.bind(this)
    const leaves = () => ({ leaves: this.view.leaves(), headsRoot: this.view.headsRoot() })
    this.#server = new Server({ store, keyAt, leaves, onDamage, onAnswer: (session) => this.#announcer.tell(session) })
    this.#gatherer = new Gatherer({ timers: platform.timers, gatherMs: gatherMsOf(init.announceDelayMs), submit: init.submit })
    this.#disputes = new Disputes({
      genesis,
      store,
      verify,
      timers: platform.timers,
      view: this.view,
      onProven: async (evidence) => void (await init.onEvidence(evidence, 'own')),
      onFault,
    })
    this.#checker = new Checker({
      store,
      view: this.view,
      nowMs: () => platform.clock.monotonicMs(),
      onAgreement: (session, agreement) => init.onAgreement(session.peerHex, agreement),
      onDiffering: (session, index, size) => this.#disputes.open(session, index, size),
      onFault,
      onDamage,
    })
    this.#evidence = new EvidenceExchange({
      store,
      view: this.view,
      sessions,
      onEvidence: init.onEvidence,
      onBadEvidence: (session) => this.noteBadEvidence(session.peerHex),
    })
    this.attestations = new AttestationExchange({
      ...(init.attestations ?? NO_ATTESTATIONS),
      platform,
      sessions,
      announceDelayMs: init.announceDelayMs,
      onFault,
      onDamage,
    })
    this.#announcer = new Announcer({
      clock: platform.clock,
      timers: platform.timers,
      announceDelayMs: init.announceDelayMs,
      sessions,
      sizeOf: (index) => this.view.sizeOf(index),
      ask: (chains) => this.#fetcher.considerTogether(chains),
    })
    this.branches = new Branches({ genesis, store, platform, verify, membership: () => this.view.membership, sessions, onFault })
    const asked = { fetcher: { considerChain: (index: number) => this.#fetcher.considerChain(index) }, disputes: this.#disputes }
    const heldSize = this.#heldSize.bind(this)
    this.#refused = new RefusedRuns({ ...asked, view: this.view, heldSize, onFault, onDamage })
    const session = (peerHex: string): Session | undefined => this.#sessions.get(peerHex)
    this.leaves = new LeafSeeker({ session, sessions, ...asked, attestations: this.attestations, onFault })
    const chainCount = (): number => this.view.membership.members.length
    this.#holders = { sessions, chainCount, ownSize: heldSize, wantedSize: (index) => this.#wantedSize(index) }
    this.#fetcher = new Fetcher({
      ...this.#holders,
      frontier: () => this.view.frontier,
      platform,
      keyAt,
      backlogBytes: init.backlogBytes,
      submit: (run) => this.#gatherer.submit(run),
      onRefused: (session, outcome, index) => this.noteRefusal(session.peerHex, outcome, index),
      onBrokenWord: (session, index, from) => {
        init.onBrokenWord(session, index, from)
        this.#charge(session, 'broken-word', `does not hold block ${from} of chain ${index}, although it said so`)
      },
      onFault,
    })
  }

  start(): void {
    this.#guard(this.view.readEnds())
    const again = (): void => {
      this.#timer = this.#init.platform.timers.set(this.#init.crossCheckMs, () => {
        this.#endRound()
        again()
      })
    }
    again()
  }

  stop(): void {
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#stopped = true
    this.#announcer.stop()
    this.attestations.stop()
    this.branches.stop()
    this.#fetcher.stop()
    this.#gatherer.flush()
    for (const session of [...this.#sessions.values()]) this.#end(session)
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  /** Nothing is being asked for, and no neighbour is known to hold more than this node. */
  get isCaughtUp(): boolean {
    return this.#fetcher.isIdle && this.lacks().next().done === true
  }

  /** Chains of which a neighbour holds more. */
  lacks(): Generator<Lack> {
    return lacksOf(this.#holders)
  }

  /** How far the clock of each neighbour that is a member is ahead of this node's, as its last words told. */
  clockOffsetsMs(): number[] {
    const { clock } = this.#init.platform
    // Strangers may come in any number: they must not make a median.
    const members = [...this.#sessions.values()].filter(({ peer }) => this.view.membership.member(peer) !== undefined)
    return members.map((session) => session.clockOffsetMs(clock)).filter((offsetMs) => offsetMs !== undefined)
  }

  /** Sends this node's holdings to every neighbour now. */
  crossCheck(): void {
    // A damaged chain may have been cut back.
    this.view.refresh()
    this.#announcer.forget()
    this.#sayHoldings([...this.#sessions.values()])
    this.#repair()
  }

  /** Of the two ends of a channel one sends its holdings in this round, the other in the next: each pair compares in each. */
  #endRound(): void {
    const { platform, key } = this.#init
    const round = Math.floor((this.#aheadMs + platform.clock.monotonicMs()) / this.#init.crossCheckMs)
    this.#sayHoldings([...this.#sessions.values()].filter(({ peer }) => isTurnOf(key, peer, round)))
    const now = platform.clock.monotonicMs()
    for (const session of [...this.#sessions.values()]) {
      const age = now - session.openedMs
      if (session.hello === undefined && age >= HELLO_TIMEOUT_MS) this.#charge(session, 'no-hello', `no hello in ${age} ms`)
    }
    this.#repair()
  }

  /** What rounds and gossip have left out. */
  #repair(): void {
    this.attestations.onCrossCheck()
    this.#fetcher.consider()
  }

  #sayHoldings(sessions: readonly Session[]): void {
    const holdings = this.holdings()
    sendToAll(sessions, { type: 'status', ...holdings })
    for (const session of sessions) session.tellAll(holdings.frontier)
  }

  holdings(): Holdings {
    const timeMs = this.#init.platform.clock.now()
    return { timeMs, frontier: this.view.frontier, headsRoot: this.view.headsRoot(), named: this.view.named() }
  }

  addChannel(channel: Channel): void {
    if (this.#stopped) return channel.close()
    this.#end(this.#sessions.get(channel.peerHex))
    const session = new Session(channel, this.#init.platform.clock.monotonicMs())
    this.#sessions.set(channel.peerHex, session)
    channel.onClose = () => this.#end(session)
    channel.onFrame = (bytes) => this.#onBytes(session, bytes)
    const { store, isObserver, knownAddresses, agent } = this.#init
    const { networkId } = this.#init.genesis
    const holdings = this.holdings()
    session.tellAll(holdings.frontier)
    const known = { addresses: knownAddresses(), attestations: this.attestations.digest() }
    session.send({ type: 'hello', networkId, observer: isObserver(), pruned: store.isPruned, known, agent, ...holdings })
  }

  setMembership(membership: Membership): void {
    this.view.setMembership(membership)
    this.#fetcher.registrarGrew()
    this.attestations.onRegistrarGrew()
    this.#checker.onChange()
    this.#guard(this.view.readEnds().then((isCorrected) => isCorrected && this.crossCheck()))
  }

  /** Called after a run was stored, whichever way it came. */
  onStored(run: StoredRun): void {
    this.#server.onStored(run)
    this.#fetcher.onStored()
    const member = this.view.update(run.member)
    if (member === undefined) return
    if (member.index === 0) this.attestations.onRegistrarGrew()
    this.#announcer.noteGrowth(member.index)
    this.#checker.onChange()
  }

  /** The same where the run took the place of other blocks: what neighbours were told of the chain does not hold any more. */
  onReplaced(run: StoredRun): void {
    this.view.forgetEnd(run.member)
    this.onStored(run)
    if (equalBytes(run.member, this.#init.genesis.registrar)) this.greetAgain()
    else this.#guard(this.view.readEnds().then(() => this.crossCheck()))
  }

  /** Ends every channel; the network opens it anew. Rule W14: what the registrar's other story had refused is then told again. */
  greetAgain(): void {
    for (const session of [...this.#sessions.values()]) this.#end(session)
  }

  /** A chain stopped being wanted, or its leaf became a named one. */
  onQuarantine(): void {
    this.#checker.onChange()
  }

  /** Shows evidence to every neighbour but the one that it came from. */
  spreadEvidence(evidence: Bytes, exceptPeerHex?: string): void {
    this.#evidence.spread(evidence, exceptPeerHex)
  }

  /** A neighbour has passed on, by gossip or by sync, evidence that proves nothing. */
  noteBadEvidence(peerHex: string): void {
    this.#charge(this.#sessions.get(peerHex), 'bad-evidence', 'evidence that proves nothing')
  }

  /** A neighbour has passed on, by gossip, an attestation that no honest node passes on. */
  noteBadAttestation(peerHex: string): void {
    this.#charge(this.#sessions.get(peerHex), 'bad-attestation', 'an attestation that no honest node passes on')
  }

  /** What the door said of a run that this neighbour sent, by gossip or by sync. */
  noteRefusal(peerHex: string, outcome: Exclude<Outcome, { verdict: 'accept' }>, index?: number): void {
    this.#refused.note(this.#sessions.get(peerHex), outcome, index)
  }

  #heldSize(index: number): number {
    const key = this.view.membership.at(index)?.key
    return key === undefined ? 0 : (this.#init.store.head(key)?.size ?? 0)
  }

  #wantedSize(index: number): number {
    const member = this.view.membership.at(index)
    if (member === undefined || this.#init.store.quarantined(member.key)) return 0
    return member.revoked?.endSize ?? Number.POSITIVE_INFINITY
  }

  #onBytes(session: Session, bytes: Bytes): void {
    if (!session.isOpen) return
    const frame = session.read(bytes, this.#init.platform.clock.monotonicMs())
    if ('fault' in frame) return this.#charge(session, frame.fault, frame.detail)
    this.#onFrame(session, frame)
  }

  #onFrame(session: Session, frame: Frame): void {
    switch (frame.type) {
      case 'hello':
        return this.#onHello(session, frame)
      case 'status':
        return this.#onHoldings(session, frame)
      case 'announce':
        return this.#onAnnounce(session, frame)
      case 'want':
      case 'want-branch':
      case 'want-checkpoint':
      case 'ask-leaves':
        return this.#server.onWant(session, frame)
      case 'run':
        return this.branches.onRun(session, frame) ? undefined : this.#fetcher.onRun(session, frame)
      case 'miss':
        this.#fetcher.onMiss(session, frame.id, frame.reason)
        this.#disputes.onMiss(session, frame.id, frame.reason)
        this.#checker.onMiss(session, frame.id)
        this.attestations.onMiss(session, frame.id)
        this.branches.onMiss(session, frame.id)
        return
      case 'checkpoint':
        return this.#guard(this.#disputes.onCheckpoint(session, frame))
      case 'leaves':
        return this.#guard(this.#checker.onLeaves(session, frame))
      case 'evidence':
        return this.#guard(this.#evidence.take(session, frame.evidence))
      default:
        if (!this.attestations.onFrame(session, frame)) this.#init.onOther(session, frame)
    }
  }

  #onAnnounce(session: Session, { sizes }: AnnounceFrame): void {
    const live: number[] = []
    for (const { index, size } of sizes) {
      session.learn(index, size)
      const missing = size - this.view.sizeOf(index)
      if (missing > LIVE_BLOCKS) this.#fetcher.considerChain(index)
      else if (missing > 0) live.push(index)
    }
    this.#announcer.noteAnnounced(live)
  }

  #onHello(session: Session, frame: HelloFrame): void {
    if (!equalBytes(frame.networkId, this.#init.genesis.networkId)) {
      return this.#charge(session, 'wrong-network', 'hello of another network')
    }
    const isFirst = session.hello === undefined
    session.hello = { observer: frame.observer, pruned: frame.pruned, known: frame.known, agent: frame.agent }
    this.#onHoldings(session, frame)
    if (!isFirst) return
    this.attestations.onGreeted(session)
    this.#init.onGreeted(session)
  }

  #onHoldings(session: Session, holdings: Holdings): void {
    session.hearClock(holdings.timeMs, this.#init.platform.clock)
    session.setFrontier(holdings.frontier)
    this.#init.onHoldings(session, holdings)
    this.#checker.onHoldings(session, holdings)
    this.#fetcher.considerWord(session)
    this.#guard(this.#evidence.show(session, holdings))
  }

  /** What fails in here is this node's own store: said, and harmless to the rest. */
  #guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#init.onDamage(error as Error))
  }

  #charge(session: Session | undefined, fault: Fault, detail: string, times = 1): void {
    if (session?.isOpen !== true) return
    const isLast = this.#conduct.charge(session.peerHex, fault, this.#init.platform.clock.monotonicMs(), times)
    this.#init.onFault(session.peerHex, fault, detail, isLast)
    if (isLast) this.#end(session)
  }

  #end(session: Session | undefined): void {
    if (session?.isOpen !== true) return
    session.isOpen = false
    if (this.#sessions.get(session.peerHex) === session) this.#sessions.delete(session.peerHex)
    this.#checker.onSessionEnd(session)
    this.#server.onSessionEnd(session)
    this.#disputes.onSessionEnd(session)
    this.attestations.onSessionEnd(session)
    this.branches.onSessionEnd(session)
    this.#fetcher.onSessionEnd(session)
    session.channel.close()
  }
}
