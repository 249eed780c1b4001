import { networkLimits, systemPlatform } from '../../node/index.ts'
import { MAX_NOTES, type Note, type NoteKind } from '../event-log.ts'
import { Histogram } from '../histogram.ts'
import type { Home } from '../loads/homes.ts'
import type { Act, Scenario } from '../scenario.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { Settings } from '../settings.ts'
import { MAX_VIOLATIONS, type Violation } from '../simulation.ts'
import { MAX_POINTS, type TimelinePoint } from '../timeline.ts'
import { Crew, type CrewLook } from './crew.ts'
import { judge } from './judge.ts'
import type { Notice } from './messages.ts'
import { realDeedOf } from './real-deeds.ts'
import type { OpenChannel } from './worker-channel.ts'

/** Between two looks at the workers while nodes start and while the run drains, and while it runs. */
const WATCH_MS = 250
const LOOK_MS = 1_000

/** Nodes that are not linked by then never will be. */
const MESH_LIMIT_MS = 180_000

/** What waits in spools at the end is sealed by hand: the next round may be an interval away. */
const SEAL_MS = 5_000

/** Points of its course that a run of the planned length makes. */
const PLANNED_POINTS = 240

export interface RealInit {
  readonly scenario: Scenario
  readonly settings: Settings
  readonly seed: string
  readonly homes: readonly Home[]
  /** How a worker's process is begun, where it is not a child of this one. */
  readonly opener?: (worker: number) => OpenChannel
  /** Called now and then; true ends the run early. */
  readonly isStopped?: (run: RealSimulation) => boolean
}

/** One run on real sockets in worker processes: started, meshed, run, drained, judged. */
export class RealSimulation {
  readonly settings: Settings
  readonly crew: Crew
  readonly story: string
  /** For deeds. */
  readonly random: SeededRandom
  readonly violations: Violation[] = []
  violationsLeftOut = 0
  readonly notes: Note[] = []
  notesLeftOut = 0
  readonly timeline: TimelinePoint[] = []
  readonly faults = new Map<string, number>()
  phase: 'starting' | 'meshing' | 'running' | 'draining' | 'judging' = 'starting'
  isStopped = false
  readings = 0
  crashes = 0
  /** From the first process to the last node's having neighbours enough. */
  meshedMs: number | undefined
  drainedMs: number | undefined
  atMesh: CrewLook | undefined
  last: CrewLook | undefined
  /** The most that all workers held at one look after the meshing. */
  mostRssBytes = 0
  /** Processor time and deliveries from meshed to drained. */
  cpuUs = 0
  deliveries = 0
  wallMs = 0
  /** By member, at the end. */
  storedBytes: readonly number[] = []
  readonly #init: RealInit
  readonly #acknowledged = new Map<number, Set<number>>()
  readonly #accused = new Set<number>()
  readonly #working = new Set<Promise<void>>()
  #failure: string | undefined
  #beganMs = 0
  #runMs = 0

  constructor(init: RealInit) {
    this.#init = init
    this.settings = init.settings
    this.story = init.scenario.story
    this.random = new SeededRandom(`wattness ${init.seed}`).stream('faults')
    this.crew = new Crew({
      settings: init.settings,
      seed: init.seed,
      homes: init.homes,
      ...(init.opener === undefined ? {} : { opener: init.opener }),
      onNotice: (notice) => this.#onNotice(notice),
      onDeath: (how) => {
        this.#failure ??= `a worker process ended by itself: ${how}`
      },
    })
  }

  /** Its meters are on other machines. */
  get isSpread(): boolean {
    return this.#init.opener !== undefined
  }

  /** Since the first process was started; with the meshing. */
  get elapsedMs(): number {
    return this.wallMs === 0 ? systemPlatform.clock.monotonicMs() - this.#beganMs : this.wallMs
  }

  /** Since the nodes were meshed. */
  get runMs(): number {
    return this.#runMs === 0 ? 0 : systemPlatform.clock.monotonicMs() - this.#runMs
  }

