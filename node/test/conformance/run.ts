import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { systemEnvironment } from '../../platform.ts'
import { casesOf } from './cases.ts'
import { EXPLANATIONS } from './explanations.ts'
import type { Outcome } from './outcome.ts'

/**
 * `npm run conformance`: every expected file of WATTNESS_DATA against what the normal reading makes of its capture. Prints one
 * line for each file that is not matched, then a table, then one JSON line. Ends with 1 where something differs that nobody
 * explains.
 */

interface Count {
  matched: number
  explained: number
  refused: number
  unexplained: number
}

const directory = resolve(systemEnvironment()['WATTNESS_DATA'] ?? '../shared/data')
if (existsSync(directory)) process.exitCode = await run()
else {
  console.log(`conformance: ${directory} is not there (WATTNESS_DATA names it); nothing was compared`)
  console.log(JSON.stringify({ matched: 0, explained: 0, refused: 0 }))
}

async function run(): Promise<number> {
  const counts = new Map<string, Count>()
  for (const { kind, file, compare } of casesOf(directory)) {
    const count = counts.get(kind) ?? { matched: 0, explained: 0, refused: 0, unexplained: 0 }
    counts.set(kind, count)
    const outcome = await compare()
    const state = stateOf(file, outcome)
    count[state]++
    if (outcome.state === 'matched') continue
    const explanation = EXPLANATIONS.get(file)
    console.log(`${state} ${file}: ${outcome.reason}${explanation === undefined ? '' : ` — ${explanation}`}`)
  }
  console.table(Object.fromEntries(counts))
  const total = (key: keyof Count): number => Array.from(counts.values()).reduce((sum, count) => sum + count[key], 0)
  const unexplained = total('unexplained')
  if (unexplained > 0) console.log(`${unexplained} differ, and nobody has explained why`)
  console.log(
    JSON.stringify({ matched: total('matched'), explained: total('explained'), refused: total('refused') + unexplained }),
  )
  return unexplained === 0 ? 0 : 1
}

/** An explanation of a file that matches is out of date, and counts as a difference. */
function stateOf(file: string, outcome: Outcome): keyof Count {
  const explained = EXPLANATIONS.has(file)
  if (outcome.state === 'matched') return explained ? 'unexplained' : 'matched'
  if (explained) return 'explained'
  return outcome.state === 'refused' ? 'refused' : 'unexplained'
}
