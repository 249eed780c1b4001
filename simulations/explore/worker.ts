import { parentPort } from 'node:worker_threads'
import { useNativeHash } from '../../node/index.ts'
import { checkerNames, loadScenario } from '../files.ts'
import { builtInHomes } from '../loads/homes.ts'
import { PRESETS, type Settings } from '../settings.ts'
import { Simulation } from '../simulation.ts'
import type { Answer, ExploreJob, Job, JobResult, ScenarioJob } from './job.ts'
import { drawPlan, type Plan } from './plan.ts'
import { shrinkPlan } from './shrinking.ts'
import { resultOf, tryPlan } from './trial.ts'

/** One thread of `simulate explore`: one job after the other, each wholly its own. */

async function explore({ seed, draw, isShrunk }: ExploreJob): Promise<JobResult> {
  const plan = drawPlan(seed, draw)
  const result = await tryPlan(plan)
  if (result.checker === undefined || !isShrunk) return result
  let last = result
  const fails = async (smaller: Plan): Promise<boolean> => {
    const again = await tryPlan(smaller)
    if (again.checker !== result.checker) return false
    last = again
    return true
  }
  const shrunk = await shrinkPlan(plan, fails)
  return { ...result, shrunk: { ...shrunk, violations: last.violations } }
}

async function runScenario({ scenario: name, seed, settings: told }: ScenarioJob): Promise<JobResult> {
  const scenario = await loadScenario(name)
  const settings: Settings = { ...PRESETS, ...scenario.settings, ...told }
  const simulation = new Simulation({
    scenario,
    settings: { ...settings, witnesses: Math.min(settings.witnesses, settings.meters) },
    seed,
    homes: builtInHomes(settings),
    checkers: checkerNames(),
  })
  await simulation.run()
  return resultOf(simulation)
}

async function answerTo(job: Job): Promise<Answer> {
  try {
    return { result: job.kind === 'explore' ? await explore(job) : await runScenario(job) }
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

useNativeHash()
parentPort?.on('message', (job: Job) => {
  answerTo(job).then(
    (answer) => parentPort?.postMessage(answer),
    (error: unknown) => {
      // Only what cannot be posted comes here: the thread ends, and its job is answered as failed.
      throw error
    },
  )
})
