import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Kv, KvEntry, KvRange } from './kv.ts'

/**
 * Reads a kv that is damaged: what cannot be read is left out, and everything that can be read is found. For repair only:
 * everywhere else damage is an error. Read only.
 */
export function tolerantKv(kv: Kv): Kv {
  const orNothing = (error: unknown): undefined => {
    if (isWattnessError(error, 'STORE_DAMAGED')) return undefined
    throw error
  }
  const get = (key: Uint8Array): Promise<Uint8Array | undefined> => kv.get(key).catch(orNothing)
  return {
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    batch: () => Promise.reject(new WattnessError('STORE_DAMAGED', 'a damaged store is only read')),
    iterate: (range) => iterateTolerant(kv, range),
    recover: () => Promise.resolve(),
    close: () => kv.close(),
  }
}

/**
 * An iterator ends at a table block that it cannot parse. It is begun anew behind its last key, further and further on:
 * first a bit, then two, four, eight …, until it lands behind the damage.
 */
async function* iterateTolerant(kv: Kv, range: KvRange): AsyncGenerator<KvEntry[]> {
  if (range.reverse === true) {
    yield* kv.iterate(range)
    return
  }
  let from = range.gte
  let left = range.limit ?? Number.POSITIVE_INFINITY
  let bit = 0
  while (left > 0 && Buffer.compare(from, range.lt) < 0) {
    try {
      for await (const entries of kv.iterate({ gte: from, lt: range.lt, ...(Number.isFinite(left) ? { limit: left } : {}) })) {
        yield entries
        left -= entries.length
        from = behind((entries.at(-1) as KvEntry)[0])
        bit = 0
      }
      return
    } catch (error) {
      if (!isWattnessError(error, 'STORE_DAMAGED')) throw error
      const next = skipped(from, bit++)
      if (next === undefined) return
      from = next
    }
  }
}

/** The first key that follows this one: the shortest that is longer. */
function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

/** The key as a number, 2^bit larger; undefined once that leaves its first byte, the kind of record. */
function skipped(key: Uint8Array, bit: number): Uint8Array | undefined {
  const next = key.slice()
  let at = next.length - 1 - Math.floor(bit / 8)
  let carry = 1 << (bit % 8)
  while (at >= 1) {
    const sum = (next[at] as number) + carry
    next[at] = sum & 0xff
    if (sum <= 0xff) return next
    carry = 1
    at--
  }
  return undefined
}
