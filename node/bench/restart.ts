import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { toHex } from '../../protocol/index.ts'
import { systemClock } from '../platform.ts'
import { useNativeHash } from '../signature.ts'
import { LedgerStore, openLevelKv } from '../store/index.ts'
import { seedNamed } from './bench-node.ts'
import { QueryChains, ROWS_PER_DAY } from './query-store.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'
import { Street } from './street.ts'

/**
 * `npm run bench -- restart [BLOCKS]`: from the start of the process to the first answer over HTTP, of a node that holds a
 * million one-row blocks of fifty chains; ended in order before, and killed.
 */

const METERS = 50
const BLOCKS = 1_000_000
const RUN_BLOCKS = 250
const ROUNDS = 5
const MAX_SERVE_MS = 3_000
const nowMs = (): number => systemClock.monotonicMs()

/** As it is installed; from its source where it was not built. */
const BUILT = fileURLToPath(new URL('../../dist/node/cli/wattness.js', import.meta.url))
const SOURCE = fileURLToPath(new URL('../cli/wattness.ts', import.meta.url))
const PROGRAM = existsSync(BUILT) ? BUILT : SOURCE

export async function run([blocks]: readonly string[]): Promise<BenchResult> {
  useNativeHash()
  const directory = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  try {
    const perMeter = Math.ceil(Number(blocks ?? BLOCKS) / METERS)
    await fill(directory, perMeter)
    // The first start reads a log that nobody else will find again: it is of a killed node's kind.
    const killed: number[] = []
    const ended: number[] = []
    const bare: number[] = []
    for (let each = 0; each < ROUNDS; each++) {
      killed.push(await serve(directory, 'SIGTERM'))
      ended.push(await serve(directory, 'SIGKILL'))
      bare.push(await version())
    }
    const figures = {
      serveMs: round(median(ended)),
      serveAfterKillMs: round(median(killed)),
      blocks: perMeter * METERS,
    }
    const ok = figures.serveMs <= MAX_SERVE_MS && figures.serveAfterKillMs <= MAX_SERVE_MS
    const bound = `<= ${MAX_SERVE_MS}`
    const budget = { serveMs: bound, serveAfterKillMs: bound }
    return { figures, yardstick: { versionMs: round(median(bare)) }, budget, ok }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A node's directory as `wattness run` finds it, of the first meter. */
async function fill(directory: string, perMeter: number): Promise<void> {
  const street = new Street(METERS)
  const homes = street.signers.map((_, meter) => {
    const days = Math.ceil(perMeter / ROWS_PER_DAY)
    return Float64Array.from({ length: days * ROWS_PER_DAY }, (_row, i) => 100 + ((i * 37 + meter * 11) % 300))
  })
  await writeFile(join(directory, 'genesis.json'), street.genesis.bytes)
  await writeFile(join(directory, 'key'), `${toHex(seedNamed('meter 0'))}\n`, { mode: 0o600 })
  const ledger = join(directory, 'ledger')
  await mkdir(ledger)
  const { networkId } = street.genesis
  const ownKey = (street.signers[0] as (typeof street.signers)[number]).publicKey
  const store = await LedgerStore.open({ kv: await openLevelKv(ledger), networkId, ownKey })
  await new QueryChains(street, homes, 1).fill(store, RUN_BLOCKS, perMeter)
  await store.close()
}

/** Starts it, waits for an answer, ends it by `signal`; resolves with the time to the answer. */
async function serve(directory: string, signal: NodeJS.Signals): Promise<number> {
  const words = ['run', '--dir', directory, '--listen', '/ip4/127.0.0.1/tcp/0', '--mdns', 'no', '--http', '127.0.0.1:0', '--json']
  const beganMs = nowMs()
  const child = start(words)
  try {
    const address = await httpAddressOf(child)
    const { status } = await fetch(new URL('/v1/status', address))
    const tookMs = nowMs() - beganMs
    if (status !== 200) throw new Error(`the node answered with status ${status}`)
    return tookMs
  } finally {
    const exit = child.exitCode === null ? once(child, 'exit') : undefined
    child.kill(signal)
    await exit
  }
}

async function version(): Promise<number> {
  const beganMs = nowMs()
  await once(start(['--version']), 'exit')
  return nowMs() - beganMs
}

function start(words: readonly string[]): ChildProcess {
  const flags = ['--disable-warning=ExperimentalWarning', PROGRAM]
  return spawn(process.execPath, [...flags, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function httpAddressOf(child: ChildProcess): Promise<string> {
  const said: string[] = []
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    said.push(line)
    const { event, address } = JSON.parse(line) as { event?: string; address?: string }
    if (event === 'listening' && address?.startsWith('http')) return address
  }
  throw new Error(`the node ended before it served:\n${said.join('\n')}`)
}
