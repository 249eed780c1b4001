import type { VerifySignature } from '../../protocol/index.ts'
import { type Progress, type VerifyReport, verifyOpenStore } from '../audit/index.ts'
import { type Platform, sleep } from '../platform.ts'
import type { LedgerView } from './status.ts'

/** What a running node says while it checks its own store: how far it is, and at the end what it found. */
export type VerifyLine = { readonly progress: Progress } | { readonly report: VerifyReport }

export interface VerifyLinesInit {
  readonly platform: Platform
  readonly verify: VerifySignature
  readonly allSignatures: boolean
}

/** Often enough for a screen, and for the asker to know that it is being answered. */
const TELL_MS = 250

/** Ends the audit where nobody listens any more. */
export async function* verifyLines(view: LedgerView, init: VerifyLinesInit): AsyncGenerator<VerifyLine> {
  const { platform, verify, allSignatures } = init
  const { genesis, key, store } = view
  const gone = new AbortController()
  let progress: Progress = { blocks: 0, ofBlocks: 0 }
  let report: VerifyReport | undefined
  const done = verifyOpenStore({
    store,
    genesis,
    verify,
    ownKey: key,
    allSignatures,
    clock: platform.clock,
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
  }
}
