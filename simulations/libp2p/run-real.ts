import type { Home } from '../loads/homes.ts'
import type { Progress } from '../progress.ts'
import type { Report } from '../report.ts'
import type { Scenario } from '../scenario.ts'
import type { Settings } from '../settings.ts'
import type { Harbour } from './harbour.ts'
import { assertReal } from './real-presets.ts'
import { makeRealReport, realLineOf } from './real-report.ts'
import { RealSimulation } from './real-simulation.ts'

export interface RunRealInit {
  readonly name: string
  readonly scenario: Scenario
  readonly settings: Settings
  readonly presets: Settings
  readonly seed: string
  readonly data: string | undefined
  readonly homes: readonly Home[]
  /** Where other machines have come that take the meters; stays open. */
  readonly harbour?: Harbour
  readonly progress?: Progress
  readonly isInterrupted?: () => boolean
}

/** One scenario on real sockets, with its report; no process and no file is left. Throws SCENARIO_VIRTUAL, SETTING_VIRTUAL. */
export async function runReal(init: RunRealInit): Promise<Report> {
  const { name, scenario, settings, presets, seed, data, homes, harbour, progress, isInterrupted } = init
  assertReal(name, scenario, settings)
  const run = new RealSimulation({
    scenario,
    settings: { ...settings, witnesses: Math.min(settings.witnesses, settings.meters) },
    seed,
    homes,
    ...(harbour === undefined ? {} : { opener: (worker: number) => harbour.opener(worker) }),
    isStopped: (each) => {
      progress?.draw(() => realLineOf(each))
      return isInterrupted?.() === true
    },
  })
  try {
    await run.run()
    return makeRealReport({ run, scenario: name, seed, data, presets })
  } finally {
    progress?.end()
    await run.end()
  }
}

/** Of each home as many readings as the run has block intervals: whatever their own times, one is shown in each. */
export function loadOf(settings: Settings): Settings {
  const intervals = Math.ceil(settings.forMs / settings.blockIntervalMs) + 1
  return { ...settings, forMs: intervals * settings.readingIntervalMs }
}
