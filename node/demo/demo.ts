import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WattnessError } from '../../protocol/index.ts'
import { openDataDir } from '../collect/index.ts'
import type { GossipMode } from '../gossip/index.ts'
import { type Platform, sleep } from '../platform.ts'
import { Crew } from './crew.ts'
import { type Ground, layGround, removeGround } from './ground.ts'
import type { OpenHost } from './host-link.ts'
import type { HttpOrder, NodeOrder, SourceOrder, StartOrder } from './messages.ts'
import { isConnected, type NodeRow, type Picture, pictureOf } from './picture.ts'
import { fileOrders, hostsOf, householdOrders, OBSERVER, REGISTRAR } from './plan.ts'
import { BlockRate } from './rate.ts'
import type { Progress } from './screen.ts'
import type { Phase } from './table.ts'

export interface DemoInit {
  /** Undefined: 8, or as many as `dir` holds. */
  readonly meters?: number | undefined
  readonly intervalMs: number
  /** File or directory of meter data; undefined: built-in homes. */
  readonly data?: string | undefined
  /** From the moment all are connected; undefined: until `signal`. */
  readonly forMs?: number | undefined
  /** Undefined: a temporary directory, removed at the end. */
  readonly dir?: string | undefined
  readonly gossip: GossipMode
  /** Where the observer serves its page; undefined: nowhere. */
  readonly http?: HttpOrder | undefined
  readonly platform: Platform
  readonly openHost: OpenHost
  readonly progress: Progress
  /** Aborted: stop in good order. */
  readonly signal: AbortSignal
  /** Aborted: end everything now. */
  readonly killSignal: AbortSignal
}

/** How a run ended. */
export interface DemoEnd {
  readonly result: DemoResult
  /** What each node lacks for an agreement, for a person; empty where all agree. */
  readonly faults: readonly string[]
  /** In the epoch in force. */
  readonly witnesses: number
}

/** What a run came to. */
export interface DemoResult {
  /** Registrar, meters and observer. */
  readonly nodes: number
  readonly meters: number
  /** Blocks of all chains, and the readings in them; those of earlier runs in the same directory included. */
  readonly blocks: number
  readonly readings: number
  /** Every node runs, holds every block, has the same heads root, and knows the same blocks as final. */
  readonly agreed: boolean
  /** Blocks by member index, the registrar first. */
  readonly frontier: readonly number[]
  /** Hex; '' where no node holds every block. */
  readonly headsRoot: string
  /** Where the observer served its page and the API; null where it did not. */
  readonly page: string | null
  /** From all connected to the verdict. */
  readonly seconds: number
  /** Blocks that are final, by member index. */
  readonly final: readonly number[]
  /** From sealed to final as each node saw it, of all blocks of this run at all nodes; null where none became final. */
  readonly finalLagMs: { readonly p50: number | null; readonly p99: number | null }
}

/** From the start of the processes until all nodes are connected; a slow machine with many meters takes a while. */
const CONNECT_MS = 120_000
const CONNECT_LOOK_MS = 100

/** Two pictures a second: what is seen moves, and forty nodes hardly notice. */
const LOOK_MS = 500

const END_SEALING_MS = 2_000
const DRAIN_MS = 10_000
/** After Ctrl-C: sealing, draining and stopping together stay within five seconds. */
const HASTY_SEALING_MS = 1_000
const HASTY_DRAIN_MS = 1_500
const DRAIN_LOOK_MS = 200
/** Neighbours tell each other what they hold so often while the run drains: at rest they do so every half minute. */
const CROSS_CHECK_EVERY = 5

const STOP_MS = 2_000

/**
 * Runs a neighbourhood on this machine and judges it. Rejects with DEMO_SIZE, DEMO_NO_DATA, DEMO_NOT_STARTED,
 * DEMO_NOT_CONNECTED, what the directories throw, or the signal's reason where it is aborted before all are connected or
 * everything is ended at once.
 */
export async function runDemo(init: DemoInit): Promise<DemoEnd> {
  const { platform, progress } = init
  const dir = init.dir ?? (await mkdtemp(join(tmpdir(), 'wattness-demo-')))
  try {
    const ground = await layGround(dir, init.meters, platform.random)
    const sources = await sourcesOf(init, ground.meters)
    if (init.dir === undefined) progress.note(`nodes in ${dir}, removed at the end (--dir keeps them)`)
    if (ground.isContinued) progress.note(`${dir}: the network of ${ground.meters.length} meters goes on where it stopped`)
    const crew = new Crew({ openHost: init.openHost, timers: platform.timers, note: (text) => progress.note(text) })
    return await new Run(init, ground, sources, crew).toItsEnd()
  } finally {
    progress.end()
    if (init.dir === undefined) await removeGround(dir)
  }
}

