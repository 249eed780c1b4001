import { Reader, Writer } from '../../protocol/bytes.ts'
import type { CheckContext } from './chain-check.ts'
import type { Damage, Pruned } from './chain-entry.ts'
import { allOfChain, BLOCK, heightOfBlockKey, metaKey } from './keys.ts'
import { type KvOperation, type KvReader, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'
import { isPruned } from './stored-block.ts'

/** One record: of each chain that is pruned its id, and the sizes up to which bodies and values are dropped; ids ascend. */
const KEY = metaKey('pruned')

/** By chain id. */
export type PrunedChains = ReadonlyMap<number, Pruned>

/** Undefined where the record is damaged. */
export async function readPruned(kv: KvReader): Promise<PrunedChains | undefined> {
  const chains = new Map<number, Pruned>()
  const record = await kv.get(KEY)
  if (record === undefined) return chains
  const value = checkRecord(KEY, record)
  if (value === undefined) return undefined
  const reader = new Reader(value, 'record of what was pruned')
  while (reader.remaining > 0) chains.set(reader.varint(), { to: reader.varint(), valuesTo: reader.varint() })
  return chains
}

export function prunedOperation(chains: PrunedChains): KvOperation {
  const writer = new Writer(1024)
  for (const [id, { to, valuesTo }] of [...chains].sort(([a], [b]) => a - b)) {
    if (to > 0) writer.varint(id).varint(to).varint(valuesTo)
  }
  return put(KEY, sealRecord(KEY, writer.finish()))
}

/** The same for a store that is being opened: where the record is damaged, it is made again. */
export async function loadPruned({ kv, write }: CheckContext, ids: Iterable<number>, damage: Damage[]): Promise<PrunedChains> {
  const chains = await readPruned(kv)
  if (chains !== undefined) return chains
  damage.push({ what: 'record of what was pruned damaged, made again from the blocks' })
  const found = await findPruned(kv, ids)
  await write([prunedOperation(found)], true)
  return found
}

/** The same found from the blocks themselves, all of which are read. Whether values were dropped they do not say. */
export async function findPruned(kv: KvReader, ids: Iterable<number>): Promise<PrunedChains> {
  const chains = new Map<number, Pruned>()
  for (const id of ids) {
    let to = 0
    for await (const entries of kv.iterate(allOfChain(BLOCK, id))) {
      for (const [key, value] of entries) if (isPruned(value)) to = heightOfBlockKey(key) + 1
    }
    if (to > 0) chains.set(id, { to, valuesTo: 0 })
  }
  return chains
}
