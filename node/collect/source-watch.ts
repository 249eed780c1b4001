import type { Clock, Timer, Timers } from '../platform.ts'
import { FaultGate } from './fault-gate.ts'
import type { EventItem, MeterSource } from './source.ts'

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

/** What a source has done since the start. */
export interface SourceCounts {
  readonly readings: number
  readonly faults: number
  /** Times that it broke off or fell silent. */
  readonly outages: number
  /** UTC milliseconds by this node's clock; undefined before the first reading. */
  readonly lastReadingMs: number | undefined
}

export interface WatchInit {
  readonly clock: Clock
  readonly timers: Timers
  onFault?(fault: SourceFault): void
  onEvent?(event: SourceEvent): void
}

/** What is known of one source while it runs, and who is told. */
export class SourceWatch {
  readonly #source: MeterSource
  readonly #init: WatchInit
  readonly #gate: FaultGate
  readonly #silentAfterMs: number
  #timer: Timer | undefined
  #lastHeardMs = 0
  #hangUp: () => void = () => undefined
  /** True from the failure or silence that was told until a reading comes. */
  #down = false
  #state: SourceState = 'waiting'
  #readings = 0
  #faults = 0
  #outages = 0
  #lastReadingMs: number | undefined

  constructor(source: MeterSource, init: WatchInit, silentAfterMs: number) {
    this.#source = source
    this.#init = init
    this.#gate = new FaultGate(init.clock)
    this.#silentAfterMs = silentAfterMs
  }

  get state(): SourceState {
    return this.#state
  }

  get counts(): SourceCounts {
    return {
      readings: this.#readings,
      faults: this.#faults,
      outages: this.#outages,
      lastReadingMs: this.#lastReadingMs,
    }
  }

  /** `hangUp` closes the connection: a half-open one would be silent for ever. */
  opened(hangUp: () => void): void {
    this.#hangUp = hangUp
    this.#state = 'waiting'
    this.#lastHeardMs = this.#init.clock.monotonicMs()
    if (this.#source.live) this.#listen(this.#silentAfterMs)
  }

  heard(): void {
    this.#lastHeardMs = this.#init.clock.monotonicMs()
    this.#lastReadingMs = this.#init.clock.now()
    this.#readings++
    if (this.#down) this.event({ time: this.#init.clock.now(), event: 'source-back', detail: '' })
    this.#down = false
    this.#state = 'reading'
  }

  failed(reason: string): void {
    this.stop()
    this.#state = 'failed'
    this.fault('SOURCE_FAILED', reason, this.#source.spec)
    if (this.#down) return
    this.#down = true
    this.#outages++
    this.event({ time: this.#init.clock.now(), event: 'source-failed', detail: reason })
  }

  ended(failure: string | undefined): void {
    this.stop()
    if (failure === undefined) this.#state = 'ended'
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
    this.#faults++
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
        this.#outages++
        this.#state = 'silent'
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
