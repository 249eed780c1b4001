/**
 * Text that people keep of bytes: hexadecimal digits, in pairs or in rows, with blanks, colons, hyphens or commas between them,
 * and comments behind `#` or `//`. A row may end within a byte. The rest of a line from a letter on that is no digit is left
 * out.
 */

const LF = 0x0a
const CR = 0x0d
const HASH = 0x23
const SLASH = 0x2f
/** Blank, tab, and what stands between bytes. */
const SEPARATORS = new Set([0x20, 0x09, LF, CR, 0x3a, 0x2d, 0x2c])
/** Less than a frame's head is nothing to go by. */
const MIN_DIGITS = 16

/** True where the bytes are text of that kind, as far as they go. */
export function isHexDump(bytes: Uint8Array): boolean {
  let digits = 0
  let isComment = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === LF) isComment = false
    else if (isComment || SEPARATORS.has(byte)) continue
    else if (byte === HASH || (byte === SLASH && (bytes[at + 1] ?? SLASH) === SLASH)) isComment = true
    else if (digit(byte) === undefined) return false
    else digits++
  }
  return digits >= MIN_DIGITS
}

/** The bytes that the text stands for; pieces may be cut anywhere. */
export class HexDump {
  #high: number | undefined
  #isComment = false

  push(text: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(Math.ceil(text.length / 2) + 1)
    let length = 0
    for (const byte of text) {
      if (byte === LF) this.#isComment = false
      if (this.#isComment || SEPARATORS.has(byte)) continue
      const value = digit(byte)
      if (value === undefined) {
        this.#isComment = true
        this.#high = undefined
      } else if (this.#high === undefined) this.#high = value
      else {
        bytes[length++] = this.#high * 16 + value
        this.#high = undefined
      }
    }
    return bytes.subarray(0, length)
  }
}

/** The bytes of a dump where it is one, of `peeked` of its first bytes decided; else the input as it is. */
export async function* undumped(input: AsyncIterable<Uint8Array>, peeked: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] | undefined = []
  let length = 0
  let dump: HexDump | undefined
  for await (const chunk of input) {
    if (held === undefined) {
      yield dump === undefined ? chunk : dump.push(chunk)
      continue
    }
    held.push(chunk)
    length += chunk.length
    // One byte that is no such text decides: a meter that is being listened to need not send more first.
    if (length < peeked && couldBeDump(chunk)) continue
    const first = Buffer.concat(held)
    held = undefined
    dump = isHexDump(first.subarray(0, peeked)) ? new HexDump() : undefined
    yield dump === undefined ? first : dump.push(first)
  }
  if (held === undefined) return
  const first = Buffer.concat(held)
  yield isHexDump(first) ? new HexDump().push(first) : first
}

function couldBeDump(chunk: Uint8Array): boolean {
  return chunk.every((byte) => byte >= 0x20 || byte === 0x09 || byte === LF || byte === CR) && !chunk.some((byte) => byte > 0x7e)
}

function digit(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined
}
