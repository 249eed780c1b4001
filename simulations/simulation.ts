import { systemPlatform } from '../node/index.ts'
import { MAX_NOTES } from './event-log.ts'
import { loadChecker } from './files.ts'
import type { Home } from './loads/homes.ts'
import { isQuiet } from './quiet.ts'
import type { Act, Breakage, Scenario } from './scenario.ts'
import type { Settings } from './settings.ts'
import { Tally } from './tally.ts'
import { Timeline } from './timeline.ts'
import { World } from './world/world.ts'

/** Violations that are kept; the rest is counted. */
export const MAX_VIOLATIONS = 100

/** How often in virtual time it is looked whether all agree, once nothing is fed any more. */
const LOOK_MS = 5_000

/** What waits in spools is sealed by hand then: the next round may be half an hour away. */
const SEAL_MS = 30_000

/** Events of virtual time between two looks at the clock of the wall. */
const EVENTS_PER_LOOK = 1_024

export interface Violation {
  readonly checker: string
  /** Of virtual time, since the start. */
  readonly atMs: number
  readonly what: string
}

export interface SimulationInit {
  readonly scenario: Scenario
  readonly breakage?: Breakage
  readonly settings: Settings
  readonly seed: string
  readonly homes: readonly Home[]
  readonly checkers: readonly string[]
  /** Called now and then; true ends the run early. */
  readonly isStopped?: (simulation: Simulation) => boolean
}

/** One run of one scenario, from the first start to the last checker's word. */
export class Simulation {
  readonly world: World
  readonly tally: Tally
  readonly timeline: Timeline
  readonly settings: Settings
  readonly violations: Violation[] = []
  violationsLeftOut = 0
  /** Virtual time from the end of the run until all agreed; undefined where they did not. */
  drainedMs: number | undefined
  isStopped = false
  wallMs = 0
  readonly #init: SimulationInit
  #beganMs = 0

  constructor(init: SimulationInit) {
    this.#init = init
    this.settings = init.settings
    this.world = new World({ seed: init.seed, settings: init.settings, homes: init.homes })
    this.tally = new Tally(this.world)
    this.timeline = new Timeline(this.world, this.tally)
  }

