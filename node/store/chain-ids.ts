import { type Damage, keptKey } from './chain-entry.ts'
import { allOf, BLOCK, blockKey, CHAIN, chainKey, MAX_CHAIN_ID } from './keys.ts'
import { del, type KvOperation, type KvReader, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'
import { decodeHeld } from './stored-block.ts'

export interface ChainIds {
  readonly members: ReadonlyMap<number, Uint8Array>
  /** What puts damaged chain records right again. */
  readonly mending: readonly KvOperation[]
}

/** Chain ids with their members. Where the record is damaged, the chain's own first block says whose it is. */
export async function loadChainIds(kv: KvReader, damage: Damage[]): Promise<ChainIds> {
  const members = new Map<number, Uint8Array>()
  const mending: KvOperation[] = []
  for await (const entries of kv.iterate(allOf(CHAIN))) {
    for (const [key, record] of entries) {
      const value = checkRecord(key, record)
      if (value !== undefined) members.set(((value[0] as number) << 8) | (value[1] as number), keptKey(key.subarray(1)))
      else {
        damage.push({ what: 'chain record: checksum does not match', member: key.slice(1) })
        mending.push(del(key))
      }
    }
  }
  for (let id = await nextIdWithBlocks(kv, 0); id !== undefined; id = await nextIdWithBlocks(kv, id + 1)) {
    if (members.has(id)) continue
    const member = await memberOf(kv, id)
    if (member === undefined) continue
    members.set(id, keptKey(member))
    const key = chainKey(member)
    mending.push(put(key, sealRecord(key, Uint8Array.of(id >>> 8, id))))
  }
  return { members, mending }
}

async function nextIdWithBlocks(kv: KvReader, from: number): Promise<number | undefined> {
  if (from > MAX_CHAIN_ID) return undefined
  for await (const [first] of kv.iterate({ gte: blockKey(from, 0), lt: allOf(BLOCK).lt, limit: 1 })) {
    return first === undefined ? undefined : ((first[0][1] as number) << 8) | (first[0][2] as number)
  }
  return undefined
}

const NOBODY = new Uint8Array(0)

async function memberOf(kv: KvReader, id: number): Promise<Uint8Array | undefined> {
  const value = await kv.get(blockKey(id, 0))
  try {
    // A chain's first block says whose it is by itself.
    return value === undefined ? undefined : decodeHeld(value, NOBODY, 0).header.member
  } catch {
    return undefined
  }
}
