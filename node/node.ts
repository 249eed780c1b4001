import {
  type Bytes,
  type Epochs,
  equalBytes,
  type Final,
  type Genesis,
  initialMembership,
  type JoinAnswer,
  type JoinRequest,
  type LabelRecord,
  type Membership,
  type MembershipOperation,
  type ProofFile,
  type Roles,
  toHex,
  WattnessError,
  type WitnessResponse,
} from '../protocol/index.ts'
import { NodeEmitter, type NodeEventName, type NodeEvents } from './events.ts'
import { Healer } from './healing.ts'
import { admission, Roster } from './membership/index.ts'
import type { Link, Network } from './net/index.ts'
import type { NodeInit } from './node-init.ts'
import { createParts, type NodeParts } from './parts.ts'
import type { Sealed } from './seal/index.ts'
import type { NodeSettings } from './settings.ts'
import type { Appended, LedgerStore, SpoolItem } from './store/index.ts'
import type { Sync } from './sync/index.ts'
import { COSIGN_PROTOCOL, EpochBook, encodeCosignAnswer } from './witness/index.ts'

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
  readonly #book: EpochBook
  readonly #parts: NodeParts
  readonly #events: NodeEmitter
  #isStopped = false

  private constructor(init: NodeInit, roster: Roster, book: EpochBook) {
    const { genesis, signer, network, store, settings, logger } = init
    this.#init = init
    this.#roster = roster
    this.#book = book
    this.genesis = genesis
    this.key = signer.publicKey
    this.store = store
    this.settings = settings
    this.network = network
    this.#events = new NodeEmitter((error) => logger.error({ err: error }, 'an event listener failed'))
    this.#parts = createParts(init, roster, book, this.#events)
    this.sync = this.#parts.sync
    const healer = new Healer({
      store,
      clock: init.platform.clock,
      membership: () => this.membership,
      isHeldElsewhere: (index, size) =>
        [...this.sync.sessions].some(({ remote, hello }) => (remote[index] ?? 0) >= size && hello?.pruned !== true),
      onCut: (cut, size) => this.#parts.reactions.onCut(cut, size),
      onError: (error) => this.#events.emit('damage', { error }),
    })
    this.on('damage', ({ error }) => healer.onDamage(error))
  }

  /** Loads the membership from the store; the node is not started yet. */
  static async create(init: NodeInit): Promise<LedgerNode> {
    const { genesis, store } = init
    const book = new EpochBook(initialMembership(genesis))
    const finalSize = store.witness.final(genesis.registrar)?.size ?? 0
    const roster = await Roster.load(genesis, store, { finalSize, onCounted: (state) => book.onCounted(state) })
    book.bind(roster)
    const node = new LedgerNode(init, roster, book)
    await node.#parts.witnessing.restore()
    return node
  }

  get membership(): Membership {
    return this.#roster.membership
  }

  /** The same with what the registrar wrote and is not final yet. */
  get heldMembership(): Membership {
    return this.#roster.held
  }

  /** Of the registrar's chain as far as it is held. */
  get epochs(): Epochs {
    return this.#book.epochs
  }

  /** What is final of a member's chain, and on the disk. */
  finalOf(key: Bytes): Final | undefined {
    return this.#parts.witnessing.final(key)
  }

  get isRegistrar(): boolean {
    return equalBytes(this.key, this.genesis.registrar)
  }

  get isMember(): boolean {
    return this.membership.member(this.key) !== undefined
  }

  get gossipsBlocks(): boolean {
    return this.#parts.gossip.blocksOn
  }

  /** Of runs that wait to be checked. */
  get waitingBytes(): number {
    return this.#parts.door.waitingBytes
  }

  /** Runs of blocks that came, by what became of them, and the time that it took. */
  get checkedRuns(): { readonly byCode: ReadonlyMap<string, number>; readonly totalMs: number } {
    return this.#parts.door.tally
  }

  meshSize(): number {
    return this.#parts.gossip.meshSize()
  }

  /** Subscribes; the answer ends the subscription. */
  on<N extends NodeEventName>(name: N, listener: (event: NodeEvents[N]) => void): () => void {
    return this.#events.on(name, listener)
  }

  async start(): Promise<void> {
    const { network, settings } = this.#init
    const { dialer, gossip, joins, reactions, refusals, schedule, sync, witnessing } = this.#parts
    gossip.start()
    reactions.start()
    if (this.isRegistrar && settings.seals) joins.serve(network)
    network.serve(COSIGN_PROTOCOL, async (request) => encodeCosignAnswer(await this.addCheckpoint(request)))
    const configured = new Set(settings.bootstrap.flatMap((address) => network.keyOf(address) ?? []).map((key) => toHex(key)))
    await network.start({
      admits: (key, direction) =>
        !dialer.isBanned(toHex(key)) &&
        admission(
          {
            genesis: this.genesis,
            // Who is admitted must be let in to bring what makes its admission final.
            membership: () => this.heldMembership,
            isConfigured: (keyHex) => configured.has(keyHex),
            servesJoin: this.isRegistrar,
            linkedStrangers: () => network.links().filter((link) => this.membership.member(link.key) === undefined).length,
          },
          key,
          direction,
        ),
      onLink: (link: Link) => {
        dialer.onLink(link)
        refusals.onLink(link.keyHex)
        this.#events.emit('link', { peer: link.keyHex, address: link.address })
      },
      onUnlink: (key) => {
        dialer.onUnlink(key)
        this.#events.emit('unlink', { peer: toHex(key) })
      },
      onChannel: (channel) => sync.addChannel(channel),
    })
    sync.start()
    witnessing.start()
    for (const address of settings.bootstrap) dialer.addKnown(address)
    dialer.start()
    if (this.isMember) schedule.start()
  }

  /** What was taken stays taken; what was sealed is on disk. The store is the caller's to close. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const { dialer, door, gossip, peers, pool, reactions, schedule, sync, witnessing } = this.#parts
    reactions.stop()
    // Also where it never ran: a membership block may have been sealed, and timers set.
    await schedule.stop()
    await witnessing.stop()
    dialer.stop()
    sync.stop()
    // What sync was still told may have set its timer.
    peers.stop()
    gossip.stop()
    await this.network.stop()
    await door.stop()
    await pool?.stop()
  }

  /** Where a node was found, by whatever means: dialled, and dialled again, if its key belongs here. */
  addAddress(address: string): void {
    this.#parts.dialer.addKnown(address)
  }

  /** Addresses of others that are known at present, as they were told or configured. */
  knownAddresses(): string[] {
    return this.#parts.dialer.known()
  }

  /** Members that hang up on this one, in hex; they do not say why. */
  refusedBy(): readonly string[] {
    return this.#parts.refusals.peers
  }

  /** Ends sealing and goes on replicating: what a run that is to be judged does before it is looked at. */
  stopSealing(): Promise<void> {
    return this.#parts.schedule.stop()
  }

  /** Readings and events of this node's own meter: on disk when it resolves. Throws SPOOL_FULL, DISK_FULL. */
  async take(items: readonly SpoolItem[]): Promise<Appended> {
    const { ownChain, schedule } = this.#parts
    try {
      const appended = await this.store.spool.append(items)
      ownChain.onTaking()
      schedule.readingsCame()
      return appended
    } catch (error) {
      ownChain.onTaking(error)
      throw error
    }
  }

  /** Seals one block of what waits, now; undefined when nothing does. Throws SEAL_HELD_BACK, SEAL_FAILED. */
  sealNow(): Promise<Sealed | undefined> {
    return this.#parts.ownChain.sealNow()
  }

  /** Why this node does not seal at present; undefined when it may. */
  heldBack(): string | undefined {
    return this.#parts.ownChain.heldBack()
  }

  /** The registrar's answer to a request that its operator vouches for. */
  admit(request: JoinRequest): Promise<JoinAnswer> {
    return this.#parts.joins.admit(request, 'optional')
  }

  /** Admits a key that its owner has told the operator; the answer is the registrar's size from which it counts. */
  admitKey(key: Bytes, roles: Roles, label: LabelRecord): Promise<number> {
    return this.#parts.joins.admitKey(key, roles, label)
  }

  /** Writes operations into the registrar's chain. */
  changeMembership(operations: readonly MembershipOperation[]): Promise<Sealed> {
    return this.#parts.ownChain.sealMembership(operations)
  }

  /** A request for a cosignature, as c2sp.org/tlog-witness has it, from wherever it came. */
  addCheckpoint(body: Bytes): Promise<WitnessResponse> {
    return this.#parts.witnessing.cosigning.answer(body)
  }

  /** The newest checkpoint that this node cosigned since it started, as a note, by the SHA-256 of its origin in hex. */
  cosigned(originHash: string): string | undefined {
    return this.#parts.witnessing.cosigning.cosigned(originHash)
  }

  /**
   * One block with all that proves it to a stranger, cosigned by the witnesses. Throws MEMBER_UNKNOWN, BLOCK_UNKNOWN,
   * CHECKPOINT_UNKNOWN, NO_WITNESSES, NOT_FINAL, QUORUM_MISSING, PROVING_BUSY.
   */
  async prove(key: Bytes, height: number): Promise<ProofFile> {
    const member = this.membership.member(key)
    if (member !== undefined) return this.#parts.witnessing.prover.prove(member, height)
    throw new WattnessError('MEMBER_UNKNOWN', `${toHex(key)} is no member`)
  }
}
