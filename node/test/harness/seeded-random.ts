import type { Random } from '../../platform.ts'

/** Reproducible bytes: mulberry32 over a 32-bit seed. For tests only, never for keys that matter. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    bytes: (count) => {
      const out = new Uint8Array(count)
      for (let at = 0; at < count; at++) out[at] = next() >>> 24
      return out
    },
  }
}
