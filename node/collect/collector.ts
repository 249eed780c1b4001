import { type Clock, type Random, sleep, type Timer, type Timers } from '../platform.ts'
import { type BackOffPolicy, backOffMs, DEFAULT_BACK_OFF } from './back-off.ts'
import { FaultGate } from './fault-gate.ts'
import { DEFAULT_SAMPLING, type SampledItem, Sampler, type SamplingPolicy } from './sampling.ts'
import type { EventItem, MeterSource } from './source.ts'
import { type TakenItem, TakeQueue } from './take-queue.ts'

/** A fault, with the source it is from. The first of its kind is told at once, then at most one a minute. */
export interface SourceFault {
  readonly source: string
  readonly code: string
  readonly message: string
  readonly where: string
  /** How many of this code came since the last that was told, this one included. */
  readonly count: number
}

export interface SourceEvent extends Omit<EventItem, 'type'> {
  readonly source: string
}

/** 'reading': readings come; 'waiting': opened, none yet; 'failed': to be tried again; 'ended': a file read to its end. */
export type SourceState = 'waiting' | 'reading' | 'silent' | 'failed' | 'ended'

export interface CollectorInit {
  readonly sources: readonly MeterSource[]
  /** Default DEFAULT_SAMPLING. */
  readonly sampling?: SamplingPolicy
  /** Resolves when the readings are durable. Where it rejects, the same readings are offered again, and nothing is lost. */
  take(items: readonly TakenItem[]): Promise<void>
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
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
  readonly #states = new Map<string, SourceState>()
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
    return this.#states
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
  }

  /** Stops the sources; readings that wait are offered to `take` once more. Returns how many could not be made durable. */
  async stop(): Promise<number> {
    this.#stop.abort()
    this.#queue.close()
    await Promise.all(this.#running)
    await this.#taking
    return this.#queue.length
  }

  async #run(source: MeterSource): Promise<void> {
    const signal = this.#stop.signal
    const watch = new SourceWatch(source, this.#init, this.#states)
    const sampler =
      source.intervalData && this.#init.sampling?.intervalData !== true
        ? undefined
        : new Sampler(this.#init.sampling ?? DEFAULT_SAMPLING)
    for (let attempt = 0; !signal.aborted; attempt++) {
      const failure = await this.#readThrough(source, sampler, watch, () => {
        attempt = 0
      })
      if (signal.aborted) break
      if (!source.live) {
        await this.#keep(source, sampler?.end() ?? [], watch)
        watch.ended(failure)
        return
      }
      watch.failed(failure ?? 'the connection was closed')
      await sleep(this.#init.timers, backOffMs(attempt, this.#backOff, this.#init.random), signal).catch(() => undefined)
    }
    watch.stop()
  }

  /** Reads the source to its end; what broke it, if it broke. */
  async #readThrough(
    source: MeterSource,
    sampler: Sampler | undefined,
    watch: SourceWatch,
    alive: () => void,
  ): Promise<string | undefined> {
    const connection = new AbortController()
    watch.opened(() => connection.abort())
    try {
      for await (const item of source.items(AbortSignal.any([this.#stop.signal, connection.signal]))) {
        if (item.type === 'reading') {
          alive()
          watch.heard()
        }
        const kept: readonly SampledItem[] = item.type === 'reading' && sampler !== undefined ? sampler.take(item) : [item]
        if (!(await this.#keep(source, kept, watch))) return undefined
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
      else {
        const { reading, frame } = item
        const taken = { reading, source: source.spec, ...(frame === undefined ? {} : { frame }) }
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

/** What is known of one source while it runs, and who is told. */
class SourceWatch {
  readonly #source: MeterSource
  readonly #init: CollectorInit
  readonly #states: Map<string, SourceState>
  readonly #gate: FaultGate
  readonly #silentAfterMs: number
  #timer: Timer | undefined
  #lastHeardMs = 0
  #hangUp: () => void = () => undefined
  /** True from the failure or silence that was told until a reading comes. */
  #down = false

  constructor(source: MeterSource, init: CollectorInit, states: Map<string, SourceState>) {
    this.#source = source
    this.#init = init
    this.#states = states
    this.#gate = new FaultGate(init.clock)
    this.#silentAfterMs = init.silentAfterMs ?? DEFAULT_SILENT_MS
  }

  /** `hangUp` closes the connection: a half-open one would be silent for ever. */
  opened(hangUp: () => void): void {
    this.#hangUp = hangUp
    this.#states.set(this.#source.spec, 'waiting')
    this.#lastHeardMs = this.#init.clock.monotonicMs()
    if (this.#source.live) this.#listen(this.#silentAfterMs)
  }

  heard(): void {
    this.#lastHeardMs = this.#init.clock.monotonicMs()
    if (this.#down) this.event({ time: this.#init.clock.now(), event: 'source-back', detail: '' })
    this.#down = false
    this.#states.set(this.#source.spec, 'reading')
  }

  failed(reason: string): void {
    this.stop()
    this.#states.set(this.#source.spec, 'failed')
    this.fault('SOURCE_FAILED', reason, this.#source.spec)
    if (!this.#down) this.event({ time: this.#init.clock.now(), event: 'source-failed', detail: reason })
    this.#down = true
  }

  ended(failure: string | undefined): void {
    this.stop()
    if (failure === undefined) this.#states.set(this.#source.spec, 'ended')
    else this.failed(failure)
  }

  stop(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
  }

  event({ time, event, detail }: Omit<EventItem, 'type'>): void {
    this.#init.onEvent?.({ source: this.#source.spec, time, event, detail: shortened(detail) })
  }

  fault(code: string, message: string, where: string): void {
    const count = this.#gate.pass(code)
    if (count > 0) this.#init.onFault?.({ source: this.#source.spec, code, message, where, count })
  }

  /** One timer that looks again when the silence could be long enough, instead of one set per reading. */
  #listen(ms: number): void {
    this.stop()
    this.#timer = this.#init.timers.set(ms, () => {
      const quietMs = this.#init.clock.monotonicMs() - this.#lastHeardMs
      if (quietMs < this.#silentAfterMs) return this.#listen(this.#silentAfterMs - quietMs)
      if (!this.#down) {
        this.#down = true
        this.#states.set(this.#source.spec, 'silent')
        this.fault('SOURCE_SILENT', `no reading for ${Math.round(quietMs / 1_000)} s`, this.#source.spec)
        this.event({ time: this.#init.clock.now(), event: 'source-silent', detail: '' })
      }
      this.#hangUp()
    })
  }
}

/** Details of events are stored: 200 bytes at most, cut between characters. */
function shortened(detail: string): string {
  const plain = detail.toWellFormed()
  return Buffer.byteLength(plain) <= 200 ? plain : Array.from(plain).slice(0, 50).join('')
}