async function sourcesOf({ data, progress }: DemoInit, meters: readonly string[]): Promise<readonly SourceOrder[]> {
  if (data === undefined) return householdOrders(meters)
  const { sources, skipped } = await openDataDir(data)
  for (const { path, reason } of skipped) progress.note(`skipped ${path}: ${reason}`)
  if (sources.length === 0) throw new WattnessError('DEMO_NO_DATA', `${data} holds no file that is recognised`, { path: data })
  const used = Math.min(sources.length, meters.length)
  progress.note(`${data}: ${used} of ${sources.length} homes are used${used < meters.length ? ', some by several meters' : ''}`)
  return fileOrders(meters, sources)
}

class Run {
  readonly #init: DemoInit
  readonly #ground: Ground
  readonly #sources: readonly SourceOrder[]
  readonly #crew: Crew
  readonly #names: readonly string[]
  readonly #rate = new BlockRate()
  #connectedAtMs: number | undefined

  constructor(init: DemoInit, ground: Ground, sources: readonly SourceOrder[], crew: Crew) {
    this.#init = init
    this.#ground = ground
    this.#sources = sources
    this.#crew = crew
    this.#names = [REGISTRAR, ...ground.meters, OBSERVER]
  }

  async toItsEnd(): Promise<DemoEnd> {
    const { killSignal } = this.#init
    const kill = (): void => this.#crew.kill()
    killSignal.addEventListener('abort', kill)
    try {
      await this.#start()
      await this.#untilConnected()
      await this.#runOn()
      const end = await this.#judge()
      killSignal.throwIfAborted()
      return end
    } finally {
      await this.#crew.stop(STOP_MS)
      killSignal.removeEventListener('abort', kill)
    }
  }

  async #start(): Promise<void> {
    const { signal } = this.#init
    const hosts = hostsOf(this.#ground.meters)
    const { meters } = this.#ground
    this.#crew.open(hosts)
    this.#show('starting')
    await this.#startHost([REGISTRAR], [], signal)
    const bootstrap = this.#crew.addressesOf(REGISTRAR)
    for (const names of hosts.slice(1, -1)) this.#crew.start(names[0] as string, this.#order(names, bootstrap))
    await this.#showUntil('starting', this.#crew.untilStarted(meters, signal))
    // Who comes later is told of all who are there, and chooses among them.
    await this.#startHost([OBSERVER], bootstrap, signal)
    const page = this.#crew.httpOf(OBSERVER)
    if (page !== undefined) this.#init.progress.note(`the neighbourhood is to be seen at ${page} in a browser`)
  }

