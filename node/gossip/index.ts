/** The room of gossip: topics of blocks and of evidence. */
export {
  AUTO_MAX_BLOCKS_PER_SECOND,
  AUTO_MAX_MEMBERS,
  type GossipMode,
  gossipsAttestations,
  gossipsBlocks,
  passingHoldMs,
} from './auto.ts'
export { Gossip, type GossipInit, LINGER_MS, MAX_GOSSIP_BLOCKS, MAX_PAYLOAD_BYTES, toPayloads } from './gossip.ts'
export { type Topics, topicsOf } from './topics.ts'
