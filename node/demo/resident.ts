import { bodyContent, decodeBlock, decodeTables, KIND_READINGS, toHex, witnessesOf } from '../../protocol/index.ts'
import { openSource } from '../collect/index.ts'
import { ControlServer } from '../control/index.ts'
import type { HttpServer } from '../observe/index.ts'
import type { OpenedNode, OpenNodeInit } from '../open-node.ts'
import type { Platform, Timer } from '../platform.ts'
import { verifySignature } from '../signature.ts'
import { programVersion } from '../version.ts'
import { Feeder } from './feeder.ts'
import { FinalWatch } from './final-watch.ts'
import type { NodeOrder, NodeReport, StartOrder } from './messages.ts'

/** Blocks read at once while the readings of an earlier run are counted. */
const READ_BLOCKS = 256

/** Enough to tell roots apart. */
const REPORTED_ROOT_BYTES = 16

/** Witnesses sign so long after something new: a demonstration is to be seen moving. */
export const ATTEST_DELAY_MS = 500

export interface ResidentInit {
  readonly order: NodeOrder
  readonly start: Pick<StartOrder, 'bootstrap' | 'intervalMs' | 'gossip'>
  readonly open: (init: OpenNodeInit) => Promise<OpenedNode>
  readonly platform: Platform
  readonly note: (text: string) => void
}

/** One node of the demonstration, where it runs: opened from its directory, fed, and asked how it stands. */
export class Resident {
  readonly #init: ResidentInit
  readonly #opened: OpenedNode
  readonly #feeder: Feeder | undefined
  /** So that status, blocks and the other commands find the node while it runs. */
  readonly #control: ControlServer
  readonly #finals: FinalWatch
  #http: HttpServer | undefined
  #readings = 0
  #timer: Timer | undefined
  #isFed = false

