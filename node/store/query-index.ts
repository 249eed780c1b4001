import { bodyContent, decodeBlock, KIND_READINGS } from '../../protocol/block.ts'
import { qualityAt } from '../../protocol/columns.ts'
import type { Reading, Register, TimeSource } from '../../protocol/reading.ts'
import { decodeReadings, decodeTables, encodeReadings } from '../../protocol/readings-body.ts'
import { allOfChain, QUERY, queryKey } from './keys.ts'
import { type Kv, type KvOperation, put } from './kv.ts'
import { LruMap } from './lru-map.ts'
import { checkRecord, sealRecord } from './record.ts'

/**
 * Query chunks: the values of one register of one chain on one UTC day, in the order of the blocks they came in. They are
 * made from blocks, in the blocks' own atomic write, and hold nothing that the blocks do not.
 */

const DAY_MS = 86_400_000

/** Rows of one chunk: a day of quarter hours fits five times, and a meter that is kept at 1 Hz rewrites little. */
export const CHUNK_ROWS = 512

/** Shapes of one chunk, well below the tables that a body may have: a meter that changes its interval all day fills parts. */
export const CHUNK_SHAPES = 16

/** Newest chunks kept in memory, so that a live block does not read what it is about to write: 200 meters of 20 registers. */
const CACHED_CHUNKS = 4_096

const REGISTER_BYTES = 8
const KEY_BYTES = REGISTER_BYTES + 4 + 2

/** A day's newest chunk: `part` counts the full ones before it. */
interface Chunk {
  readonly part: number
  readonly rows: readonly Reading[]
}

interface OpenChunk {
  part: number
  rows: Reading[]
  /** Interval and time source of its rows: each shape is a table of its own in the encoding. */
  shapes: string[]
}

/** What a batch of blocks adds, until it is stored. */
export interface QueryDraft {
  readonly operations: KvOperation[]
  readonly chunks: ReadonlyMap<string, Chunk>
}

/** Register (OBIS 6, unit, scaler), day since 1970-01-01 as u32, part as u16: chunks of a register sort by day. */
export function chunkKey(register: Register, day: number, part: number): Uint8Array {
  const { obis, unit, scaler } = register
  const key = new Uint8Array(KEY_BYTES)
  key.set([obis.a, obis.b, obis.c, obis.d, obis.e, obis.f, unit, scaler & 0xff])
  const view = new DataView(key.buffer)
  view.setUint32(REGISTER_BYTES, day)
  view.setUint16(REGISTER_BYTES + 4, part)
  return key
}

const dayOf = (timeMs: number): number => Math.floor(timeMs / DAY_MS)

/** Cuts blocks into rows of one register and puts them where they belong. */
export class QueryIndex {
  readonly #kv: Kv
  readonly #newest = new LruMap<string, Chunk>(CACHED_CHUNKS)

  constructor(kv: Kv) {
    this.#kv = kv
  }

  /** Nothing that was remembered holds: after a failed write, or when chains were cut back. */
  forget(): void {
    this.#newest.clear()
  }

  /** The chunks as they will be after these blocks; `remember` follows once they are stored. */
  async extend(chains: Iterable<{ readonly id: number; readonly blocks: readonly Uint8Array[] }>): Promise<QueryDraft> {
    const open = new Map<string, OpenChunk>()
    const operations: KvOperation[] = []
    for (const { id, blocks } of chains) {
      for (const bytes of blocks) {
        const { header, body } = decodeBlock(bytes)
        if (header.kind === KIND_READINGS) await this.#extendBlock(id, bodyContent(body), open, operations)
      }
    }
    for (const [name, chunk] of open) operations.push(this.#operation(name, chunk))
    return { operations, chunks: open }
  }

  remember(draft: QueryDraft): void {
    for (const [name, chunk] of draft.chunks) this.#newest.set(name, chunk)
  }

  async #extendBlock(id: number, content: Uint8Array, open: Map<string, OpenChunk>, full: KvOperation[]): Promise<void> {
    for (const { registers, intervalMs, timeSource, times, columns } of decodeTables(content).tables) {
      for (const [at, register] of registers.entries()) {
        const column = columns[at] as (typeof columns)[number]
        let day = -1
        let name = ''
        let chunk: OpenChunk = { part: 0, rows: [], shapes: [] }
        const shape = shapeOf(intervalMs, timeSource)
        for (const [row, time] of times.entries()) {
          if (dayOf(time) !== day) {
            day = dayOf(time)
            name = chunkName(id, register, day)
            chunk = open.get(name) ?? (await this.#load(id, register, day, name))
            open.set(name, chunk)
          }
          const isNewShape = !chunk.shapes.includes(shape)
          if (chunk.rows.length >= CHUNK_ROWS || (isNewShape && chunk.shapes.length >= CHUNK_SHAPES)) {
            full.push(this.#operation(name, chunk))
            chunk.part++
            chunk.rows = []
            chunk.shapes = [shape]
          } else if (isNewShape) {
            chunk.shapes.push(shape)
          }
          const quality = qualityAt(column.qualities[row] as number)
          const value = quality === 'missing' ? null : (column.values[row] as number)
          chunk.rows.push({ time, intervalMs, timeSource, values: [{ register, value, quality }] })
        }
      }
    }
  }

  #operation(name: string, chunk: Chunk): KvOperation {
    const key = Buffer.from(name, 'latin1')
    new DataView(key.buffer, key.byteOffset).setUint16(key.length - 2, chunk.part)
    return put(key, sealRecord(key, encodeReadings(chunk.rows)))
  }

  async #load(id: number, register: Register, day: number, name: string): Promise<OpenChunk> {
    const cached = this.#newest.get(name)
    if (cached !== undefined) return openChunk(cached.part, cached.rows)
    const range = { gte: queryKey(id, chunkKey(register, day, 0)), lt: queryKey(id, chunkKey(register, day + 1, 0)) }
    for await (const entries of this.#kv.iterate({ ...range, reverse: true, limit: 1 })) {
      for (const [key, record] of entries) {
        const part = new DataView(key.buffer, key.byteOffset).getUint16(key.length - 2)
        const value = checkRecord(key, record)
        // A damaged chunk is as good as none: it is found by the audit and made again from the blocks.
        return openChunk(part, value === undefined ? [] : decodeReadings(value).readings)
      }
    }
    return openChunk(0, [])
  }
}

const shapeOf = (intervalMs: number, timeSource: TimeSource): string => `${intervalMs}/${timeSource}`

function openChunk(part: number, rows: readonly Reading[]): OpenChunk {
  return { part, rows: [...rows], shapes: [...new Set(rows.map((row) => shapeOf(row.intervalMs, row.timeSource)))] }
}

/** The whole store key of the day's first part, as text. */
function chunkName(id: number, register: Register, day: number): string {
  return Buffer.from(queryKey(id, chunkKey(register, day, 0))).toString('latin1')
}

/** All chunks of a chain. */
export const chunksOf = (id: number): { gte: Uint8Array; lt: Uint8Array } => allOfChain(QUERY, id)
