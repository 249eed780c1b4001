import { type Kv, type KvOperation, put } from '../../store/index.ts'
import { allOfChain, BLOCK, heightOfBlockKey } from '../../store/keys.ts'
import { schemaOperation } from '../../store/schema.ts'
import { decodeHeld } from '../../store/stored-block.ts'
import type { ChainMaker } from './chain-maker.ts'

/** Makes of a store one of version 3, which held every block with its member and the root that was signed. */
export async function fattened(kv: Kv, chains: readonly ChainMaker[]): Promise<void> {
  const operations: KvOperation[] = [schemaOperation(3)]
  for (const [id, { member, roots }] of chains.entries()) {
    for await (const entries of kv.iterate(allOfChain(BLOCK, id))) {
      for (const [key, value] of entries) {
        const height = heightOfBlockKey(key)
        const { bytes, headerBytes, signature } = decodeHeld(value, member, height)
        const block = bytes ?? Uint8Array.of(0, headerBytes.length, ...headerBytes)
        const end = signature === undefined ? [] : [roots[height] as Uint8Array, signature]
        operations.push(put(key, Buffer.concat([block, ...end])))
      }
    }
  }
  await kv.batch(operations, { sync: true })
}

/** Every record of a store but what is true of one disk alone, as text. */
export async function recordsOf(kv: Kv): Promise<string[]> {
  const found: string[] = []
  for await (const entries of kv.iterate({ gte: Uint8Array.of(0), lt: Uint8Array.of(0xff) })) {
    for (const [key, value] of entries) found.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`)
  }
  return found
}
