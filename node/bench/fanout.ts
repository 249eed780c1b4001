import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '../../protocol/index.ts'
import type { NodeSettings } from '../settings.ts'
import { type Host, startHost } from './host-process.ts'
import type { NodeHostCommands } from './node-host.ts'
import type { BenchResult } from './run.ts'
import { quantile, round } from './statistics.ts'
import { Street } from './street.ts'

/**
 * `npm run bench -- fanout [SECONDS]`: one writer and eight readers, each its own process, a block every 50 ms: from the
 * reading's being handed over to the block's being stored, on every reader.
 */

const READERS = 8
const INTERVAL_MS = 50
const SETTLE_MS = 3_000
const WARM_BLOCKS = 20
const LIMIT_MS = 30_000

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  const seconds = Number(args[0] ?? 20)
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const hosts: Host<NodeHostCommands>[] = []
  try {
    const latencies = await measure(dir, hosts, Math.round((seconds * 1000) / INTERVAL_MS))
    const used = await Promise.all(hosts.map((host) => host.call('usage')))
    const p50Ms = round(quantile(latencies.toStored, 0.5))
    const p99Ms = round(quantile(latencies.toStored, 0.99))
    return {
      figures: {
        p50Ms,
        p99Ms,
        maxMs: round(quantile(latencies.toStored, 1)),
        allP50Ms: round(quantile(latencies.toAll, 0.5)),
        allP99Ms: round(quantile(latencies.toAll, 0.99)),
        cpuUsPerDelivery: round(latencies.cpuUs / latencies.toStored.length),
        rssMiBPerNode: round(
          quantile(
            used.map(({ rssMiB }) => rssMiB),
            0.5,
          ),
        ),
      },
      yardstick: {
        ownDiskP50Ms: round(quantile(latencies.toOwnDisk, 0.5)),
        ownDiskP99Ms: round(quantile(latencies.toOwnDisk, 0.99)),
      },
      budget: { p50Ms: '<= 10', p99Ms: '<= 60' },
      ok: p50Ms <= 10 && p99Ms <= 60,
    }
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
    rmSync(dir, { recursive: true })
  }
}

interface Latencies {
  /** Milliseconds, one for each block and reader. */
  readonly toStored: readonly number[]
  /** One for each block: until the last reader had it. */
  readonly toAll: readonly number[]
  /** One for each block: until the writer's own disk had it, twice synced (spool, then block). */
  readonly toOwnDisk: readonly number[]
  readonly cpuUs: number
}

async function measure(dir: string, hosts: Host<NodeHostCommands>[], blocks: number): Promise<Latencies> {
  const street = new Street(READERS)
  const names = ['registrar', ...street.signers.map((_, i) => `meter ${i}`)]
  const settings: Partial<NodeSettings> = { gossip: 'on', verifyThreads: 0 }
  for (const _ of names) hosts.push(startHost<NodeHostCommands>('./node-host.ts'))
  const host = (i: number): Host<NodeHostCommands> => hosts[i] as Host<NodeHostCommands>
  const addresses = await Promise.all(
    names.map((name, i) => host(i).call('open', { name, dir: join(dir, `${i}`), genesisBytes: street.genesis.bytes, settings })),
  )
  // Everybody knows the writer; the peers that it tells of are dialled by the nodes themselves.
  for (const [i, name] of names.entries()) {
    if (i > 0) await host(i).call('meet', { name, address: addresses[0] as string })
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const [writer = ''] = names
  await host(0).call('write', { names: [writer], blocks: WARM_BLOCKS, intervalMs: INTERVAL_MS })
  await untilHeld(hosts, names, WARM_BLOCKS)
  await Promise.all(names.map((name, i) => host(i).call('watch', { name })))
  const cpuBefore = await cpuOf(hosts)
  const [handedMs = []] = await host(0).call('write', { names: [writer], blocks, intervalMs: INTERVAL_MS })
  await untilHeld(hosts, names, WARM_BLOCKS + blocks)
  const cpuUs = (await cpuOf(hosts)) - cpuBefore
  const stored = await Promise.all(names.map((name, i) => host(i).call('storedAt', { name })))
  const memberHex = toHex(street.registrar.publicKey)
  const delays = stored.map((times) =>
    handedMs.map((ms, i) => (times.get(`${memberHex}/${WARM_BLOCKS + i}`) ?? Number.POSITIVE_INFINITY) - ms),
  )
  const [toOwnDisk = [], ...readers] = delays
  return {
    toStored: readers.flat(),
    toAll: handedMs.map((_, i) => Math.max(...readers.map((each) => each[i] ?? 0))),
    toOwnDisk,
    cpuUs,
  }
}

async function untilHeld(hosts: readonly Host<NodeHostCommands>[], names: readonly string[], blocks: number): Promise<void> {
  await Promise.all(names.map(async (name, i) => hosts[i]?.call('untilHeld', { names: [name], blocks, limitMs: LIMIT_MS })))
}

async function cpuOf(hosts: readonly Host<NodeHostCommands>[]): Promise<number> {
  const used = await Promise.all(hosts.map((host) => host.call('usage')))
  return used.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
}
