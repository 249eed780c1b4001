import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createSigner, type NodeSettings, systemPlatform } from '../../node/index.ts'
import { formatGenesis, parseRoles } from '../../protocol/index.ts'
import { Histogram } from '../histogram.ts'
import type { Home } from '../loads/homes.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { Settings } from '../settings.ts'
import { keySeedOf } from './keys.ts'
import type { Findings, Load, Look, Notice, Sealed, Standing } from './messages.ts'
import { forkWorker, type OpenChannel } from './worker-channel.ts'
import { WorkerLink } from './worker-link.ts'

/** Others that a node is told of when it starts; the rest it finds by them. */
const FIRST_ADDRESSES = 4

export interface CrewInit {
  readonly settings: Settings
  readonly seed: string
  readonly homes: readonly Home[]
  /** How a worker's process is begun; a child of this one unless told otherwise. */
  readonly opener?: (worker: number) => OpenChannel
  readonly onNotice: (notice: Notice) => void
  /** A worker has ended of which nobody wanted it. */
  readonly onDeath: (how: string) => void
}

/** How all workers stand together, those that are gone included in what is counted. */
export interface CrewLook {
  /** By member; undefined where its node is off. */
  readonly standings: readonly (Standing | undefined)[]
  readonly cpuUs: number
  readonly rssBytes: number
  readonly workers: number
  readonly deliveries: number
  readonly attestations: number
  readonly finals: number
  readonly delivery: Histogram
  readonly finality: Histogram
}

/** The worker processes of a run, and which node is where: node i on worker i modulo their number. */
export class Crew {
  readonly names: readonly string[]
  readonly starts: number[]
  readonly #init: CrewInit
  readonly #random: SeededRandom
  readonly #genesisBytes: Uint8Array
  readonly #ground = mkdtempSync(path.join(tmpdir(), 'wattness-simulation-'))
  readonly #workers: (WorkerLink | undefined)[]
  readonly #lastLooks: (Look | undefined)[] = []
  /** Of workers that are gone. */
  readonly #gone: Look[] = []
  readonly #addresses = new Map<number, string>()
  readonly #sealedMs: number[][] = []
  #load: Load

