import { readU32 } from './level-log.ts'
import { type Handle, readFooter, TableFault } from './level-table.ts'

/**
 * LevelDB believes what stands in a table. A block whose entries do not add up, or a key that is shorter than a number and a type
 * behind it, ends the whole process by an assertion instead of as an error. Before a damaged table is read, such blocks are
 * emptied; whatever else is wrong with it, LevelDB reads around or refuses.
 */
const LEAST_KEY_BYTES = 8
const U32_BYTES = 4

/** The table, changed in a copy of its bytes; undefined where nothing needs to be. */
export function readableTable(file: Uint8Array): Uint8Array | undefined {
  const index = indexOf(file)
  // Without one LevelDB refuses the table.
  if (index === undefined) return undefined
  const readable = file.slice()
  const places = entriesOf(blockOf(readable, index))
  if (places === undefined) {
    empty(readable, index)
    return readable
  }
  let isChanged = false
  for (const place of places) {
    const handle = handleOf(place)
    const isOutside = !isInside(file, handle)
    if (!isOutside && entriesOf(blockOf(file, handle)) !== undefined) continue
    // A block of no bytes is an error that is read around; where one lies beyond what a file can be, the system refuses to look.
    if (isOutside) place.fill(0)
    else empty(readable, handle)
    isChanged = true
  }
  return isChanged ? readable : undefined
}

function indexOf(file: Uint8Array): Handle | undefined {
  try {
    const { index } = readFooter(file)
    return isInside(file, index) ? index : undefined
  } catch (error) {
    if (error instanceof TableFault) return undefined
    throw error
  }
}

function isInside(file: Uint8Array, { offset, size }: Handle): boolean {
  return size >= U32_BYTES && offset + size <= file.length
}

function blockOf(file: Uint8Array, { offset, size }: Handle): Uint8Array {
  return file.subarray(offset, offset + size)
}

/** A block that says it has nothing is passed over. */
function empty(file: Uint8Array, { offset, size }: Handle): void {
  file.fill(0, offset + size - U32_BYTES, offset + size)
}

/** The values of a block's entries; undefined where its entries, or the restarts that point to them, do not add up. */
function entriesOf(block: Uint8Array): Uint8Array[] | undefined {
  const restarts = readU32(block, block.length - U32_BYTES)
  const end = block.length - U32_BYTES * (1 + restarts)
  if (end < 0) return undefined
  const values: Uint8Array[] = []
  const whole = new Set<number>()
  let keyBytes = 0
  for (let at = 0; at < end; ) {
    const [shared, own, value, from] = numbersAt(block, at, end)
    if (shared > keyBytes || from + own + value > end || shared + own < LEAST_KEY_BYTES) return undefined
    if (shared === 0) whole.add(at)
    keyBytes = shared + own
    at = from + own + value
    values.push(block.subarray(at - value, at))
  }
  for (let at = 0; at < restarts; at++) if (end > 0 && !whole.has(readU32(block, end + at * U32_BYTES))) return undefined
  return values
}

/** Three numbers to base 128, little-endian, and where they end; a number that is none is larger than any block. */
function numbersAt(block: Uint8Array, start: number, end: number): [number, number, number, number] {
  const numbers = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  let at = start
  for (let i = 0; i < numbers.length; i++) {
    let value = 0
    for (let scale = 1; scale <= 2 ** 28 && at < end; scale *= 128) {
      const byte = block[at++] as number
      value += (byte & 0x7f) * scale
      if (byte >= 0x80) continue
      numbers[i] = value
      break
    }
  }
  return [numbers[0] as number, numbers[1] as number, numbers[2] as number, at]
}

function handleOf(value: Uint8Array): Handle {
  const [offset, size] = numbersAt(value, 0, value.length)
  return { offset, size }
}
