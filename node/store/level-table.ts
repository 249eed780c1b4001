import { type Fault, maskedCrc, readU32 } from './level-log.ts'

/**
 * LevelDB's table format (its `doc/table_format.md`): data blocks, filter, metaindex and index, each with a trailer of
 * compression type (1) and masked CRC-32C (4), then a footer of 48 bytes with the places of metaindex and index. A table
 * is whole if its blocks are, and cover the file without a gap.
 */
const FOOTER_BYTES = 48
const TRAILER_BYTES = 5
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb)
const NO_COMPRESSION = 0
const SNAPPY = 1

export interface Handle {
  readonly offset: number
  readonly size: number
}

export class TableFault extends Error {
  readonly offset: number

  constructor(offset: number, what: string) {
    super(what)
    this.offset = offset
  }
}

/** Little-endian base 128, as LevelDB writes numbers. One form per number: a flipped bit must not make a longer one. */
class Cursor {
  readonly bytes: Uint8Array
  readonly base: number
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, base: number, at = 0, end = bytes.length) {
    this.bytes = bytes
    this.base = base
    this.at = at
    this.end = end
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      if (this.at >= this.end) break
      const byte = this.bytes[this.at++] as number
      value += (byte & 0x7f) * scale
      scale *= 128
      if (byte < 0x80) {
        if (i > 0 && byte === 0) break
        return value
      }
    }
    throw new TableFault(this.base + this.at, 'unreadable number')
  }

  take(count: number): Uint8Array {
    if (count > this.end - this.at) throw new TableFault(this.base + this.at, 'entry reaches beyond its block')
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() }
  }
}

/** Walks every byte of a table. */
export function checkTable(file: Uint8Array): Fault[] {
  const faults: Fault[] = []
  try {
    const { metaindex, index } = readFooter(file)
    const handles = [metaindex, index, ...readHandles(file, index), ...readHandles(file, metaindex)]
    let covered = 0
    for (const handle of handles.toSorted((a, b) => a.offset - b.offset)) {
      if (handle.offset !== covered) throw new TableFault(covered, `block at ${handle.offset} leaves a gap or overlaps`)
      const fault = blockFault(file, handle)
      if (fault !== undefined) faults.push({ offset: handle.offset, what: fault })
      covered = handle.offset + handle.size + TRAILER_BYTES
    }
    if (covered !== file.length - FOOTER_BYTES) throw new TableFault(covered, 'bytes that belong to no block')
  } catch (error) {
    if (!(error instanceof TableFault)) throw error
    faults.push({ offset: error.offset, what: error.message })
  }
  return faults
}

export function readFooter(file: Uint8Array): { metaindex: Handle; index: Handle } {
  const start = file.length - FOOTER_BYTES
  if (start < 0) throw new TableFault(0, `${file.length} bytes are too few for a table`)
  const footer = file.subarray(start)
  const handlesEnd = FOOTER_BYTES - MAGIC.length
  if (!MAGIC.every((byte, i) => footer[handlesEnd + i] === byte)) throw new TableFault(start + handlesEnd, 'wrong magic number')
  const cursor = new Cursor(footer, start, 0, handlesEnd)
  const metaindex = cursor.handle()
  const index = cursor.handle()
  if (footer.subarray(cursor.at, handlesEnd).some((byte) => byte !== 0)) {
    throw new TableFault(start + cursor.at, 'padding of the footer is not zero')
  }
  return { metaindex, index }
}

function blockFault(file: Uint8Array, { offset, size }: Handle): string | undefined {
  const end = offset + size
  if (end + TRAILER_BYTES > file.length - FOOTER_BYTES) return `block of ${size} bytes reaches beyond the file`
  if (readU32(file, end + 1) !== maskedCrc(file.subarray(offset, end + 1)))
    return `checksum of a block of ${size} bytes does not match`
  const type = file[end] as number
  return type === NO_COMPRESSION || type === SNAPPY ? undefined : `unknown compression ${type}`
}

/** The handles that an index or metaindex block holds as its entries' values. */
function readHandles(file: Uint8Array, handle: Handle): Handle[] {
  const fault = blockFault(file, handle)
  if (fault !== undefined) throw new TableFault(handle.offset, fault)
  if (file[handle.offset + handle.size] !== NO_COMPRESSION) throw new TableFault(handle.offset, 'index is compressed')
  const block = file.subarray(handle.offset, handle.offset + handle.size)
  if (block.length < 4) throw new TableFault(handle.offset, 'index block too short')
  const restarts = readU32(block, block.length - 4)
  const cursor = new Cursor(block, handle.offset, 0, block.length - 4 - 4 * restarts)
  if (cursor.end < 0) throw new TableFault(handle.offset, 'index block too short for its restarts')
  const handles: Handle[] = []
  while (cursor.at < cursor.end) {
    cursor.varint()
    const keyBytes = cursor.varint()
    const valueBytes = cursor.varint()
    cursor.take(keyBytes)
    handles.push(new Cursor(cursor.take(valueBytes), handle.offset).handle())
  }
  return handles
}
