import { type Bytes, sha256 } from '../../protocol/index.ts'
import type { Platform, Timer } from '../platform.ts'
import type { Sealed, Sealer } from './sealer.ts'

/** A block that could not be stored (a full disk) is tried again after this long, while readings go on being refused or kept. */
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
 * When to seal: each interval, at a phase of it that the key decides (so that 200 meters do not all seal on the quarter
 * hour), and at once when enough rows wait.
 */
export class SealSchedule {
  readonly #init: ScheduleInit
  #timer: Timer | undefined
  #running = false
  #working = false
  /** The round under way; it never rejects. */
  #current: Promise<unknown> | undefined

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
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
    await this.#current
  }

  /** Called whenever readings were spooled. */
  readingsCame(): void {
    if (this.#working || !this.#running) return
    if (this.#init.waitingRows() >= this.#init.rowsAtOnce) this.#current = this.#round(false)
  }

  #plan(delayMs: number): void {
    this.#timer = this.#init.platform.timers.set(delayMs, () => {
      this.#current = this.#round(true).then((sealed) => {
        if (this.#running) this.#plan(sealed ? this.#msToNext() : Math.min(RETRY_MS, this.#msToNext()))
      })
    })
  }

  #msToNext(): number {
    const { platform, intervalMs, key } = this.#init
    return msToNextRound(platform.clock.now(), intervalMs, phaseOf(key, intervalMs))
  }

  /** `all`: until nothing waits; else while a full block waits. False when a block could not be sealed. */
  async #round(all: boolean): Promise<boolean> {
    if (this.#working) return true
    this.#working = true
    try {
      while (this.#running && this.#init.heldBack() === undefined) {
        const waiting = this.#init.waitingRows()
        if (waiting === 0 || (!all && waiting < this.#init.rowsAtOnce)) break
        const sealed = await this.#init.sealer.sealNext()
        if (sealed === undefined) break
        this.#init.onSealed(sealed)
      }
      return true
    } catch (error) {
      this.#init.onError(error)
      return false
    } finally {
      this.#working = false
    }
  }
}

/** Where in the interval this key seals: uniform over keys, the same after every start; 0 ≤ phase < intervalMs. */
export function phaseOf(key: Bytes, intervalMs: number): number {
  const hash = sha256(key)
  const fraction = new DataView(hash.buffer, hash.byteOffset).getUint32(0) / 2 ** 32
  return Math.floor(fraction * intervalMs)
}

/** From 1 to intervalMs milliseconds. */
export function msToNextRound(nowMs: number, intervalMs: number, phaseMs: number): number {
  const into = (nowMs - phaseMs) % intervalMs
  return intervalMs - (into < 0 ? into + intervalMs : into)
}
