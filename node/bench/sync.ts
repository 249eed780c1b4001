import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Register } from '../../protocol/index.ts'
import { verifyCheckpoint } from '../../protocol/index.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import type { Acceptance } from '../store/index.ts'
import { openBenchStore } from './bench-node.ts'
import { startHost } from './host-process.ts'
import type { NodeHostCommands } from './node-host.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'
import { FOUR_REGISTERS, IMPORT_REGISTER, Street } from './street.ts'

/**
 * `npm run bench -- sync [CHAINS] [BLOCKS]`: a late joiner in a process of its own takes everything that another one holds,
 * over TCP and Noise on loopback, verified and stored.
 */

const LIMIT_MS = 80_000
/** Blocks in one write while the server's store is made. */
const WRITE_BLOCKS = 1_000

interface CatchUp {
  readonly blocks: number
  readonly seconds: number
  readonly joinerPeakRssMiB: number
  readonly joinerRssBeforeMiB: number
  readonly serverPeakRssMiB: number
  readonly joinerCpuUs: number
  readonly serverCpuUs: number
}

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  useNativeHash()
  const chains = Number(args[0] ?? 200)
  const height = Number(args[1] ?? 500)
  const verifyPerSecond = bareVerifyRate()
  const one = await catchUp(chains, height, 1, [IMPORT_REGISTER])
  const many = await catchUp(chains, height, 96, FOUR_REGISTERS)
  const blocksPerSecond = round(one.blocks / one.seconds)
  const readingsPerSecond96 = round((96 * many.blocks) / many.seconds)
  const rssMiB = round(Math.max(one.joinerPeakRssMiB, many.joinerPeakRssMiB))
  return {
    figures: {
      blocksPerSecond,
      readingsPerSecond96,
      rssMiB,
      rssBeforeMiB: round(one.joinerRssBeforeMiB),
      serverRssMiB: round(Math.max(one.serverPeakRssMiB, many.serverPeakRssMiB)),
      joinerUsPerBlock: round(one.joinerCpuUs / one.blocks),
      serverUsPerBlock: round(one.serverCpuUs / one.blocks),
      joinerUsPerBlock96: round(many.joinerCpuUs / many.blocks),
      serverUsPerBlock96: round(many.serverCpuUs / many.blocks),
    },
    yardstick: { verifyPerSecond: round(verifyPerSecond) },
    budget: { blocksPerSecond: '>= 25000', readingsPerSecond96: '>= 600000', rssMiB: '< 300' },
    ok: blocksPerSecond >= 25_000 && readingsPerSecond96 >= 600_000 && rssMiB < 300,
  }
}

async function catchUp(chains: number, height: number, rows: number, registers: readonly Register[]): Promise<CatchUp> {
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const street = new Street(chains)
  const genesisBytes = street.genesis.bytes
  const blocks = chains * height
  await fillStore(street, join(dir, 'server'), chains, height, rows, registers)
  const hosts = [startHost<NodeHostCommands>('./node-host.ts'), startHost<NodeHostCommands>('./node-host.ts')] as const
  const [server, joiner] = hosts
  try {
    const address = await server.call('open', { name: 'meter 0', dir: join(dir, 'server'), genesisBytes })
    await joiner.call('open', { name: 'registrar', dir: join(dir, 'joiner'), genesisBytes })
    const before = [await server.call('usage'), await joiner.call('usage')] as const
    const startedMs = await joiner.call('dial', { name: 'registrar', address })
    const heldMs = await joiner.call('untilHeld', { names: ['registrar'], blocks, limitMs: LIMIT_MS })
    const after = [await server.call('usage'), await joiner.call('usage')] as const
    await Promise.all(hosts.map((host) => host.call('closeAll')))
    return {
      blocks,
      seconds: (heldMs - startedMs) / 1000,
      joinerPeakRssMiB: after[1].peakRssMiB,
      joinerRssBeforeMiB: before[1].rssMiB,
      serverPeakRssMiB: after[0].peakRssMiB,
      serverCpuUs: after[0].cpuUs - before[0].cpuUs,
      joinerCpuUs: after[1].cpuUs - before[1].cpuUs,
    }
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
    rmSync(dir, { recursive: true })
  }
}

/** Chains as live traffic leaves them: a signature beside every block. */
async function fillStore(
  street: Street,
  dir: string,
  chains: number,
  height: number,
  rows: number,
  registers: readonly Register[],
): Promise<void> {
  const store = await openBenchStore({ name: 'meter 0', dir, genesisBytes: street.genesis.bytes })
  let batch: Acceptance[] = []
  for (let round = 0; round < height; round++) {
    for (let meter = 0; meter < chains; meter++) {
      batch.push(street.seal(meter, rows, registers).acceptance)
      if (batch.length < WRITE_BLOCKS) continue
      await store.accept(batch)
      batch = []
    }
  }
  await store.accept(batch)
  await store.close()
}

/** Signature checks a second on one core, nothing else: what a catch-up that checked each block's own could not exceed. */
function bareVerifyRate(): number {
  const street = new Street(100)
  const checks = street.signers.map((_, meter) => street.seal(meter, 1, [IMPORT_REGISTER]).acceptance.state.checkpoint)
  const { networkId } = street.genesis
  let checked = 0
  const startMs = performance.now()
  for (let i = 0; i < 30; i++) {
    for (const checkpoint of checks) {
      if (checkpoint === undefined || !verifyCheckpoint(verifySignature, networkId, checkpoint)) throw new Error('bad signature')
      checked++
    }
  }
  return (checked / (performance.now() - startMs)) * 1000
}