  private constructor(init: ResidentInit, opened: OpenedNode) {
    this.#init = init
    this.#opened = opened
    this.#finals = new FinalWatch(opened.node, init.platform.clock)
    const { order, platform, note } = init
    this.#control = new ControlServer({
      socket: opened.files.controlSocket,
      node: opened.node,
      platform,
      verify: verifySignature,
      sources: () => this.#sources(),
      onError: (error) => note(`a command could not be answered: ${messageOf(error)}`),
    })
    if (order.source !== undefined) {
      const source = openSource(order.source.spec, platform)
      this.#feeder = new Feeder({ source, rows: order.source.rowsPerBlock, take: (items) => opened.node.take(items), note })
    }
    this.#listen()
  }

  /** Opens the node and starts it. Throws what `open` throws. */
  static async start(init: ResidentInit): Promise<Resident> {
    const { intervalMs, gossip, bootstrap } = init.start
    const opened = await init.open({
      dir: init.order.dir,
      platform: init.platform,
      settings: {
        intervalMs,
        gossip,
        bootstrap,
        attestDelayMs: ATTEST_DELAY_MS,
        // A block is one stretch: only the interval decides when it is sealed.
        rowsAtOnce: Number.MAX_SAFE_INTEGER,
        // Many nodes share this machine: checking on further threads would only make them wait for each other.
        verifyThreads: 0,
      },
    })
    try {
      const resident = new Resident(init, opened)
      resident.#readings = await resident.#readingsHeld()
      await opened.start()
      await resident.#control.start()
      await resident.#serve()
      return resident
    } catch (error) {
      await opened.close().catch(() => undefined)
      throw error
    }
  }

  get name(): string {
    return this.#init.order.name
  }

  get addresses(): readonly string[] {
    return this.#opened.node.network.addresses()
  }

  /** Where it serves its page. */
  get httpAddress(): string | undefined {
    return this.#http?.address
  }

  async #serve(): Promise<void> {
    const { order, platform, note } = this.#init
    const { node, store, genesis, files } = this.#opened
    if (order.http === undefined) return
    const { clock, random, timers } = platform
    // One node of many serves: the others need not load what it is served with.
    const { startHttp, Tokens } = await import('../observe/index.ts')
    this.#http = await startHttp({
      ...order.http,
      store,
      genesis,
      verify: verifySignature,
      timers,
      onError: (error) => note(`a request by HTTP failed: ${messageOf(error)}`),
      api: { node, clock, random, tokens: await Tokens.read(files.httpTokens), version: programVersion(), dataDir: files.ledger },
    })
  }

  /** From now on there is always a stretch that waits for the next round of sealing. */
  startFeeding(): void {
    if (this.#isFed || this.#feeder === undefined) return
    this.#isFed = true
    if (this.#opened.store.spool.size === 0) void this.#feedNow()
  }

  crossCheck(): void {
    this.#opened.node.sync.crossCheck()
  }

  async endSealing(): Promise<void> {
    this.#stopFeeding()
    await this.#opened.node.stopSealing()
  }

  async stop(): Promise<void> {
    this.#stopFeeding()
    await this.#feeder?.close()
    await this.#http?.close()
    await this.#control.stop()
    await this.#finals.end()
    await this.#opened.close()
  }

  async report(): Promise<NodeReport> {
    // What is told as final is told with how long it took: the last report of a run is the last word on both.
    await this.#finals.end()
    const { node, store } = this.#opened
    const { frontier } = node.sync.view
    const peers: string[] = []
    for (const session of node.sync.sessions) if (session.hello !== undefined) peers.push(session.peerHex)
    const index = node.membership.member(node.key)?.index
    const head = store.head(node.key)
    const witnesses = witnessesOf(node.membership)
    const finals = node.membership.members.map(({ key }) => node.finalOf(key))
    return {
      name: this.name,
      key: toHex(node.key),
      peers,
      frontier,
      // A chain that has just grown in the store stands in the frontier a moment later.
      roots: node.sync.view.leaves().map(({ size, root }, at) => (size > 0 && size === frontier[at] ? shortRoot(root) : '')),
      headsRoot: toHex(node.sync.view.headsRoot()),
      final: finals.map((final) => final?.size ?? 0),
      finalRoots: finals.map((final) => (final === undefined ? '' : shortRoot(final.root))),
      finalLagsMs: this.#finals.take(),
      witnesses: witnesses.length,
      isWitness: index !== undefined && witnesses.includes(index),
      height: index === undefined ? undefined : (frontier[index] ?? 0),
      head: head === undefined ? undefined : toHex(head.lastHash),
      readings: this.#readings,
      waiting: store.spool.size,
      lastReadingMs: this.#feeder?.lastReadingMs,
      gossipsBlocks: node.gossipsBlocks,
      heldBack: node.isMember ? node.heldBack() : undefined,
      ended: this.#feeder?.ended === true && store.spool.size === 0,
    }
  }

  #listen(): void {
    const { node } = this.#opened
    const { note, start } = this.#init
    node.on('sealed', ({ rows }) => {
      this.#readings += rows
      // Half an interval later, so that taking and sealing never meet in one round.
      if (this.#isFed) this.#feedIn(start.intervalMs / 2)
    })
    node.on('sealFailed', ({ error }) => note(`a block could not be sealed: ${messageOf(error)}`))
    node.on('evidence', ({ member, self }) =>
      note(
        self
          ? 'this node has signed two histories'
          : `${this.#nameOf(member)} has signed two histories: its chain is quarantined`,
      ),
    )
    node.on('agreement', ({ peer, agreement }) => {
      if (agreement === 'different') note(`holds other blocks than ${this.#nameOf(peer)}: heads roots differ`)
    })
    node.on('fault', ({ peer, fault, detail, isLast }) => {
      if (isLast) note(`hung up on ${this.#nameOf(peer)}: ${fault}, ${detail}`)
    })
    node.on('witnessEvidence', ({ member }) => note(`${this.#nameOf(member)} has signed two stories as a witness`))
    node.on('witnessHalted', ({ reason }) => note(`signs nothing more as a witness: ${reason}`))
    node.on('epoch', ({ number }) => note(`signs in epoch ${number} from now on`))
    node.on('damage', ({ error }) => note(`damage in its store: ${error.message}`))
  }

  #sources(): { source: string; state: string }[] {
    const { source } = this.#init.order
    return source === undefined ? [] : [{ source: source.spec, state: this.#feeder?.ended === true ? 'ended' : 'reading' }]
  }

  /** A neighbour as a person knows it. */
  #nameOf(keyHex: string): string {
    const member = this.#opened.node.membership.members.find((each) => each.keyHex === keyHex)
    return member?.label ?? keyHex.slice(0, 8)
  }

  #feedIn(ms: number): void {
    const { timers } = this.#init.platform
    if (this.#timer !== undefined) timers.clear(this.#timer)
    this.#timer = timers.set(ms, () => void this.#feedNow())
  }

  async #feedNow(): Promise<void> {
    const feeder = this.#feeder
    if (feeder === undefined || !this.#isFed) return
    // Refused for now, by a full disk: the next interval tries again.
    if (!(await feeder.feed()) && !feeder.ended && this.#isFed) this.#feedIn(this.#init.start.intervalMs)
  }

  #stopFeeding(): void {
    this.#isFed = false
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
  }

  /** Readings that the chain holds from an earlier run. */
  async #readingsHeld(): Promise<number> {
    const { node, store } = this.#opened
    const size = store.head(node.key)?.size ?? 0
    let count = 0
    for (let from = 0; from < size; from += READ_BLOCKS) {
      for (const { bytes } of await store.readBlocks(node.key, from, READ_BLOCKS)) {
        const { header, body } = decodeBlock(bytes)
        if (header.kind !== KIND_READINGS) continue
        for (const { times } of decodeTables(bodyContent(body)).tables) count += times.length
      }
    }
    return count
  }
}

function shortRoot(root: Uint8Array): string {
  return toHex(root.subarray(0, REPORTED_ROOT_BYTES))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
