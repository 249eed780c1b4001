import {
  type Bytes,
  type ChainState,
  EMPTY_CHAIN,
  type Evidence,
  equalBytes,
  type Genesis,
  type Holdings,
  type JoinAnswer,
  type JoinRequest,
  type LabelRecord,
  type Membership,
  type MembershipOperation,
  mayWrite,
  type Roles,
  toHex,
  WattnessError,
  type WriteRefusal,
} from '../protocol/index.ts'
import { NodeEmitter, type NodeEventName, type NodeEvents } from './events.ts'
import { Gossip, gossipsBlocks } from './gossip/index.ts'
import { admission, JoinService, Roster } from './membership/index.ts'
import { Dialer, type Link, type Network } from './net/index.ts'
import type { NodeInit } from './node-init.ts'
import { PeerBook } from './peer-book.ts'
import { type Sealed, Sealer, SealGate, SealSchedule } from './seal/index.ts'
import { announceDelayOf, type NodeSettings } from './settings.ts'
import type { Appended, LedgerStore, SpoolItem } from './store/index.ts'
import { type Session, Sync } from './sync/index.ts'
import { createVerifyPool, Door, EvidenceDesk, type StoredRun, type VerifyPool } from './validate/index.ts'

/** From the revocation of a linked member to the end of the link: time to fetch the block that says so. */
const PARTING_MS = 5_000

const TWO_HISTORIES = 'this key has signed two histories: another node runs under it, or an old copy did'

/** One node of the neighbourhood: a member that seals and replicates, or an observer that only replicates. */
export class LedgerNode {
  readonly genesis: Genesis
  readonly key: Bytes
  readonly store: LedgerStore
  readonly settings: NodeSettings
  readonly network: Network
  readonly sync: Sync
  readonly #init: NodeInit
  readonly #roster: Roster
  readonly #pool: VerifyPool | undefined
  readonly #door: Door
  readonly #desk: EvidenceDesk
  readonly #sealer: Sealer
  readonly #gate: SealGate
  readonly #schedule: SealSchedule
  readonly #gossip: Gossip
  readonly #joins: JoinService
  readonly #dialer: Dialer
  readonly #peers: PeerBook
  readonly #events: NodeEmitter
  #heldBack: string | undefined
  #isRunning = false
  #isStopped = false

