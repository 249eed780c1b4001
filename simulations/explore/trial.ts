import { systemPlatform } from '../../node/index.ts'
import { checkerNames, loadChecker } from '../files.ts'
import { builtInHomes } from '../loads/homes.ts'
import { Simulation } from '../simulation.ts'
import { type Plan, scenarioOf, settingsOf } from './plan.ts'

/** A small run that takes longer than this is stopped: it is told of, and judged by nobody. */
const TRIAL_WALL_MS = 120_000

export interface TrialResult {
  /** `checker: what`, the first ones. */
  readonly violations: readonly string[]
  readonly checker: string | undefined
  readonly isStopped: boolean
  readonly virtualSeconds: number
  readonly deliveries: number
  readonly eventLogHash: string
}

const VIOLATIONS_TOLD = 5

/** One run of a plan, finished unless it is told to stop. */
export async function runPlan(plan: Plan, isStopped?: (simulation: Simulation) => boolean): Promise<Simulation> {
  const breakage = plan.breaks === undefined ? undefined : (await loadChecker(plan.breaks)).breakage
  const settings = { ...settingsOf(plan), ...breakage?.settings }
  const simulation = new Simulation({
    scenario: scenarioOf(plan),
    ...(breakage === undefined ? {} : { breakage }),
    settings: { ...settings, witnesses: Math.min(settings.witnesses, settings.meters) },
    seed: plan.seed,
    homes: builtInHomes(settings),
    checkers: checkerNames(),
    ...(isStopped === undefined ? {} : { isStopped }),
  })
  await simulation.run()
  return simulation
}

export async function tryPlan(plan: Plan): Promise<TrialResult> {
  const { clock } = systemPlatform
  const untilMs = clock.monotonicMs() + TRIAL_WALL_MS
  return resultOf(await runPlan(plan, () => clock.monotonicMs() > untilMs))
}

export function resultOf({ violations, world, tally, isStopped }: Simulation): TrialResult {
  return {
    violations: violations.slice(0, VIOLATIONS_TOLD).map(({ checker, what }) => `${checker}: ${what}`),
    checker: violations[0]?.checker,
    isStopped,
    virtualSeconds: world.time.elapsedMs / 1_000,
    deliveries: tally.deliveries,
    eventLogHash: world.log.digest(),
  }
}
