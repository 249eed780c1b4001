import { simulateNetwork } from '../network-job.ts'
import { type NetworkResult, networkResult } from '../network-result.ts'
import { jobsOf, type RunInit } from '../run.ts'
import type { Settings } from '../settings.ts'
import type { Simulation } from '../simulation.ts'
import { type SmallRun, smallRunInit } from './small-run.ts'

/** Two networks of five: four witnesses each. */
export const TWO: Partial<Settings> = { meters: 10, networks: 2, forMs: 2_400_000 }

export type Told = Partial<Omit<SmallRun, 'watch'>>

export function initOf(told: Told = {}): Promise<RunInit> {
  return smallRunInit({ scenario: 'baseline', ...told, settings: { ...TWO, ...told.settings } })
}

export interface Ran {
  readonly simulations: readonly Simulation[]
  readonly results: readonly NetworkResult[]
}

/** The networks of a run as threads run them, but here and one after the other. */
export async function runInTurn(told: Told = {}): Promise<Ran> {
  const simulations: Simulation[] = []
  const results: NetworkResult[] = []
  for (const job of jobsOf(await initOf(told))) {
    const simulation = await simulateNetwork(job, () => false)
    simulations.push(simulation)
    results.push(networkResult(simulation, job.plan.name))
  }
  return { simulations, results }
}
