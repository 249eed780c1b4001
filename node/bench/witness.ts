import { MeshHosts } from './mesh-hosts.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'

/**
 * `npm run bench -- witness [seconds]`: 32 nodes in four processes, one block per meter per ten seconds, seven of the meters
 * witnesses that attest every ten seconds; beside it, at the same time, the same nodes where nobody witnesses. CPU of all
 * threads of all processes over a minute after the warm-up, and what attesting and checking add to it.
 */

const NODES = 32
const PROCESSES = 4
const WITNESSES = 7
const INTERVAL_MS = 10_000
const WARM_UP_MS = 20_000
const MEASURED_S = 60

interface Run {
  readonly cpuSeconds: number
  readonly blocks: number
  readonly attestations: number
}

export async function run([seconds = `${MEASURED_S}`]: readonly string[] = []): Promise<BenchResult> {
  const measuredMs = Number(seconds) * 1000
  const [witnessed, plain] = await sideBySide(measuredMs)
  const overheadPercent = round((witnessed.cpuSeconds / plain.cpuSeconds - 1) * 100)
  return {
    figures: { overheadPercent },
    yardstick: {
      cpuSeconds: round(witnessed.cpuSeconds),
      plainCpuSeconds: round(plain.cpuSeconds),
      blocks: witnessed.blocks,
      plainBlocks: plain.blocks,
      attestations: witnessed.attestations,
    },
    budget: { overheadPercent: '<= 15' },
    ok: overheadPercent <= 15,
  }
}

/** Both meshes begin and end each step together: what else the machine does meets both. */
function sideBySide(measuredMs: number): Promise<readonly [Run, Run]> {
  return open(WITNESSES, (witnessed) => open(0, (plain) => measure([witnessed, plain], measuredMs)))
}

function open<T>(witnesses: number, use: (mesh: MeshHosts) => Promise<T>): Promise<T> {
  const settings = { verifyThreads: 0, intervalMs: INTERVAL_MS, attestDelayMs: INTERVAL_MS }
  return MeshHosts.run({ nodes: NODES, processes: PROCESSES, settings, witnesses }, use)
}

async function measure([witnessed, plain]: readonly [MeshHosts, MeshHosts], measuredMs: number): Promise<readonly [Run, Run]> {
  const both = [witnessed, plain]
  const readings = Math.ceil((WARM_UP_MS + measuredMs) / INTERVAL_MS)
  const feeding = both.flatMap((mesh) =>
    mesh.hosts.map((host, i) => host.call('feed', { names: mesh.namesOf(i), readings, intervalMs: INTERVAL_MS })),
  )
  await sleep(WARM_UP_MS)
  const before = await Promise.all(both.map(standOf))
  await sleep(measuredMs)
  const after = await Promise.all(both.map(standOf))
  await Promise.all(feeding)
  // Whoever attests nothing costs nothing: what was sealed in the first half must be final at every node by now.
  const { leastFinal = 0, leastHeld = 0 } = after[0] ?? {}
  if (leastFinal < leastHeld / 2) throw new Error(`${leastFinal} blocks are final where ${leastHeld} are held`)
  const [one, other] = both.map((_, i): Run => {
    const [from, to] = [before[i], after[i]]
    if (from === undefined || to === undefined) throw new Error('a mesh that was not looked at')
    return {
      cpuSeconds: (to.cpuUs - from.cpuUs) / 1e6,
      blocks: to.leastHeld - from.leastHeld,
      attestations: to.attestations - from.attestations,
    }
  })
  return [one as Run, other as Run]
}

async function standOf(mesh: MeshHosts): Promise<{ cpuUs: number; leastHeld: number; leastFinal: number; attestations: number }> {
  const cpuUs = await mesh.cpuUs()
  const nodes = (await Promise.all(mesh.hosts.map((host) => host.call('progress')))).flat()
  return {
    cpuUs,
    leastHeld: Math.min(...nodes.map(({ held }) => held)),
    leastFinal: Math.min(...nodes.map(({ final }) => final)),
    attestations: nodes.reduce((sum, each) => sum + each.attestations, 0),
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
