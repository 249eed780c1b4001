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
