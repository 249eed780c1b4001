import { readdirSync } from 'node:fs'
import path from 'node:path'
import { WattnessError } from '../protocol/index.ts'
import type { Checker, Scenario } from './scenario.ts'

/** Names of the files of a folder of simulations/: a new story, or checker, is one more file there. */
function namesIn(folder: 'scenarios' | 'checkers'): string[] {
  return readdirSync(path.join(import.meta.dirname, folder))
    .filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith('.d.ts'))
    .map((name) => name.replace(/\.(ts|js)$/, ''))
    .sort()
}

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

export const scenarioNames = (): string[] => namesIn('scenarios')
export const checkerNames = (): string[] => namesIn('checkers')

/** Throws SCENARIO_UNKNOWN. */
export async function loadScenario(name: string): Promise<Scenario> {
  if (!scenarioNames().includes(name)) {
    throw new WattnessError('SCENARIO_UNKNOWN', `no scenario ${name}: there are ${scenarioNames().join(', ')}`)
  }
  return ((await import(`./scenarios/${name}.${extension}`)) as { scenario: Scenario }).scenario
}

/** Throws CHECKER_UNKNOWN. */
export async function loadChecker(name: string): Promise<Checker> {
  if (!checkerNames().includes(name)) {
    throw new WattnessError('CHECKER_UNKNOWN', `no checker ${name}: there are ${checkerNames().join(', ')}`)
  }
  return ((await import(`./checkers/${name}.${extension}`)) as { checker: Checker }).checker
}
