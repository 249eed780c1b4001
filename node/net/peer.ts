import type { Connection, Stream } from '@libp2p/interface'
import { compareBytes, toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Platform, Timer } from '../platform.ts'
import { backoffMs } from './backoff.ts'
import { deadline } from './deadline.ts'
import { CHANNEL_RETRY_MS, DIAL_TIMEOUT_MS, MAX_CHANNEL_RETRY_MS } from './limits.ts'
import { Liveness } from './liveness.ts'
import type { Channel, Link } from './network.ts'
import { StreamChannel } from './stream-channel.ts'

/** The ledger's own exchange; what its frames hold is the sync room's matter. */
export const SYNC_PROTOCOL = '/wattness/sync/1'

export interface PeerInit {
  readonly self: Uint8Array
  readonly key: Uint8Array
  readonly platform: Platform
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  onLink(link: Link): void
  onUnlink(key: Uint8Array): void
  onChannel(channel: Channel): void
  /** The connection that carries the channel from now on. */
  onChosen(connection: Connection): void
  onAlive(connection: Connection): void
}

/** A member that we are connected with: its connections (two when both sides dialled at once), its link, its channel. */
export class Peer {
  readonly key: Uint8Array
  readonly keyHex: string
  readonly #init: PeerInit
  readonly #opens: boolean
  readonly #connections = new Map<Connection, Liveness>()
  #link: Link | undefined
  #channel: StreamChannel | undefined
  /** The connection that carries the channel. */
  #carrier: Connection | undefined
  #opening = false
  #retry: Timer | undefined
  #failures = 0

  constructor(init: PeerInit) {
    this.#init = init
    this.key = init.key
    this.keyHex = toHex(init.key)
    this.#opens = compareBytes(init.self, init.key) < 0
  }

  get link(): Link | undefined {
    return this.#link
  }

  get connections(): Connection[] {
    return [...this.#connections.keys()]
  }

  has(connection: Connection): boolean {
    return this.#connections.has(connection)
  }

  /** An open connection, the oldest first. */
  get connection(): Connection | undefined {
    for (const connection of this.#connections.keys()) if (connection.status === 'open') return connection
    return undefined
  }

  /** The other side is known to let us in. */
  confirm(connection: Connection): void {
    if (connection.status !== 'open' || this.#connections.has(connection)) return
    const { platform, pingIntervalMs, pingTimeoutMs } = this.#init
    const liveness = new Liveness({
      connection,
      platform,
      intervalMs: pingIntervalMs,
      timeoutMs: pingTimeoutMs,
      heardMs: () => (this.#carrier === connection ? this.#channel?.heardMs : undefined) ?? Number.NEGATIVE_INFINITY,
      onAlive: () => this.#init.onAlive(connection),
    })
    const older = [...this.#connections]
    this.#connections.set(connection, liveness)
    liveness.start()
    if (this.#link === undefined) {
      const { direction } = connection
      this.#link = { key: this.key, keyHex: this.keyHex, address: connection.remoteAddr.toString(), direction }
      this.#init.onLink(this.#link)
    }
    for (const [, suspect] of older) void this.#settle(suspect, connection)
    this.#openChannel()
  }

  /**
   * A second connection: both sides dialled at once, or the first one is dead and only the other side knows. If the first
   * is alive, the side with the lower key closes the second; if not, the check has cut the first.
   */
  async #settle(first: Liveness, second: Connection): Promise<void> {
    const alive = await first.check()
    if (alive && this.#opens && second.status === 'open' && this.#connections.size > 1) {
      await second.close().catch((error: Error) => second.abort(error))
    }
  }

  closed(connection: Connection): void {
    const liveness = this.#connections.get(connection)
    if (liveness === undefined) return
    liveness.stop()
    this.#connections.delete(connection)
    if (this.#connections.size > 0 || this.#link === undefined) return
    this.#link = undefined
    if (this.#retry !== undefined) this.#init.platform.timers.clear(this.#retry)
    this.#retry = undefined
    this.#channel?.end(new WattnessError('LINK_LOST', `the link to ${this.keyHex} ended`, { peer: this.keyHex }))
    this.#init.onUnlink(this.key)
  }

  /** The other side opened the channel's stream. */
  accept(stream: Stream, connection: Connection): void {
    if (this.#opens || this.#link === undefined) return stream.abort(new Error('the channel is opened by the lower key'))
    // The other side would not open a second one if it still had the first.
    this.#channel?.end(new WattnessError('CHANNEL_RESET', `${this.keyHex} opened the channel afresh`, { peer: this.keyHex }))
    this.#adopt(stream, connection)
  }

  #adopt(stream: Stream, connection: Connection): void {
    const { clock } = this.#init.platform
    const openedMs = clock.monotonicMs()
    const channel = new StreamChannel(this.key, this.keyHex, stream, this.#init.platform, (ended) => {
      if (this.#channel === ended) this.#channel = undefined
      if (clock.monotonicMs() - openedMs >= MAX_CHANNEL_RETRY_MS) this.#failures = 0
      this.#openLater()
    })
    this.#channel = channel
    this.#carrier = connection
    this.#init.onChosen(connection)
    this.#init.onChannel(channel)
  }

  #openLater(): void {
    if (!this.#opens || this.#link === undefined || this.#channel !== undefined || this.#retry !== undefined) return
    const { platform } = this.#init
    const waitMs = backoffMs(this.#failures++, CHANNEL_RETRY_MS, MAX_CHANNEL_RETRY_MS, platform.random)
    this.#retry = platform.timers.set(waitMs, () => {
      this.#retry = undefined
      this.#openChannel()
    })
  }

  #openChannel(): void {
    if (this.#opens && this.#channel === undefined && this.#retry === undefined && !this.#opening) void this.#open()
  }

  async #open(): Promise<void> {
    const { connection } = this
    if (connection === undefined) return
    this.#opening = true
    const limit = deadline(this.#init.platform.timers, DIAL_TIMEOUT_MS, () => new Error('the channel did not open in time'))
    try {
      const stream = await connection.newStream(SYNC_PROTOCOL, { signal: limit.signal, runOnLimitedConnection: true })
      if (this.#link === undefined || this.#channel !== undefined) stream.abort(new Error('no longer wanted'))
      else this.#adopt(stream, connection)
    } catch {
      // Not served yet, refused, or broken: tried again below.
    } finally {
      limit.clear()
      this.#opening = false
      if (this.#channel === undefined) this.#openLater()
    }
  }
}
