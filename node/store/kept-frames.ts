import type { Damage } from './chain-entry.ts'
import { decodeFrameNote, encodeFrameNote, type FrameNote, type SealedFrame } from './frame-note.ts'
import { allOf, FRAME, frameKey, frameNoteKey, MAX_U48, sequenceOfFrameKey, spoolKey, timeOfFrameKey } from './keys.ts'
import { del, type Kv, type KvEntry, type KvOperation, type KvRange, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'
import { decodeEntry, type SpoolItem } from './spool-entry.ts'
import type { StoreWriter } from './writer.ts'

/** A raw frame as it lies in the store. */
export interface KeptFrame {
  /** UTC milliseconds: the time of the reading that it is kept with. */
  readonly timeMs: number
  /** One for each reading that was ever taken: tells frames of one time apart. */
  readonly id: number
  /** Undefined where it is damaged. */
  readonly frame: Uint8Array | undefined
  /** Undefined where no block holds it yet, and of frames that were sealed before there were notes. */
  readonly note: FrameNote | undefined
  /** Where its reading waits for a block: that. */
  readonly waiting: SpoolItem | undefined
}

const OPERATIONS_PER_WRITE = 2_048

/** The raw frames of this node's own readings. They come with readings, get a note with their block, and go when told. */
export class KeptFrames {
  readonly #kv: Kv
  readonly #writer: StoreWriter
  /** Told of each damaged record. */
  onDamage: (damage: Damage) => void = () => undefined

  constructor(kv: Kv, writer: StoreWriter) {
    this.#kv = kv
    this.#writer = writer
  }

  /** Those of readings in [fromMs, toMs), by time; a chunk of them in memory at once. Damaged ones are reported. */
  async *list(fromMs: number, toMs: number): AsyncGenerator<KeptFrame> {
    const range = { gte: frameKey(clamped(fromMs), 0), lt: frameKey(clamped(toMs), 0) }
    for await (const entries of this.#kv.iterate(range)) {
      const notes = await this.#notesOf(entries)
      const waiting = await this.#waitingOf(entries)
      for (const [i, [key, record]] of entries.entries()) {
        const timeMs = timeOfFrameKey(key)
        const id = sequenceOfFrameKey(key)
        const frame = checkRecord(key, record)
        if (frame === undefined) this.onDamage({ what: `frame of ${timeMs} damaged` })
        yield { timeMs, id, frame, note: notes[i], waiting: waiting[i] }
      }
    }
  }

  /** Times of the first and the last; undefined where there is none. */
  async span(): Promise<{ readonly firstMs: number; readonly lastMs: number } | undefined> {
    const first = await this.#edge({ ...allOf(FRAME), limit: 1 })
    const last = await this.#edge({ ...allOf(FRAME), limit: 1, reverse: true })
    return first === undefined || last === undefined ? undefined : { firstMs: first, lastMs: last }
  }

  async #edge(range: KvRange): Promise<number | undefined> {
    for await (const entries of this.#kv.iterate(range)) for (const [key] of entries) return timeOfFrameKey(key)
    return undefined
  }

  async #notesOf(entries: readonly KvEntry[]): Promise<(FrameNote | undefined)[]> {
    const keys = entries.map(([key]) => frameNoteKey(timeOfFrameKey(key), sequenceOfFrameKey(key)))
    const records = await this.#kv.getMany(keys)
    return records.map((record, i) => {
      if (record === undefined) return undefined
      const found = checked(keys[i] as Uint8Array, record, decodeFrameNote)
      if (found === undefined) this.onDamage({ what: 'note of a frame damaged' })
      return found
    })
  }

  async #waitingOf(entries: readonly KvEntry[]): Promise<(SpoolItem | undefined)[]> {
    const keys = entries.map(([key]) => spoolKey(sequenceOfFrameKey(key)))
    const records = await this.#kv.getMany(keys)
    return records.map((record, i) => {
      return record === undefined ? undefined : checked(keys[i] as Uint8Array, record, decodeEntry)?.item
    })
  }

  /** What is to be stored with the block that takes these up. */
  noteOperations(frames: readonly SealedFrame[]): KvOperation[] {
    return frames.map(({ timeMs, id, note }) => {
      const key = frameNoteKey(timeMs, id)
      return put(key, sealRecord(key, encodeFrameNote(note)))
    })
  }

  /**
   * Forgets those of readings before `beforeMs`, signed records of readings before `signedBeforeMs`, whose block was sealed
   * before that too: what is read late, or filled in of years ago, is kept as long as anything else. A frame without a note
   * goes by its reading alone, one that waits for its block never.
   */
  async prune(beforeMs: number, signedBeforeMs = beforeMs): Promise<number> {
    let pruned = 0
    const lastMs = clamped(Math.max(beforeMs, signedBeforeMs))
    for await (const entries of this.#kv.iterate({ gte: allOf(FRAME).gte, lt: frameKey(lastMs, 0) })) {
      const waiting = await this.#kv.getMany(entries.map(([key]) => spoolKey(sequenceOfFrameKey(key))))
      const notes = await this.#notesOf(entries)
      const operations: KvOperation[] = []
      for (const [i, [key]] of entries.entries()) {
        const note = notes[i]
        const timeMs = timeOfFrameKey(key)
        const limitMs = note?.signed === undefined ? beforeMs : signedBeforeMs
        if (waiting[i] !== undefined || Math.max(timeMs, note?.sealedAtMs ?? 0) >= limitMs) continue
        operations.push(del(key), del(frameNoteKey(timeMs, sequenceOfFrameKey(key))))
        pruned++
      }
      await this.#write(operations)
    }
    return pruned
  }

  async #write(operations: readonly KvOperation[]): Promise<void> {
    for (let at = 0; at < operations.length; at += OPERATIONS_PER_WRITE) {
      await this.#writer.ready()
      await this.#writer.write(operations.slice(at, at + OPERATIONS_PER_WRITE), false)
    }
  }
}

function checked<T>(key: Uint8Array, record: Uint8Array, decode: (value: Uint8Array) => T): T | undefined {
  const value = checkRecord(key, record)
  try {
    return value === undefined ? undefined : decode(value)
  } catch {
    return undefined
  }
}

const clamped = (ms: number): number => Math.min(Math.max(0, Math.trunc(ms)), MAX_U48)
