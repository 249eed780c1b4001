import { dirname } from 'node:path'
import type { VerifySignature } from '../../protocol/index.ts'
import { type ArchiveProgress, type ArchiveReport, createArchive } from '../archive/index.ts'
import type { Platform } from '../platform.ts'
import { type ProgressLine, progressLines } from './progress-lines.ts'
import type { LedgerView } from './status.ts'

export interface ArchiveOrder {
  /** Absolute. */
  readonly out: string
  readonly withPrivateKey: boolean
}

export type ArchiveLine = ProgressLine<ArchiveProgress, ArchiveReport>

export interface ArchiveLinesInit {
  readonly platform: Platform
  readonly verify: VerifySignature
  /** DIR/control.sock */
  readonly socket: string
}

/** A running node archives its store as of one moment, while it goes on; nothing of it is left where nobody listens any more. */
export async function* archiveLines(view: LedgerView, init: ArchiveLinesInit, order: ArchiveOrder): AsyncGenerator<ArchiveLine> {
  const { platform, verify, socket } = init
  const { genesis, key, store } = view
  const { clock } = platform
  const snapshot = store.view()
  try {
    yield* progressLines<ArchiveProgress, ArchiveReport>(platform, { doing: 'checking', done: 0, of: 0 }, (work) =>
      createArchive(snapshot, { directory: dirname(socket), ...order, genesis, verify, clock, ownKey: key, ...work }),
    )
  } finally {
    await snapshot.close()
  }
}
