import { checkLog, type Fault } from './level-log.ts'

/** What a manifest says of a store: the files that are in use. */
export interface Manifest {
  /** Table number → bytes. */
  readonly tables: ReadonlyMap<number, number>
  /** Logs of this number and above hold what no table holds yet. */
  readonly logNumber: number
  readonly previousLogNumber: number
  readonly faults: readonly Fault[]
}

const COMPARATOR = 1
const LOG_NUMBER = 2
const NEXT_FILE = 3
const LAST_SEQUENCE = 4
const COMPACT_POINTER = 5
const DELETED_FILE = 6
const NEW_FILE = 7
const PREVIOUS_LOG_NUMBER = 9

/** Reads a manifest: a log of version edits (LevelDB's db/version_edit.cc). */
export function readManifest(file: Uint8Array): Manifest {
  const tables = new Map<number, number>()
  let logNumber = 0
  let previousLogNumber = 0
  let unreadable = false
  const faults = checkLog(file, (record) => {
    let at = 0
    const varint = (): number => {
      let value = 0
      let scale = 1
      for (;;) {
        const byte = record[at++]
        if (byte === undefined) throw new RangeError('version edit ends early')
        value += (byte & 0x7f) * scale
        if (byte < 0x80) return value
        scale *= 128
      }
    }
    const skipText = (): void => {
      const length = varint()
      at += length
    }
    try {
      while (at < record.length) {
        const tag = varint()
        if (tag === COMPARATOR) skipText()
        else if (tag === LOG_NUMBER) logNumber = varint()
        else if (tag === PREVIOUS_LOG_NUMBER) previousLogNumber = varint()
        else if (tag === NEXT_FILE || tag === LAST_SEQUENCE) varint()
        else if (tag === COMPACT_POINTER) {
          varint()
          skipText()
        } else if (tag === DELETED_FILE) {
          varint()
          tables.delete(varint())
        } else if (tag === NEW_FILE) {
          varint()
          const number = varint()
          tables.set(number, varint())
          skipText()
          skipText()
        } else throw new RangeError(`unknown tag ${tag}`)
      }
    } catch {
      unreadable = true
    }
  })
  if (unreadable) faults.push({ offset: 0, what: 'holds a version edit that cannot be read' })
  return { tables, logNumber, previousLogNumber, faults }
}
