import { type Bytes, decodeRun, encodeRun, SIGNATURE_BYTES } from '../../protocol/index.ts'
import type { SeededRandom } from '../seeded-random.ts'

/** A copy in which one bit between `from` and `to` is the other way round. */
export function flipped(bytes: Bytes, random: SeededRandom, from = 0, to = bytes.length): Bytes {
  const copy = bytes.slice()
  const at = Math.min(bytes.length - 1, from + random.below(Math.max(1, to - from)))
  copy[at] = (copy[at] as number) ^ (1 << random.below(8))
  return copy
}

export const CORRUPTIONS = ['header', 'body', 'signature', 'order', 'truncated'] as const
export type Corruption = (typeof CORRUPTIONS)[number]

/** A run that is not what its author sent. Bytes that are no run come back with one bit changed. */
export function corruptRun(bytes: Bytes, random: SeededRandom, how: Corruption = random.pick(CORRUPTIONS)): Bytes {
  const run = runOf(bytes)
  const block = run === undefined ? undefined : random.pick(run.blocks)
  if (run === undefined || block === undefined) return flipped(bytes, random)
  switch (how) {
    case 'header':
      return flippedIn(bytes, block.headerBytes, random)
    case 'body':
      return flippedIn(bytes, block.body, random)
    case 'signature':
      return run.end.type === 'signed'
        ? flipped(bytes, random, bytes.length - SIGNATURE_BYTES)
        : flippedIn(bytes, run.end.signature, random)
    case 'order':
      if (run.blocks.length < 2) return flippedIn(bytes, block.headerBytes, random)
      return encodeRun(run.blocks.map((each) => each.bytes).toReversed(), run.end)
    case 'truncated':
      return bytes.slice(0, Math.max(1, bytes.length - 1 - random.below(bytes.length)))
  }
}

function runOf(bytes: Bytes): ReturnType<typeof decodeRun> | undefined {
  try {
    return decodeRun(bytes)
  } catch {
    return undefined
  }
}

/** One bit of `part`, a view of the same buffer. */
function flippedIn(bytes: Bytes, part: Bytes, random: SeededRandom): Bytes {
  const from = part.byteOffset - bytes.byteOffset
  return flipped(bytes, random, from, from + part.length)
}
