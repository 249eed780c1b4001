import { checkerNames, loadChecker, loadScenario } from '../files.ts'
import { builtInHomes } from '../loads/homes.ts'
import type { RunInit } from '../run.ts'
import { PRESETS, type Settings } from '../settings.ts'
import { Simulation, type Violation } from '../simulation.ts'

/** Short enough for a test: half an hour's blocks every ten minutes. */
const SMALL: Partial<Settings> = {
  meters: 7,
  witnesses: 4,
  forMs: 3_000_000,
  blockIntervalMs: 300_000,
  readingIntervalMs: 300_000,
  startUpMs: 5_000,
  drainMs: 300_000,
}

export interface SmallRun {
  readonly scenario: string
  readonly breaks?: string
  readonly seed?: string
  readonly settings?: Partial<Settings>
  /** Called before anything happens. */
  readonly watch?: (simulation: Simulation) => void
}

/** Scenario and settings of a run of a few meters, and the homes for them. */
async function stageOf({ scenario: name, breaks, settings }: SmallRun) {
  const scenario = await loadScenario(name)
  const breakage = breaks === undefined ? undefined : (await loadChecker(breaks)).breakage
  const all: Settings = { ...PRESETS, ...scenario.settings, ...SMALL, ...breakage?.settings, ...settings }
  return { scenario, breakage, settings: all, homes: builtInHomes(all) }
}

/** One finished run of a few meters. */
export async function runSmall(init: SmallRun): Promise<Simulation> {
  const { scenario, breakage, settings, homes } = await stageOf(init)
  const simulation = new Simulation({
    scenario,
    ...(breakage === undefined ? {} : { breakage }),
    settings,
    seed: init.seed ?? '1',
    homes,
    checkers: checkerNames(),
  })
  init.watch?.(simulation)
  await simulation.run()
  return simulation
}

/** What `runNetworks` is told of a run of a few meters. */
export async function smallRunInit(init: Omit<SmallRun, 'watch'>): Promise<RunInit> {
  const { settings, homes } = await stageOf(init)
  return { scenario: init.scenario, broken: init.breaks, seed: init.seed ?? '1', settings, homes }
}

export function violationsOf({ violations }: { readonly violations: readonly Violation[] }): string[] {
  return violations.map(({ checker, what }) => `${checker}: ${what}`)
}
