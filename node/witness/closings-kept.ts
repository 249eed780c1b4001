import { type Bytes, type Epochs, isClosing, type Leaf, type SignedAttestation } from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

export interface ClosingsKeptInit {
  readonly store: LedgerStore
  readonly epochs: () => Epochs
  readonly onClosing: (attestation: SignedAttestation) => void
}

/**
 * Closing attestations (rule W8: who enters the next epoch stands on them). One may come before the registrar's block that makes
 * it a closing one: whoever holds it asks again once that block is there.
 */
export class ClosingsKept {
  readonly #init: ClosingsKeptInit

  constructor(init: ClosingsKeptInit) {
    this.#init = init
  }

  /** The newest of its witness and epoch: on the disk when it resolves, where it is a closing one as far as is known. */
  async keep(attestation: SignedAttestation, bytes: Bytes, leaves?: readonly Leaf[]): Promise<void> {
    const { store, epochs, onClosing } = this.#init
    const { epoch, witness } = attestation
    if (!isClosing(epochs(), attestation) || (leaves === undefined && store.witness.closings.has(epoch, witness))) return
    await store.witness.closings.put([{ epoch, witness, bytes, leaves }], true)
    onClosing(attestation)
  }
}
