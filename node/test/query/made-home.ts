import {
  encodeReadings,
  isWattnessError,
  parseObis,
  type Quality,
  type Reading,
  type Register,
  UNIT,
} from '../../../protocol/index.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { ChainMaker, NETWORK_ID, verifyFake } from '../store/chain-maker.ts'

/** The code of what is thrown, now or later; undefined where nothing is. */
export async function codeOf(act: () => unknown): Promise<string | undefined> {
  try {
    await act()
    return undefined
  } catch (error) {
    if (isWattnessError(error)) return error.code
    throw error
  }
}

export const register = (code: string, unit: number = UNIT.wattHour, scaler = 0): Register => ({
  obis: parseObis(code),
  unit,
  scaler,
})

export interface Value {
  readonly time: number
  readonly value: number | null
  readonly quality?: Quality
  readonly intervalMs?: number
}

export function reading(of: Register, { time, value, quality, intervalMs = 0 }: Value): Reading {
  const values = [{ register: of, value, quality: quality ?? (value === null ? 'missing' : 'good') }] as const
  return { time, intervalMs, timeSource: intervalMs > 0 ? 'interval-end' : 'meter-clock', values }
}

export const openStore = async (): Promise<LedgerStore> =>
  LedgerStore.open({ kv: await openMemoryKv(), networkId: NETWORK_ID, verifySigned: verifyFake })

/** A meter of a store: what it says is sealed, `rows` a block. */
export class MadeHome {
  readonly maker: ChainMaker
  readonly #store: LedgerStore

  constructor(store: LedgerStore, number: number) {
    this.#store = store
    this.maker = new ChainMaker(number)
  }

  get key(): Uint8Array {
    return this.maker.member
  }

  async seal(readings: readonly Reading[], rows = 48): Promise<void> {
    const contents: Uint8Array[] = []
    for (let at = 0; at < readings.length; at += rows) contents.push(encodeReadings(readings.slice(at, at + rows)))
    await this.#store.accept([this.maker.holding(contents)])
  }
}
