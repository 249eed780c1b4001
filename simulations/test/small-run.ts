import { checkerNames, loadChecker, loadScenario } from '../files.ts'
import { builtInHomes } from '../loads/homes.ts'
import { PRESETS, type Settings } from '../settings.ts'
import { Simulation } from '../simulation.ts'

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

/** One finished run of a few meters. */
export async function runSmall({ scenario: name, breaks, seed = '1', settings, watch }: SmallRun): Promise<Simulation> {
  const scenario = await loadScenario(name)
  const breakage = breaks === undefined ? undefined : (await loadChecker(breaks)).breakage
  const all: Settings = { ...PRESETS, ...scenario.settings, ...SMALL, ...breakage?.settings, ...settings }
  const simulation = new Simulation({
    scenario,
    ...(breakage === undefined ? {} : { breakage }),
    settings: all,
    seed,
    homes: builtInHomes(all),
    checkers: checkerNames(),
  })
  watch?.(simulation)
  await simulation.run()
  return simulation
}

export function violationsOf(simulation: Simulation): string[] {
  return simulation.violations.map(({ checker, what }) => `${checker}: ${what}`)
}
