import { createRequire } from 'node:module'

/**
 * LevelDB's log record format (its `doc/log_format.md`), in which logs and manifests are written: blocks of 32 KiB, in them
 * records of masked CRC-32C (4, little-endian), length (2), type (1) and data; a block's last bytes, too few for a record,
 * are zero.
 */
export const LOG_BLOCK_BYTES = 32_768
const RECORD_HEADER_BYTES = 7
const FULL = 1
const FIRST = 2
const MIDDLE = 3
const LAST = 4

export interface Fault {
  readonly offset: number
  readonly what: string
  /** What a crash in mid-write leaves behind too: the end of a log that was never acknowledged. */
  readonly torn?: boolean
}

type Crc32c = (bytes: Uint8Array, begun?: number) => number

let native: Crc32c | undefined

/** Loaded with the first file that is walked: a node that runs leaves that to LevelDB, and the addon is 3 MiB of it. */
function crc32c(bytes: Uint8Array, begun?: number): number {
  native ??= (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Crc32c }).crc32c
  return native(bytes, begun)
}

const TORN = 'last record incomplete: a crash in mid-write, or damage'

/** The CRC as LevelDB stores it: rotated and shifted, since CRCs of data that holds CRCs are weak. */
export function maskedCrc(bytes: Uint8Array): number {
  return masked(crc32c(bytes))
}

function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

export function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}

/** True where the bytes from `at` on begin with a whole record, if only its length said so: a crash leaves none such. */
function holdsRecord(file: Uint8Array, at: number): boolean {
  const stored = readU32(file, at)
  let crc = crc32c(file.subarray(at + 6, at + RECORD_HEADER_BYTES))
  for (let end = at + RECORD_HEADER_BYTES; ; end++) {
    if (masked(crc) === stored) return true
    if (end >= file.length) return false
    crc = crc32c(file.subarray(end, end + 1), crc)
  }
}

const allZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** Walks every byte of a log. `onRecord` is given each whole record. */
export function checkLog(file: Uint8Array, onRecord: (record: Uint8Array) => void = () => undefined): Fault[] {
  const faults: Fault[] = []
  let fragments: Uint8Array[] | undefined
  let begun = 0
  let at = 0
  /** The rest of a block with a broken record cannot be told from noise. */
  const skipBlock = (offset: number, what: string): void => {
    faults.push({ offset, what })
    fragments = undefined
    at = Math.min(file.length, (Math.floor(offset / LOG_BLOCK_BYTES) + 1) * LOG_BLOCK_BYTES)
  }
  while (at < file.length) {
    const left = Math.min(LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES), file.length - at)
    const endsBlock = (at + left) % LOG_BLOCK_BYTES === 0
    if (left < RECORD_HEADER_BYTES) {
      const rest = file.subarray(at, at + left)
      if (!endsBlock) faults.push({ offset: at, what: TORN, torn: true })
      else if (!allZero(rest)) faults.push({ offset: at, what: 'padding at the end of a block is not zero' })
      at += left
      continue
    }
    const length = (file[at + 4] as number) | ((file[at + 5] as number) << 8)
    const type = file[at + 6] as number
    const end = at + RECORD_HEADER_BYTES + length
    if (allZero(file.subarray(at, at + RECORD_HEADER_BYTES)) && allZero(file.subarray(at))) {
      faults.push({ offset: at, what: TORN, torn: true })
      return faults
    }
    if (end > at + left) {
      if (endsBlock) {
        skipBlock(at, `record of ${length} bytes does not fit into its block`)
        continue
      }
      faults.push(
        holdsRecord(file, at) ? { offset: at, what: 'length of a record damaged' } : { offset: at, what: TORN, torn: true },
      )
      return faults
    }
    if (readU32(file, at) !== maskedCrc(file.subarray(at + 6, end))) {
      skipBlock(at, `checksum of a record of ${length} bytes does not match`)
      continue
    }
    const data = file.subarray(at + RECORD_HEADER_BYTES, end)
    const continues = type === MIDDLE || type === LAST
    if (type < FULL || type > LAST) faults.push({ offset: at, what: `unknown record type ${type}` })
    else if (continues !== (fragments !== undefined)) {
      faults.push({
        offset: at,
        what: continues ? 'part of a record whose beginning is missing' : 'record begins inside another',
      })
      fragments = undefined
    }
    if (type === FULL) onRecord(data)
    else if (type === FIRST) {
      fragments = [data]
      begun = at
    } else if (fragments !== undefined) {
      fragments.push(data)
      if (type === LAST) {
        onRecord(Buffer.concat(fragments))
        fragments = undefined
      }
    }
    at = end
  }
  if (fragments !== undefined) faults.push({ offset: begun, what: TORN, torn: true })
  return faults
}
