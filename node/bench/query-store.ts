import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  blockHash,
  CompactRange,
  encodeReadings,
  KIND_READINGS,
  makeBlock,
  parseObis,
  type Reading,
  type Register,
  SALT_BYTES,
  type Signer,
  sha256,
  signCheckpoint,
  toUtf8,
  UNIT,
  ZERO_HASH,
} from '../../protocol/index.ts'
import { householdReadings, openDataDir, openSource } from '../collect/index.ts'
import { systemPlatform } from '../platform.ts'
import type { Acceptance, LedgerStore } from '../store/index.ts'
import type { Street } from './street.ts'

/** A neighbourhood of real London homes over a year, or of made-up ones where the data is not there. */

export const HALF_HOUR_MS = 1_800_000
export const DAY_MS = 48 * HALF_HOUR_MS
export const ROWS_PER_DAY = 48
/** The year of the data. */
export const YEAR_FROM_MS = Date.UTC(2013, 0, 1)
/** Energy of half an hour in Wh. */
export const HALF_HOURS: Register = { obis: parseObis('1-0:1.29.0'), unit: UNIT.wattHour, scaler: 0 }

/** Half hours of one home from YEAR_FROM_MS on; NaN where one is missing. */
export type Home = Float64Array

/** Says where they are from as well. */
export async function readHomes(count: number, days: number): Promise<{ homes: Home[]; from: string }> {
  const folder = join(process.env['WATTNESS_DATA'] ?? '../shared/data', 'load')
  const homes = existsSync(folder) ? await londonHomes(folder, count, days) : []
  const found = homes.length
  for (let seed = found; seed < count; seed++) homes.push(madeHome(seed, days))
  const from =
    found === 0 ? `${count} made-up homes` : `${found} London homes${found < count ? `, ${count - found} made up` : ''}`
  return { homes, from }
}

async function londonHomes(folder: string, count: number, days: number): Promise<Home[]> {
  const { clock, timers, random } = systemPlatform
  const deps = { clock, timers, random }
  const { sources } = await openDataDir(folder)
  const specs = sources.flatMap(({ spec }) => (spec.includes('lcl_') ? [spec] : []))
  const homes: Home[] = []
  for (const spec of specs.slice(0, count)) {
    const home = new Float64Array(days * ROWS_PER_DAY).fill(Number.NaN)
    for await (const item of openSource(spec, deps).items(new AbortController().signal)) {
      if (item.type !== 'reading') continue
      const row = Math.round((item.reading.time - YEAR_FROM_MS) / HALF_HOUR_MS) - 1
      const found = item.reading.values.find(({ register }) => register.obis.d === HALF_HOURS.obis.d)
      if (row >= 0 && row < home.length && typeof found?.value === 'number') home[row] = found.value
    }
    homes.push(home)
  }
  return homes
}

function madeHome(seed: number, days: number): Home {
  const rowAt = householdReadings(`bench ${seed}`, { intervalMs: HALF_HOUR_MS, startMs: YEAR_FROM_MS })
  const meter = (row: number): number => (row < 0 ? 0 : (rowAt(YEAR_FROM_MS + (row + 1) * HALF_HOUR_MS).values[0]?.value ?? 0))
  const home = new Float64Array(days * ROWS_PER_DAY)
  for (let row = 0, before = 0; row < home.length; row++) {
    const now = meter(row)
    home[row] = now - before
    before = now
  }
  return home
}

export function readingsOf(home: Home, from: number, count: number): Reading[] {
  return Array.from({ length: Math.min(count, home.length - from) }, (_, i) => {
    const value = home[from + i] as number
    const isMissing = Number.isNaN(value)
    return {
      time: YEAR_FROM_MS + (from + i + 1) * HALF_HOUR_MS,
      intervalMs: HALF_HOUR_MS,
      timeSource: 'interval-end',
      values: [{ register: HALF_HOURS, value: isMissing ? null : value, quality: isMissing ? 'missing' : 'good' }],
    }
  })
}

interface Chain {
  readonly range: CompactRange
  previous: Uint8Array
  row: number
}

/** The chains of a street's meters, sealed `rows` half hours a block. */
export class QueryChains {
  readonly #street: Street
  readonly #homes: readonly Home[]
  readonly #rows: number
  readonly #chains: Chain[]

  constructor(street: Street, homes: readonly Home[], rows: number) {
    this.#street = street
    this.#homes = homes
    this.#rows = rows
    this.#chains = homes.map(() => ({ range: CompactRange.empty(), previous: ZERO_HASH, row: 0 }))
  }

  /** The next blocks of one home, under one signature. */
  next(place: number, blocks: number): Acceptance {
    const chain = this.#chains[place] as Chain
    const signer = this.#street.signers[place] as Signer
    const from = chain.range.size
    const bytes: Uint8Array[] = []
    const hashes: Uint8Array[] = []
    let sealedAt = 0
    for (let i = 0; i < blocks; i++) {
      const height = from + i
      const readings = readingsOf(this.#homes[place] as Home, chain.row, this.#rows)
      sealedAt = (readings.at(-1) as Reading).time + 1_000 * place
      const block = makeBlock({
        kind: KIND_READINGS,
        member: signer.publicKey,
        height,
        previous: chain.previous,
        sealedAt,
        registrarSize: 0,
        salt: sha256(toUtf8(`salt ${place} ${height}`)).slice(0, SALT_BYTES),
        content: encodeReadings(readings),
      })
      chain.previous = blockHash(block.headerBytes)
      chain.row += this.#rows
      hashes.push(chain.previous)
      bytes.push(block.bytes)
      chain.range.append(chain.previous)
    }
    const { range, previous: lastHash } = chain
    const checkpoint = signCheckpoint(signer, this.#street.genesis.networkId, range.size, range.root())
    const state = {
      size: range.size,
      range: range.clone(),
      root: checkpoint.root,
      lastHash,
      sealedAt,
      registrarSize: 0,
      checkpoint,
    }
    return { member: signer.publicKey, from, blocks: bytes, hashes, state }
  }

  /** All blocks of all homes, a run of `run` blocks of each after another, as they come of a neighbourhood. */
  async fill(store: LedgerStore, run: number, blocksPerHome: number): Promise<void> {
    for (let at = 0; at < blocksPerHome; at += run) {
      const count = Math.min(run, blocksPerHome - at)
      await store.accept(this.#homes.map((_, place) => this.next(place, count)))
    }
  }
}