  constructor(init: CrewInit) {
    const { settings, seed } = init
    this.#init = init
    this.#random = new SeededRandom(`wattness ${seed}`)
    this.names = ['registrar', ...Array.from({ length: settings.meters }, (_, i) => `meter-${i + 1}`)]
    this.starts = this.names.map(() => 0)
    const [registrar, ...meters] = this.names.map((name) => createSigner(keySeedOf(seed, name)).publicKey)
    this.#genesisBytes = formatGenesis({
      name: 'simulation',
      registrar: registrar as Uint8Array,
      members: meters.map((key, i) => ({
        key,
        roles: parseRoles(i < settings.witnesses ? 'meter,witness' : 'meter'),
        label: this.names[i + 1] as string,
      })),
    })
    this.#load = { intervalMs: settings.blockIntervalMs, fromMs: undefined, toMs: undefined }
    this.#workers = Array.from({ length: Math.min(settings.processes, this.names.length) }, () => undefined)
  }

  get processes(): number {
    return this.#workers.length
  }

  get pids(): number[] {
    return this.#workers.flatMap((worker) => worker?.pid ?? [])
  }

  /** By member: how many blocks of its own each is known to have sealed. */
  get sealedSizes(): number[] {
    return this.names.map((_, member) => this.#sealedMs[member]?.length ?? 0)
  }

  /** False while it is off or starting. */
  isOn(member: number): boolean {
    return this.#addresses.has(member)
  }

  membersOf(worker: number): number[] {
    return [...this.names.keys()].filter((member) => member % this.#workers.length === worker)
  }

  /** Starts all nodes, those of one worker one after another: what dials at once is then never much. */
  async start(off: ReadonlySet<number>, isStopped: () => boolean): Promise<void> {
    const beganMs = systemPlatform.clock.monotonicMs()
    const stepMs = this.#init.settings.startUpMs / this.names.length
    // The first one is there for all others to dial.
    const workers = [...this.#workers.keys()]
    await Promise.all(workers.map((worker) => this.#begin(worker)))
    await this.#open(0)
    const startAll = async (worker: number): Promise<void> => {
      for (const member of this.membersOf(worker)) {
        const waitMs = beganMs + member * stepMs - systemPlatform.clock.monotonicMs()
        if (waitMs > 0) await new Promise<void>((resolve) => systemPlatform.timers.set(waitMs, resolve))
        if (isStopped()) return
        if (member !== 0 && !off.has(member)) await this.#open(member)
      }
    }
    await Promise.all(workers.map(startAll))
  }

  async #begin(worker: number): Promise<void> {
    const { settings, seed, opener, onNotice, onDeath } = this.#init
    const open = opener?.(worker) ?? forkWorker
    const link = new WorkerLink({ open, onNotice: (notice) => this.#onNotice(worker, notice, onNotice), onDeath })
    this.#workers[worker] = link
    await link.ask('begin', {
      seed,
      genesisBytes: this.#genesisBytes,
      names: this.names,
      directory: settings.store === 'disk' ? this.#ground : undefined,
      ground: this.#ground,
      host: link.host,
      degree: settings.degree,
      settings: nodeSettings(settings),
      load: this.#load,
      sealedMs: Array.from(this.#sealedMs, (heights) => heights ?? []),
    })
  }

  async #open(member: number): Promise<void> {
    const { homes } = this.#init
    const others = [...this.#addresses].filter(([other]) => other !== member).map(([, address]) => address)
    const starts = (this.starts[member] ?? 0) + 1
    this.starts[member] = starts
    const random = this.#random.stream(`${this.names[member]} start ${starts}`)
    const bootstrap = random.sample(others, FIRST_ADDRESSES)
    const readings = member === 0 ? [] : (homes[member - 1]?.readings ?? [])
    this.#addresses.set(member, await this.#workerOf(member).ask('open', { member, bootstrap, readings }))
  }

  #workerOf(member: number): WorkerLink {
    const worker = this.#workers[member % this.#workers.length]
    if (worker === undefined) throw new Error(`the worker of ${this.names[member]} is not running`)
    return worker
  }

  #onNotice(from: number, notice: Notice, onNotice: (notice: Notice) => void): void {
    if (notice.type === 'sealed') this.#onSealed(from, notice)
    onNotice(notice)
  }

  #onSealed(from: number, sealed: Sealed): void {
    const heights = (this.#sealedMs[sealed.member] ??= [])
    for (let height = sealed.from; height < sealed.from + sealed.count; height++) heights[height] ??= sealed.atMs
    for (const [worker, link] of this.#workers.entries())
      if (worker !== from) link?.ask('sealed', [sealed]).catch(() => undefined)
  }

  /** From here on every meter shows a reading in each interval. */
  async feed(fromMs: number, toMs: number): Promise<void> {
    this.#load = { intervalMs: this.#init.settings.blockIntervalMs, fromMs, toMs }
    await this.#ofEach((worker) => worker.ask('feed', this.#load))
  }

  async sealAll(): Promise<void> {
    await this.#ofEach((worker) => worker.ask('sealAll'))
  }

  async look(): Promise<CrewLook> {
    const looks = await this.#ofEach((worker) => worker.ask('look').catch(() => undefined))
    for (const [worker, look] of looks.entries()) if (look !== undefined) this.#lastLooks[worker] = look
    return this.#sum(looks.filter((look) => look !== undefined))
  }

  #sum(present: readonly Look[]): CrewLook {
    const standings: (Standing | undefined)[] = this.names.map(() => undefined)
    for (const look of present) for (const standing of look.standings) standings[standing.member] = standing
    const all = [...this.#gone, ...present]
    const [delivery, finality] = [new Histogram(), new Histogram()]
    for (const look of all) {
      delivery.merge(look.delivery)
      finality.merge(look.finality)
    }
    const total = (of: (look: Look) => number, looks = all): number => looks.reduce((sum, look) => sum + of(look), 0)
    return {
      standings,
      cpuUs: total(({ cpuUs }) => cpuUs),
      rssBytes: total(({ rssBytes }) => rssBytes, [...present]),
      workers: present.length,
      deliveries: total(({ deliveries }) => deliveries),
      attestations: total(({ attestations }) => attestations),
      finals: total(({ finals }) => finals),
      delivery,
      finality,
    }
  }

  async findings(): Promise<Findings[]> {
    const found = await this.#ofEach((worker) => worker.ask('findings'))
    return found.flatMap((each) => each ?? []).sort((a, b) => a.member - b.member)
  }

  /** By node: its root of a chain at a size; undefined where it does not hold as much, or is off. */
  async rootsAt(member: number, size: number): Promise<(string | undefined)[]> {
    const roots: (string | undefined)[] = this.names.map(() => undefined)
    const told = await this.#ofEach((worker) => worker.ask('rootsAt', { member, size }))
    for (const each of told) for (const { node, root } of each ?? []) roots[node] = root
    return roots
  }

  /** All nodes of one process, here and now, as by a power cut. What it counted since the last look is lost. */
  async kill(worker: number): Promise<void> {
    const link = this.#workers[worker]
    this.#workers[worker] = undefined
    for (const member of this.membersOf(worker)) this.#addresses.delete(member)
    const last = this.#lastLooks[worker]
    this.#lastLooks[worker] = undefined
    if (last !== undefined) this.#gone.push({ ...last, standings: [] })
    await link?.kill()
  }

  /** Some of its nodes again, on the disks that they left. */
  async restart(worker: number, members: readonly number[]): Promise<void> {
    await this.#begin(worker)
    for (const member of members) await this.#open(member)
  }

  /** In order, and again. */
  async stopNode(member: number): Promise<void> {
    this.#addresses.delete(member)
    await this.#workerOf(member).ask('close', member)
  }

  startNode(member: number): Promise<void> {
    return this.#open(member)
  }

  /** What each worker answers, by worker; undefined of one that is down. */
  #ofEach<T>(ask: (worker: WorkerLink) => Promise<T>): Promise<(T | undefined)[]> {
    return Promise.all(this.#workers.map(async (worker) => worker && ask(worker)))
  }

  /** By member: bytes of its node's files; 0 where it keeps its blocks in memory, or is off. */
  async storedBytes(): Promise<number[]> {
    const bytes = this.names.map(() => 0)
    const told = await this.#ofEach((worker) => worker.ask('storedBytes').catch(() => undefined))
    for (const each of told) for (const { member, bytes: stored } of each ?? []) bytes[member] = stored
    return bytes
  }

  async end(): Promise<void> {
    await this.#ofEach((worker) => worker.end())
    rmSync(this.#ground, { recursive: true, force: true })
  }
}

function nodeSettings(settings: Settings): Partial<NodeSettings> {
  return {
    intervalMs: settings.blockIntervalMs,
    announceDelayMs: settings.announceDelayMs === 0 ? undefined : settings.announceDelayMs,
    attestDelayMs: settings.attestDelayMs,
    crossCheckMs: settings.crossCheckMs === 0 ? undefined : settings.crossCheckMs,
    gossip: settings.gossip,
    verifyThreads: 0,
    agent: 'simulation',
  }
}
