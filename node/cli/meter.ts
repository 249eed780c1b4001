import type { Logger as PinoLogger } from 'pino'
import { EVENT_CODES } from '../../protocol/index.ts'
import { Collector, openSource, type SourceCounts, type SourceDeps, type SourceState, sourceName } from '../collect/index.ts'
import type { NodeOptions } from '../config/index.ts'
import type { LedgerNode } from '../index.ts'
import type { Platform, Timer } from '../platform.ts'

const HOUR_MS = 3_600_000

/** The meter's side of a running node: its sources, and what of them is kept how long. */
export class Meter {
  readonly #node: LedgerNode
  readonly #options: NodeOptions
  readonly #platform: Platform
  readonly #log: PinoLogger
  readonly #collector: Collector | undefined
  /** By source: the newest time of its readings since the start; at most as many as there are sources. */
  readonly #newestMs = new Map<string, number>()
  #timer: Timer | undefined

  constructor(node: LedgerNode, options: NodeOptions, platform: Platform, deps: SourceDeps, log: PinoLogger) {
    this.#node = node
    this.#options = options
    this.#platform = platform
    this.#log = log
    this.#collector = options.sources.length === 0 ? undefined : this.#createCollector(deps)
  }

  #createCollector(deps: SourceDeps): Collector {
    const { sources, sampling, silentAfterMs } = this.#options
    return new Collector({
      ...this.#platform,
      sources: sources.map((source) => openSource(source, deps)),
      sampling,
      silentAfterMs,
      ...(deps.memory === undefined ? {} : { memory: deps.memory }),
      take: async (items) => {
        await this.#node.take(items.map((item) => ({ ...item, source: sourceName(item.source) })))
        for (const { source, reading } of items) {
          this.#newestMs.set(source, Math.max(this.#newestMs.get(source) ?? 0, reading.time))
        }
      },
      onFault: ({ source, code, message, where, count }) => {
        const times = count === 1 ? '' : ` (${count} times)`
        const level = code === 'P1_STREAM_MIDWAY' ? 'info' : 'warn'
        this.#log[level](
          { event: 'sourceFault', source, code, where, count },
          `${source}: ${code} at ${where}: ${message}${times}`,
        )
      },
      onEvent: ({ source, time, event, detail }) => {
        this.#log.info(
          { event: 'sourceEvent', source, what: event, detail },
          `${source}: ${event}${detail === '' ? '' : `: ${detail}`}`,
        )
        // Not as one of the source's readings: those may be of years ago, and only what is newer than all is surely new.
        const name = `events of ${sourceName(source)}`
        this.#node.take([{ source: name, event: { time, code: EVENT_CODES[event], detail } }]).catch((error: unknown) => {
          this.#log.error({ event: 'sourceEvent', source, err: error }, 'an event of the meter could not be kept')
        })
      },
    })
  }

  get sources(): { source: string; state: SourceState }[] {
    return [...(this.#collector?.states ?? [])].map(([source, state]) => ({ source, state }))
  }

  /** What each source has done since the start, by its spec. */
  get counts(): ReadonlyMap<string, SourceCounts> {
    return this.#collector?.counts ?? new Map()
  }

  start(): void {
    this.#collector?.start()
    this.#keepHouse(true)
  }

  /** What is old goes, now and every hour. */
  #keepHouse(isStart: boolean): void {
    const { store } = this.#node
    const { keepFramesMs, keepSignedMs, keepSeenMs } = this.#options
    const nowMs = this.#platform.clock.now()
    const work = async (): Promise<void> => {
      await store.frames.prune(nowMs - keepFramesMs, nowMs - keepSignedMs)
      // At the start nobody knows yet which times the sources are at; what is imported may be of any time.
      if (!isStart && this.#collector !== undefined) await store.spool.pruneSeen(this.#presentMs(nowMs) - keepSeenMs)
    }
    work().catch((error: unknown) => this.#log.error({ event: 'prune', err: error }, 'old records could not be removed'))
    this.#timer = this.#platform.timers.set(HOUR_MS, () => this.#keepHouse(false))
  }

  /**
   * Where the source that is furthest behind is. A recording of years ago is read for hours, and what of it is not in order
   * must not be taken for something that was forgotten.
   */
  #presentMs(nowMs: number): number {
    const running = this.sources.filter(({ state }) => state !== 'ended').map(({ source }) => this.#newestMs.get(source) ?? nowMs)
    return Math.min(nowMs, ...running)
  }

  async stop(): Promise<void> {
    if (this.#timer !== undefined) this.#platform.timers.clear(this.#timer)
    const lost = (await this.#collector?.stop()) ?? 0
    if (lost > 0)
      this.#log.error({ event: 'stop', lost }, `${lost} readings could not be made durable; their sources will be asked again`)
  }
}
