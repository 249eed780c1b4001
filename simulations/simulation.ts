import { systemPlatform } from '../node/index.ts'
import { loadChecker } from './files.ts'
import type { Home } from './loads/homes.ts'
import { Neighbourhood } from './neighbourhood.ts'
import { planNetworks } from './networks.ts'
import type { Breakage, Checker, Scenario } from './scenario.ts'
import type { Settings } from './settings.ts'
import type { Totals } from './tally.ts'
import { Timeline } from './timeline.ts'
import { TallySum } from './totals.ts'
import { Commons } from './world/commons.ts'
import type { World } from './world/world.ts'

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
  /** Planted in the first network: others have to stay as they are. */
  readonly breakage?: Breakage
  readonly settings: Settings
  readonly seed: string
  readonly homes: readonly Home[]
  readonly checkers: readonly string[]
  /** Called now and then; true ends the run early. */
  readonly isStopped?: (simulation: Simulation) => boolean
}

/** One run of one scenario, from the first start to the last checker's word, in one network or several at the same time. */
export class Simulation {
  readonly commons: Commons
  readonly neighbourhoods: readonly Neighbourhood[]
  /** Of all networks together. */
  readonly tally: Totals
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

  /** Throws SETTING_INVALID where meters cannot be spread over the networks. */
  constructor(init: SimulationInit) {
    const { settings, seed, scenario, homes } = init
    this.#init = init
    this.settings = settings
    this.commons = new Commons(settings)
    const { commons } = this
    const violate = (checker: string, what: string): void => this.violate(checker, what)
    this.neighbourhoods = planNetworks(seed, settings).map((plan, index) => {
      return new Neighbourhood({ plan, commons, homes, scenario, breakage: index === 0 ? init.breakage : undefined, violate })
    })
    const tallies = this.neighbourhoods.map(({ tally }) => tally)
    this.tally = tallies.length === 1 ? this.#first.tally : new TallySum(tallies)
    this.timeline = new Timeline(this.neighbourhoods, this.tally)
  }

  get #first(): Neighbourhood {
    return this.neighbourhoods[0] as Neighbourhood
  }

  /** The first network's, which is the only one unless a run has several. */
  get world(): World {
    return this.#first.world
  }

  async run(): Promise<void> {
    const { clock } = systemPlatform
    this.#beganMs = clock.monotonicMs()
    const { commons, settings, neighbourhoods } = this
    const checkers = new Map<string, Checker>()
    for (const name of this.#init.checkers) checkers.set(name, await loadChecker(name))
    for (const each of neighbourhoods) await each.begin(checkers)
    this.timeline.begin()
    for (const each of neighbourhoods) each.plan()
    await commons.time.runUntil(settings.forMs, this.#overLook())
    if (!this.isStopped) await this.#drain()
    if (!this.isStopped) for (const each of neighbourhoods) await each.judge()
    for (const { stack, message } of commons.failures) {
      this.world.log.note(`violation of run: ${stack ?? message}`, 'violation')
      this.violate('run', stack ?? message)
    }
    for (const each of neighbourhoods) each.logEnd()
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
    if (this.violations.length >= MAX_VIOLATIONS) this.violationsLeftOut++
    else this.violations.push({ checker, atMs: this.commons.time.elapsedMs, what })
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
    const { neighbourhoods, settings } = this
    const { time, failures } = this.commons
    for (const each of neighbourhoods) each.mend()
    const beganMs = time.elapsedMs
    const isOver = this.#overLook()
    for (let sealMs = beganMs; time.elapsedMs < beganMs + settings.drainMs; ) {
      await time.runUntil(time.elapsedMs + LOOK_MS, isOver)
      if (this.isStopped || failures.length > 0) return
      const sinceMs = time.elapsedMs - beganMs
      // Each is asked, so that each has its own time.
      if (neighbourhoods.filter((each) => !each.isDrained(sinceMs)).length === 0) {
        this.drainedMs = sinceMs
        return
      }
      if (time.elapsedMs < sealMs + SEAL_MS) continue
      sealMs = time.elapsedMs
      for (const each of neighbourhoods) each.sealWaiting()
    }
  }
}
