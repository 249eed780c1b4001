import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/** `npm run bench -- NAME [options]` runs `bench/NAME.ts` of protocol/ or node/, a file that exports `run`. */

/** What a bench file's `run(args)` resolves to. */
export interface BenchResult {
  /** Measured here, by the names of the budget. */
  readonly figures: Readonly<Record<string, number>>
  /** Measured in the same run, so that a slow hour of the machine shows in both. */
  readonly yardstick: Readonly<Record<string, number>>
  /** The bound of each figure, as text: `">= 0.5"`. */
  readonly budget: Readonly<Record<string, string>>
  /** True when every figure is within its budget. */
  readonly ok: boolean
}

interface Bench {
  run(args: readonly string[]): Promise<BenchResult>
}

/** Told apart by reading, not by loading: what stands beside the benches for their use has no `run`. */
const EXPORTS_RUN = /^export (async function|const) run\b/m

export const BENCH_FOLDERS: readonly string[] = ['protocol/bench', 'node/bench'].map((folder) =>
  path.resolve(import.meta.dirname, '../..', folder),
)

/** Name and file of each bench. */
export function listBenches(folders: readonly string[]): Map<string, string> {
  const benches = new Map<string, string>()
  for (const folder of folders.filter((each) => existsSync(each))) {
    for (const name of readdirSync(folder).filter((each) => each.endsWith('.ts'))) {
      const file = path.join(folder, name)
      if (EXPORTS_RUN.test(readFileSync(file, 'utf8'))) benches.set(path.basename(name, '.ts'), file)
    }
  }
  return new Map([...benches].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * Runs what `args` name and returns the exit status: 0 within budget, 1 not, 2 for a name that does not exist. The last line
 * given to `print` is the result as JSON.
 */
export async function runBench(
  args: readonly string[],
  folders: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const [name, ...options] = args
  const benches = listBenches(folders)
  const known = [...benches.keys()].join(', ') || 'none'
  if (name === undefined) {
    print(`usage: npm run bench -- NAME [options]; the benches are: ${known}`)
    return 0
  }
  const file = benches.get(name)
  if (file === undefined) {
    print(`no bench is named ${name}; the benches are: ${known}`)
    return 2
  }
  const bench = (await import(pathToFileURL(file).href)) as Bench
  const { figures, yardstick, budget, ok } = await bench.run(options)
  print(JSON.stringify({ bench: name, figures, yardstick, budget, ok }))
  return ok ? 0 : 1
}

if (import.meta.main) {
  process.exitCode = await runBench(process.argv.slice(2), BENCH_FOLDERS, (line) => console.log(line))
}