  async #startHost(names: readonly string[], bootstrap: readonly string[], signal: AbortSignal): Promise<void> {
    this.#crew.start(names[0] as string, this.#order(names, bootstrap))
    await this.#showUntil('starting', this.#crew.untilStarted(names, signal))
  }

  #order(names: readonly string[], bootstrap: readonly string[]): StartOrder {
    const { intervalMs, gossip } = this.#init
    return { type: 'start', nodes: names.map((name) => this.#nodeOrder(name)), bootstrap, intervalMs, gossip }
  }

  #nodeOrder(name: string): NodeOrder {
    const { http } = this.#init
    const node = { name, dir: join(this.#ground.dir, name), ...(name === OBSERVER && http !== undefined ? { http } : {}) }
    const source = this.#sources[this.#ground.meters.indexOf(name)]
    return source === undefined ? node : { ...node, source }
  }

  async #untilConnected(): Promise<void> {
    const { platform, signal } = this.#init
    const untilMs = platform.clock.monotonicMs() + CONNECT_MS
    for (;;) {
      const picture = await this.#look('connecting')
      if (isConnected(picture)) break
      signal.throwIfAborted()
      if (platform.clock.monotonicMs() > untilMs) throw notConnected(picture)
      await sleep(platform.timers, CONNECT_LOOK_MS, signal)
    }
    this.#connectedAtMs = platform.clock.monotonicMs()
    this.#crew.tellAll({ type: 'feed' })
  }

  async #runOn(): Promise<void> {
    const { platform, forMs, signal } = this.#init
    const untilMs = (this.#connectedAtMs as number) + (forMs ?? Number.POSITIVE_INFINITY)
    for (;;) {
      await this.#look('running')
      const leftMs = untilMs - platform.clock.monotonicMs()
      if (leftMs <= 0 || signal.aborted) return
      await sleep(platform.timers, Math.min(LOOK_MS, leftMs), signal).catch(() => undefined)
    }
  }

  async #judge(): Promise<DemoEnd> {
    const { platform, signal, killSignal } = this.#init
    const isHasty = signal.aborted
    const phase = isHasty ? 'stopping' : 'draining'
    this.#show(phase)
    await this.#crew.endSealing(isHasty ? HASTY_SEALING_MS : END_SEALING_MS)
    const untilMs = platform.clock.monotonicMs() + (isHasty ? HASTY_DRAIN_MS : DRAIN_MS)
    const mayGoOn = (): boolean => platform.clock.monotonicMs() < untilMs && !killSignal.aborted && signal.aborted === isHasty
    let picture = await this.#look(phase)
    for (let looks = 0; !picture.isSettled && mayGoOn(); looks++) {
      if (looks % CROSS_CHECK_EVERY === 0) this.#crew.tellAll({ type: 'cross-check' })
      await sleep(platform.timers, DRAIN_LOOK_MS, isHasty ? killSignal : signal).catch(() => undefined)
      picture = await this.#look(phase)
    }
    this.#show(picture.agreed ? 'agreed' : 'not agreed')
    const faults = picture.rows.flatMap((row) => faultOf(row, this.#crew.dead) ?? finalFaultOf(row) ?? [])
    return { result: this.#resultOf(picture), faults, witnesses: picture.witnesses }
  }

  #resultOf({ blocks, readings, agreed, frontier, headsRoot, rows, final }: Picture): DemoResult {
    const ms = this.#init.platform.clock.monotonicMs() - (this.#connectedAtMs as number)
    const { finalLags } = this.#crew
    return {
      nodes: rows.length,
      meters: this.#ground.meters.length,
      blocks,
      readings,
      agreed,
      frontier,
      headsRoot: headsRoot ?? '',
      page: this.#crew.httpOf(OBSERVER) ?? null,
      seconds: Math.round(ms / 100) / 10,
      final,
      finalLagMs: { p50: finalLags.percentile(0.5), p99: finalLags.percentile(0.99) },
    }
  }

  /** Asks all nodes and shows what they said. */
  async #look(phase: Phase): Promise<Picture> {
    await this.#crew.ask()
    return this.#show(phase)
  }

  async #showUntil(phase: Phase, end: Promise<void>): Promise<void> {
    const { timers } = this.#init.platform
    let ended = false
    const finished = end.finally(() => {
      ended = true
    })
    const show = async (): Promise<void> => {
      while (!ended) {
        await this.#look(phase)
        await sleep(timers, LOOK_MS)
      }
    }
    await Promise.race([finished, show()])
    await finished
  }

  #show(phase: Phase): Picture {
    const { progress, platform, forMs } = this.#init
    const nowMs = platform.clock.monotonicMs()
    const { reports, silent, dead } = this.#crew
    const picture = pictureOf({ names: this.#names, reports, silent, dead })
    const elapsedMs = this.#connectedAtMs === undefined ? undefined : nowMs - this.#connectedAtMs
    // Before, blocks only come to be known: those of an earlier run.
    const blocksPerSecond = elapsedMs === undefined ? 0 : this.#rate.at(nowMs, picture.blocks)
    const finalLagMs = this.#crew.finalLags.percentile(0.5)
    const page = this.#crew.httpOf(OBSERVER)
    progress.show({ picture, hosts: this.#crew.hosts, clock: { phase, elapsedMs, forMs, blocksPerSecond, finalLagMs, page } })
    return picture
  }
}

function faultOf({ name, state, behind, report }: NodeRow, dead: ReadonlyMap<string, string>): string | undefined {
  switch (state) {
    case 'equal':
      return undefined
    case 'behind':
      return `${name} lacks ${behind} blocks`
    case 'different':
      return `${name} has another heads root: ${report?.headsRoot}`
    case 'starting':
      return `${name} has said nothing`
    case 'silent':
      return `${name} does not answer any more`
    case 'ended':
      return `${name} ended by ${dead.get(name)}`
  }
}

function finalFaultOf({ name, final, finalBehind }: NodeRow): string | undefined {
  return finalBehind === 0 ? undefined : `${name} knows ${final} blocks as final, of ${final + finalBehind} that others do`
}

function notConnected({ rows }: Picture): WattnessError {
  const alone = rows.filter(({ report }) => report === undefined || report.peers.length === 0).map(({ name }) => name)
  const held = rows.flatMap(({ name, report }) => (report?.heldBack === undefined ? [] : [`${name}: ${report.heldBack}`]))
  const who = alone.length > 0 ? `no neighbour: ${alone.join(', ')}` : (held[0] ?? 'they form several groups')
  return new WattnessError('DEMO_NOT_CONNECTED', `not all nodes were connected within ${CONNECT_MS / 1_000} s; ${who}`)
}
