import { toUtf8 } from './bytes.ts'

/**
 * Rule G4. Text of others ends up on screens and in logs: control characters, line separators and the marks that turn
 * reading direction around would let it forge lines. The list is fixed here, so that no two Unicode versions disagree.
 */
const FORBIDDEN: readonly (readonly [number, number])[] = [
  [0x0000, 0x001f],
  [0x007f, 0x009f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
]

const PRINTABLE_ASCII = /^[ -~]+$/

/** What is wrong with `text` as 1 to `maxBytes` bytes of plain UTF-8, in words; undefined where nothing is. */
export function plainTextFault(text: string, maxBytes: number): string | undefined {
  if (text.length === 0) return 'is empty'
  if (text.length > maxBytes) return `is longer than ${maxBytes} bytes`
  // Nearly all of it is, and an address is looked at for every neighbour that tells it.
  if (PRINTABLE_ASCII.test(text)) return undefined
  if (!text.isWellFormed()) return 'holds half of a surrogate pair'
  const bytes = toUtf8(text).length
  if (bytes > maxBytes) return `is ${bytes} bytes long, ${maxBytes} allowed`
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (FORBIDDEN.some(([low, high]) => unit >= low && unit <= high)) {
      return `holds the control character U+${unit.toString(16).padStart(4, '0').toUpperCase()} at position ${at}`
    }
  }
  return undefined
}
