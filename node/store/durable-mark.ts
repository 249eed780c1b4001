import { Reader, Writer } from '../../protocol/bytes.ts'
import { metaKey } from './keys.ts'
import { type Kv, type KvOperation, put } from './kv.ts'
import { WRITE_BUFFER_BYTES } from './level-kv.ts'
import { checkRecord, sealRecord } from './record.ts'

/**
 * LevelDB closes a full log without a sync: a power cut can then lose an earlier write and keep a later one. It never holds
 * more than two write buffers that are not yet in synced tables, so what was written four buffers ago is safe. The mark
 * holds each chain's size as of then: start-up checks everything above it, and may skip what is below.
 */
const MARK_EVERY_BYTES = 4 * WRITE_BUFFER_BYTES

const KEY = metaKey('durable')

/** Chain sizes by chain id. */
export type ChainSizes = ReadonlyMap<number, number>

export class DurableMark {
  #atBytes = 0
  /** What the record says. */
  #written: ChainSizes
  /** What it will say next: these sizes become safe meanwhile. */
  #sizes: ChainSizes

  /** `sizes` are those found at start-up: opening writes the whole log into synced tables. */
  constructor(sizes: ChainSizes) {
    this.#written = sizes
    this.#sizes = sizes
  }

  static async read(kv: Kv): Promise<ChainSizes> {
    const sizes = new Map<number, number>()
    const record = await kv.get(KEY)
    const value = record === undefined ? undefined : checkRecord(KEY, record)
    if (value === undefined) return sizes
    const reader = new Reader(value, 'durable mark')
    while (reader.remaining > 0) sizes.set(reader.varint(), reader.varint())
    return sizes
  }

  operation(): KvOperation {
    const writer = new Writer(1024)
    for (const [id, size] of this.#written) writer.varint(id).varint(size)
    return put(KEY, sealRecord(KEY, writer.finish()))
  }

  /** The mark to be written along, if it is time for one; from then on it waits for `sizes` to become safe. */
  next(bytesWritten: number, sizes: () => ChainSizes): KvOperation | undefined {
    if (bytesWritten - this.#atBytes < MARK_EVERY_BYTES) return undefined
    this.#written = this.#sizes
    this.#atBytes = bytesWritten
    this.#sizes = sizes()
    return this.operation()
  }

  /** For a chain that was shortened to `size`, to be written along: what grows above it is not safe yet. */
  lowered(id: number, size: number): KvOperation {
    this.#written = withAtMost(this.#written, id, size)
    this.#sizes = withAtMost(this.#sizes, id, size)
    return this.operation()
  }
}

function withAtMost(sizes: ChainSizes, id: number, size: number): ChainSizes {
  return new Map(sizes).set(id, Math.min(sizes.get(id) ?? 0, size))
}
