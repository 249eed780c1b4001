import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SignedCheckpoint, verifyCheckpoint } from '../../protocol/index.ts'
import { formatReport, type VerifyReport, verifyDirectory } from '../audit/index.ts'
import { systemClock } from '../platform.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import { type Acceptance, ledgerDirectory } from '../store/index.ts'
import { openBenchStore } from './bench-node.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'
import { IMPORT_REGISTER, Street } from './street.ts'

/**
 * `npm run bench -- verify [CHAINS] [BLOCKS]`: everything that `wattness verify` does to a stopped node's directory, from
 * the files' checksums to the last signature, against the bare check of signatures on one core, in turn with it.
 */

const ROUNDS = 5
/** Blocks in one write while the store is made. */
const WRITE_BLOCKS = 1_000
const BARE_CHECKS = 4_000

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  useNativeHash()
  const chains = Number(args[0] ?? 200)
  const height = Number(args[1] ?? 500)
  const street = new Street(chains)
  const directory = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  try {
    const checkpoints = await fillStore(street, ledgerDirectory(directory), chains, height)
    const ratios: number[] = []
    const rates: number[] = []
    const bareRates: number[] = []
    for (let i = 0; i < ROUNDS; i++) {
      const bare = bareVerifyRate(street, checkpoints)
      const { ok, blocks, blocksPerSecond } = await audit(street, directory)
      if (!ok || blocks !== chains * height) throw new Error('the store of the bench itself is not whole')
      ratios.push(blocksPerSecond / bare)
      rates.push(blocksPerSecond)
      bareRates.push(bare)
    }
    const ratio = round(median(ratios))
    return {
      figures: { ratio, blocksPerSecond: round(median(rates)) },
      yardstick: { verifyPerSecond: round(median(bareRates)) },
      budget: { ratio: '>= 3' },
      ok: ratio >= 3,
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function audit(street: Street, directory: string): Promise<VerifyReport> {
  const report = await verifyDirectory({ directory, genesis: street.genesis, verify: verifySignature, clock: systemClock })
  console.log(formatReport(report))
  return report
}

/** Chains as live traffic leaves them: a signature beside every block. Answers with one checkpoint of each chain. */
async function fillStore(street: Street, dir: string, chains: number, height: number): Promise<SignedCheckpoint[]> {
  const store = await openBenchStore({ name: 'meter 0', dir, genesisBytes: street.genesis.bytes })
  const newest: SignedCheckpoint[] = []
  let batch: Acceptance[] = []
  for (let at = 0; at < height; at++) {
    for (let meter = 0; meter < chains; meter++) {
      const { acceptance } = street.seal(meter, 1, [IMPORT_REGISTER])
      newest[meter] = acceptance.state.checkpoint as SignedCheckpoint
      batch.push(acceptance)
      if (batch.length < WRITE_BLOCKS) continue
      await store.accept(batch)
      batch = []
    }
  }
  await store.accept(batch)
  await store.close()
  return newest
}

function bareVerifyRate(street: Street, checkpoints: readonly SignedCheckpoint[]): number {
  const { networkId } = street.genesis
  const startMs = performance.now()
  for (let i = 0; i < BARE_CHECKS; i++) {
    const checkpoint = checkpoints[i % checkpoints.length] as SignedCheckpoint
    if (!verifyCheckpoint(verifySignature, networkId, checkpoint)) throw new Error('a signature of the bench does not verify')
  }
  return (BARE_CHECKS / (performance.now() - startMs)) * 1_000
}
