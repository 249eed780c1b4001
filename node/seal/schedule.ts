import { type Bytes, sha256 } from '../../protocol/index.ts'
import type { Platform, Timer } from '../platform.ts'
import { msToNextRound } from '../rounds.ts'
import type { Sealed, Sealer } from './sealer.ts'

/** What could not be sealed (a full disk, a gate that is closed) is tried again after this long; readings go on being kept. */
const RETRY_MS = 5_000

export interface ScheduleInit {
  readonly platform: Platform
  readonly sealer: Sealer
  readonly key: Bytes
  /** Time between two rounds of sealing, milliseconds. */
  readonly intervalMs: number
  /** Waiting rows that are sealed without waiting for the round. */
  readonly rowsAtOnce: number
  readonly waitingRows: () => number
  /** Undefined where sealing is allowed; otherwise why not. */
  readonly heldBack: () => string | undefined
  readonly onSealed: (sealed: Sealed) => void
  readonly onError: (error: unknown) => void
}

/**
 * When to seal: each interval, at a phase of its beginning that the key decides (so that 200 meters do not all seal on the
 * quarter hour), and at once when enough rows wait.
 */
export class SealSchedule {
  readonly #init: ScheduleInit
  #timer: Timer | undefined
  #running = false
  #work: Promise<boolean> | undefined

  constructor(init: ScheduleInit) {
    this.#init = init
  }

  /** Does nothing where it runs already. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#plan(this.#msToNext())
  }

  /** No further block is begun; one that is being sealed comes to its end. */
  async stop(): Promise<void> {
    this.#running = false
    this.#clear()
    await this.#work
  }

  /** Called whenever readings were spooled. */
  readingsCame(): void {
    if (!this.#running || this.#work !== undefined || this.#init.waitingRows() < this.#init.rowsAtOnce) return
    void this.#round(false).then((isDone) => isDone || this.#plan(this.#msToRetry()))
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
  }

  #plan(delayMs: number): void {
    this.#clear()
    if (!this.#running) return
    this.#timer = this.#init.platform.timers.set(delayMs, () => {
      this.#timer = undefined
      void this.#round(true).then((isDone) => this.#plan(isDone ? this.#msToNext() : this.#msToRetry()))
    })
  }

  #msToNext(): number {
    const { platform, intervalMs, key } = this.#init
    return msToNextRound(platform.clock.now(), intervalMs, phaseOf(key, intervalMs))
  }

  #msToRetry(): number {
    return Math.min(RETRY_MS, this.#msToNext())
  }

  /** Rounds take their turns. `all`: until nothing waits; else while a full block waits. False where something still does. */
  async #round(all: boolean): Promise<boolean> {
    while (this.#work !== undefined) await this.#work
    this.#work = this.#sealWhatWaits(all)
    const isDone = await this.#work
    this.#work = undefined
    return isDone
  }

  async #sealWhatWaits(all: boolean): Promise<boolean> {
    const { waitingRows, rowsAtOnce, heldBack, sealer, onSealed, onError } = this.#init
    try {
      for (;;) {
        const waiting = waitingRows()
        // Asked even where nothing waits: a gate that closes is news.
        const isHeldBack = heldBack() !== undefined
        if (!this.#running || waiting === 0 || (!all && waiting < rowsAtOnce)) return true
        if (isHeldBack) return false
        const sealed = await sealer.sealNext()
        if (sealed === undefined) return true
        onSealed(sealed)
      }
    } catch (error) {
      onError(error)
      return false
    }
  }
}

/** Keys seal within this share of the interval, or within ten seconds where that is more. */
const SPREAD_SHARE = 1 / 6
const LEAST_SPREAD_MS = 10_000

/** Of that time its first part is left out: a meter's reading of the interval's beginning comes a little after it. */
const LEFT_OUT_SHARE = 1 / 4

/**
 * Where in the interval this key seals, milliseconds: uniform over keys within the interval's beginning, the same after every
 * start. Far enough apart that hundreds of meters in one process do not starve its timers; near enough that what neighbours
 * tell, ask and write in one round is of many chains, and that one attestation covers most of an interval's blocks.
 */
export function phaseOf(key: Bytes, intervalMs: number): number {
  const hash = sha256(key)
  const fraction = new DataView(hash.buffer, hash.byteOffset).getUint32(0) / 2 ** 32
  const spreadMs = Math.min(intervalMs, Math.max(SPREAD_SHARE * intervalMs, LEAST_SPREAD_MS))
  return Math.floor((LEFT_OUT_SHARE + (1 - LEFT_OUT_SHARE) * fraction) * spreadMs)
}
