import {
  type ChainState,
  equalBytes,
  formatSignedCheckpointNote,
  HASH_BYTES,
  isWattnessError,
  type SignedCheckpoint,
  toHex,
  type VerifySignature,
  verifyCheckpoint,
  WattnessError,
} from '../../protocol/index.ts'
import { type LedgerStore, TILE_WIDTH } from '../store/index.ts'
import type { TilePath } from './tile-path.ts'

/** What is asked of the ledger. */
export type TlogStore = Pick<LedgerStore, 'head' | 'tile' | 'readHeld' | 'signatureAtOrBelow'>

export interface TlogSourceInit {
  readonly store: TlogStore
  readonly networkId: Uint8Array
  readonly verify: VerifySignature
}

/** Bodies read along with the headers of a bundle, at once: 256 of the largest would be 16 MB. */
const READ_BYTES = 1_048_576

interface CachedNote {
  readonly state: ChainState
  readonly note: Promise<string>
}

/** Each member's chain as a C2SP tiled log whose entries are the headers of its blocks. */
export class TlogSource {
  readonly #init: TlogSourceInit
  /** One for each chain of the store, of which there are as many as members. */
  readonly #notes = new Map<string, CachedNote>()

  constructor(init: TlogSourceInit) {
    this.#init = init
  }

  #state(member: Uint8Array): ChainState {
    const state = this.#init.store.head(member)
    if (state !== undefined) return state
    throw new WattnessError('CHAIN_UNKNOWN', `no block of member ${toHex(member)} is held here`, { member: toHex(member) })
  }

  /**
   * The newest checkpoint whose tiles are all here, as a signed note. Throws CHAIN_UNKNOWN, CHECKPOINT_UNKNOWN while a
   * chain that is being fetched has reached none, STORE_DAMAGED where the signature does not hold.
   */
  async checkpoint(member: Uint8Array): Promise<string> {
    const state = this.#state(member)
    const name = toHex(member)
    const cached = this.#notes.get(name)
    // A state is made anew whenever its chain changes: until then a note, or that there is none, is looked for once.
    if (cached?.state === state) return cached.note
    const note = this.#note(member, state)
    this.#notes.set(name, { state, note })
    note.catch((error: unknown) => {
      if (!isWattnessError(error, 'CHECKPOINT_UNKNOWN')) this.#notes.delete(name)
    })
    return note
  }

  async #note(member: Uint8Array, { size, checkpoint }: ChainState): Promise<string> {
    const { store, networkId, verify } = this.#init
    const signed: SignedCheckpoint | undefined =
      checkpoint?.size === size ? checkpoint : await store.signatureAtOrBelow(member, size - 1)
    const hex = toHex(member)
    if (signed === undefined) {
      throw new WattnessError('CHECKPOINT_UNKNOWN', `the ${size} blocks of member ${hex} held here end under no signature yet`, {
        member: hex,
        size,
      })
    }
    if (!verifyCheckpoint(verify, networkId, signed)) {
      throw new WattnessError('STORE_DAMAGED', `the stored signature of member ${hex} over ${signed.size} blocks does not hold`, {
        member: hex,
        height: signed.size - 1,
      })
    }
    return formatSignedCheckpointNote(networkId, signed)
  }

  /** A tile's hashes or a bundle's entries. Throws CHAIN_UNKNOWN, TILE_UNKNOWN, STORE_DAMAGED, STORE_CONFLICT. */
  async tile(member: Uint8Array, path: TilePath): Promise<Uint8Array> {
    const { level, index, width } = path
    const { size } = this.#state(member)
    const nodes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level))
    const available = Math.max(0, Math.min(TILE_WIDTH, nodes - index * TILE_WIDTH))
    if (width > available) {
      throw new WattnessError('TILE_UNKNOWN', `of this tile ${available} of ${width} are there: the chain has ${size} blocks`, {
        size,
        available,
        width,
      })
    }
    if (level === 'entries') return this.#entries(member, index * TILE_WIDTH, width)
    // A partial tile is the beginning of what has come since, the full one included.
    return (await this.#init.store.tile(member, level, index)).subarray(0, width * HASH_BYTES)
  }

  /** Each entry behind its length in two bytes, big-endian. */
  async #entries(member: Uint8Array, from: number, count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let last: Uint8Array | undefined
    let held = 0
    while (held < count) {
      const blocks = await this.#init.store.readHeld(member, from + held, count - held, READ_BYTES)
      const [first] = blocks
      if (first === undefined || (last !== undefined && !equalBytes(first.header.previous, last))) {
        throw new WattnessError('STORE_CONFLICT', `chain ${toHex(member)} changed while its blocks were read`, {
          member: toHex(member),
          from: from + held,
        })
      }
      for (const { headerBytes, hash } of blocks) {
        parts.push(Uint8Array.of(headerBytes.length >> 8, headerBytes.length), headerBytes)
        last = hash
      }
      held += blocks.length
    }
    return Buffer.concat(parts)
  }
}