  private constructor(init: NodeInit, roster: Roster) {
    const { genesis, signer, verify, network, store, platform, settings, logger } = init
    this.#init = init
    this.#roster = roster
    this.genesis = genesis
    this.key = signer.publicKey
    this.store = store
    this.settings = settings
    this.network = network
    this.#events = new NodeEmitter((error) => logger.error({ err: error }, 'an event listener failed'))
    this.#pool = settings.verifyThreads > 0 ? createVerifyPool(settings.verifyThreads, genesis) : undefined
    const membership = (): Membership => this.#roster.membership
    const head = (): ChainState => this.store.head(this.key) ?? EMPTY_CHAIN
    this.#door = new Door({
      store,
      genesis,
      clock: platform.clock,
      turn: () => platform.turn(),
      verify,
      membership,
      pool: this.#pool,
      onStored: (run) => this.#onStored(run),
    })
    this.#desk = new EvidenceDesk({
      store,
      genesis,
      verify,
      membership,
      onProven: (evidence, bytes, source) => this.#onProven(evidence, bytes, source),
    })
    this.#sealer = new Sealer({
      genesis,
      signer,
      clock: platform.clock,
      random: platform.random,
      spool: store.spool,
      head,
      registrarSize: () => membership().size,
      submit: (run, own) => this.#door.submit(run, own),
      maxRows: settings.maxRows,
    })
    this.sync = new Sync(
      {
        genesis,
        store,
        platform,
        verify,
        announceDelayMs: announceDelayOf(settings),
        crossCheckMs: settings.crossCheckMs,
        isObserver: () => !this.isMember,
        agent: settings.agent,
        submit: (run) => this.#door.submit(run),
        backlogBytes: () => this.#door.waitingBytes,
        onEvidence: (bytes, source) => this.#desk.take(bytes, source),
        onHoldings: (session, holdings) => this.#onHoldings(session, holdings),
        onBrokenWord: (session, index) => {
          if (index === membership().member(this.key)?.index) this.#gate.disregard(session.peerHex)
        },
        onAgreement: (peer, agreement) => this.#events.emit('agreement', { peer, agreement }),
        onFault: (peer, fault, detail, isLast) => {
          this.#events.emit('fault', { peer, fault, detail, isLast })
          if (!isLast) return
          this.#gate.disregard(peer)
          this.#dialer.ban(peer)
        },
        onOther: (session, frame) => this.#peers.onFrame(session, frame),
        onGreeted: (session) => this.#peers.tellPeers(session),
        onDamage: (error) => this.#events.emit('damage', { error }),
      },
      membership(),
    )
    this.#gate = new SealGate({
      head,
      signedRecord: () => store.signedRecord(),
      otherMembers: () =>
        membership().members.filter((member) => member.revoked === undefined && !equalBytes(member.key, this.key)).length,
      writeRefusal: () => this.#writeRefusal(),
      sealAlone: settings.sealAlone,
      maxClockDriftMs: genesis.limits.maxClockDriftMs,
      clockOffsetsMs: () => this.sync.clockOffsetsMs(),
    })
    this.#schedule = new SealSchedule({
      platform,
      sealer: this.#sealer,
      key: this.key,
      intervalMs: settings.intervalMs,
      rowsAtOnce: settings.rowsAtOnce,
      waitingRows: () => store.spool.size,
      heldBack: () => this.heldBack(),
      onSealed: (sealed) => this.#onSealed(sealed),
      onError: (error) => this.#events.emit('sealFailed', { error }),
    })
    this.#gossip = new Gossip({
      network,
      networkId: genesis.networkId,
      platform,
      submit: (run) => this.#door.submit(run),
      takeEvidence: (bytes, source) => this.#desk.take(bytes, source),
      onBadEvidence: (peer) => this.sync.noteBadEvidence(peer),
      onRefused: (peer, outcome) => this.sync.noteRefusal(peer, outcome),
    })
    this.#joins = new JoinService({
      genesis,
      roster,
      clock: platform.clock,
      verify,
      seal: (operations) => this.#sealMembership(operations),
    })
    this.#dialer = new Dialer({ network, timers: platform.timers, clock: platform.clock, random: platform.random })
    this.#peers = new PeerBook({
      network,
      roster,
      onAddress: (address) => this.#dialer.addKnown(address),
      onLabels: () => this.sync.setMembership(this.membership),
      onDamage: (error) => this.#events.emit('damage', { error }),
    })
    if (store.quarantined(this.key)) this.#gate.stop(TWO_HISTORIES)
  }

  /** Loads the membership from the store; the node is not started yet. */
  static async create(init: NodeInit): Promise<LedgerNode> {
    return new LedgerNode(init, await Roster.load(init.genesis, init.store))
  }

  get membership(): Membership {
    return this.#roster.membership
  }

  get isRegistrar(): boolean {
    return equalBytes(this.key, this.genesis.registrar)
  }

  get isMember(): boolean {
    return this.membership.member(this.key) !== undefined
  }

  get gossipsBlocks(): boolean {
    return this.#gossip.blocksOn
  }

  meshSize(): number {
    return this.#gossip.meshSize()
  }

  /** Subscribes; the answer ends the subscription. */
  on<N extends NodeEventName>(name: N, listener: (event: NodeEvents[N]) => void): () => void {
    return this.#events.on(name, listener)
  }

  async start(): Promise<void> {
    const { network, settings } = this.#init
    this.#isRunning = true
    this.#gossip.start()
    this.#chooseGossip()
    if (this.isRegistrar && settings.seals) this.#joins.serve(network)
    const configured = new Set(settings.bootstrap.flatMap((address) => network.keyOf(address) ?? []).map((key) => toHex(key)))
    await network.start({
      admits: (key, direction) =>
        !this.#dialer.isBanned(toHex(key)) &&
        admission(
          {
            genesis: this.genesis,
            membership: () => this.membership,
            isConfigured: (keyHex) => configured.has(keyHex),
            servesJoin: this.isRegistrar,
            linkedStrangers: () => network.links().filter((link) => this.membership.member(link.key) === undefined).length,
          },
          key,
          direction,
        ),
      onLink: (link: Link) => {
        this.#dialer.onLink(link)
        this.#events.emit('link', { peer: link.keyHex, address: link.address })
      },
      onUnlink: (key) => {
        this.#dialer.onUnlink(key)
        this.#events.emit('unlink', { peer: toHex(key) })
      },
      onChannel: (channel) => this.sync.addChannel(channel),
    })
    this.sync.start()
    for (const address of settings.bootstrap) this.#dialer.addKnown(address)
    this.#dialer.start()
    if (this.isMember) this.#schedule.start()
  }

  /** What was taken stays taken; what was sealed is on disk. The store is the caller's to close. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#isRunning = false
    // Also where it never ran: a membership block may have been sealed, and timers set.
    await this.#schedule.stop()
    this.#dialer.stop()
    this.sync.stop()
    this.#gossip.stop()
    await this.network.stop()
    await this.#door.stop()
    await this.#pool?.stop()
  }

  /** Where a node was found, by whatever means: dialled, and dialled again, if its key belongs here. */
  addAddress(address: string): void {
    this.#dialer.addKnown(address)
  }

  /** Addresses of others that are known at present, as they were told or configured. */
  knownAddresses(): string[] {
    return this.#dialer.known()
  }

  /** Ends sealing and goes on replicating: what a run that is to be judged does before it is looked at. */
  stopSealing(): Promise<void> {
    return this.#schedule.stop()
  }

  /** Readings and events of this node's own meter: on disk when it resolves. Throws SPOOL_FULL, DISK_FULL. */
  async take(items: readonly SpoolItem[]): Promise<Appended> {
    const appended = await this.store.spool.append(items)
    this.#schedule.readingsCame()
    return appended
  }

  /** Seals one block of what waits, now; undefined when nothing does. Throws SEAL_HELD_BACK, SEAL_FAILED. */
  async sealNow(): Promise<Sealed | undefined> {
    this.#assertMaySeal()
    const sealed = await this.#sealer.sealNext()
    if (sealed !== undefined) this.#onSealed(sealed)
    return sealed
  }

  /** Why this node does not seal at present; undefined when it may. */
  heldBack(): string | undefined {
    const reason = this.settings.seals ? this.#gate.heldBack() : 'this node only takes what its neighbours give'
    if (reason !== this.#heldBack) {
      this.#heldBack = reason
      this.#events.emit('heldBack', { reason })
    }
    return reason
  }

  /** The registrar's answer to a request that its operator vouches for. */
  admit(request: JoinRequest): Promise<JoinAnswer> {
    return this.#joins.admit(request, 'optional')
  }

  /** Admits a key that its owner has told the operator; the answer is the registrar's size from which it counts. */
  admitKey(key: Bytes, roles: Roles, label: LabelRecord): Promise<number> {
    return this.#joins.admitKey(key, roles, label)
  }

  /** Writes operations into the registrar's chain. */
  changeMembership(operations: readonly MembershipOperation[]): Promise<Sealed> {
    return this.#sealMembership(operations)
  }

  #assertMaySeal(): void {
    const reason = this.heldBack()
    if (reason !== undefined) throw new WattnessError('SEAL_HELD_BACK', `not sealed: ${reason}`, { reason })
  }

  async #sealMembership(operations: readonly MembershipOperation[]): Promise<Sealed> {
    this.#assertMaySeal()
    const sealed = await this.#sealer.sealMembership(operations)
    this.#onSealed(sealed)
    return sealed
  }

  #onSealed(sealed: Sealed): void {
    this.#gossip.publish(sealed)
    this.#events.emit('sealed', { height: sealed.height, rows: sealed.rows })
  }

  #onStored(run: StoredRun): void {
    const { changes } = this.#roster
    if (this.#roster.onStored(run.member, run.blocks) !== undefined) this.#onMembership(this.#roster.changes > changes)
    this.sync.onStored(run)
    const { from, state, own } = run
    // Own blocks that were lost here and come back hold readings that may have been in the spool still when it was written.
    if (!own && equalBytes(run.member, this.key)) this.#takeBack(run.blocks)
    this.#events.emit('stored', { member: toHex(run.member), from, count: run.blocks.length, state, own })
  }

  #takeBack(blocks: readonly Bytes[]): void {
    this.#sealer.forget(blocks).catch((error: unknown) => this.#events.emit('sealFailed', { error }))
  }

  #onMembership(hasOperations: boolean): void {
    this.sync.setMembership(this.membership)
    this.#chooseGossip()
    // A new member learns from a neighbour that it is one: what the neighbour said before was of its chain too.
    for (const session of this.sync.sessions) this.#hear(session)
    if (this.#isRunning && this.isMember) this.#schedule.start()
    // Neighbours tell the labels of those members that this node shows it knows of.
    if (this.#isRunning && hasOperations) this.sync.crossCheck()
    this.#partWithRevoked()
    this.#events.emit('membership', { size: this.membership.size, members: this.membership.members.length })
  }

  /** Whoever was revoked is let know why, and then hung up on. */
  #partWithRevoked(): void {
    const leaving = this.network.links().filter(({ key }) => this.membership.member(key)?.revoked !== undefined)
    if (leaving.length === 0) return
    this.#init.platform.timers.set(PARTING_MS, () => void Promise.all(leaving.map(({ key }) => this.network.hangUp(key))))
  }

  #chooseGossip(): void {
    const { gossip, intervalMs } = this.settings
    this.#gossip.setBlocks(gossipsBlocks(gossip, this.membership.members.length, intervalMs))
  }

  #onHoldings(session: Session, holdings: Holdings): void {
    this.#hear(session)
    this.#peers.onHoldings(session, holdings)
  }

  /** What a neighbour has said of this node's own chain. */
  #hear(session: Session): void {
    const own = this.membership.member(this.key)
    // Anyone may come to read where observers are open: only who belongs to the network is believed.
    if (own === undefined || this.membership.member(session.peer) === undefined || equalBytes(session.peer, this.key)) return
    if (session.hello !== undefined) this.#gate.heard(session.peerHex, session.remoteSize(own.index))
  }

  #writeRefusal(): WriteRefusal | undefined {
    const { membership } = this
    return mayWrite(membership, this.key, membership.size, this.store.head(this.key)?.size ?? 0)
  }

  #onProven(evidence: Evidence, bytes: Bytes, source: string): void {
    const member = evidence.a.member
    const self = equalBytes(member, this.key)
    if (self) this.#gate.stop(TWO_HISTORIES)
    this.#gossip.publishEvidence(bytes)
    this.sync.spreadEvidence(bytes, source)
    this.sync.onQuarantine()
    this.#events.emit('evidence', { member: toHex(member), evidence, bytes, source, self })
  }
}
