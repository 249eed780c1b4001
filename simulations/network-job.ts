import { checkerNames, loadChecker, loadScenario } from './files.ts'
import type { Home } from './loads/homes.ts'
import type { NetworkPlan } from './networks.ts'
import { Simulation } from './simulation.ts'

/** One network of a run, as it is handed to whoever runs it: plain data. */
export interface NetworkJob {
  readonly plan: NetworkPlan
  readonly scenario: string
  /** Of the checker that has something to find. */
  readonly broken: string | undefined
  /** Of its own meters. */
  readonly homes: readonly Home[]
}

/** How far a network is. */
export interface Headway {
  readonly elapsedMs: number
  readonly blocks: number
  readonly deliveries: number
  readonly violations: number
}

/** Runs it, here and now. It depends on nothing but its job: not on where it runs, nor on what runs beside it. */
export async function simulateNetwork(job: NetworkJob, isStopped: (headway: Headway) => boolean): Promise<Simulation> {
  const { plan, scenario, broken, homes } = job
  const { seed, settings } = plan
  const breakage = broken === undefined ? undefined : (await loadChecker(broken)).breakage
  const simulation = new Simulation({
    scenario: await loadScenario(scenario),
    ...(breakage === undefined ? {} : { breakage }),
    ...{ settings, seed, homes },
    checkers: checkerNames(),
    isStopped: (each) => isStopped(headwayOf(each)),
  })
  await simulation.run()
  return simulation
}

function headwayOf({ world, tally, violations, violationsLeftOut }: Simulation): Headway {
  const { blocks, deliveries } = tally
  return { elapsedMs: world.time.elapsedMs, blocks, deliveries, violations: violations.length + violationsLeftOut }
}
