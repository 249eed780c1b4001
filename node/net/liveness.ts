import type { Connection, Stream } from '@libp2p/interface'
import { WattnessError } from '../../protocol/errors.ts'
import type { Platform, Timer } from '../platform.ts'
import { randomFraction } from './backoff.ts'
import { deadline } from './deadline.ts'

const PING_PROTOCOL = '/ipfs/ping/1.0.0'

const PING_BYTES = 32

/**
 * One round trip over a connection: proof that the other side lives and lets us in. Rejects after `timeoutMs`; a time-out
 * that comes late, after this process itself stood still, is granted once more, since the answer may wait unread.
 */
export async function proveAlive(connection: Connection, platform: Platform, timeoutMs: number): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const startMs = platform.clock.monotonicMs()
    const limit = deadline(
      platform.timers,
      timeoutMs,
      () => new WattnessError('LINK_LOST', `nothing came back for ${timeoutMs} ms`),
    )
    try {
      return await ping(connection, platform, limit.signal)
    } catch (error) {
      const late = platform.clock.monotonicMs() - startMs > timeoutMs * 1.5
      if (attempt > 0 || !late || connection.status !== 'open') throw error
    } finally {
      limit.clear()
    }
  }
}

/** The libp2p ping specification, over one given connection (the ping service would take any of a peer's). */
async function ping(connection: Connection, platform: Platform, signal: AbortSignal): Promise<void> {
  const stream = await connection.newStream(PING_PROTOCOL, { signal, runOnLimitedConnection: true })
  try {
    const echoed = echo(stream, signal)
    // A stream that closed meanwhile refuses what is sent, and its end rejects this as well, when nobody waits for it any more.
    echoed.catch(() => undefined)
    stream.send(platform.random.bytes(PING_BYTES))
    await echoed
    await stream.close({ signal })
  } catch (error) {
    stream.abort(error as Error)
    throw error
  }
}

function echo(stream: Stream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    stream.addEventListener('close', (event) => reject(event.error ?? new Error('closed')), { once: true })
    stream.addEventListener('message', ({ data }) => {
      bytes += data.byteLength
      if (bytes >= PING_BYTES) resolve()
    })
  })
}

export interface LivenessInit {
  readonly connection: Connection
  readonly platform: Platform
  readonly intervalMs: number
  readonly timeoutMs: number
  /** When anything last came over this connection's channel, monotonic milliseconds. */
  readonly heardMs: () => number
  onAlive(): void
}

/**
 * Proves a connection alive again and again, and cuts it when it is not. One over which something came within the interval
 * needs no proof: a ping opens a stream of its own, and costs both sides more than what a busy link carries meanwhile.
 */
export class Liveness {
  readonly #init: LivenessInit
  #timer: Timer | undefined
  #stopped = false
  #checking: Promise<boolean> | undefined

  constructor(init: LivenessInit) {
    this.#init = init
  }

  start(): void {
    this.#arm(this.#init.platform.clock.monotonicMs())
  }

  /** The next look, one interval after `sinceMs`: what was heard meanwhile puts it off, never by more than that. */
  #arm(sinceMs: number): void {
    if (this.#stopped) return
    const { platform, intervalMs } = this.#init
    // Spread, so that the links of a node do not all ping in one turn.
    const dueMs = sinceMs + intervalMs * (0.75 + 0.5 * randomFraction(platform.random))
    this.#timer = platform.timers.set(Math.max(0, dueMs - platform.clock.monotonicMs()), () => {
      const heardMs = this.#init.heardMs()
      if (heardMs <= sinceMs) void this.check()
      else {
        this.#init.onAlive()
        this.#arm(heardMs)
      }
    })
  }

  /** Now; false when the connection was cut for it. */
  check(): Promise<boolean> {
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
    this.#timer = undefined
    this.#checking ??= this.#check()
    return this.#checking
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== undefined) this.#init.platform.timers.clear(this.#timer)
  }

  async #check(): Promise<boolean> {
    const { connection, platform, timeoutMs } = this.#init
    try {
      await proveAlive(connection, platform, timeoutMs)
      if (!this.#stopped) this.#init.onAlive()
      return true
    } catch (error) {
      if (!this.#stopped) connection.abort(error as Error)
      return false
    } finally {
      this.#checking = undefined
      this.start()
    }
  }
}
