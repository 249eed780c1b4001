import type { Genesis, Signer, VerifySignature } from '../protocol/index.ts'
import type { Logger } from './logger.ts'
import type { Network } from './net/index.ts'
import type { Platform } from './platform.ts'
import type { NodeSettings } from './settings.ts'
import type { LedgerStore } from './store/index.ts'

/** Everything that a node is made of, each part replaceable. */
export interface NodeInit {
  readonly genesis: Genesis
  readonly signer: Signer
  readonly verify: VerifySignature
  readonly network: Network
  readonly store: LedgerStore
  readonly platform: Platform
  readonly logger: Logger
  readonly settings: NodeSettings
}
