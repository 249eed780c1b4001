import type { Group } from './interval-groups.ts'

/** What one series adds to the balance, interval by interval. */
export interface MemberSums {
  add(at: number, group: Group, factor: number, isExport: boolean): void
  share(slot: number, group: Group, factor: number, isExport: boolean): void
  /** It has no register of what it takes. */
  hasNothing(): void
}

/** Null where nothing is known. */
export interface BalanceSum {
  readonly imported: bigint | null
  readonly exported: bigint | null
  readonly shared: bigint | null
  readonly net: bigint | null
  readonly feeder: bigint | null
  readonly loss: bigint | null
  /** Places of members. */
  readonly missing: readonly number[]
  readonly estimated: readonly number[]
}

/** What a member may add to one interval: as many as there can be, a few registers each, stay within the safe integers. */
const MOST_OF_MEMBER = 2 ** 43
const MOST_OF_FEEDER = 2 ** 51

/** Sums over members: one number an interval, in the finest scaler of all. */
export class BalanceSums {
  readonly #bounds: readonly number[]
  readonly #slots: readonly number[]
  readonly #count: number
  readonly #imports: Float64Array
  readonly #exports: Float64Array
  readonly #known: Uint8Array
  readonly #slotImports: Float64Array
  readonly #slotExports: Float64Array
  readonly #feeder: Float64Array
  /** One bit a member: something is missing; something is estimated. The feeder's is the last. */
  readonly #missing: Uint8Array
  readonly #estimated: Uint8Array
  readonly #bytes: number
  #hasFeeder = false

  constructor(bounds: readonly number[], slots: readonly number[], members: number) {
    this.#bounds = bounds
    this.#slots = slots
    const isSame = slots === bounds
    this.#count = members
    const intervals = bounds.length - 1
    const shares = slots.length - 1
    this.#bytes = Math.ceil((members + 1) / 8)
    this.#imports = new Float64Array(intervals)
    this.#exports = new Float64Array(intervals)
    this.#known = new Uint8Array(intervals)
    this.#slotImports = isSame ? this.#imports : new Float64Array(shares)
    this.#slotExports = isSame ? this.#exports : new Float64Array(shares)
    this.#feeder = new Float64Array(intervals)
    this.#missing = new Uint8Array(intervals * this.#bytes)
    this.#estimated = new Uint8Array(intervals * this.#bytes)
  }

  member(place: number): MemberSums {
    return {
      add: (at, group, factor, isExport) => {
        const amount = this.#amountOf(at, place, group, factor)
        if (amount === undefined) return
        this.#known[at] = 1
        const sums = isExport ? this.#exports : this.#imports
        sums[at] = (sums[at] as number) + amount
      },
      share: (slot, { amount }, factor, isExport) => {
        const lifted = lift(amount, factor, MOST_OF_MEMBER)
        if (lifted === undefined) return
        const sums = isExport ? this.#slotExports : this.#slotImports
        sums[slot] = (sums[slot] as number) + lifted
      },
      hasNothing: () => this.#markAll(place),
    }
  }

  /** What goes through it into the street, less what comes out of it. */
  feeder(): MemberSums {
    this.#hasFeeder = true
    return {
      add: (at, group, factor, isExport) => {
        const amount = this.#amountOf(at, this.#count, group, factor) ?? 0
        this.#feeder[at] = (this.#feeder[at] as number) + (isExport ? -amount : amount)
      },
      share: () => undefined,
      hasNothing: () => this.#markAll(this.#count),
    }
  }

  #amountOf(at: number, place: number, { amount, coveredMs, fromMs, toMs, quality }: Group, factor: number): number | undefined {
    const lifted = lift(amount, factor, place === this.#count ? MOST_OF_FEEDER : MOST_OF_MEMBER)
    if (lifted === undefined || coveredMs < toMs - fromMs) this.#mark(this.#missing, at, place)
    if (lifted !== undefined && quality !== 'good' && quality !== 'partial') this.#mark(this.#estimated, at, place)
    return lifted
  }

  #mark(bits: Uint8Array, at: number, place: number): void {
    const byte = at * this.#bytes + (place >> 3)
    bits[byte] = (bits[byte] as number) | (1 << (place & 7))
  }

  #isMarked(bits: Uint8Array, at: number, place: number): boolean {
    return ((bits[at * this.#bytes + (place >> 3)] as number) & (1 << (place & 7))) !== 0
  }

  #markAll(place: number): void {
    for (let at = 0; at < this.#bounds.length - 1; at++) this.#mark(this.#missing, at, place)
  }

  /** The answer's interval `at`. Intervals are asked for one after another. */
  at(at: number): BalanceSum {
    return this.#sum(at, at + 1)
  }

  total(): BalanceSum {
    return this.#sum(0, this.#bounds.length - 1)
  }

  #sum(first: number, end: number): BalanceSum {
    let [imported, exported, feeder] = [0n, 0n, 0n]
    let isKnown = false
    for (let at = first; at < end; at++) {
      imported += BigInt(this.#imports[at] as number)
      exported += BigInt(this.#exports[at] as number)
      feeder += BigInt(this.#feeder[at] as number)
      isKnown ||= this.#known[at] === 1
    }
    const missing = this.#places(this.#missing, first, end)
    const isFed = this.#hasFeeder && missing.at(-1) !== this.#count
    const net = imported - exported
    const members = missing.filter((place) => place < this.#count)
    return {
      imported: isKnown ? imported : null,
      exported: isKnown ? exported : null,
      shared: isKnown ? this.#shared(this.#bounds[first] as number, this.#bounds[end] as number) : null,
      net: isKnown ? net : null,
      feeder: isFed ? feeder : null,
      // Between what is known in part nothing can be said to be lost.
      loss: isFed && isKnown && members.length === 0 ? feeder - net : null,
      missing: members,
      estimated: this.#places(this.#estimated, first, end).filter((place) => place < this.#count),
    }
  }

  #places(bits: Uint8Array, first: number, end: number): number[] {
    const places: number[] = []
    for (let place = 0; place <= this.#count; place++) {
      for (let at = first; at < end; at++) {
        if (!this.#isMarked(bits, at, place)) continue
        places.push(place)
        break
      }
    }
    return places
  }

  #shared(fromMs: number, toMs: number): bigint | null {
    let sum = 0n
    for (let slot = this.#slotAt(fromMs); slot < this.#slots.length - 1 && (this.#slots[slot] as number) < toMs; slot++) {
      sum += BigInt(Math.min(this.#slotImports[slot] as number, this.#slotExports[slot] as number))
    }
    return sum
  }

  /** Bounds of the answer are bounds of shares too. */
  #slotAt(fromMs: number): number {
    let low = 0
    let high = this.#slots.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#slots[middle] as number) < fromMs) low = middle + 1
      else high = middle
    }
    return low
  }
}

function lift(amount: number | bigint | null, factor: number, most: number): number | undefined {
  if (amount === null) return undefined
  const lifted = Number(amount) * factor
  // Nothing that a home takes or gives: who writes such numbers takes no part.
  return Math.abs(lifted) <= most ? lifted : undefined
}
