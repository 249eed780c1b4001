import type { Register } from '../../protocol/reading.ts'
import type { Clock } from '../platform.ts'
import { ClockWatch } from './clock-watch.ts'
import { RegisterWatch, type WatchedRegisters } from './register-watch.ts'
import { type SampledItem, type SampledRegisters, Sampler, type SamplingPolicy } from './sampling.ts'
import type { MeterSource, ReadingItem, SourceItem } from './source.ts'
import type { SourceMemory } from './source-memory.ts'

/**
 * What is known of a meter over its life: its clock, its registers, which of them were kept last. It outlasts a restart where
 * there is a memory, so that a gap, a register that went back or another meter is seen also when the node was off meanwhile.
 */

/** Written down after each row kept, but no more often than this. */
const SAVE_EVERY_MS = 10_000
/** Rows that come quicker may be newer than what was written down: a gap behind them is not told for certain. */
const CERTAIN_INTERVAL_MS = 60_000

/** Beyond this the node's clock was set back, and is followed. */
const MOST_AHEAD_MS = 1_000

export interface LifeInit {
  readonly sampling: SamplingPolicy
  readonly clock: Clock
  readonly memory?: SourceMemory
}

export class SourceLife {
  readonly #source: MeterSource
  readonly #init: LifeInit
  readonly #clockWatch: ClockWatch | undefined
  readonly #registers: RegisterWatch
  readonly #sampler: Sampler | undefined
  /** Only what is read now has a life: a file is read from its beginning again. */
  readonly #memory: SourceMemory | undefined
  #savedMs = Number.NEGATIVE_INFINITY
  /** Of the last telegram without a time of its own: what the node's clock said, and what it got. */
  #instant = { saidMs: Number.NEGATIVE_INFINITY, givenMs: Number.NEGATIVE_INFINITY }
  /** Rows were kept since. */
  #isNews = false
  #savedRegisters = 0
  #saving: Promise<void> = Promise.resolve()

  constructor(source: MeterSource, init: LifeInit) {
    this.#source = source
    this.#init = init
    this.#clockWatch = source.live ? new ClockWatch(init.clock) : undefined
    this.#registers = new RegisterWatch(source.maxWatts)
    this.#sampler = source.intervalData && !init.sampling.intervalData ? undefined : new Sampler(init.sampling)
    this.#memory = source.live ? init.memory : undefined
  }

  async restore(): Promise<void> {
    const kept = await this.#memory?.read(this.#name)
    if (kept === undefined) return
    const registers = kept['registers'] as WatchedRegisters | undefined
    if (isWatched(registers)) this.#registers.restore(registers)
    const sampled = kept['sampled'] as SampledRegisters | undefined
    const isCertain =
      this.#init.sampling.intervalMs >= CERTAIN_INTERVAL_MS && kept['intervalMs'] === this.#init.sampling.intervalMs
    if (isCertain && isSampled(sampled)) this.#sampler?.restore(sampled)
  }

  /** What becomes of an item of the source: rows that are kept, events and faults. */
  take(found: SourceItem): readonly SampledItem[] {
    if (found.type !== 'reading') return [found]
    const item = this.#ownInstant(found)
    const items: SampledItem[] = [
      ...(this.#clockWatch?.take(item) ?? []),
      ...this.#sampled(item).flatMap((each) => this.#watched(each)),
    ]
    this.#isNews ||= items.some((each) => each.type === 'reading')
    this.#remember(items)
    return items
  }

  /** The source is over. */
  end(): readonly SampledItem[] {
    return (this.#sampler?.end() ?? []).flatMap((each) => this.#watched(each))
  }

  /**
   * Telegrams that were held back come together, and the node's clock has one millisecond for them all: each gets one of its
   * own, or only one of them would count for that instant.
   */
  #ownInstant(item: ReadingItem): ReadingItem {
    const { reading, frame } = item
    if (reading.timeSource !== 'node-clock' || reading.intervalMs > 0) return item
    const { saidMs, givenMs } = this.#instant
    // Further rows of the telegram before.
    const isSame = frame === undefined && reading.time === saidMs
    const isTaken = reading.time <= givenMs && givenMs - reading.time < MOST_AHEAD_MS
    const time = isSame ? givenMs : isTaken ? givenMs + 1 : reading.time
    this.#instant = { saidMs: reading.time, givenMs: time }
    return time === reading.time ? item : { ...item, reading: { ...reading, time } }
  }

  #sampled(item: ReadingItem): readonly SampledItem[] {
    if (this.#sampler === undefined) return [item]
    const items = this.#sampler.take(item)
    // Told by the watch, which knows a set clock from a late telegram.
    return this.#clockWatch === undefined || item.frame === undefined ? items : items.filter((each) => each.type !== 'event')
  }

  #watched(item: SampledItem): readonly SampledItem[] {
    return item.type === 'reading' ? this.#registers.take(item) : [item]
  }

  #remember(items: SampledItem[]): void {
    const memory = this.#memory
    const nowMs = this.#init.clock.monotonicMs()
    if (memory === undefined || nowMs - this.#savedMs < SAVE_EVERY_MS) return
    const sampled = this.#sampler?.known ?? []
    if (!this.#isNews && sampled.length === this.#savedRegisters) return
    this.#savedMs = nowMs
    this.#savedRegisters = sampled.length
    this.#isNews = false
    const value = { intervalMs: this.#init.sampling.intervalMs, registers: this.#registers.known, sampled }
    // Only once the rows are on the disk: what is remembered and not kept would hide a gap.
    items.push({
      type: 'mark',
      durable: () => {
        this.#saving = this.#saving.then(() => memory.write(this.#name, value)).catch(() => undefined)
        return this.#saving
      },
    })
  }

  get #name(): string {
    return `life of ${this.#source.spec}`
  }
}

function isWatched(value: WatchedRegisters | undefined): value is WatchedRegisters {
  const isLast = (each: unknown): boolean =>
    Array.isArray(each) && typeof each[0] === 'string' && Number.isSafeInteger(each[1]) && Number.isSafeInteger(each[2])
  return value !== undefined && Array.isArray(value.last) && value.last.every(isLast)
}

function isSampled(value: SampledRegisters | undefined): value is SampledRegisters {
  const isRegister = (register: Register | undefined): boolean =>
    typeof register?.obis === 'object' && Number.isInteger(register.unit) && Number.isInteger(register.scaler)
  return (
    Array.isArray(value) &&
    value.every((each: SampledRegisters[number]) => isRegister(each.register) && Number.isSafeInteger(each.time))
  )
}
