import { dirname } from 'node:path'
import type { VerifySignature } from '../../protocol/index.ts'
import { type ArchiveProgress, type ArchiveReport, createArchive } from '../archive/index.ts'
import { type Platform, sleep } from '../platform.ts'
import type { LedgerView } from './status.ts'

export interface ArchiveOrder {
  /** Absolute. */
  readonly out: string
  readonly withPrivateKey: boolean
}

export type ArchiveLine = { readonly progress: ArchiveProgress } | { readonly report: ArchiveReport }

export interface ArchiveLinesInit {
  readonly platform: Platform
  readonly verify: VerifySignature
  /** DIR/control.sock */
  readonly socket: string
}

/** Often enough for a screen, and for the asker to know that it is being answered. */
const TELL_MS = 250

/** A running node archives its store as of one moment, while it goes on; nothing of it is left where nobody listens any more. */
export async function* archiveLines(view: LedgerView, init: ArchiveLinesInit, order: ArchiveOrder): AsyncGenerator<ArchiveLine> {
  const { platform, verify, socket } = init
  const { genesis, key, store } = view
  const gone = new AbortController()
  let progress: ArchiveProgress = { doing: 'checking', done: 0, of: 0 }
  let report: ArchiveReport | undefined
  const snapshot = store.view()
  const done = createArchive(snapshot, {
    directory: dirname(socket),
    ...order,
    genesis,
    verify,
    clock: platform.clock,
    ownKey: key,
    onProgress: (found) => {
      progress = found
    },
    turn: async () => {
      gone.signal.throwIfAborted()
      await platform.turn()
    },
  }).then((found) => {
    report = found
  })
  // Whoever listens is told by the last await; nobody is told twice.
  done.catch(() => undefined)
  try {
    while (report === undefined) {
      await Promise.race([done, sleep(platform.timers, TELL_MS, gone.signal)])
      if (report === undefined) yield { progress }
    }
    yield { report }
  } finally {
    gone.abort(new Error('nobody listens any more'))
    await done.catch(() => undefined)
    await snapshot.close()
  }
}
