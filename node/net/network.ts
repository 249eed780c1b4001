/**
 * The network as every other room sees it. Two implementations keep the same contract suite (test/net/contract.ts):
 * libp2p over sockets, and memory on injected timers. Keys are raw Ed25519 (32 bytes); addresses are multiaddrs as text.
 */

import type { Traffic } from './traffic.ts'

export type Direction = 'inbound' | 'outbound'

/** A live, admitted connection to one peer. There is at most one link per key, however many sockets carry it. */
export interface Link {
  readonly key: Uint8Array
  readonly keyHex: string
  /** Where the peer was reached, or came from: an inbound one need not be an address that can be dialled. */
  readonly address: string
  readonly direction: Direction
}

/**
 * Ordered, reliable frames between two linked peers on one long-lived stream. A frame is 0 to MAX_FRAME_BYTES bytes.
 * Frames sent in one turn of the event loop share one write.
 */
export interface Channel {
  readonly peer: Uint8Array
  readonly peerHex: string
  /**
   * Takes the frame (its bytes must not be changed afterwards) and says whether there is room for another: after `false`
   * await `drained()`. Never blocks. After the end of the channel the frame is dropped and the answer is `false`. Throws
   * FRAME_TOO_LARGE above MAX_FRAME_BYTES. A sender that ignores `false` beyond MAX_CHANNEL_QUEUE_BYTES loses the
   * channel with CHANNEL_OVERFLOW.
   */
  send(frame: Uint8Array): boolean
  /** Resolves once there is room; rejects with CHANNEL_CLOSED when the channel has ended or ends first. */
  drained(): Promise<void>
  /** Bytes taken by `send` that still wait on this side. */
  readonly queuedBytes: number
  /**
   * Called for each frame, whose bytes belong to the receiver. Frames wait, under back-pressure, until it is assigned.
   * It must not throw: the channel ends with what it throws.
   */
  onFrame: (frame: Uint8Array) => void
  /**
   * Called once when the channel has ended, at either side's wish (no error) or by a fault. FRAME_TOO_LARGE and
   * FRAME_TRUNCATED as codes blame the peer. Assigned after the end, it is called at once.
   */
  onClose: (error?: Error) => void
  /** Until `resume` no frame is delivered and, once a bounded window is full, the sender waits. */
  pause(): void
  resume(): void
  /** Ends the channel once the frames taken so far are handed over; further frames of the peer are dropped. */
  close(): void
}

/** What a topic's handler makes of a payload: pass it on, drop it, or drop it at the sender's cost. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject'

/** Resolves to the verdict; a throw counts as 'ignore'. `from` is the neighbour that passed the payload on. */
export type GossipHandler = (payload: Uint8Array, from: Uint8Array) => Promise<GossipVerdict>

/** Answers one request. A throw reaches the requester as REQUEST_FAILED, without its text. */
export type RequestHandler = (request: Uint8Array, from: Uint8Array) => Promise<Uint8Array>

/**
 * `true`: linked, with channel and gossip. `'guest'`: may only use `serve`d protocols; there is no link, no channel and no
 * gossip (a stranger that asks to join must not overhear the neighbourhood). `false`: cut before any stream opens.
 */
export type Admission = boolean | 'guest'

export interface NetworkHandlers {
  /** Asked after the peer proved its key and before any stream. Asked again, for both ends, at each new connection. */
  admits(key: Uint8Array, direction: Direction): Admission
  onLink(link: Link): void
  onUnlink(key: Uint8Array): void
  /**
   * One channel per link at a time, after its `onLink`; opened by the side with the lower key, whoever dialled, and opened
   * again with back-off while the link lives.
   */
  onChannel(channel: Channel): void
}

export interface Network {
  /** This node's key. */
  readonly self: Uint8Array
  /** Listens. Once only. */
  start(handlers: NetworkHandlers): Promise<void>
  /** Ends all links; each is reported by `onUnlink`. */
  stop(): Promise<void>
  /** Own addresses with real ports and with the key, as others may dial them. Empty before `start`. */
  addresses(): string[]
  /** The key that an address names; undefined where it names none or is no address. */
  keyOf(address: string): Uint8Array | undefined
  links(): Link[]
  /** What went over all sockets so far, those of ended connections too; absent where there are none. */
  traffic?(): Traffic
  /**
   * Resolves once the peer is linked (or already was); as a guest, once connected. Rejects with ADDRESS_INVALID, DIAL_SELF,
   * NOT_ADMITTED (by this side), DIAL_FAILED (all else, the other side's refusal too), NETWORK_STOPPED.
   */
  dial(address: string, signal?: AbortSignal): Promise<void>
  /** Ends the link, if there is one. */
  hangUp(key: Uint8Array): Promise<void>
  /** One handler per topic; TOPIC_TAKEN for a second. Allowed before `start`. */
  joinTopic(topic: string, handler: GossipHandler): void
  leaveTopic(topic: string): void
  /**
   * Resolves to the number of peers it was handed to: none is not an error. A payload published or seen before is sent to
   * nobody. Throws PAYLOAD_TOO_LARGE above MAX_GOSSIP_BYTES.
   */
  publish(topic: string, payload: Uint8Array): Promise<number>
  /** Keys, in hex, of the peers that this node passes the topic's payloads on to: full ones may refuse it. */
  meshPeers(topic: string): ReadonlySet<string>
  /** One-shot requests, bounded in size, time and number (limits.ts). Allowed before `start`; PROTOCOL_TAKEN for a second. */
  serve(protocol: string, handler: RequestHandler): void
  /**
   * Asks whoever is at `address`, over its link where there is one, else over a connection of its own. Rejects as `dial`
   * does, and with REQUEST_TOO_LARGE, RESPONSE_TOO_LARGE, REQUEST_TIMEOUT, REQUEST_FAILED (refused, busy or broken off).
   */
  request(address: string, protocol: string, request: Uint8Array, signal?: AbortSignal): Promise<Uint8Array>
}
