import { compareBytes } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Clock, Random, Timer, Timers } from '../platform.ts'
import { backoffMs } from './backoff.ts'
import { CHANNEL_RETRY_MS, MAX_CHANNEL_RETRY_MS } from './limits.ts'
import { MemoryChannel, type Post } from './memory-channel.ts'
import type { Admission, Channel, Direction, Link } from './network.ts'

/** What a connection needs of the hub. */
export interface Medium {
  readonly timers: Timers
  readonly clock: Clock
  readonly random: Random
  latencyMs(): number
}

/** What a connection needs of the node at each end. */
export interface Endpoint {
  readonly self: Uint8Array
  readonly selfHex: string
  linked(link: Link): void
  unlinked(connection: MemoryConnection): void
  channelOpened(channel: Channel): void
}

/** One direction: things arrive in order, each after the latency; while it is cut they wait, as TCP's do. */
class Pipe {
  readonly #medium: Medium
  #waiting: { readonly dueMs: number; readonly deliver: () => void }[] = []
  #at = 0
  #timer: Timer | undefined
  #stalled = false

  constructor(medium: Medium) {
    this.#medium = medium
  }

  post(deliver: () => void): void {
    this.#waiting.push({ dueMs: this.#medium.clock.monotonicMs() + this.#medium.latencyMs(), deliver })
    this.#arm()
  }

  stall(stalled: boolean): void {
    this.#stalled = stalled
    if (!stalled) this.#arm()
  }

  drop(): void {
    this.#waiting = []
    this.#at = 0
    if (this.#timer !== undefined) this.#medium.timers.clear(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    const next = this.#waiting[this.#at]
    if (next === undefined || this.#timer !== undefined || this.#stalled) return
    this.#timer = this.#medium.timers.set(Math.max(0, next.dueMs - this.#medium.clock.monotonicMs()), () => this.#run())
  }

  #run(): void {
    this.#timer = undefined
    const nowMs = this.#medium.clock.monotonicMs()
    for (
      let next = this.#waiting[this.#at];
      next !== undefined && next.dueMs <= nowMs && !this.#stalled;
      next = this.#waiting[this.#at]
    ) {
      this.#at++
      next.deliver()
    }
    if (this.#at >= this.#waiting.length) {
      this.#waiting = []
      this.#at = 0
    } else if (this.#at > 1_024) {
      this.#waiting = this.#waiting.slice(this.#at)
      this.#at = 0
    }
    this.#arm()
  }
}

export interface Side {
  readonly endpoint: Endpoint
  readonly direction: Direction
  readonly admission: Admission
  readonly out: Pipe
  open: boolean
  channel: MemoryChannel | undefined
}

/** Two nodes connected in memory: a pipe each way and at most one channel. */
export class MemoryConnection {
  readonly #medium: Medium
  readonly #sides: readonly [Side, Side]
  readonly #onGone: (connection: MemoryConnection) => void
  #retry: Timer | undefined
  #failures = 0

  constructor(
    medium: Medium,
    dialler: { endpoint: Endpoint; admission: Admission },
    listener: { endpoint: Endpoint; admission: Admission },
    onGone: (connection: MemoryConnection) => void,
  ) {
    this.#medium = medium
    this.#onGone = onGone
    this.#sides = [
      { ...dialler, direction: 'outbound', out: new Pipe(medium), open: true, channel: undefined },
      { ...listener, direction: 'inbound', out: new Pipe(medium), open: true, channel: undefined },
    ]
  }

  /** The side of a key, and the one across. */
  sideOf(endpoint: Endpoint): Side {
    return this.#sides[0].endpoint === endpoint ? this.#sides[0] : this.#sides[1]
  }

  across(endpoint: Endpoint): Side {
    return this.#sides[0].endpoint === endpoint ? this.#sides[1] : this.#sides[0]
  }

  /** True where this side treats the other as a member. */
  isLink(endpoint: Endpoint): boolean {
    const side = this.sideOf(endpoint)
    return side.open && side.admission === true
  }

