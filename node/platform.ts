import { randomBytes } from 'node:crypto'

/**
 * Everything a node takes from the machine besides network and disk, injected so that a simulation can replace it. This is
 * the only file that may call the system's clock, timers, randomness and environment (the tidy test holds it).
 */

export interface Clock {
  /** UTC milliseconds. */
  now(): number
  /** Milliseconds since some fixed instant; never goes back. */
  monotonicMs(): number
}

export interface Timer {
  readonly id: unknown
}

export interface Timers {
  /** Calls `run` once after `ms` milliseconds; the process may end while it waits. */
  set(ms: number, run: () => void): Timer
  clear(timer: Timer): void
}

export interface Random {
  /** Unpredictable bytes. */
  bytes(count: number): Uint8Array
}

export interface Platform {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Lets everything else that waits have its turn: long work is cut into pieces by it. */
  turn(): Promise<void>
}

/** setTimeout takes at most 2^31 − 1 ms and fires at once above that. */
const LONGEST_TIMEOUT_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
}

export const systemTimers: Timers = {
  set: (ms, run) => ({ id: setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMEOUT_MS)) }),
  clear: (timer) => clearTimeout(timer.id as NodeJS.Timeout),
}

export const systemRandom: Random = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
}

export const systemPlatform: Platform = {
  clock: systemClock,
  timers: systemTimers,
  random: systemRandom,
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/** The environment, read once where configuration is resolved. */
export function systemEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env
}

/** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
export function sleep(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timers.clear(timer)
      reject(signal?.reason as Error)
    }
    const timer = timers.set(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
