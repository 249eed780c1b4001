import { type Platform, sleep } from '../platform.ts'

/** What a running node says of a long piece of work: how far it is, and at the end what came of it. */
export type ProgressLine<Progress, Report> = { readonly progress: Progress } | { readonly report: Report }

export interface Work<Progress> {
  onProgress(progress: Progress): void
  /** To be awaited often: lets the node's own work go first, and throws where nobody listens any more. */
  turn(): Promise<void>
}

/** Often enough for a screen, and for the asker to know that it is being answered. */
const TELL_MS = 250

/** Ends the work where nobody listens any more, and only returns when it has ended. */
export async function* progressLines<Progress, Report>(
  platform: Platform,
  first: Progress,
  work: (tools: Work<Progress>) => Promise<Report>,
): AsyncGenerator<ProgressLine<Progress, Report>> {
  const gone = new AbortController()
  let progress = first
  let result: { readonly report: Report } | undefined
  const done = work({
    onProgress: (found) => {
      progress = found
    },
    turn: async () => {
      gone.signal.throwIfAborted()
      await platform.turn()
    },
  }).then((report) => {
    result = { report }
  })
  // Whoever listens is told by the last await; nobody is told twice.
  done.catch(() => undefined)
  try {
    while (result === undefined) {
      await Promise.race([done, sleep(platform.timers, TELL_MS, gone.signal)])
      if (result === undefined) yield { progress }
    }
    yield result
  } finally {
    gone.abort(new Error('nobody listens any more'))
    await done.catch(() => undefined)
  }
}
