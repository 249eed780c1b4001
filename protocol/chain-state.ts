import type { SignedCheckpoint } from './checkpoint.ts'
import { EMPTY_ROOT, ZERO_HASH } from './hash.ts'
import { CompactRange } from './tree.ts'

/** What must be known of a chain to check its next block: constant size, whatever the chain's length. */
export interface ChainState {
  /** Blocks held. */
  readonly size: number
  /** The right edge of the chain's RFC 6962 tree. */
  readonly range: CompactRange
  /** Root over `size` leaves. */
  readonly root: Uint8Array
  /** Block hash of the last block; zeros where size is 0. */
  readonly lastHash: Uint8Array
  /** UTC milliseconds at which the last block says it was sealed; 0 where size is 0. */
  readonly sealedAt: number
  /** Registrar size that the last block names; 0 where size is 0. */
  readonly registrarSize: number
  /** The newest signed checkpoint known that covers this state: its size is `size`, or larger while a catch-up runs. */
  readonly checkpoint: SignedCheckpoint | undefined
}

/** A chain without blocks. Nobody appends to its range: the door clones it. */
export const EMPTY_CHAIN: ChainState = {
  size: 0,
  range: CompactRange.empty(),
  root: EMPTY_ROOT,
  lastHash: ZERO_HASH,
  sealedAt: 0,
  registrarSize: 0,
  checkpoint: undefined,
}
