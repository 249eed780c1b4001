import type { Damage } from './chain-entry.ts'
import { allOf, blockKey, CHAIN, chainKey, HEAD } from './keys.ts'
import { type Kv, type KvOperation, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'
import { decodeStored } from './stored-block.ts'

/** Chain ids with their members. Where the record is damaged, the chain's own first block says whose it is. */
export async function loadChainIds(kv: Kv, damage: Damage[]): Promise<Map<number, Uint8Array>> {
  const members = new Map<number, Uint8Array>()
  for await (const entries of kv.iterate(allOf(CHAIN))) {
    for (const [key, record] of entries) {
      const value = checkRecord(key, record)
      if (value === undefined) damage.push({ what: 'chain record: checksum does not match', member: key.slice(1) })
      else members.set(((value[0] as number) << 8) | (value[1] as number), key.slice(1))
    }
  }
  const orphans: KvOperation[] = []
  for await (const entries of kv.iterate(allOf(HEAD))) {
    for (const [key] of entries) {
      const id = ((key[1] as number) << 8) | (key[2] as number)
      if (key.length !== 3 || members.has(id)) continue
      const member = await memberOf(kv, id)
      if (member === undefined) continue
      members.set(id, member)
      const record = chainKey(member)
      orphans.push(put(record, sealRecord(record, Uint8Array.of(id >>> 8, id))))
    }
  }
  if (orphans.length > 0) await kv.batch(orphans, { sync: true })
  return members
}

async function memberOf(kv: Kv, id: number): Promise<Uint8Array | undefined> {
  const value = await kv.get(blockKey(id, 0))
  try {
    return value === undefined ? undefined : decodeStored(value).header.member.slice()
  } catch {
    return undefined
  }
}