  async run(): Promise<void> {
    this.#beganMs = systemPlatform.clock.monotonicMs()
    try {
      await this.#mesh()
      if (!this.isOver()) await this.#live()
      if (!this.isOver()) await this.#drain()
      if (!this.isOver()) await this.#judge()
    } catch (error) {
      this.#failure ??= error instanceof Error ? (error.stack ?? error.message) : String(error)
    } finally {
      await Promise.allSettled(this.#working)
      this.storedBytes = await this.crew.storedBytes()
      this.wallMs = this.elapsedMs
      if (this.#failure !== undefined) this.violate('run', this.#failure)
    }
  }

  /** All processes and files are gone afterwards. */
  end(): Promise<void> {
    return this.crew.end()
  }

  violate(checker: string, what: string): void {
    this.note(`violation of ${checker}: ${what}`, 'violation')
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ checker, atMs: Math.round(this.runMs), what })
    else this.violationsLeftOut++
  }

  note(text: string, kind: NoteKind = 'node'): void {
    if (this.notes.length < MAX_NOTES) this.notes.push({ atMs: Math.round(this.runMs), kind, text })
    else this.notesLeftOut++
  }

  isOver(): boolean {
    this.isStopped ||= this.#init.isStopped?.(this) === true
    return this.isStopped || this.#failure !== undefined
  }

  /** Shorter where the run ends early. */
  async pause(ms: number): Promise<void> {
    const { clock, timers } = systemPlatform
    for (const endMs = clock.monotonicMs() + ms; clock.monotonicMs() < endMs && !this.isOver(); ) {
      await new Promise<void>((resolve) => timers.set(Math.min(WATCH_MS, endMs - clock.monotonicMs()), resolve))
    }
  }

  async look(): Promise<CrewLook> {
    const look = await this.crew.look()
    this.last = look
    if (this.#runMs > 0) {
      this.mostRssBytes = Math.max(this.mostRssBytes, look.rssBytes - look.workers * WORKER_BYTES)
      this.cpuUs = look.cpuUs - (this.atMesh?.cpuUs ?? 0)
      this.deliveries = look.deliveries - (this.atMesh?.deliveries ?? 0)
      this.#notePoint(look)
    }
    return look
  }

