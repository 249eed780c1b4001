import { equalBytes, toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { metaKey } from './keys.ts'
import { type Kv, type KvReader, put } from './kv.ts'
import { openRecord, sealRecord } from './record.ts'

const NETWORK_KEY = metaKey('network')

/** A store belongs to one network for ever: an empty one to the first it is opened for. Throws STORE_OTHER_NETWORK. */
export async function bindNetwork(kv: Kv, networkId: Uint8Array): Promise<void> {
  if (await isNetworkBound(kv, networkId)) return
  await kv.batch([put(NETWORK_KEY, sealRecord(NETWORK_KEY, networkId))], { sync: true })
}

/** False where the store belongs to no network yet. Throws STORE_OTHER_NETWORK, and STORE_DAMAGED where that cannot be read. */
export async function isNetworkBound(kv: KvReader, networkId: Uint8Array): Promise<boolean> {
  const record = await kv.get(NETWORK_KEY)
  if (record === undefined) return false
  const found = openRecord(NETWORK_KEY, record, 'network id')
  if (equalBytes(found, networkId)) return true
  throw new WattnessError('STORE_OTHER_NETWORK', `store belongs to network ${toHex(found)}, not ${toHex(networkId)}`, {
    found: toHex(found),
    expected: toHex(networkId),
  })
}
