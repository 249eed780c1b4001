import { bodyContent, decodeReadings, KIND_READINGS, WattnessError } from '../../protocol/index.ts'
import type { HeldBlock, LedgerStore } from '../store/index.ts'

export type BlockReads = Pick<LedgerStore, 'head' | 'readHeld'>

/**
 * Height of the first block that says something of `timeMs` (UTC) or later; where readings came out of their order, of one
 * near it. Blocks without readings count with those behind them. Reads log2 of the chain's blocks. Throws BLOCK_UNKNOWN where
 * all readings are earlier.
 */
export async function blockAtTime(store: BlockReads, member: Uint8Array, timeMs: number): Promise<number> {
  const size = store.head(member)?.size ?? 0
  let low = 0
  let high = size
  let found: number | undefined
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const at = await nextReadings(store, member, middle, high)
    if (at === undefined) high = middle
    else if (at.lastMs >= timeMs) {
      found = at.height
      high = middle
    } else low = at.height + 1
  }
  if (found !== undefined) return found
  const when = new Date(timeMs).toISOString()
  throw new WattnessError('BLOCK_UNKNOWN', `none of the ${size} blocks held has a reading of ${when} or later`, { size, timeMs })
}

interface LastReading {
  readonly height: number
  readonly lastMs: number
}

/** The first block with readings from height `from` up to `to`. */
async function nextReadings(store: BlockReads, member: Uint8Array, from: number, to: number): Promise<LastReading | undefined> {
  for (let height = from; height < to; height++) {
    const [block] = await store.readHeld(member, height, 1)
    const lastMs = block && lastReadingMs(block)
    if (lastMs !== undefined) return { height, lastMs }
  }
  return undefined
}

function lastReadingMs({ header, body }: HeldBlock): number | undefined {
  if (header.kind !== KIND_READINGS) return undefined
  // What it said is gone; it was sealed soon after.
  if (body === undefined) return header.sealedAt
  let last: number | undefined
  for (const { time } of decodeReadings(bodyContent(body)).readings) last = Math.max(last ?? time, time)
  return last
}