  #notePoint({ standings, deliveries }: CrewLook): void {
    const atMs = Math.round(this.runMs)
    const stepMs = Math.max(LOOK_MS, this.settings.forMs / PLANNED_POINTS)
    if (this.timeline.length >= MAX_POINTS || atMs < (this.timeline.at(-1)?.atMs ?? -stepMs) + stepMs) return
    const up = standings.filter((standing) => standing !== undefined)
    const sum = (of: 'held' | 'final'): number => up.reduce((all, each) => all + each[of], 0)
    const least = (of: 'held' | 'final'): number => Math.min(...up.map((each) => each[of]))
    this.timeline.push({
      atMs,
      sealed: this.blocks,
      heldLeast: up.length === 0 ? 0 : least('held'),
      heldMean: up.length === 0 ? 0 : sum('held') / up.length,
      finalLeast: up.length === 0 ? 0 : least('final'),
      finalMean: up.length === 0 ? 0 : sum('final') / up.length,
      up: up.length,
      deliveries,
      cpuMs: Math.round(this.cpuUs / 1_000),
    })
  }

  get delivery(): Histogram {
    return this.last?.delivery ?? new Histogram()
  }

  get finality(): Histogram {
    return this.last?.finality ?? new Histogram()
  }

  get blocks(): number {
    return this.crew.sealedSizes.reduce((sum, size) => sum + size, 0)
  }

  async #mesh(): Promise<void> {
    const { stage } = this.#init.scenario
    const off = stage === undefined ? 0 : Math.round(this.crew.names.length * this.settings.offShare)
    const others = [...this.crew.names.keys()].slice(1)
    await this.crew.start(new Set(this.random.sample(others, off)), () => this.isOver())
    this.phase = 'meshing'
    while (!this.isOver()) {
      const look = await this.look()
      const apart = this.#unmeshed(look)
      if (apart.length === 0) {
        this.meshedMs = this.elapsedMs
        this.atMesh = look
        return
      }
      if (this.elapsedMs > MESH_LIMIT_MS) {
        const some = apart.slice(0, 5).join(', ')
        throw new Error(`after ${MESH_LIMIT_MS} ms ${apart.length} nodes have too few neighbours: ${some}`)
      }
      await this.pause(WATCH_MS)
    }
  }

  /** Names of those that have too few neighbours, or that none of the first one's neighbours' neighbours leads to. */
  #unmeshed({ standings }: CrewLook): string[] {
    const { names } = this.crew
    const enough = Math.min(networkLimits.TARGET_LINKS, names.filter((_, member) => this.crew.isOn(member)).length - 1)
    const reached = new Set([0])
    for (const member of reached) for (const neighbour of standings[member]?.links ?? []) reached.add(neighbour)
    return names.filter((_, member) => {
      const standing = standings[member]
      if (!this.crew.isOn(member)) return false
      return standing === undefined || standing.links.length < enough || standing.greeted < enough || !reached.has(member)
    })
  }

  async #live(): Promise<void> {
    const { forMs } = this.settings
    this.phase = 'running'
    this.#runMs = systemPlatform.clock.monotonicMs()
    const fromMs = systemPlatform.clock.now()
    await this.crew.feed(fromMs, fromMs + forMs)
    const plan = (this.#init.scenario.acts ?? []).flatMap((act) => timesOf(act, forMs).map((atMs) => ({ atMs, act })))
    plan.sort((a, b) => a.atMs - b.atMs)
    while (!this.isOver() && this.runMs < forMs) {
      while ((plan[0]?.atMs ?? Number.POSITIVE_INFINITY) <= this.runMs) this.#do((plan.shift() as (typeof plan)[number]).act)
      await this.look()
      await this.pause(Math.min(LOOK_MS, forMs - this.runMs, (plan[0]?.atMs ?? Number.POSITIVE_INFINITY) - this.runMs))
    }
  }

  #do({ what, deed }: Act): void {
    this.note(what, 'deed')
    const work = realDeedOf(deed)?.(this).catch((error: unknown) => {
      this.#failure ??= `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
    })
    if (work === undefined) return
    this.#working.add(work)
    void work.finally(() => this.#working.delete(work))
  }

  /** Everything is switched on and nothing more is read: now all have to come to agree. */
  async #drain(): Promise<void> {
    this.phase = 'draining'
    await Promise.all(this.#working)
    const beganMs = this.runMs
    for (let sealMs = Number.NEGATIVE_INFINITY; this.runMs < beganMs + this.settings.drainMs && !this.isOver(); ) {
      const look = await this.look()
      if (this.#isQuiet(look)) {
        this.drainedMs = this.runMs - beganMs
        return
      }
      if (this.runMs >= sealMs + SEAL_MS) {
        sealMs = this.runMs
        await this.crew.sealAll()
      }
      await this.pause(WATCH_MS)
    }
  }

  #isQuiet({ standings }: CrewLook): boolean {
    const all = standings.reduce((sum, standing) => sum + (standing?.own ?? 0), 0)
    return standings.every((standing) => {
      if (standing === undefined || standing.spooled > 0 || standing.held < all) return false
      return this.settings.witnesses === 0 || standing.final >= all
    })
  }

  async #judge(): Promise<void> {
    this.phase = 'judging'
    const { crew, settings } = this
    const found = await judge({
      findings: await crew.findings(),
      names: crew.names,
      witnesses: settings.witnesses,
      sealedSizes: crew.sealedSizes,
      acknowledged: this.#acknowledged,
      accused: this.#accused,
      rootsAt: (member, size) => crew.rootsAt(member, size),
    })
    for (const { checker, what } of found) this.violate(checker, what)
  }

  #onNotice(notice: Notice): void {
    const { names } = this.crew
    const nameOf = (member: number): string => names[member] ?? 'a stranger'
    switch (notice.type) {
      case 'taken': {
        const times = this.#acknowledged.get(notice.member) ?? new Set()
        this.#acknowledged.set(notice.member, times.add(notice.time))
        this.readings++
        return
      }
      case 'evidence':
        this.#accused.add(notice.against)
        return this.note(`${nameOf(notice.member)} holds proof against ${nameOf(notice.against)}`)
      case 'fault':
        this.faults.set(notice.fault, (this.faults.get(notice.fault) ?? 0) + 1)
        return this.note(`${nameOf(notice.member)} holds against ${nameOf(notice.peer)}: ${notice.fault}, ${notice.detail}`)
      case 'note':
        return this.note(`${nameOf(notice.member)} ${notice.text}`)
      case 'failure':
        this.#failure ??= notice.text
        return
      case 'sealed':
        return
    }
  }
}

/** What an empty worker is taken to hold: the budget is for what nodes hold beside it. */
export const WORKER_BYTES = 90_000_000

function timesOf({ at, every, until }: Act, forMs: number): number[] {
  const times: number[] = []
  const last = every === undefined ? at : (until ?? 1)
  for (let share = at; share <= last; share += every ?? Number.POSITIVE_INFINITY) times.push(share * forMs)
  return times
}
