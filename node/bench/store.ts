import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../platform.ts'
import { useNativeHash } from '../signature.ts'
import { auditStore, checkFiles, type Kv, LedgerStore, openLevelKv, put } from '../store/index.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from '../test/store/chain-maker.ts'
import type { BenchResult } from './run.ts'
import { median, round } from './statistics.ts'

/** `npm run bench -- store`: what the store alone costs per one-row block, signatures left out. */

const MEMBERS = 200
const ROUNDS = 9
const BATCHES_PER_ROUND = 25
const RUN_BLOCKS = 1_000
/** Content of one row of one register at minute times. */
const ROW_BYTES = 19
const MAX_LIVE_TO_PUT = 5

const microseconds = async (count: number, act: () => Promise<void>): Promise<number> => {
  const started = systemClock.monotonicMs()
  await act()
  return ((systemClock.monotonicMs() - started) * 1_000) / count
}

export async function run(): Promise<BenchResult> {
  useNativeHash()
  const directory = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  const ledger = join(directory, 'ledger')
  const bare = await openLevelKv(join(directory, 'bare'))
  let kv = await openLevelKv(ledger)
  try {
    const store = await openStore(kv)
    const makers = Array.from({ length: MEMBERS }, (_, i) => new ChainMaker(i))
    const live: number[] = []
    const puts: number[] = []
    const ratios: number[] = []
    // The machine's speed drifts: what is compared takes turns.
    for (let round = 0; round < ROUNDS; round++) {
      const batches = Array.from({ length: BATCHES_PER_ROUND }, () => makers.map((maker) => maker.next(1, ROW_BYTES)))
      const count = MEMBERS * BATCHES_PER_ROUND
      const putUs = await microseconds(count, async () => {
        for (const [i, batch] of batches.entries())
          await bare.batch(batch.map(({ blocks }, member) => barePut(blocks, round, i, member)))
      })
      const liveUs = await microseconds(count, async () => {
        for (const batch of batches) await store.accept(batch)
      })
      puts.push(putUs)
      live.push(liveUs)
      ratios.push(liveUs / putUs)
    }
    const runs = makers.slice(0, 20).map((maker) => maker.next(RUN_BLOCKS, ROW_BYTES))
    const runUs = await microseconds(20 * RUN_BLOCKS, async () => {
      for (const each of runs) await store.accept([each])
    })
    const blocks = makers.reduce((sum, maker) => sum + maker.state.size, 0)
    const readUs = await microseconds(blocks, async () => {
      for (const { member, state } of makers) await store.readBlocks(member, 0, state.size)
    })
    await store.close()
    const { bytes } = await checkFiles(ledger)
    kv = await openLevelKv(ledger)
    const auditUs = await microseconds(blocks, async () => {
      await auditStore({ kv, verifySigned: verifyFake })
    })
    const startMs = (await microseconds(1, async () => void (await openStore(kv)))) / 1_000
    const liveToPutRatio = round(median(ratios))
    return {
      figures: {
        liveUsPerBlock: round(median(live)),
        liveToPutRatio,
        runUsPerBlock: round(runUs),
        readUsPerBlock: round(readUs),
        auditBlocksPerSecond: round(1e6 / auditUs),
        startMs: round(startMs),
        diskBytesPerBlock: round(bytes / blocks),
      },
      yardstick: { putUs: round(median(puts)) },
      budget: { liveToPutRatio: `<= ${MAX_LIVE_TO_PUT}` },
      ok: liveToPutRatio <= MAX_LIVE_TO_PUT,
    }
  } finally {
    await kv.close()
    await bare.close()
    rmSync(directory, { recursive: true })
  }
}

const openStore = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** The block's bytes and nothing else: what storing costs at the least. */
function barePut(blocks: readonly Uint8Array[], round: number, batch: number, member: number): ReturnType<typeof put> {
  const [block] = blocks
  if (block === undefined) throw new Error('a run without a block')
  return put(Buffer.from([member, round, batch, 0, 0, 0, 0, 0, 0]), block)
}
