import {
  type Admission,
  backoffMs,
  type Channel,
  type Direction,
  type Link,
  networkLimits,
  type Platform,
} from '../../node/index.ts'
import { compareBytes, WattnessError } from '../../protocol/index.ts'
import type { Entry } from '../time/agenda.ts'
import type { VirtualTime } from '../time/virtual-time.ts'
import { VirtualChannel } from './virtual-channel.ts'
import { Wire } from './wire.ts'

const { CHANNEL_RETRY_MS, MAX_CHANNEL_RETRY_MS } = networkLimits

export type TrafficKind = 'sync' | 'gossip' | 'requests'

/** What a connection needs of the node at each end. */
export interface Endpoint {
  readonly host: number
  readonly self: Uint8Array
  readonly selfHex: string
  readonly address: string
  readonly platform: Platform
  onLinked(connection: VirtualConnection): void
  onUnlinked(connection: VirtualConnection): void
  onChannel(channel: Channel): void
}

/** What a connection needs of the network. */
export interface Ground {
  readonly time: VirtualTime
  /** Whether a receiver has bytes of its own: false where it is known to change none of them. */
  readonly isCopying: boolean
  /** Time that a message of so many bytes takes, counted as sent. */
  travelMs(from: Endpoint, to: Endpoint, bytes: number, kind: TrafficKind): number
  /** Counts what travels with the message before it; time until it has left. */
  rideMs(from: Endpoint, to: Endpoint, bytes: number, kind: TrafficKind): number
  isCut(from: Endpoint, to: Endpoint): boolean
  /** A link on which nothing comes back is given up after this. */
  deadLinkMs(): number
}

export interface Side {
  readonly endpoint: Endpoint
  readonly direction: Direction
  readonly admission: Admission
  readonly out: Wire
  /** When something was sent last, and how long it took. */
  sentMs: number
  tookMs: number
  isOpen: boolean
  channel: VirtualChannel | undefined
}

/** Two nodes connected: a wire each way and at most one channel. */
export class VirtualConnection {
  readonly #ground: Ground
  readonly #sides: readonly [Side, Side]
  #dying: Entry | undefined
  #retry: Entry | undefined
  #failures = 0

  constructor(
    ground: Ground,
    dialler: { readonly endpoint: Endpoint; readonly admission: Admission },
    listener: { readonly endpoint: Endpoint; readonly admission: Admission },
  ) {
    this.#ground = ground
    const side = (each: typeof dialler, direction: Direction): Side => {
      const out = new Wire(ground.time, () => this.across(each.endpoint).isOpen)
      return { ...each, direction, out, sentMs: -1, tookMs: 0, isOpen: true, channel: undefined }
    }
    this.#sides = [side(dialler, 'outbound'), side(listener, 'inbound')]
  }

  sideOf(endpoint: Endpoint): Side {
    return this.#sides[0].endpoint === endpoint ? this.#sides[0] : this.#sides[1]
  }

  across(endpoint: Endpoint): Side {
    return this.#sides[0].endpoint === endpoint ? this.#sides[1] : this.#sides[0]
  }

  /** True where this side treats the other as a member. */
  isLink(endpoint: Endpoint): boolean {
    const { isOpen, admission } = this.sideOf(endpoint)
    return isOpen && admission === true
  }

  /** Both sides treat each other as members. */
  get isMutual(): boolean {
    return this.#sides.every(({ admission }) => admission === true)
  }

  linkFor(endpoint: Endpoint): Link {
    const { self, selfHex, address } = this.across(endpoint).endpoint
    return { key: self, keyHex: selfHex, address, direction: this.sideOf(endpoint).direction }
  }

  establish(): void {
    for (const { endpoint, admission } of this.#sides.toReversed()) if (admission === true) endpoint.onLinked(this)
    this.review()
    this.#openChannelIn(0)
  }

  send(from: Endpoint, bytes: number, kind: TrafficKind, deliver: () => void, extraMs = 0): void {
    const side = this.sideOf(from)
    const other = this.across(from)
    if (!side.isOpen) return
    const nowMs = this.#ground.time.elapsedMs
    // What is written to a socket at one moment travels together.
    if (kind === 'sync' && side.sentMs === nowMs) {
      side.tookMs = Math.max(side.tookMs, this.#ground.rideMs(from, other.endpoint, bytes, kind))
      return side.out.send(side.tookMs, deliver)
    }
    const travelMs = this.#ground.travelMs(from, other.endpoint, bytes, kind)
    if (kind === 'sync') {
      side.sentMs = nowMs
      side.tookMs = travelMs
    }
    if (extraMs === 0) return side.out.send(travelMs, deliver)
    // What is overtaken takes a way of its own.
    this.#ground.time.after(travelMs + extraMs, () => {
      if (other.isOpen) deliver()
    })
  }

