import { WattnessError } from './errors.ts'
import { type Membership, witnessesOf } from './membership.ts'

/** The span of one witness set (rules W1–W3). */
export interface Epoch {
  readonly number: number
  /** Size of the registrar's chain from which it is in force. */
  readonly fromSize: number
  /** Member indices, ascending; at most MAX_WITNESSES. */
  readonly witnesses: readonly number[]
  /** So many of them make a leaf final; undefined where there is no witness, and nothing is made final by any. */
  readonly quorum: number | undefined
  /** So many of them may lie or be gone. */
  readonly tolerated: number
}

/** Rule W2: f, the largest number of liars below a third. */
export function toleratedOf(witnesses: number): number {
  return witnesses === 0 ? 0 : Math.floor((witnesses - 1) / 3)
}

/** Rule W2: n − ⌊(n − 1)/3⌋. Two quorums share more than f witnesses: an honest one. */
export function quorumOf(witnesses: number): number | undefined {
  return witnesses === 0 ? undefined : witnesses - toleratedOf(witnesses)
}

function epochOf(number: number, fromSize: number, witnesses: readonly number[]): Epoch {
  const count = witnesses.length
  return { number, fromSize, witnesses, quorum: quorumOf(count), tolerated: toleratedOf(count) }
}

/** All epochs that a registrar's chain has begun, in order. Never changed: `extended` makes a new one. */
export class Epochs {
  readonly #epochs: readonly Epoch[]
  /** Size of the registrar's chain up to which they are known. */
  readonly size: number

  private constructor(epochs: readonly Epoch[], size: number) {
    this.#epochs = epochs
    this.size = size
  }

  /** Rule W1: epoch 0 from a membership that no block of the registrar's chain has changed yet. */
  static of(membership: Membership): Epochs {
    if (membership.size !== 0) {
      throw new WattnessError('OUT_OF_RANGE', `epochs begin at registrar size 0, found ${membership.size}`)
    }
    return new Epochs([epochOf(0, 0, witnessesOf(membership))], 0)
  }

  /** Rule W1, with the membership after one more block of the registrar's chain. Throws OUT_OF_RANGE for any other. */
  extended(membership: Membership): Epochs {
    if (membership.size !== this.size + 1) {
      throw new WattnessError('OUT_OF_RANGE', `epochs: expected registrar size ${this.size + 1}, found ${membership.size}`)
    }
    return this.#with(membership.size, witnessesOf(membership))
  }

  #with(size: number, witnesses: readonly number[]): Epochs {
    const { latest } = this
    const isSame = witnesses.length === latest.witnesses.length && witnesses.every((each, i) => each === latest.witnesses[i])
    if (isSame) return new Epochs(this.#epochs, size)
    return new Epochs([...this.#epochs, epochOf(latest.number + 1, size, witnesses)], size)
  }

  get all(): readonly Epoch[] {
    return this.#epochs
  }

  get latest(): Epoch {
    return this.#epochs[this.#epochs.length - 1] as Epoch
  }

  get(number: number): Epoch | undefined {
    return this.#epochs[number]
  }

  /** Rule W3: the epoch in force at a size of the registrar's chain, which a block names. */
  at(registrarSize: number): Epoch {
    let low = 0
    let high = this.#epochs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#epochs[middle] as Epoch).fromSize <= registrarSize) low = middle
      else high = middle - 1
    }
    return this.#epochs[low] as Epoch
  }

  /**
   * Rule W4: how many of the `held` blocks of the registrar's chain count, where `final` of them are final. In an epoch
   * without witnesses they count once accepted, the change that ends it included.
   */
  counted(held: number, final: number): number {
    let counted = 0
    for (const { number, quorum } of this.#epochs) {
      const end = this.#epochs[number + 1]?.fromSize
      const within = quorum === undefined ? held : final
      counted = Math.max(counted, Math.min(within, end ?? within))
      if (end === undefined || counted < end) break
    }
    return Math.min(counted, held)
  }
}
