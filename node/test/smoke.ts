import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { DemoResult } from '../demo/index.ts'
import { runCommand } from './harness/run-command.ts'
import { PROJECT_ROOT } from './harness/source-tree.ts'

/**
 * A short run on the real network, as a user would do it: a demonstration of processes and sockets, then the commands on what
 * it left behind. Ends with status 1 at the first thing that is not as it should be.
 */

const METERS = 4
const RUN_LIMIT_MS = 120_000
const COMMAND_LIMIT_MS = 60_000

/** Standard output's lines; what came on standard error is shown only where something is wrong. */
async function wattness(words: readonly string[], limitMs: number): Promise<string[]> {
  console.log(`$ wattness ${words.join(' ')}`)
  const command = [process.execPath, path.join(PROJECT_ROOT, 'node/cli/wattness.ts'), ...words] as [string, ...string[]]
  const { status, output, stopped } = await runCommand(command, PROJECT_ROOT, limitMs, () => undefined)
  if (status !== 0) throw new Error(`status ${status}${stopped === undefined ? '' : ` (${stopped})`}:\n${output}`)
  return output.trimEnd().split('\n')
}

function expect(holds: boolean, what: string, found: unknown): void {
  if (!holds) throw new Error(`expected ${what}, found ${JSON.stringify(found)}`)
}

/** Status and blocks say the same as the verdict did, on whichever node they are asked for. */
async function checkNode(dir: string, { frontier, headsRoot, blocks, readings }: DemoResult): Promise<void> {
  const status = JSON.parse((await wattness(['status', '--dir', dir, '--json'], COMMAND_LIMIT_MS)).join('')) as Status
  expect(isDeepStrictEqual(status.frontier, frontier), `the frontier ${JSON.stringify(frontier)}`, status.frontier)
  expect(status.headsRoot === headsRoot, `the heads root ${headsRoot}`, status.headsRoot)
  const lines = await wattness(['blocks', '--dir', dir, '--json'], COMMAND_LIMIT_MS)
  expect(lines.length === blocks, `${blocks} blocks`, lines.length)
  const rows = lines.map((line) => JSON.parse(line) as BlockLine).reduce((sum, block) => sum + timesOf(block), 0)
  expect(rows === readings, `${readings} readings in them`, rows)
}

interface Status {
  readonly frontier: readonly number[]
  readonly headsRoot: string
}

interface BlockLine {
  readonly readings: readonly { readonly time: string }[]
}

/** A line of JSON lists values; the values of one instant are one reading. */
function timesOf({ readings }: BlockLine): number {
  return new Set(readings.map(({ time }) => time)).size
}

const dir = await mkdtemp(path.join(tmpdir(), 'wattness-smoke-'))
try {
  const demo = ['demo', '--meters', String(METERS), '--interval', '500ms', '--for', '6s', '--dir', dir, '--json']
  const result = JSON.parse((await wattness(demo, RUN_LIMIT_MS)).at(-1) ?? '') as DemoResult
  expect(result.agreed && result.nodes === METERS + 2, `${METERS + 2} nodes that agree`, result)
  expect(
    result.frontier.slice(1).every((size) => size > 0),
    'blocks of every meter',
    result.frontier,
  )
  expect((await readdir(dir)).length === METERS + 2, 'a directory for each node', await readdir(dir))
  for (const name of ['observer', 'meter-01']) await checkNode(path.join(dir, name), result)
  await wattness(['verify', '--dir', path.join(dir, 'observer'), '--json'], COMMAND_LIMIT_MS)
  console.log(`${result.nodes} processes agree on ${result.blocks} blocks; status, blocks and verify say the same`)
} catch (error) {
  console.log(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await rm(dir, { recursive: true, force: true })
}
