import { createHash } from 'node:crypto'

/** Bytes of UTF-8 that the spool keeps of a source's name, some left for what stands before it. */
export const MAX_SOURCE_NAME_BYTES = 245
const KEPT_CHARS = 40
const HASH_CHARS = 32

/** A source's name in the spool: its spec, or of a longer one its beginning and a hash. One spec has one name for ever. */
export function sourceName(spec: string): string {
  if (Buffer.byteLength(spec) <= MAX_SOURCE_NAME_BYTES) return spec
  const hash = createHash('sha256').update(spec).digest('hex').slice(0, HASH_CHARS)
  return `${Array.from(spec).slice(0, KEPT_CHARS).join('')}…${hash}`
}
