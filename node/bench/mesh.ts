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
 * `npm run bench -- mesh [gossip|pull]`: 32 nodes in four processes, each dials three others, all of them write, and
 * every node verifies and stores everything: CPU of all threads of all processes per delivered block.
 */

const NODES = 32
const PROCESSES = 4
/** Each node dials those so many places on: degree six, four hops across at most. */
const STEPS = [1, 5, 11]
const SETTLE_MS = 3_000
const LIMIT_MS = 40_000

/** Blocks that each node writes as fast as they go, and then, where nodes only pull, one a second. */
const FAST_BLOCKS = 50
const PACED_BLOCKS = 50
const PACE_MS = 1_000

interface Cost {
  readonly usPerDelivery: number
  readonly seconds: number
}

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  const isWanted = (name: string): boolean => args.length === 0 || args.includes(name)
  const nothing: Cost = { usPerDelivery: Number.NaN, seconds: Number.NaN }
  const [gossip = nothing] = isWanted('gossip') ? await measure('on', [undefined]) : []
  const [pull = nothing, paced = nothing] = isWanted('pull') ? await measure('off', [undefined, PACE_MS]) : []
  return {
    figures: {
      gossipUsPerDelivery: gossip.usPerDelivery,
      pullUsPerDelivery: pull.usPerDelivery,
      pacedPullUsPerDelivery: paced.usPerDelivery,
      gossipSeconds: gossip.seconds,
      pullSeconds: pull.seconds,
    },
    // Measured on this kind of machine by ../shared/peerbench, W4, which needs installing; see node/bench/README.md.
    yardstick: { hypercoreUsPerDelivery: 725, ssbUsPerDelivery: 590 },
    budget: { gossipUsPerDelivery: '<= 450', pullUsPerDelivery: '<= 150', pacedPullUsPerDelivery: '<= 350' },
    ok: gossip.usPerDelivery <= 450 && pull.usPerDelivery <= 150 && paced.usPerDelivery <= 350,
  }
}

/** One mesh, and one round of writing for each of `intervals`: undefined is as fast as it goes. */
async function measure(gossip: 'on' | 'off', intervals: readonly (number | undefined)[]): Promise<Cost[]> {
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const hosts = Array.from({ length: PROCESSES }, () => startHost<NodeHostCommands>('./node-host.ts'))
  try {
    await connect(dir, hosts, gossip)
    const costs: Cost[] = []
    let held = 0
    for (const intervalMs of intervals) {
      const blocks = intervalMs === undefined ? FAST_BLOCKS : PACED_BLOCKS
      held += NODES * blocks
      costs.push(await write(hosts, blocks, intervalMs, held))
    }
    const roots = new Set((await Promise.all(hosts.map((host) => host.call('headsRoots')))).flat())
    if (roots.size !== 1) throw new Error(`${roots.size} heads roots where all should be equal`)
    await Promise.all(hosts.map((host) => host.call('closeAll')))
    return costs
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
    rmSync(dir, { recursive: true })
  }
}

/** The registrar is away: it writes when somebody joins or leaves. */
const namesOf = (host: number): string[] =>
  Array.from({ length: NODES }, (_, i) => `meter ${i}`).filter((_, i) => i % PROCESSES === host)

async function connect(dir: string, hosts: readonly Host<NodeHostCommands>[], gossip: 'on' | 'off'): Promise<void> {
  const street = new Street(NODES)
  const genesisBytes = street.genesis.bytes
  // The shortest announce delay: what a block interval of a second gives.
  const settings: Partial<NodeSettings> = { verifyThreads: 0, gossip, intervalMs: PACE_MS }
  const hostOf = (i: number): Host<NodeHostCommands> => hosts[i % PROCESSES] as Host<NodeHostCommands>
  const addresses: string[] = []
  for (let i = 0; i < NODES; i++) {
    const init = { name: `meter ${i}`, dir: join(dir, `${i}`), genesisBytes, settings, dialsNobody: true }
    addresses.push(await hostOf(i).call('open', init))
  }
  for (let i = 0; i < NODES; i++) {
    for (const step of STEPS) {
      await hostOf(i).call('dial', { name: `meter ${i}`, address: addresses[(i + step) % NODES] as string })
    }
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}

async function write(
  hosts: readonly Host<NodeHostCommands>[],
  blocks: number,
  intervalMs: number | undefined,
  heldAfter: number,
): Promise<Cost> {
  const before = await cpuOf(hosts)
  const startMs = performance.now()
  const writing = hosts.map((host, i) => {
    const names = namesOf(i)
    return host.call('write', intervalMs === undefined ? { names, blocks } : { names, blocks, intervalMs })
  })
  const limitMs = LIMIT_MS + blocks * (intervalMs ?? 0)
  const held = hosts.map((host, i) => host.call('untilHeld', { names: namesOf(i), blocks: heldAfter, limitMs }))
  await Promise.all([...writing, ...held])
  const seconds = (performance.now() - startMs) / 1000
  const cpuUs = (await cpuOf(hosts)) - before
  return { usPerDelivery: round(cpuUs / (NODES * blocks * (NODES - 1))), seconds: round(seconds) }
}

async function cpuOf(hosts: readonly Host<NodeHostCommands>[]): Promise<number> {
  const used = await Promise.all(hosts.map((host) => host.call('usage')))
  return used.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
}
