import { equalBytes } from '../../protocol/bytes.ts'
import { DurableMark } from './durable-mark.ts'
import { metaKey } from './keys.ts'
import { type KvEntry, type KvReader, put } from './kv.ts'
import { openLevelKv } from './level-kv.ts'
import { syncDirectory } from './open-ledger.ts'
import { migrateDamaged } from './repair.ts'

const DURABLE = metaKey('durable')
const EVERYTHING = { gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) }

/** Every record of a store as it stands, in the order of keys, but for what is true of this one disk alone. */
export async function* copiedRecords(kv: KvReader): AsyncGenerator<KvEntry[]> {
  for await (const entries of kv.iterate(EVERYTHING)) yield entries.filter(([key]) => !equalBytes(key, DURABLE))
}

/**
 * Makes a store of such records in `location`, which must not be there yet, and brings it to this program's schema version. Each
 * batch is written as it comes; all of it is on the disk when this resolves. Where a start will look first nothing is known: it
 * checks every block. Throws STORE_NEWER.
 */
export async function writeStore(location: string, batches: AsyncIterable<readonly KvEntry[]>): Promise<number> {
  let records = 0
  const kv = await openLevelKv(location)
  try {
    for await (const entries of batches) {
      await kv.batch(entries.map(([key, value]) => put(key, value)))
      records += entries.length
    }
    // They may be of an earlier program.
    await migrateDamaged(kv)
    await kv.batch([new DurableMark(new Map()).operation()], { sync: true })
  } finally {
    await kv.close()
  }
  // Opening once more turns what is left in its log into tables, and those LevelDB syncs.
  await (await openLevelKv(location)).close()
  await syncDirectory(location)
  return records
}
