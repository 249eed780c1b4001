import { toHex } from '../../protocol/bytes.ts'
import { MAX_KEY_ADDRESSES, MAX_KNOWN_ADDRESSES } from './limits.ts'

/** An address that may be dialled, and how it went so far. */
export interface KnownAddress {
  readonly address: string
  /** Whom it leads to: named in the address, or learnt by dialling it. */
  keyHex: string | undefined
  /** Dialled whenever it is not linked, however many links there are. */
  keep: boolean
  /** Attempts in a row without a link that held. */
  failures: number
  /** Not dialled before this. */
  dueMs: number
  /** Has led to a link at some time. */
  proven: boolean
}

/**
 * Known addresses, bounded. Peers may tell us any number of invented ones: a new one takes the place of one that never
 * led anywhere or no longer does, never of one that works.
 */
export class AddressBook {
  readonly #keyOf: (address: string) => Uint8Array | undefined
  readonly #entries = new Map<string, KnownAddress>()
  #changes = 0

  constructor(keyOf: (address: string) => Uint8Array | undefined) {
    this.#keyOf = keyOf
  }

  /** Counts what came new, or is to be kept from now on. */
  get changes(): number {
    return this.#changes
  }

  values(): IterableIterator<KnownAddress> {
    return this.#entries.values()
  }

  /** All addresses of one key. */
  of(keyHex: string): KnownAddress[] {
    return [...this.#entries.values()].filter((entry) => entry.keyHex === keyHex)
  }

  /** The entry, new or not; undefined where there is no room for it. */
  add(address: string, keep: boolean, dueMs: number): KnownAddress | undefined {
    const known = this.#entries.get(address)
    if (known !== undefined) {
      if (keep && !known.keep) this.#changes++
      known.keep ||= keep
      return known
    }
    const key = this.#keyOf(address)
    const keyHex = key === undefined ? undefined : toHex(key)
    const own = keyHex === undefined ? [] : this.of(keyHex)
    if (own.length >= MAX_KEY_ADDRESSES && !this.#evict(own)) return undefined
    if (this.#entries.size >= MAX_KNOWN_ADDRESSES && !this.#evict([...this.#entries.values()])) return undefined
    const entry: KnownAddress = { address, keyHex, keep, failures: 0, dueMs, proven: false }
    this.#entries.set(address, entry)
    this.#changes++
    return entry
  }

  delete(entry: KnownAddress): void {
    this.#entries.delete(entry.address)
  }

  /** Drops the least useful of these, if one may go: the one with the most failures, of equals the oldest. */
  #evict(entries: readonly KnownAddress[]): boolean {
    let worst: KnownAddress | undefined
    for (const entry of entries) {
      if (entry.keep || (entry.proven && entry.failures === 0)) continue
      if (worst === undefined || usefulness(entry) < usefulness(worst)) worst = entry
    }
    if (worst === undefined) return false
    this.delete(worst)
    return true
  }
}

/** Anything that ever worked is worth more than anything that did not. */
function usefulness({ proven, failures }: KnownAddress): number {
  return (proven ? 1_000_000 : 0) - failures
}
