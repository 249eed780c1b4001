import type { LedgerEvent } from '../../schemas/index.ts'
import { AskError, type Asker } from './client.ts'

/** What is known of one answer. While it is asked for again, and where that fails, the one before stays. */
export interface Answer<T> {
  readonly state: 'loading' | 'ready' | 'failed'
  readonly data: T | undefined
  readonly error: AskError | undefined
}

/** Kept beyond those on the screen, so that a step back is shown at once. */
export const MAX_ANSWERS = 96

/** However many blocks arrive, a question is asked again no more often. */
export const REFRESH_MS = 1_500

const LOADING: Answer<never> = { state: 'loading', data: undefined, error: undefined }

interface Kept {
  answer: Answer<unknown>
  readonly listeners: Set<() => void>
  asking: AbortController | undefined
}

/** The observer's answers by path, asked for when somebody shows them, and again when an event says that they are old. */
export class Answers {
  readonly #ask: Asker
  readonly #after: (ms: number, run: () => void) => () => void
  /** In the order of last use. */
  readonly #kept = new Map<string, Kept>()
  #isDue: ((path: string) => boolean) | undefined

  constructor(ask: Asker, after: (ms: number, run: () => void) => () => void) {
    this.#ask = ask
    this.#after = after
  }

  peek<T>(path: string): Answer<T> {
    return (this.#kept.get(path)?.answer ?? LOADING) as Answer<T>
  }

  /** Calls `listener` at every change, until what it returns is called. Asks, where nothing is known or what is known failed. */
  watch(path: string, listener: () => void): () => void {
    const kept = this.#keptOf(path)
    kept.listeners.add(listener)
    if (kept.answer.state !== 'ready' && kept.asking === undefined) void this.load(path)
    return () => {
      kept.listeners.delete(listener)
      if (kept.listeners.size === 0) {
        kept.asking?.abort()
        kept.asking = undefined
      }
    }
  }

  get size(): number {
    return this.#kept.size
  }

  #keptOf(path: string): Kept {
    const kept = this.#kept.get(path) ?? { answer: LOADING, listeners: new Set(), asking: undefined }
    this.#kept.delete(path)
    this.#kept.set(path, kept)
    for (const [name, { listeners }] of this.#kept) {
      if (this.#kept.size <= MAX_ANSWERS) break
      if (listeners.size === 0 && name !== path) this.#kept.delete(name)
    }
    return kept
  }

  async load(path: string): Promise<void> {
    const kept = this.#keptOf(path)
    kept.asking?.abort()
    const asking = new AbortController()
    kept.asking = asking
    if (kept.answer.state === 'failed') this.#tell(kept, { ...kept.answer, state: 'loading' })
    try {
      const data = await this.#ask.json(path, asking.signal)
      if (asking.signal.aborted) return
      kept.asking = undefined
      this.#tell(kept, { state: 'ready', data, error: undefined })
    } catch (error) {
      if (asking.signal.aborted) return
      kept.asking = undefined
      const reason = error instanceof AskError ? error : new AskError('PAGE_FAULT', String(error))
      this.#tell(kept, { state: 'failed', data: kept.answer.data, error: reason })
    }
  }

  #tell(kept: Kept, answer: Answer<unknown>): void {
    kept.answer = answer
    for (const listener of [...kept.listeners]) listener()
  }

  /** Asks again for what is shown and `isOld`; forgets the rest of it. Several calls within REFRESH_MS become one. */
  refresh(isOld: (path: string) => boolean): void {
    const before = this.#isDue
    this.#isDue = before === undefined ? isOld : (path) => before(path) || isOld(path)
    if (before !== undefined) return
    this.#after(REFRESH_MS, () => {
      const isDue = this.#isDue ?? (() => false)
      this.#isDue = undefined
      for (const [path, { listeners }] of [...this.#kept]) {
        if (!isDue(path)) continue
        if (listeners.size > 0) void this.load(path)
        else this.#kept.delete(path)
      }
    })
  }
}

/** Which answers an event makes old. */
export function madeOldBy(event: LedgerEvent): (path: string) => boolean {
  switch (event.type) {
    case 'reset':
      return () => true
    case 'peer':
      return (path) => path === 'v1/peers' || path === 'v1/status'
    case 'evidence':
      return (path) => !path.startsWith('v1/blocks/')
    case 'block':
    case 'final': {
      const own = `v1/members/${event.index}`
      return (path) =>
        path === 'v1/members' ||
        path === 'v1/status' ||
        path.startsWith('v1/ledger') ||
        path === own ||
        path.startsWith(`${own}/`) ||
        path.startsWith('v1/blocks/')
    }
  }
}
