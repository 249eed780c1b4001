import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeSettings } from '../settings.ts'
import { type Host, startHost } from './host-process.ts'
import type { NodeHostCommands } from './node-host.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'
import { Street } from './street.ts'

/**
 * `npm run bench -- mesh [gossip|pull|paced]`: 32 nodes in four processes, each dials three others, all of them write, and
 * every node verifies and stores everything: CPU of all threads of all processes per delivered block.
 */

const NODES = 32
const PROCESSES = 4
/** Each node dials those so many places on: degree six, four hops across at most. */
const STEPS = [1, 5, 11]
const SETTLE_MS = 3_000
const LIMIT_MS = 40_000

interface Way {
  readonly blocks: number
  /** Between two blocks of one writer; undefined: as fast as they go. */
  readonly intervalMs?: number
  readonly settings: Partial<NodeSettings>
}

/** Announce delays are those that a block interval of 1.5 s or less gives. */
const WAYS = {
  gossip: { blocks: 50, settings: { gossip: 'on', intervalMs: 1_000 } },
  pull: { blocks: 50, settings: { gossip: 'off', intervalMs: 1_000 } },
  paced: { blocks: 20, intervalMs: 1_000, settings: { gossip: 'off', intervalMs: 1_000 } },
} as const satisfies Record<string, Way>

type WayName = keyof typeof WAYS

interface Cost {
  readonly usPerDelivery: number
  readonly seconds: number
}

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  const names = (Object.keys(WAYS) as WayName[]).filter((name) => args.length === 0 || args.includes(name))
  const costs: Partial<Record<WayName, Cost>> = {}
  for (const name of names) costs[name] = await measure(WAYS[name])
  const gossipUsPerDelivery = costs.gossip?.usPerDelivery ?? Number.NaN
  const pullUsPerDelivery = costs.pull?.usPerDelivery ?? Number.NaN
  const pacedPullUsPerDelivery = costs.paced?.usPerDelivery ?? Number.NaN
  return {
    figures: {
      gossipUsPerDelivery,
      pullUsPerDelivery,
      pacedPullUsPerDelivery,
      gossipSeconds: costs.gossip?.seconds ?? Number.NaN,
      pullSeconds: costs.pull?.seconds ?? Number.NaN,
    },
    // Measured on this kind of machine by ../shared/peerbench, W4, which needs installing; see node/bench/README.md.
    yardstick: { hypercoreUsPerDelivery: 725, ssbUsPerDelivery: 590 },
    budget: { gossipUsPerDelivery: '<= 450', pullUsPerDelivery: '<= 150', pacedPullUsPerDelivery: '<= 350' },
    ok: gossipUsPerDelivery <= 450 && pullUsPerDelivery <= 150 && pacedPullUsPerDelivery <= 350,
  }
}

async function measure(way: Way): Promise<Cost> {
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const hosts = Array.from({ length: PROCESSES }, () => startHost<NodeHostCommands>('./node-host.ts'))
  try {
    return await runMesh(dir, hosts, way)
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
    rmSync(dir, { recursive: true })
  }
}

async function runMesh(dir: string, hosts: readonly Host<NodeHostCommands>[], way: Way): Promise<Cost> {
  // The registrar is away: it writes when somebody joins or leaves.
  const street = new Street(NODES)
  const names = street.signers.map((_, i) => `meter ${i}`)
  const settings: Partial<NodeSettings> = { verifyThreads: 0, ...way.settings }
  const hostOf = (i: number): Host<NodeHostCommands> => hosts[i % PROCESSES] as Host<NodeHostCommands>
  const namesOf = (host: number): string[] => names.filter((_, i) => i % PROCESSES === host)
  const addresses: string[] = []
  for (const [i, name] of names.entries()) {
    const genesisBytes = street.genesis.bytes
    addresses.push(await hostOf(i).call('open', { name, dir: join(dir, `${i}`), genesisBytes, settings, dialsNobody: true }))
  }
  for (const [i, name] of names.entries()) {
    for (const step of STEPS) await hostOf(i).call('dial', { name, address: addresses[(i + step) % NODES] as string })
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  const before = await cpuOf(hosts)
  const startMs = performance.now()
  const writing = hosts.map((host, i) =>
    host.call('write', { names: namesOf(i), blocks: way.blocks, ...(way.intervalMs && { intervalMs: way.intervalMs }) }),
  )
  const limitMs = LIMIT_MS + way.blocks * (way.intervalMs ?? 0)
  const held = hosts.map((host, i) => host.call('untilHeld', { names: namesOf(i), blocks: NODES * way.blocks, limitMs }))
  await Promise.all([...writing, ...held])
  const seconds = (performance.now() - startMs) / 1000
  const cpuUs = (await cpuOf(hosts)) - before
  const roots = new Set((await Promise.all(hosts.map((host) => host.call('headsRoots')))).flat())
  if (roots.size !== 1) throw new Error(`${roots.size} heads roots where all should be equal`)
  await Promise.all(hosts.map((host) => host.call('closeAll')))
  return { usPerDelivery: round(cpuUs / (NODES * way.blocks * (NODES - 1))), seconds: round(seconds) }
}

async function cpuOf(hosts: readonly Host<NodeHostCommands>[]): Promise<number> {
  const used = await Promise.all(hosts.map((host) => host.call('usage')))
  return used.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
}
