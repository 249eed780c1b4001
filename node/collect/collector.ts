import { type Clock, type Random, sleep, type Timers } from '../platform.ts'
import { type BackOffPolicy, backOffMs, DEFAULT_BACK_OFF } from './back-off.ts'
import { FaultGate } from './fault-gate.ts'
import { DEFAULT_SAMPLING, type SampledItem, type SamplingPolicy } from './sampling.ts'
import type { MeterSource } from './source.ts'
import { SourceLife } from './source-life.ts'
import type { SourceMemory } from './source-memory.ts'
import { type SourceCounts, type SourceEvent, type SourceFault, type SourceState, SourceWatch } from './source-watch.ts'
import { type TakenItem, TakeQueue } from './take-queue.ts'

export interface CollectorInit {
  readonly sources: readonly MeterSource[]
  /** Default DEFAULT_SAMPLING. */
  readonly sampling?: SamplingPolicy
  /** Resolves when the readings are durable. Where it rejects, the same readings are offered again, and nothing is lost. */
  take(items: readonly TakenItem[]): Promise<void>
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Where what is known of meters outlasts a restart. */
  readonly memory?: SourceMemory
  onFault?(fault: SourceFault): void
  /** What the meter or the collector notices: clock set, source silent, failed, back. */
  onEvent?(event: SourceEvent): void
  /** A live source without a reading for so long is silent; default 2 minutes. */
  readonly silentAfterMs?: number
  /** Readings of one `take`; default 256. */
  readonly batchSize?: number
  readonly backOff?: BackOffPolicy
}

const DEFAULT_SILENT_MS = 120_000
const DEFAULT_BATCH = 256

/** Readings waiting for `take`, over all sources, in batches. */
const QUEUED_BATCHES = 4

/** Runs sources until they end or are stopped, and hands what the sampling policy keeps to `take`, in order per source. */
export class Collector {
  readonly #init: CollectorInit
  readonly #queue: TakeQueue
  readonly #batchSize: number
  readonly #backOff: BackOffPolicy
  readonly #stop = new AbortController()
  readonly #watches = new Map<string, SourceWatch>()
  #running: Promise<void>[] = []
  #taking: Promise<void> | undefined

  constructor(init: CollectorInit) {
    this.#init = init
    this.#batchSize = init.batchSize ?? DEFAULT_BATCH
    this.#backOff = init.backOff ?? DEFAULT_BACK_OFF
    this.#queue = new TakeQueue(this.#batchSize * QUEUED_BATCHES)
  }

  /** State of each source by its spec. */
  get states(): ReadonlyMap<string, SourceState> {
    return new Map(Array.from(this.#watches, ([spec, { state }]) => [spec, state]))
  }

  /** What each source has done since the start, by its spec. */
  get counts(): ReadonlyMap<string, SourceCounts> {
    return new Map(Array.from(this.#watches, ([spec, { counts }]) => [spec, counts]))
  }

  /** Readings taken from sources and not yet durable. */
  get waiting(): number {
    return this.#queue.length
  }

  start(): void {
    this.#taking = this.#takeAll()
    this.#running = this.#init.sources.map((source) => this.#run(source))
  }

  /** Resolves when every source that can end has ended and all of its readings are durable. */
  async finished(): Promise<void> {
    await Promise.all(this.#running)
    this.#queue.close()
    await this.#taking
    await this.#queue.settled()
  }

  /** Stops the sources; readings that wait are offered to `take` once more. Returns how many could not be made durable. */
  async stop(): Promise<number> {
    this.#stop.abort()
    this.#queue.close()
    await Promise.all(this.#running)
    await this.#taking
    await this.#queue.settled()
    return this.#queue.length
  }

  async #run(source: MeterSource): Promise<void> {
    const signal = this.#stop.signal
    const watch = new SourceWatch(source, this.#init, this.#init.silentAfterMs ?? DEFAULT_SILENT_MS)
    this.#watches.set(source.spec, watch)
    const life = new SourceLife(source, { sampling: DEFAULT_SAMPLING, ...this.#init })
    await life.restore()
    for (let attempt = 0; !signal.aborted; attempt++) {
      const failure = await this.#readThrough(source, life, watch, () => {
        attempt = 0
      })
      if (signal.aborted) break
      if (!source.live) {
        await this.#keep(source, life.end(), watch)
        watch.ended(failure)
        return
      }
      watch.failed(failure ?? 'the connection was closed')
      await sleep(this.#init.timers, backOffMs(attempt, this.#backOff, this.#init.random), signal).catch(() => undefined)
    }
    watch.stop()
  }

  /** Reads the source to its end; what broke it, if it broke. */
  async #readThrough(source: MeterSource, life: SourceLife, watch: SourceWatch, alive: () => void): Promise<string | undefined> {
    const connection = new AbortController()
    watch.opened(() => connection.abort())
    try {
      for await (const item of source.items(AbortSignal.any([this.#stop.signal, connection.signal]))) {
        if (item.type === 'reading') {
          alive()
          watch.heard()
        }
        if (!(await this.#keep(source, life.take(item), watch))) return undefined
      }
      return connection.signal.aborted ? 'silent for too long' : undefined
    } catch (error) {
      // Whatever a source throws, it is that source's failure and not the node's.
      return error instanceof Error ? error.message : String(error)
    }
  }

  async #keep(source: MeterSource, items: readonly SampledItem[], watch: SourceWatch): Promise<boolean> {
    for (const item of items) {
      if (item.type === 'fault') watch.fault(item.code, item.message, item.where)
      else if (item.type === 'event') watch.event(item)
      else if (item.type === 'mark') {
        if (!(await this.#queue.mark(item.durable))) return false
      } else {
        const { reading, frame, signed } = item
        const raw = frame === undefined ? {} : { frame, ...(signed === undefined ? {} : { signed }) }
        const taken = { reading, source: source.spec, ...raw }
        if (!(await this.#queue.push(taken))) return false
      }
    }
    return true
  }

  async #takeAll(): Promise<void> {
    const { timers, random, clock } = this.#init
    const gate = new FaultGate(clock)
    for (let attempt = 0; ; ) {
      const batch = await this.#queue.peek(this.#batchSize)
      if (batch === undefined) return
      try {
        await this.#init.take(batch)
        this.#queue.done(batch.length)
        attempt = 0
      } catch (error) {
        // A full disk or a closed store: the readings stay here, their sources wait, and it is tried again.
        const message = error instanceof Error ? error.message : String(error)
        const count = gate.pass('READINGS_NOT_TAKEN')
        if (count > 0)
          this.#init.onFault?.({
            source: batch[0]?.source ?? '',
            code: 'READINGS_NOT_TAKEN',
            message,
            where: `${batch.length} readings`,
            count,
          })
        if (this.#stop.signal.aborted) return
        await sleep(timers, backOffMs(attempt++, this.#backOff, random), this.#stop.signal).catch(() => undefined)
      }
    }
  }
}
