import { MAX_FRAME_BYTES } from '../../protocol/limits.ts'

/** Every bound of this room, with its reason; both implementations keep them. */

/** Length prefix of a frame: 4 bytes, big-endian. */
export const FRAME_PREFIX_BYTES = 4

/**
 * Bytes handed to a stream at a time. With the muxer's header of 12 bytes a piece fills one Noise message (65,519 bytes of
 * plain text).
 */
export const PIECE_BYTES = 65_507

/** `send` says false from here on: enough to keep a fast link busy, and room for the frame that crosses the mark. */
export const CHANNEL_HIGH_WATER_BYTES = 1_048_576

/** `drained` resolves at or below this: half, so that a sender is not woken for every frame. */
export const CHANNEL_LOW_WATER_BYTES = 524_288

/** A sender that goes on after `false` loses the channel here: memory stays bounded whatever the rooms do. */
export const MAX_CHANNEL_QUEUE_BYTES = 8 * 1_048_576

/**
 * Bytes a receiver holds for a paused channel; the sender waits beyond it. One frame of the largest size must fit. (The
 * window of a stream starts at yamux' 256 KiB and grows up to this while the reader keeps up.)
 */
export const CHANNEL_WINDOW_BYTES = 2 * 1_048_576

/** Dial, handshake and multiplexer negotiation together. */
export const DIAL_TIMEOUT_MS = 10_000

/**
 * Links that a node seeks: enough that the loss of two leaves every node reachable. Others seek it too: in the mean it has nearly
 * twice as many, and each costs a frame both ways in each round.
 */
export const TARGET_LINKS = 4

/**
 * A node with links enough still changes one of them about this often, for one with a node that it is not linked with. After a
 * partition each part has links enough of its own, and nobody would ever look for the other part.
 */
export const STRAY_MS = 600_000

/** Pause after a failed dial, doubled for each failure in a row; peers are never given up. */
export const DIAL_RETRY_MS = 1_000
export const MAX_DIAL_RETRY_MS = 60_000

/** A link that ends sooner counts as a failed dial. */
export const STABLE_LINK_MS = 30_000

export const MAX_PARALLEL_DIALS = 8

/** Twice the members of the largest neighbourhood. */
export const MAX_KNOWN_ADDRESSES = 512

/** Addresses of one key: what a node listens on, and a few that it moved from. */
export const MAX_KEY_ADDRESSES = 4

/** A peer whose faults ended its session is left alone for this long. */
export const BAN_MS = 600_000
export const MAX_BANS = 512

/** A link on which nothing comes back for interval + time-out is dead: TCP alone would take minutes to say so. */
export const PING_INTERVAL_MS = 10_000
export const PING_TIMEOUT_MS = 10_000

/** A channel that fails is opened again after this, doubled for each failure in a row. */
export const CHANNEL_RETRY_MS = 500
export const MAX_CHANNEL_RETRY_MS = 60_000

/** A channel that closes has this long to hand over what it took; then it is cut. */
export const CHANNEL_CLOSE_MS = 10_000

/** Requests carry an invitation and a key: small. Responses may carry a genesis with addresses. */
export const MAX_REQUEST_BYTES = 65_536
export const MAX_RESPONSE_BYTES = 262_144
export const REQUEST_TIMEOUT_MS = 10_000

/** Requests in progress, of one protocol and of one peer: anyone may ask, so the cost must stay small. */
export const MAX_CONCURRENT_REQUESTS = 16
export const MAX_PEER_REQUESTS = 2

/** Connections without a link at one time; the next one is refused. */
export const MAX_GUESTS = 32

/** A guest's connection is cut after this, whatever it does. */
export const GUEST_MS = 30_000

/** A gossiped payload is one run, in practice one block; larger runs travel by sync. */
export const MAX_GOSSIP_BYTES = 131_072

/** Payload hashes remembered against duplicates. */
export const MAX_SEEN_PAYLOADS = 16_384
export const SEEN_PAYLOAD_MS = 120_000

/** Payloads of one topic that wait for their handler's verdict; more are ignored (sync repairs what is lost). */
export const MAX_PENDING_PAYLOADS = 1_024

/** Links of one node, guests aside. */
export const MAX_LINKS = 128

export const MAX_TOPICS = 16
export const MAX_PROTOCOLS = 16

function assertRelation(holds: boolean, relation: string): void {
  if (!holds) throw new Error(`node/net/limits.ts: ${relation} does not hold`)
}

assertRelation(CHANNEL_LOW_WATER_BYTES < CHANNEL_HIGH_WATER_BYTES, 'low water is below high water')
assertRelation(CHANNEL_HIGH_WATER_BYTES + MAX_FRAME_BYTES < MAX_CHANNEL_QUEUE_BYTES, 'a full queue takes one more frame')
assertRelation(MAX_FRAME_BYTES + FRAME_PREFIX_BYTES <= CHANNEL_WINDOW_BYTES, 'a window holds the largest frame')
