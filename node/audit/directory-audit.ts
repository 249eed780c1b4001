import { availableParallelism } from 'node:os'
import type { Genesis, VerifySignature } from '../../protocol/index.ts'
import type { Clock } from '../platform.ts'
import { inspectStore, type LedgerStore } from '../store/index.ts'
import { type Crew, startCrew } from './crew.ts'
import { auditLedger, type LedgerAudit, type Progress } from './ledger-audit.ts'
import { reportOf, type VerifyReport } from './report.ts'

/** A thread more for so many blocks: a second of work (measured: 5.5 µs a block), where loading it costs 0.3 s. */
const BLOCKS_A_THREAD = 200_000

export interface VerifyInit {
  readonly genesis: Genesis
  readonly verify: VerifySignature
  readonly clock: Clock
  /** This node's own key, where the directory has one that can be read. */
  readonly ownKey?: Uint8Array | undefined
  readonly allSignatures?: boolean
  readonly onProgress?: (progress: Progress) => void
  /** Awaited between batches: lets whoever else lives in this process go on, or throws to end the audit. */
  readonly turn?: () => Promise<void>
}

export interface VerifyDirectoryInit extends VerifyInit {
  readonly directory: string
  /** Threads besides this one at most; as many as there are cores unless given. */
  readonly threads?: number
}

/**
 * Checks everything in the store of a directory where no node runs: files first, then the ledger from genesis on. A damaged
 * store is left as it is and read from a copy. Throws STORE_LOCKED, STORE_NEWER, STORE_OTHER_NETWORK.
 */
export async function verifyDirectory(init: VerifyDirectoryInit): Promise<VerifyReport> {
  const { clock, directory, genesis, allSignatures = false } = init
  const startMs = clock.monotonicMs()
  const inspection = await inspectStore(directory)
  try {
    const { kv, location, files } = inspection
    const hire = (blocks: number): Crew | undefined => {
      const threads = Math.min(init.threads ?? availableParallelism() - 1, Math.floor(blocks / BLOCKS_A_THREAD))
      if (location === undefined || threads < 1) return undefined
      return startCrew(threads, { location, genesisBytes: genesis.bytes, allSignatures })
    }
    let audit: LedgerAudit | undefined
    if (kv !== undefined) audit = await auditLedger({ ...init, kv, hire })
    return reportOf(files, audit, clock.monotonicMs() - startMs)
  } finally {
    await inspection.close()
  }
}

export interface VerifyOpenInit extends VerifyInit {
  readonly store: LedgerStore
}

/** The same for the store of a running node, as of one moment, on this thread and between everything else. */
export async function verifyOpenStore(init: VerifyOpenInit): Promise<VerifyReport> {
  const startMs = init.clock.monotonicMs()
  const view = init.store.view()
  try {
    const audit = await auditLedger({ ...init, kv: view, lanes: 1 })
    return reportOf(undefined, audit, init.clock.monotonicMs() - startMs)
  } finally {
    await view.close()
  }
}
