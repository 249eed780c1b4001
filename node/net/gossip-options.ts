import { type GossipsubOpts, StrictNoSign } from '@chainsafe/libp2p-gossipsub'
import { MAX_GOSSIP_BYTES, SEEN_PAYLOAD_MS } from './limits.ts'

/** The versions gossipsub speaks, newest first; floodsub is off. */
export const gossipProtocols: ReadonlySet<string> = new Set(['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0'])

/** Rejects in quick succession that get a peer's gossip dropped unread (the ledger halves them every ten minutes). */
export const REJECTS_TO_GREYLIST = 8

const GREYLIST_SCORE = -80

/** Neighbours of a node's mesh unless configured: four carry a neighbourhood of 200 in four hops. */
export const DEFAULT_GOSSIP_DEGREE = 4

export interface GossipHooks {
  /** SHA-256 of a payload, a character a byte. */
  idOf(data: Uint8Array): string
  /** Rejects held against a peer. */
  penaltyOf(peer: string): number
}

/** Every setting that differs from gossipsub's default, with its reason. */
export function gossipOptions(degree: number, hooks: GossipHooks): Partial<GossipsubOpts> {
  const bytesOf = (id: string): Uint8Array => Buffer.from(id, 'latin1')
  return {
    // A payload carries its own signature; a second one is waste (measured: 91 µs a hop unsigned, 343 µs signed).
    globalSignaturePolicy: StrictNoSign,
    // The id is the payload's hash. Looking a duplicate up by it must come before decoding, hence the fast one. It is the
    // same hash: anything that a stranger could make collide would let him suppress other people's payloads.
    msgIdFn: ({ data }) => bytesOf(hooks.idOf(data)),
    fastMsgIdFn: ({ data }) => hooks.idOf(data ?? EMPTY),
    msgIdToStrFn: (id) => Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1'),
    // Nothing is passed on before its handler accepted it; who else sent it meanwhile is not sent it again.
    asyncValidation: true,
    awaitRpcHandler: false,
    D: degree,
    Dlo: Math.max(1, degree - 1),
    Dhi: degree + 2,
    Dscore: Math.max(1, Math.floor(degree / 2)),
    Dout: degree >= 4 ? 1 : 0,
    // Nobody is told ids of what went by (measured: a fifth of all bytes of a node of fifty, three times each id): what a mesh
    // loses sync repairs, a round of announcements later.
    Dlazy: 0,
    gossipFactor: 0,
    // Serialise once for all neighbours.
    batchPublish: true,
    floodPublish: false,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    // Peers are exchanged by sync, not by prunes, and links are kept by our dialer.
    doPX: false,
    tagMeshPeers: false,
    seenTTL: SEEN_PAYLOAD_MS,
    // "I don't want" costs a message to each neighbour: worth it only where it saves a larger one.
    idontwantMinDataSize: 4_096,
    // One answer to IWANT holds many payloads.
    maxInboundDataLength: 32 * MAX_GOSSIP_BYTES,
    // A neighbour that does not read loses its stream rather than our memory; Gossip.mend opens another.
    maxOutboundBufferSize: 8 * 1_048_576,
    // Sixty-four topics a peer.
    maxTopicBytesPerPeer: 65_536,
    runOnLimitedConnection: true,
    scoreParams: {
      // Rejects, from the ledger; nothing else gossip-specific is scored, so an ignore costs nothing.
      appSpecificScore: (peer) => -hooks.penaltyOf(peer),
      // The ledger forgets a little at every moment: half a reject of margin.
      appSpecificWeight: -GREYLIST_SCORE / (REJECTS_TO_GREYLIST - 0.5),
      // On by default it silences meshes of 16 and more peers behind one address, without any error.
      IPColocationFactorWeight: 0,
      // Promises that a loaded but honest neighbour breaks must not grey-list it: count from the seventh in a second.
      behaviourPenaltyWeight: -1,
      behaviourPenaltyThreshold: 6,
    },
    scoreThresholds: { gossipThreshold: -20, publishThreshold: -40, graylistThreshold: GREYLIST_SCORE },
  }
}

const EMPTY = new Uint8Array(0)
