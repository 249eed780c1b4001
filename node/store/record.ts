import { crc32 } from 'node:zlib'
import { toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'

export const CRC_BYTES = 4

/**
 * A record that does not verify itself ends in a CRC-32 (ISO 3309) of its key and value: the key too, so that a record
 * found under another's key is no record.
 */
export function sealRecord(key: Uint8Array, value: Uint8Array): Uint8Array {
  const record = Buffer.allocUnsafe(value.length + CRC_BYTES)
  record.set(value)
  writeCrc(key, record)
  return record
}

/** Fills the last four bytes of a record that was built with room for them. */
export function writeCrc(key: Uint8Array, record: Uint8Array): void {
  const at = record.length - CRC_BYTES
  const crc = crc32(record.subarray(0, at), crc32(key))
  record[at] = crc >>> 24
  record[at + 1] = crc >>> 16
  record[at + 2] = crc >>> 8
  record[at + 3] = crc
}

/** Seals a record that lies behind its key, `keyBytes` long, with room for the checksum at the end: a view of it. */
export function sealInPlace(bytes: Uint8Array, keyBytes: number): Uint8Array {
  const at = bytes.length - CRC_BYTES
  const crc = crc32(bytes.subarray(0, at))
  bytes[at] = crc >>> 24
  bytes[at + 1] = crc >>> 16
  bytes[at + 2] = crc >>> 8
  bytes[at + 3] = crc
  return bytes.subarray(keyBytes)
}

/** The value of a record as it was sealed: a view. Undefined where the checksum is not that of the bytes. */
export function checkRecord(key: Uint8Array, record: Uint8Array): Uint8Array | undefined {
  const at = record.length - CRC_BYTES
  if (at < 0) return undefined
  const value = record.subarray(0, at)
  const found =
    ((record[at] as number) << 24) |
    ((record[at + 1] as number) << 16) |
    ((record[at + 2] as number) << 8) |
    (record[at + 3] as number)
  return found >>> 0 === crc32(value, crc32(key)) ? value : undefined
}

/** The same, where a damaged record leaves nothing to go on with. Throws STORE_DAMAGED. */
export function openRecord(key: Uint8Array, record: Uint8Array, what: string): Uint8Array {
  const value = checkRecord(key, record)
  if (value === undefined) {
    throw new WattnessError('STORE_DAMAGED', `${what}: checksum does not match (key ${toHex(key)})`, { what, key: toHex(key) })
  }
  return value
}
