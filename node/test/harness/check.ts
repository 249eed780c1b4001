import { rmSync } from 'node:fs'
import path from 'node:path'
import { formatClosingLine, parseClosingLine, type Tally } from './closing-line.ts'
import { COVERED_PARTS, formatLowest, LEAST_LINES_PERCENT, percentCovered, readCoverage } from './coverage.ts'
import { runCommand } from './run-command.ts'
import { findSilencedChecks } from './silenced-checks.ts'
import { PROJECT_ROOT, readProject } from './source-tree.ts'

/**
 * `npm test`: every check of the project, one after the other, each seen to its end whatever the others found. A step counts
 * as one, the tests each for themselves; the last line is the sum.
 */

interface Step {
  readonly name: string
  run(): Promise<Tally> | Tally
}

const MINUTE_MS = 60_000
const PASSED: Tally = { passed: 1, failed: 0 }
const FAILED: Tally = { passed: 0, failed: 1 }
const LOWEST_SHOWN = 12

function command(name: string, limitMs: number, ...words: [string, ...string[]]): Step {
  return {
    name,
    run: async () => {
      const { status, stopped } = await runCommand(words, PROJECT_ROOT, limitMs)
      if (stopped !== undefined) console.log(`${words.join(' ')}: ${stopped}`)
      return status === 0 ? PASSED : FAILED
    },
  }
}

const tests: Step = {
  name: 'tests',
  run: async () => {
    // Left from a broken run it would be read as this run's.
    rmSync(path.join(PROJECT_ROOT, 'coverage'), { recursive: true, force: true })
    const words = ['c8', 'npm', 'run', '--silent', 'test:unit'] as const
    const { status, output, stopped } = await runCommand([...words], PROJECT_ROOT, 30 * MINUTE_MS)
    const tally = parseClosingLine(output) ?? { passed: 0, failed: 0 }
    if ((status === 0) === (tally.failed === 0) && tally.passed + tally.failed > 0) return tally
    console.log(`the tests did not come to an orderly end: ${stopped ?? `exit status ${status}`}`)
    return { passed: tally.passed, failed: tally.failed + 1 }
  },
}

function coverage(part: string): Step {
  return {
    name: `coverage of ${part}/`,
    run: () => {
      const files = readCoverage(PROJECT_ROOT, part)
      const percent = percentCovered(files)
      console.log(`${percent.toFixed(2)} % of lines in ${files.length} files, at least ${LEAST_LINES_PERCENT} %; the lowest:`)
      console.log(formatLowest(files, LOWEST_SHOWN))
      return files.length > 0 && percent >= LEAST_LINES_PERCENT ? PASSED : FAILED
    },
  }
}

const silencedChecks: Step = {
  name: 'no check is switched off',
  run: () => {
    const found = findSilencedChecks(readProject())
    for (const place of found) console.log(place)
    return found.length === 0 ? PASSED : FAILED
  },
}

/** Cheap before dear. A new step is one line here. */
const STEPS: readonly Step[] = [
  command('types', 5 * MINUTE_MS, 'npm', 'run', '--silent', 'typecheck'),
  command('lint', 5 * MINUTE_MS, 'npm', 'run', '--silent', 'lint'),
  command('format', 5 * MINUTE_MS, 'npm', 'run', '--silent', 'format:check'),
  silencedChecks,
  command('a run on the real network', 5 * MINUTE_MS, 'node', 'node/test/smoke.ts'),
  tests,
  ...COVERED_PARTS.map(coverage),
]

async function tallyOf(step: Step): Promise<Tally> {
  try {
    return await step.run()
  } catch (error) {
    console.log(error)
    return FAILED
  }
}

const results: (Tally & { readonly name: string })[] = []
for (const step of STEPS) {
  console.log(`\n== ${step.name}`)
  results.push({ name: step.name, ...(await tallyOf(step)) })
}
const sum: Tally = {
  passed: results.reduce((all, { passed }) => all + passed, 0),
  failed: results.reduce((all, { failed }) => all + failed, 0),
}
console.log('')
for (const { name, failed } of results) console.log(`${failed === 0 ? '✓' : '✗'} ${name}`)
// At the very end: a warning of Node's own would else come behind it.
process.once('exit', () => console.log(`\n${formatClosingLine(sum)}`))
process.exitCode = sum.failed === 0 ? 0 : 1
