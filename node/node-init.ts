import type { Genesis, Signer, VerifySignature } from '../protocol/index.ts'
import type { Logger } from './logger.ts'
import type { Network } from './net/index.ts'
import type { Platform } from './platform.ts'
import type { NodeSettings } from './settings.ts'
import type { LedgerStore } from './store/index.ts'
import type { RunCheck } from './validate/index.ts'

/** Everything that a node is made of, each part replaceable. */
export interface NodeInit {
  readonly genesis: Genesis
  readonly signer: Signer
  readonly verify: VerifySignature
  /** Of blocks, in the place of the door's own check: for many nodes of one process, which may share its answers. */
  readonly checkRun?: RunCheck | undefined
  readonly network: Network
  readonly store: LedgerStore
  readonly platform: Platform
  readonly logger: Logger
  readonly settings: NodeSettings
}