  /** The ways between the two were blocked or freed: blocked, the link dies after a while, whichever way it is. */
  review(): void {
    const [one, two] = this.#sides
    let isBlocked = false
    for (const side of this.#sides) {
      const isCut = this.#ground.isCut(side.endpoint, this.across(side.endpoint).endpoint)
      side.out.block(isCut)
      isBlocked ||= isCut
    }
    if (isBlocked && (one.isOpen || two.isOpen)) this.#dieIn(this.#ground.deadLinkMs())
    else if (one.isOpen && two.isOpen) this.#live()
  }

  #dieIn(ms: number): void {
    this.#dying ??= this.#ground.time.after(ms, () => this.reset('nothing came back'))
  }

  #live(): void {
    if (this.#dying !== undefined) this.#ground.time.cancel(this.#dying)
    this.#dying = undefined
  }

  /** Ends this side now; the other learns it when what was under way has arrived. */
  close(from: Endpoint): void {
    const side = this.sideOf(from)
    const other = this.across(from)
    if (!side.isOpen) return
    const travelMs = this.#ground.travelMs(from, other.endpoint, 0, 'sync')
    this.#shut(side, undefined)
    side.out.send(travelMs, () => this.#shut(other, undefined))
    // The end may be lost on a way that is blocked.
    if (other.isOpen) this.review()
  }

  /** Ends both sides now, as a reset does. */
  reset(reason: string): void {
    for (const side of this.#sides) {
      this.#shut(side, new WattnessError('LINK_LOST', reason, { peer: this.across(side.endpoint).endpoint.selfHex }))
    }
  }

  /** One side's machine is gone without a word: the other goes on thinking that the link stands, until nothing comes back. */
  vanish(endpoint: Endpoint): void {
    const side = this.sideOf(endpoint)
    side.isOpen = false
    side.out.cut()
    side.channel = undefined
    this.#stopRetry()
    this.#dieIn(this.#ground.deadLinkMs())
  }

  #shut(side: Side, error: Error | undefined): void {
    if (!side.isOpen) return
    side.isOpen = false
    this.#stopRetry()
    side.channel?.end(error)
    side.channel = undefined
    side.endpoint.onUnlinked(this)
    if (this.#sides.some(({ isOpen }) => isOpen)) return
    this.#live()
    for (const { out } of this.#sides) out.cut()
  }

  #stopRetry(): void {
    if (this.#retry !== undefined) this.#ground.time.cancel(this.#retry)
    this.#retry = undefined
  }

  /** The lower key opens the channel, one message after the link stands. */
  #openChannelIn(waitMs: number): void {
    if (!this.isMutual || this.#retry !== undefined || !this.#sides.every(({ isOpen }) => isOpen)) return
    const [one, two] = this.#sides
    const opener = compareBytes(one.endpoint.self, two.endpoint.self) < 0 ? one : two
    this.#retry = this.#ground.time.after(waitMs, () => {
      this.#retry = undefined
      this.send(opener.endpoint, 0, 'sync', () => this.#openChannel())
    })
  }

  #openChannel(): void {
    if (!this.#sides.every(({ isOpen, channel }) => isOpen && channel === undefined)) return
    const openedMs = this.#ground.time.elapsedMs
    const channels = this.#sides.map((side) => this.#makeChannel(side, openedMs)) as [VirtualChannel, VirtualChannel]
    VirtualChannel.join(...channels)
    this.#sides.forEach((side, index) => {
      const channel = channels[index] as VirtualChannel
      if (side.isOpen && !channel.ended) side.endpoint.onChannel(channel)
    })
  }

  #makeChannel(side: Side, openedMs: number): VirtualChannel {
    const { self, selfHex } = this.across(side.endpoint).endpoint
    const channel = new VirtualChannel({
      peer: self,
      peerHex: selfHex,
      send: (bytes, deliver) => this.send(side.endpoint, bytes, 'sync', deliver),
      isCopying: this.#ground.isCopying,
      timers: side.endpoint.platform.timers,
      onEnd: () => {
        if (side.channel === channel) side.channel = undefined
        this.#onChannelEnd(side, openedMs)
      },
    })
    side.channel = channel
    return channel
  }

  /** Opens another once both ends are gone; a channel that held for a while starts the back-off afresh. */
  #onChannelEnd({ endpoint }: Side, openedMs: number): void {
    if (this.#sides.some(({ channel }) => channel !== undefined)) return
    if (this.#ground.time.elapsedMs - openedMs >= MAX_CHANNEL_RETRY_MS) this.#failures = 0
    this.#openChannelIn(backoffMs(this.#failures++, CHANNEL_RETRY_MS, MAX_CHANNEL_RETRY_MS, endpoint.platform.random))
  }
}
