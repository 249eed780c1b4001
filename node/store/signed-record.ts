import { equalBytes, Reader, toHex, Writer } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { type Acceptance, rootWithin } from './acceptance.ts'
import type { Damage } from './chain-entry.ts'
import { SIGNATURE_BYTES } from './head-record.ts'
import { metaKey } from './keys.ts'
import { type KvOperation, type KvReader, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'

const SIGNED_KEY = metaKey('signed')

/** The newest checkpoint that this node signed for its own chain: it survives the loss of the blocks it covers. */
export interface SignedRecord {
  readonly size: number
  readonly root: Uint8Array
  readonly signature: Uint8Array
}

/**
 * After a loss the own chain may only be taken back along the history that was signed; then it goes on from there. Throws
 * OWN_CHAIN_CONFLICT.
 */
export function signedAfter(
  signed: SignedRecord | undefined,
  before: ChainState,
  acceptance: Acceptance,
  operations: KvOperation[],
): SignedRecord | undefined {
  const { checkpoint, size } = acceptance.state
  if (signed !== undefined && signed.size > before.size) {
    const root = rootWithin(before, acceptance, signed.size)
    const leads = root === undefined ? (checkpoint?.size ?? 0) > signed.size : equalBytes(root, signed.root)
    if (!leads) throw ownConflict(signed, size)
  }
  if (signed !== undefined && size <= signed.size) return signed
  if (checkpoint === undefined || checkpoint.size !== size) return signed
  operations.push(signedOperation(checkpoint))
  return { size, root: checkpoint.root, signature: checkpoint.signature }
}

export function ownConflict(signed: SignedRecord, size: number): WattnessError {
  return new WattnessError('OWN_CHAIN_CONFLICT', `own chain: ${size} blocks do not lead to the ${signed.size} signed before`, {
    size,
    signedSize: signed.size,
    signedRoot: toHex(signed.root),
  })
}

export function signedOperation(record: SignedRecord): KvOperation {
  return put(SIGNED_KEY, sealRecord(SIGNED_KEY, encodeSigned(record)))
}

function encodeSigned({ size, root, signature }: SignedRecord): Uint8Array {
  return new Writer(HASH_BYTES + SIGNATURE_BYTES + 8).varint(size).bytes(root).bytes(signature).finish()
}

export async function readSigned(kv: KvReader, damage: Damage[]): Promise<SignedRecord | undefined> {
  const record = await kv.get(SIGNED_KEY)
  if (record === undefined) return undefined
  const value = checkRecord(SIGNED_KEY, record)
  if (value === undefined) {
    damage.push({ what: 'record of what this node signed last: checksum does not match' })
    return undefined
  }
  const reader = new Reader(value, 'signed record')
  return { size: reader.varint(), root: reader.bytes(HASH_BYTES).slice(), signature: reader.bytes(SIGNATURE_BYTES).slice() }
}
