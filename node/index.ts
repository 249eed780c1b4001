/**
 * The library's door. `openNode` runs the node of a directory on the real network; `createNode` makes one of parts that are
 * all replaceable: network, store, clock, timers, randomness, logger.
 *
 *     const { node, start, close } = await openNode({ dir: 'meter-01' })
 *     node.on('stored', ({ member, from, count }) => console.log(member, from, count))
 *     await start()
 *     await node.take([{ source: 'my meter', reading }])
 *     await close()
 */

import { silentLogger } from './logger.ts'
import { LedgerNode } from './node.ts'
import type { NodeInit } from './node-init.ts'
import { systemPlatform } from './platform.ts'
import { DEFAULT_SETTINGS, type NodeSettings } from './settings.ts'
import { verifySignature } from './signature.ts'

/** What has no default: a network's genesis, a key, and where blocks are kept and told. */
export interface CreateNodeInit
  extends Pick<NodeInit, 'genesis' | 'signer' | 'network' | 'store'>,
    Partial<Pick<NodeInit, 'verify' | 'checkRun' | 'platform' | 'logger'>> {
  readonly settings?: Partial<NodeSettings>
}

/** A node that is not started; its store and its network are the caller's, and the store is the caller's to close. */
export function createNode(init: CreateNodeInit): Promise<LedgerNode> {
  const { settings, ...parts } = init
  return LedgerNode.create({
    verify: verifySignature,
    platform: systemPlatform,
    logger: silentLogger,
    ...parts,
    settings: { ...DEFAULT_SETTINGS, ...settings },
  })
}

export { type HouseholdOptions, householdReadings, openDataDir, openSource, Replay } from './collect/index.ts'
export { formatDuration, parseDuration } from './config/index.ts'
export type { NodeEventName, NodeEvents } from './events.ts'
export { type GossipMode, topicsOf } from './gossip/index.ts'
export { type Logger, silentLogger } from './logger.ts'
export {
  type Admission,
  addBounded,
  BaseChannel,
  backoffMs,
  type Channel,
  createLibp2pNetwork,
  createMemoryHub,
  DEFAULT_GOSSIP_DEGREE,
  type Direction,
  type GossipHandler,
  type GossipLoss,
  type GossipVerdict,
  type Libp2pNetworkInit,
  type Link,
  type MemoryHub,
  type MemoryHubInit,
  type Network,
  type NetworkHandlers,
  networkLimits,
  REJECTS_TO_GREYLIST,
  type Reach,
  RejectLedger,
  RequestGate,
  type RequestHandler,
  randomFraction,
  SeenPayloads,
} from './net/index.ts'
export { LedgerNode } from './node.ts'
export type { NodeInit } from './node-init.ts'
export {
  DEFAULT_LISTEN,
  type OpenedNode,
  type OpenedStore,
  type OpenNodeInit,
  type OpenStoreInit,
  openNode,
  openStore,
} from './open-node.ts'
export {
  type Clock,
  type Platform,
  type Random,
  sleep,
  systemEnvironment,
  systemPlatform,
  type Timer,
  type Timers,
} from './platform.ts'
export { phaseOf, type Sealed, SealGate } from './seal/index.ts'
export { announceDelayOf, attestDelayOf, crossCheckOf, DEFAULT_SETTINGS, type NodeSettings } from './settings.ts'
export { createSigner, generateSeed, useNativeHash, verifySignature } from './signature.ts'
export {
  type Appended,
  type Kv,
  type KvBatchOptions,
  type KvEntry,
  type KvOperation,
  type KvRange,
  type KvView,
  LedgerStore,
  type LedgerStoreInit,
  openLevelKv,
  openMemoryKv,
  type SpoolItem,
  type StoredBlock,
} from './store/index.ts'
export type { Agreement, Fault } from './sync/index.ts'
export { type CheckedRun, checkRun, type RunCheck, type StoredRun } from './validate/index.ts'
