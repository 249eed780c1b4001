import { availableParallelism } from 'node:os'
import { systemPlatform } from '../node/index.ts'
import { loadChecker, loadScenario } from './files.ts'
import type { Home } from './loads/homes.ts'
import { type Headway, type NetworkJob, simulateNetwork } from './network-job.ts'
import { type NetworkResult, networkResult } from './network-result.ts'
import { NetworkThreads } from './network-threads.ts'
import { planNetworks } from './networks.ts'
import type { Settings } from './settings.ts'
import type { Simulation } from './simulation.ts'

/** A finished run: what each of its networks came to. */
export interface Run {
  /** Of all networks together. */
  readonly settings: Settings
  readonly story: string
  /** What was broken on purpose for a checker to find. */
  readonly brokenOnPurpose: string | undefined
  /** Of those that began. */
  readonly results: readonly NetworkResult[]
  /** Names of those that had not begun when the run was stopped. */
  readonly notRun: readonly string[]
  readonly wallMs: number
  /** Of the whole process. */
  readonly cpuMs: number
}

/** How far a run is: counts are of all networks together. */
export interface RunHeadway extends Headway {
  /** Virtual time that the networks have gone through on average. */
  readonly elapsedMs: number
  readonly forMs: number
  readonly wallMs: number
  readonly networks: number
  /** Networks that have come to their end. */
  readonly done: number
}

export interface RunInit {
  /** Names. */
  readonly scenario: string
  /** Its broken node is planted in the first network: others have to stay as they are. */
  readonly broken: string | undefined
  readonly settings: Settings
  readonly seed: string
  readonly homes: readonly Home[]
  /** Networks that run at the same time: as many as there are cores, unless told otherwise. */
  readonly threads?: number
  /** Called now and then; true ends the run early. */
  readonly isStopped?: (headway: RunHeadway) => boolean
}

/**
 * One scenario in one network, or in several that know nothing of each other: one runs here, several in threads. What a run comes
 * to does not depend on how many threads there are. Throws SETTING_INVALID where meters cannot be spread, NETWORK_FAILED.
 */
export async function runNetworks(init: RunInit): Promise<Run> {
  const { scenario, broken, settings } = init
  const jobs = jobsOf(init)
  const { clock } = systemPlatform
  const beganMs = clock.monotonicMs()
  const isStopped = (headways: readonly Headway[], done: number): boolean => {
    const sum = (of: keyof Headway): number => headways.reduce((all, each) => all + each[of], 0)
    const counts = { blocks: sum('blocks'), deliveries: sum('deliveries'), violations: sum('violations') }
    const elapsedMs = sum('elapsedMs') / jobs.length
    const wallMs = clock.monotonicMs() - beganMs
    return init.isStopped?.({ elapsedMs, forMs: settings.forMs, wallMs, ...counts, networks: jobs.length, done }) === true
  }
  const [only, ...others] = jobs
  if (only !== undefined && others.length === 0) {
    return runOf(await simulateNetwork(only, (headway) => isStopped([headway], 0)), settings)
  }
  const cpuAtStart = process.cpuUsage()
  const results = await new NetworkThreads({ jobs, threads: init.threads ?? availableParallelism(), isStopped }).run()
  const { user, system } = process.cpuUsage(cpuAtStart)
  return {
    settings,
    story: (await loadScenario(scenario)).story,
    brokenOnPurpose: broken === undefined ? undefined : (await loadChecker(broken)).breakage.what,
    results: results.filter((result) => result !== undefined),
    notRun: jobs.filter((_, index) => results[index] === undefined).map(({ plan }) => plan.name),
    wallMs: clock.monotonicMs() - beganMs,
    cpuMs: (user + system) / 1_000,
  }
}

/** One for each network, with its own homes. Throws SETTING_INVALID. */
export function jobsOf({ scenario, broken, settings, seed, homes }: RunInit): NetworkJob[] {
  return planNetworks(seed, settings).map((plan, index) => {
    const { firstHome } = plan
    const own = homes.slice(firstHome, firstHome + plan.settings.meters)
    return { plan, scenario, broken: index === 0 ? broken : undefined, homes: own }
  })
}

/** Of a finished simulation that was all. */
export function runOf(simulation: Simulation, settings = simulation.settings): Run {
  const { story, brokenOnPurpose, wallMs, timeline } = simulation
  return { settings, story, brokenOnPurpose, results: [networkResult(simulation)], notRun: [], wallMs, cpuMs: timeline.cpuMs }
}
