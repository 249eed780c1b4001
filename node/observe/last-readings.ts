import {
  bodyContent,
  type ChainState,
  decodeReadings,
  hasRoles,
  isWattnessError,
  KIND_READINGS,
  type Member,
  type Reading,
  ROLE_METER,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'

/** Blocks looked into for a reading, from the head down: events and what no version here knows stand between. */
const LOOKED_INTO = 16

/** Blocks over which the time between two is averaged. */
const PACE_BLOCKS = 8

/** A meter is late when three blocks are, and some seconds: a tick is no silence. */
const LATE_PACES = 3
const LATE_MS = 5_000

export interface LastReading {
  /** The newest one's time; undefined where none is near the head. */
  readonly timeMs?: number
  readonly reading?: Reading
  /** By then another block is there, if the meter goes on as in its newest ones. */
  readonly nextMs?: number
}

interface Known {
  readonly state: ChainState | undefined
  readonly last: Promise<LastReading>
}

/** The newest reading of each chain; looked for once for each head. */
export class LastReadings {
  readonly #store: Pick<LedgerStore, 'head' | 'readHeld'>
  /** One for each member. */
  readonly #known = new Map<string, Known>()

  constructor(store: Pick<LedgerStore, 'head' | 'readHeld'>) {
    this.#store = store
  }

  of(member: Member): Promise<LastReading> {
    const state = this.#store.head(member.key)
    const known = this.#known.get(member.keyHex)
    // A state is made anew whenever its chain changes.
    if (known !== undefined && known.state === state) return known.last
    const last = this.#find(member, state).catch((error: unknown) => {
      // What is damaged is told as such elsewhere, and must not hide all members.
      if (isWattnessError(error)) return {}
      throw error
    })
    this.#known.set(member.keyHex, { state, last })
    return last
  }

  async #find({ key, roles }: Member, state: ChainState | undefined): Promise<LastReading> {
    if (state === undefined) return {}
    const { size, sealedAt } = state
    const reading = await this.#newest(key, size)
    const back = Math.min(PACE_BLOCKS, size - 1)
    const isPaced = back > 0 && hasRoles(roles, ROLE_METER)
    const [earlier] = isPaced ? await this.#store.readHeld(key, size - 1 - back, 1) : []
    const nextMs =
      earlier === undefined ? undefined : sealedAt + (LATE_PACES * (sealedAt - earlier.header.sealedAt)) / back + LATE_MS
    return {
      ...(reading === undefined ? {} : { reading, timeMs: reading.time }),
      ...(nextMs === undefined ? {} : { nextMs: Math.round(nextMs) }),
    }
  }

  async #newest(key: Uint8Array, size: number): Promise<Reading | undefined> {
    for (let height = size - 1; height >= Math.max(0, size - LOOKED_INTO); height--) {
      const [block] = await this.#store.readHeld(key, height, 1)
      if (block?.body === undefined || block.header.kind !== KIND_READINGS) continue
      const { readings } = decodeReadings(bodyContent(block.body))
      return readings.reduce((newest, each) => (each.time >= newest.time ? each : newest))
    }
    return undefined
  }
}
