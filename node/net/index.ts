export { backoffMs, randomFraction } from './backoff.ts'
export { BaseChannel } from './base-channel.ts'
export { Dialer, type DialerInit } from './dialer.ts'
export { DEFAULT_GOSSIP_DEGREE, REJECTS_TO_GREYLIST } from './gossip-options.ts'
export { createLibp2pNetwork, type Libp2pNetworkInit } from './libp2p.ts'
export type { Reach } from './libp2p-options.ts'
export * as networkLimits from './limits.ts'
export { TARGET_LINKS } from './limits.ts'
export { createMemoryHub, type GossipLoss, type MemoryHub, type MemoryHubInit } from './memory.ts'
export type {
  Admission,
  Channel,
  Direction,
  GossipHandler,
  GossipVerdict,
  Link,
  Network,
  NetworkHandlers,
  RequestHandler,
} from './network.ts'
export { RejectLedger } from './reject-ledger.ts'
export { RequestGate } from './request-gate.ts'
export { SeenPayloads } from './seen-payloads.ts'
export { addBounded } from './tables.ts'
export type { Traffic } from './traffic.ts'
