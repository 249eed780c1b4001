import { systemPlatform } from '../node/index.ts'
import { logEnd, mend, sealWaiting } from './ending.ts'
import { loadChecker } from './files.ts'
import type { Home } from './loads/homes.ts'
import { isQuiet } from './quiet.ts'
import type { Act, Breakage, Scenario } from './scenario.ts'
import type { Settings } from './settings.ts'
import { Tally } from './tally.ts'
import { Timeline } from './timeline.ts'
import { Commons } from './world/commons.ts'
import { noteEvents } from './world/noted.ts'
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
  /** Of one network: what `planNetworks` makes of those of a run. */
  readonly settings: Settings
  readonly seed: string
  /** One for each meter. */
  readonly homes: readonly Home[]
  readonly checkers: readonly string[]
  /** Called now and then; true ends the run early. */
  readonly isStopped?: (simulation: Simulation) => boolean
}

/** One run of one scenario in one network, from the first start to the last checker's word. */
export class Simulation {
  readonly commons: Commons
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
  readonly #endings: (() => unknown)[] = []

  constructor(init: SimulationInit) {
    const { settings, seed, homes } = init
    this.#init = init
    this.settings = settings
    this.commons = new Commons(settings)
    this.world = new World({ commons: this.commons, seed, settings, homes })
    this.tally = new Tally(this.world)
    this.timeline = new Timeline(this.world, this.tally)
  }

  async run(): Promise<void> {
    const { clock } = systemPlatform
    const beganMs = clock.monotonicMs()
    const { commons, settings, world } = this
    await this.#begin()
    await commons.time.runUntil(settings.forMs, this.#overLook())
    if (!this.isStopped) await this.#drain()
    if (!this.isStopped) for (const end of this.#endings) await end()
    for (const { stack, message } of commons.failures) this.#violate('run', stack ?? message)
    logEnd(world)
    this.timeline.end()
    this.wallMs = clock.monotonicMs() - beganMs
  }

  get story(): string {
    return this.#init.scenario.story
  }

  /** What was broken on purpose for a checker to find. */
  get brokenOnPurpose(): string | undefined {
    return this.#init.breakage?.what
  }

  async #begin(): Promise<void> {
    const { world } = this
    const { scenario, breakage, checkers } = this.#init
    noteEvents(world)
    for (const name of checkers) {
      const checker = await loadChecker(name)
      this.#endings.push(checker.watch(world, (what) => this.#violate(name, what)))
    }
    await scenario.stage?.(world)
    await breakage?.stage?.(world)
    world.begin()
    this.timeline.begin()
    for (const act of [...(scenario.acts ?? []), ...(breakage?.acts ?? [])]) this.#plan(act)
  }

  #plan(act: Act): void {
    const { world } = this
    const { forMs } = world.settings
    const last = act.every === undefined ? act.at : (act.until ?? 1)
    for (let at = act.at; at <= last; at += act.every ?? Number.POSITIVE_INFINITY) {
      world.time.after(at * forMs, () => {
        world.log.note(act.what)
        world.run(act.what, () => act.deed(world))
      })
    }
  }

  #violate(checker: string, what: string): void {
    const { log, time } = this.world
    log.note(`violation of ${checker}: ${what}`, 'violation')
    if (this.violations.length >= MAX_VIOLATIONS) this.violationsLeftOut++
    else this.violations.push({ checker, atMs: time.elapsedMs, what })
  }

  #overLook(): () => boolean {
    const { isStopped } = this.#init
    const { failures } = this.commons
    let left = 0
    return () => {
      if (failures.length > 0) return true
      if (left-- > 0) return this.isStopped
      left = EVENTS_PER_LOOK
      this.isStopped ||= isStopped?.(this) === true
      return this.isStopped
    }
  }

  /** Everything is mended: now all have to come to agree. */
  async #drain(): Promise<void> {
    const { world, settings } = this
    const { time, failures } = this.commons
    mend(world)
    const beganMs = time.elapsedMs
    const isOver = this.#overLook()
    for (let sealMs = beganMs; time.elapsedMs < beganMs + settings.drainMs; ) {
      await time.runUntil(time.elapsedMs + LOOK_MS, isOver)
      if (this.isStopped || failures.length > 0) return
      if (isQuiet(world)) {
        this.drainedMs = time.elapsedMs - beganMs
        return
      }
      if (time.elapsedMs < sealMs + SEAL_MS) continue
      sealMs = time.elapsedMs
      sealWaiting(world)
    }
  }
}
