import { Epochs, type Membership } from '../../protocol/index.ts'

/** What the roster knows of the registrar's chain: the states that count, and those after it that are held. */
export interface HeldStates {
  readonly held: Membership
  waitingStates(): readonly Membership[]
}

/** The epochs of the registrar's chain as far as it is held: of what counts for good, of the rest until it is cut. */
export class EpochBook {
  #counted: Epochs
  #states: HeldStates | undefined
  #held: { readonly membership: Membership; readonly epochs: Epochs } | undefined

  /** `initial`: at registrar size 0. */
  constructor(initial: Membership) {
    this.#counted = Epochs.of(initial)
  }

  /** One more state counts, in their order. */
  onCounted(membership: Membership): void {
    this.#counted = this.#counted.extended(membership)
  }

  /** Once the roster is there that tells the states. */
  bind(states: HeldStates): void {
    this.#states = states
  }

  /** Of the states that count alone. */
  get counted(): Epochs {
    return this.#counted
  }

  get epochs(): Epochs {
    const states = this.#states
    if (states === undefined) return this.#counted
    const { held } = states
    // A label that is learnt makes another membership of the same size: the sets in it are the same.
    if (this.#held?.membership !== held) {
      let epochs = this.#counted
      for (const state of states.waitingStates()) epochs = epochs.extended(state)
      this.#held = { membership: held, epochs }
    }
    return this.#held.epochs
  }
}
