import { MeshHosts } from './mesh-hosts.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'

/**
 * `npm run bench -- mesh [gossip|pull]`: 32 nodes in four processes, each dials three others, all of them write, and
 * every node verifies and stores everything: CPU of all threads of all processes per delivered block.
 */

const NODES = 32
const PROCESSES = 4
const LIMIT_MS = 40_000

/** Blocks that each node writes as fast as they go, and then, where nodes only pull, one a second. */
const FAST_BLOCKS = 50
const PACED_BLOCKS = 50
const PACE_MS = 1_000
const ANNOUNCE_DELAY_MS = 250

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
function measure(gossip: 'on' | 'off', intervals: readonly (number | undefined)[]): Promise<Cost[]> {
  // The shortest announce delay: what a block interval of a second gives. The rounds below stand for the schedule.
  const settings = { verifyThreads: 0, gossip, announceDelayMs: ANNOUNCE_DELAY_MS }
  return MeshHosts.run({ nodes: NODES, processes: PROCESSES, settings }, async (mesh) => {
    const costs: Cost[] = []
    let held = 0
    for (const intervalMs of intervals) {
      const blocks = intervalMs === undefined ? FAST_BLOCKS : PACED_BLOCKS
      held += NODES * blocks
      costs.push(await write(mesh, blocks, intervalMs, held))
    }
    const roots = new Set((await Promise.all(mesh.hosts.map((host) => host.call('headsRoots')))).flat())
    if (roots.size !== 1) throw new Error(`${roots.size} heads roots where all should be equal`)
    return costs
  })
}

async function write(mesh: MeshHosts, blocks: number, intervalMs: number | undefined, heldAfter: number): Promise<Cost> {
  const before = await mesh.cpuUs()
  const startMs = performance.now()
  const writing = mesh.hosts.map((host, i) => {
    const names = mesh.namesOf(i)
    return host.call('write', intervalMs === undefined ? { names, blocks } : { names, blocks, intervalMs })
  })
  const limitMs = LIMIT_MS + blocks * (intervalMs ?? 0)
  const held = mesh.hosts.map((host, i) => host.call('untilHeld', { names: mesh.namesOf(i), blocks: heldAfter, limitMs }))
  await Promise.all([...writing, ...held])
  const seconds = (performance.now() - startMs) / 1000
  const cpuUs = (await mesh.cpuUs()) - before
  return { usPerDelivery: round(cpuUs / (NODES * blocks * (NODES - 1))), seconds: round(seconds) }
}