  async run(): Promise<void> {
    const { clock } = systemPlatform
    this.#beganMs = clock.monotonicMs()
    const { world, settings } = this
    this.#noteEvents()
    const endings = await this.#watch()
    const { scenario, breakage } = this.#init
    await scenario.stage?.(world)
    await breakage?.stage?.(world)
    world.begin()
    this.timeline.begin()
    for (const act of [...(scenario.acts ?? []), ...(breakage?.acts ?? [])]) this.#plan(act)
    await world.time.runUntil(settings.forMs, this.#overLook())
    if (!this.isStopped) await this.#drain()
    if (!this.isStopped) for (const end of endings) await end()
    for (const failure of world.failures) this.violate('run', failure.stack ?? failure.message)
    this.#logEnd()
    this.timeline.end()
    this.wallMs = clock.monotonicMs() - this.#beganMs
  }

  get story(): string {
    return this.#init.scenario.story
  }

  /** What was broken on purpose for a checker to find. */
  get brokenOnPurpose(): string | undefined {
    return this.#init.breakage?.what
  }

  /** Wall time so far. */
  get elapsedWallMs(): number {
    return this.wallMs === 0 ? systemPlatform.clock.monotonicMs() - this.#beganMs : this.wallMs
  }

  violate(checker: string, what: string): void {
    const { world } = this
    world.log.note(`violation of ${checker}: ${what}`, 'violation')
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ checker, atMs: world.time.elapsedMs, what })
    else this.violationsLeftOut++
  }

  async #watch(): Promise<(() => unknown)[]> {
    const endings: (() => unknown)[] = []
    for (const name of this.#init.checkers) {
      const checker = await loadChecker(name)
      endings.push(checker.watch(this.world, (what) => this.violate(name, what)))
    }
    return endings
  }

  #plan(act: Act): void {
    const { world } = this
    const { forMs } = this.settings
    const last = act.every === undefined ? act.at : (act.until ?? 1)
    for (let at = act.at; at <= last; at += act.every ?? Number.POSITIVE_INFINITY) {
      world.time.after(at * forMs, () => {
        world.log.note(act.what)
        world.run(act.what, () => act.deed(world))
      })
    }
  }

  #overLook(): () => boolean {
    const { isStopped } = this.#init
    let left = 0
    return () => {
      if (this.world.failures.length > 0) return true
      if (left-- > 0) return this.isStopped
      left = EVENTS_PER_LOOK
      this.isStopped ||= isStopped?.(this) === true
      return this.isStopped
    }
  }

  /** Everything is mended and switched on, and nothing more is read: now all have to come to agree. */
  async #drain(): Promise<void> {
    const { world, settings } = this
    const { time } = world
    world.log.note('the run is over: all is mended and nothing more is read', 'run')
    world.stopFeeding()
    world.network.heal()
    for (const node of world.nodes) {
      node.disk.fate = () => 'ok'
      node.disk.capacityBytes = Number.POSITIVE_INFINITY
      node.setClock(0)
      world.network.repair(node.host)
      if (!node.isOn) world.run(`${node.name} starts for the end`, () => node.start())
    }
    const beganMs = time.elapsedMs
    const isOver = this.#overLook()
    for (let sealMs = beganMs; time.elapsedMs < beganMs + settings.drainMs; ) {
      await time.runUntil(time.elapsedMs + LOOK_MS, isOver)
      if (this.isStopped || world.failures.length > 0) return
      if (isQuiet(world)) {
        this.drainedMs = time.elapsedMs - beganMs
        return
      }
      if (time.elapsedMs < sealMs + SEAL_MS) continue
      sealMs = time.elapsedMs
      for (const { node, store } of world.nodes) {
        if ((store?.spool.size ?? 0) > 0) node?.sealNow().catch(() => undefined)
      }
    }
  }

  #noteEvents(): void {
    const { world } = this
    const { log } = world
    const nameOf = (keyHex: string): string => world.nodes.find((each) => each.keyHex === keyHex)?.name ?? keyHex.slice(0, 8)
    world.on('started', ({ name, starts }) => log.add(`${name} runs, start ${starts}`))
    world.on('stopped', ({ name }, { isCrash }) => log.add(`${name} ${isCrash ? 'crashes' : 'stops'}`))
    world.on('link', ({ host }, { peer }) => log.add(`${host} links ${nameOf(peer)}`))
    world.on('unlink', ({ host }, { peer }) => log.add(`${host} unlinks ${nameOf(peer)}`))
    world.on('attested', ({ host }, { epoch, sequence }) => log.add(`${host} attests ${epoch}/${sequence}`))
    world.on('sealFailed', ({ name }, { error }) => log.note(`${name} cannot seal: ${(error as Error).message}`, 'node'))
    world.on('evidence', ({ name }, { member }) => log.note(`${name} holds proof against ${nameOf(member)}`, 'node'))
    world.on('witnessEvidence', ({ name }, { member }) =>
      log.note(`${name} holds proof against the witness ${nameOf(member)}`, 'node'),
    )
    world.on('witnessHalted', ({ name }, { reason }) => log.note(`${name} witnesses no more: ${reason}`, 'node'))
    const told = new Set<string>()
    world.on('damage', ({ name }, { error }) => {
      // A disk that stays full refuses thousands of writes: once is news.
      const text = `the store of ${name}: ${error.message}`
      if (told.has(text) || told.size >= MAX_NOTES) return log.add(text)
      told.add(text)
      log.note(text, 'node')
    })
    world.on('fault', ({ name }, { peer, fault, detail, isLast }) => {
      const text = `${name} holds against ${nameOf(peer)}: ${fault}, ${detail}`
      if (isLast) log.note(`${text}: it hangs up`, 'node')
      else log.add(text)
    })
  }

  /** What the run ended with goes into its hash too. */
  #logEnd(): void {
    const { world } = this
    for (const { name, node } of world.nodes) {
      world.log.add(
        `${name} ends with ${node === undefined ? 'nothing' : Buffer.from(node.sync.view.headsRoot()).toString('hex')}`,
      )
    }
  }
}
