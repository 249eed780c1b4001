export { Dialer, type DialerInit } from './dialer.ts'
export { createLibp2pNetwork, type Libp2pNetworkInit } from './libp2p.ts'
export type { Reach } from './libp2p-options.ts'
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
