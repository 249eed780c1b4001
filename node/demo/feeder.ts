import { basename } from 'node:path'
import { type MeterSource, parseSpec, Replay, type Stretch } from '../collect/index.ts'
import type { Appended, SpoolItem } from '../store/index.ts'

/** Rows of one block where a day of the source's interval would be more; also for sources without an interval. */
export const MAX_STRETCH_ROWS = 96

/** The spool takes names of up to 255 bytes; file names are at most as long. */
const MAX_SOURCE_NAME_BYTES = 255

const DAY_MS = 86_400_000

export interface FeederInit {
  readonly source: MeterSource
  /** Rows of one stretch; undefined: a day of the interval that the first row has. */
  readonly rows: number | undefined
  /** Durable when it resolves. */
  readonly take: (items: readonly SpoolItem[]) => Promise<Appended>
  /** Something that a person should know of. */
  readonly note: (text: string) => void
}

/** Time lapse: hands over a source's readings stretch by stretch, each as one block is to hold it. */
export class Feeder {
  readonly #init: FeederInit
  readonly #replay: Replay
  readonly #name: string
  #rows: number | undefined
  /** Read and not taken yet: a full disk loses nothing. */
  #held: readonly SpoolItem[] = []
  #faults = 0
  #ended = false
  #lastReadingMs: number | undefined
  #refusal: string | undefined
  #feeding: Promise<boolean> | undefined

  constructor(init: FeederInit) {
    this.#init = init
    this.#replay = new Replay(init.source)
    this.#rows = init.rows
    this.#name = sourceName(init.source.spec)
  }

  get ended(): boolean {
    return this.#ended && this.#held.length === 0
  }

  /** Time of the newest reading that was taken, UTC milliseconds. */
  get lastReadingMs(): number | undefined {
    return this.#lastReadingMs
  }

  /**
   * Takes the next stretch of which not everything was taken in an earlier run. False where nothing could be taken: the
   * source has ended, or the spool refuses for now. One call at a time: a second waits for the first.
   */
  feed(): Promise<boolean> {
    this.#feeding ??= this.#feed().finally(() => {
      this.#feeding = undefined
    })
    return this.#feeding
  }

  async close(): Promise<void> {
    await this.#feeding?.catch(() => undefined)
    await this.#replay.close()
  }

  async #feed(): Promise<boolean> {
    for (;;) {
      if (this.#held.length === 0) {
        if (this.#ended) return false
        this.#held = await this.#next()
      }
      if (this.#held.length === 0) continue
      const taken = await this.#take()
      if (taken !== 0) return taken !== undefined
    }
  }

  /** How many were new; undefined where they are refused for now. */
  async #take(): Promise<number | undefined> {
    const items = this.#held
    try {
      const { taken } = await this.#init.take(items)
      this.#held = []
      this.#refusal = undefined
      for (const item of items) if ('reading' in item) this.#lastReadingMs = Math.max(this.#lastReadingMs ?? 0, item.reading.time)
      return taken
    } catch (error) {
      const refusal = messageOf(error)
      if (refusal !== this.#refusal) this.#init.note(`readings are not taken for now: ${refusal}`)
      this.#refusal = refusal
      return undefined
    }
  }

  async #next(): Promise<SpoolItem[]> {
    const items: SpoolItem[] = []
    try {
      if (this.#rows === undefined) {
        const first = this.#keep(await this.#replay.nextStretch(1), items)
        this.#rows = rowsOfDay(first)
      }
      if (!this.#ended && items.length < this.#rows) this.#keep(await this.#replay.nextStretch(this.#rows - items.length), items)
    } catch (error) {
      // Whatever a source throws is that source's end and not the meter's; what was read before is kept.
      this.#ended = true
      this.#init.note(`its source breaks off: ${messageOf(error)}`)
      return items
    }
    if (this.#ended) this.#noteEnd()
    return items
  }

  #keep(stretch: Stretch, items: SpoolItem[]): Stretch {
    for (const { reading, frame } of stretch.items) {
      items.push({ source: this.#name, reading, ...(frame === undefined ? {} : { frame }) })
    }
    const [fault] = stretch.faults
    if (fault !== undefined && this.#faults === 0) this.#init.note(`${fault.code} at ${fault.where}: ${fault.message}`)
    this.#faults += stretch.faultCount
    this.#ended = stretch.done
    return stretch
  }

  #noteEnd(): void {
    const refused = this.#faults === 0 ? '' : ` (${this.#faults} refused)`
    this.#init.note(`its source is read to the end${refused}: no further blocks`)
  }
}

function rowsOfDay({ items }: Stretch): number {
  const intervalMs = items[0]?.reading.intervalMs ?? 0
  return intervalMs > 0 ? Math.min(MAX_STRETCH_ROWS, Math.max(1, Math.floor(DAY_MS / intervalMs))) : MAX_STRETCH_ROWS
}

/** Without directories: the same file is the same source wherever the demonstration is started. */
export function sourceName(spec: string): string {
  const { kind, target, home } = parseSpec(spec)
  const bytes = new TextEncoder().encode(`${kind}:${basename(target)}${home === undefined ? '' : `#${home}`}`)
  // A byte cut from a longer letter becomes a mark of three.
  return bytes.length <= MAX_SOURCE_NAME_BYTES
    ? new TextDecoder().decode(bytes)
    : new TextDecoder().decode(bytes.subarray(-MAX_SOURCE_NAME_BYTES + 8))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
