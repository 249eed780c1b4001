import type { GossipSub, GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Libp2pOptions, ServiceFactoryMap } from 'libp2p'
import { loadPart } from '../part.ts'
import { CHANNEL_WINDOW_BYTES, DIAL_TIMEOUT_MS, MAX_GUESTS, MAX_LINKS, PING_TIMEOUT_MS } from './limits.ts'
import { packedNoise } from './packed-noise.ts'
import { quietLogger } from './quiet-logger.ts'
import type { SocketTally } from './traffic.ts'

/** How a node takes part in the network beyond plain TCP. All off unless asked for. */
export interface Reach {
  /** Finds and announces nodes on the local network. */
  readonly mdns?: boolean
  /** Names what mDNS finds, so that two networks in one house do not meet. */
  readonly mdnsTag?: string
  /** Dials through relays, and punches through address translators where it can. */
  readonly relay?: boolean
  /** Relays for others. */
  readonly relayServer?: boolean
}

/** libp2p's own limits that stand in the way of a neighbourhood, and what they are raised to. */
const RAISED = {
  // Default 5 a second and host: parallel dials of one house, or one test machine, are reset.
  inboundConnectionThreshold: 1_000,
  // Default 10: a neighbourhood that comes back after a power cut dials at once.
  maxIncomingPendingConnections: 256,
  // Above what the gater lets in: libp2p closes links of its own choice when it has too many. Twice, since two nodes that
  // dial each other at once have two connections for a moment.
  maxConnections: 2 * (MAX_LINKS + MAX_GUESTS),
  // The dialer bounds its own dials below this.
  maxParallelDials: 32,
  // Default 6 s, which would cut a slow link's dial before its own time is up.
  addressDialTimeout: DIAL_TIMEOUT_MS,
  // Links are kept by our dialer, which knows who is wanted.
  reconnectRetries: 0,
} as const

/** Streams of one connection: a channel, gossip both ways, pings, requests, identify, each with room to be replaced. */
const MAX_STREAMS = 64

const ANY_RELAY = '/p2p-circuit'

/** Buffered for a paused stream before it is reset: a full window and what may be on its way when it is granted. */
const MAX_READ_BUFFER_BYTES = 2 * CHANNEL_WINDOW_BYTES

/** What few nodes use of libp2p is loaded where it is asked for. Throws PART_NOT_LOADED. */
export async function libp2pOptions(
  privateKey: PrivateKey,
  listen: readonly string[],
  announce: readonly string[],
  gater: ConnectionGater,
  gossip: (components: GossipSubComponents) => GossipSub,
  reach: Reach,
  tally: SocketTally,
): Promise<Libp2pOptions> {
  const { relay, dcutr, mdns } = await partsOf(reach)
  const services: ServiceFactoryMap = {
    identify: identify(),
    ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8, timeout: PING_TIMEOUT_MS }),
    gossip,
  }
  if (dcutr !== undefined) services['dcutr'] = dcutr.dcutr()
  // Only members get past the gater: no need to cut them off after two minutes or 128 KiB.
  if (reach.relayServer && relay !== undefined)
    services['relay'] = relay.circuitRelayServer({ reservations: { applyDefaultLimit: false, maxReservations: MAX_LINKS } })
  return {
    privateKey,
    start: false,
    logger: quietLogger,
    nodeInfo: { name: 'wattness', version: '1', userAgent: 'wattness' },
    // A relay is asked for room only by who listens through relays: whoever may use them does, at any that has room.
    addresses: { listen: reach.relay ? [...new Set([...listen, ANY_RELAY])] : [...listen], announce: [...announce] },
    // Sockets are given up by our own pings, not for being quiet.
    transports: [
      tcp({ inboundSocketInactivityTimeout: 0, outboundSocketInactivityTimeout: 0 }),
      ...(reach.relay && relay !== undefined ? [relay.circuitRelayTransport()] : []),
    ],
    connectionEncrypters: [packedNoise(tally)],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_STREAMS,
        maxOutboundStreams: MAX_STREAMS,
        // Measures the round trip that the growth of windows goes by.
        enableKeepAlive: true,
        streamOptions: {
          maxStreamWindowSize: CHANNEL_WINDOW_BYTES,
          maxReadBufferLength: MAX_READ_BUFFER_BYTES,
        },
      }),
    ],
    peerDiscovery: mdns === undefined ? [] : [mdns.mdns(reach.mdnsTag === undefined ? {} : { serviceTag: reach.mdnsTag })],
    connectionGater: gater,
    connectionManager: { ...RAISED, dialTimeout: DIAL_TIMEOUT_MS },
    connectionMonitor: { enabled: false },
    services,
  }
}

/** What `reach` asks for, each undefined where it does not. */
async function partsOf({ relay, relayServer, mdns }: Reach) {
  return {
    relay: relay || relayServer ? await loadPart('the circuit relay', () => import('@libp2p/circuit-relay-v2')) : undefined,
    dcutr: relay ? await loadPart('hole punching', () => import('@libp2p/dcutr')) : undefined,
    mdns: mdns ? await loadPart('mDNS', () => import('@libp2p/mdns')) : undefined,
  }
}