  /** True while the two sides can talk as members. */
  get carriesGossip(): boolean {
    return this.#sides.every((side) => side.open && side.admission === true)
  }

  linkFor(endpoint: Endpoint): Link {
    const other = this.across(endpoint).endpoint
    const direction = this.sideOf(endpoint).direction
    return { key: other.self, keyHex: other.selfHex, address: `/memory/${other.selfHex}`, direction }
  }

  /** Reports the link to both sides and opens the channel. */
  establish(): void {
    for (const side of [this.#sides[1], this.#sides[0]]) {
      if (side.admission === true && side.open) side.endpoint.linked(this.linkFor(side.endpoint))
    }
    this.#scheduleChannel(0)
  }

  post(from: Endpoint, deliver: () => void): void {
    const side = this.sideOf(from)
    const other = this.across(from)
    if (side.open) side.out.post(() => other.open && deliver())
  }

  stall(stalled: boolean): void {
    for (const side of this.#sides) side.out.stall(stalled)
  }

  /** Ends this side now; the other learns it when what was under way has arrived. */
  close(from: Endpoint): void {
    const side = this.sideOf(from)
    const other = this.across(from)
    if (!side.open) return
    const { out } = side
    this.#shut(side, undefined)
    out.post(() => this.#shut(other, undefined))
  }

  /** Ends both sides now, as a reset does. */
  reset(reason: string): void {
    for (const side of this.#sides) {
      this.#shut(side, new WattnessError('LINK_LOST', reason, { peer: this.across(side.endpoint).endpoint.selfHex }))
    }
  }

  #shut(side: Side, error: Error | undefined): void {
    if (!side.open) return
    side.open = false
    if (this.#retry !== undefined) this.#medium.timers.clear(this.#retry)
    this.#retry = undefined
    side.channel?.end(error)
    side.channel = undefined
    side.endpoint.unlinked(this)
    if (this.#sides.some(({ open }) => open)) return
    for (const { out } of this.#sides) out.drop()
    this.#onGone(this)
  }

  /** The lower key opens the channel, one message after the link stands. */
  #scheduleChannel(waitMs: number): void {
    if (!this.carriesGossip || this.#retry !== undefined) return
    const [one, two] = this.#sides
    const opener = compareBytes(one.endpoint.self, two.endpoint.self) < 0 ? one : two
    const open = (): void => {
      this.#retry = undefined
      this.post(opener.endpoint, () => this.#openChannel())
    }
    if (waitMs === 0) open()
    else this.#retry = this.#medium.timers.set(waitMs, open)
  }

  #openChannel(): void {
    if (!this.carriesGossip || this.#sides.some(({ channel }) => channel !== undefined)) return
    const openedMs = this.#medium.clock.monotonicMs()
    const ends = this.#sides.map((side) => {
      const { self, selfHex } = this.across(side.endpoint).endpoint
      const post: Post = (deliver) => this.post(side.endpoint, deliver)
      const channel = new MemoryChannel(self, selfHex, post, this.#medium.timers, () => {
        if (side.channel === channel) side.channel = undefined
        this.#channelEnded(openedMs)
      })
      side.channel = channel
      return channel
    }) as [MemoryChannel, MemoryChannel]
    MemoryChannel.pair(ends[0], ends[1])
    this.#sides.forEach((side, index) => {
      const channel = ends[index] as MemoryChannel
      if (side.open && !channel.ended) side.endpoint.channelOpened(channel)
    })
  }

  /** Opens another once both ends are gone; a channel that held for a while starts the back-off afresh. */
  #channelEnded(openedMs: number): void {
    if (this.#sides.some(({ channel }) => channel !== undefined)) return
    if (this.#medium.clock.monotonicMs() - openedMs >= MAX_CHANNEL_RETRY_MS) this.#failures = 0
    this.#scheduleChannel(backoffMs(this.#failures++, CHANNEL_RETRY_MS, MAX_CHANNEL_RETRY_MS, this.#medium.random))
  }
}
