import type { LedgerEvent } from '../../schemas/index.ts'
import { AskError, type Asker } from './client.ts'
import { EventStreamParser } from './event-stream.ts'

export type LiveState =
  | { readonly type: 'connecting' }
  | { readonly type: 'live' }
  /** `code`: why; tried again at `againAtMs`. */
  | { readonly type: 'lost'; readonly sinceMs: number; readonly againAtMs: number; readonly code: string }

export interface LiveInit {
  readonly ask: Asker
  readonly now: () => number
  readonly after: (ms: number, run: () => void) => () => void
  readonly onEvent: (event: LedgerEvent) => void
  readonly onState: (state: LiveState) => void
}

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000
/** Servers send a comment now and then: silence for longer is a connection that is gone and did not say so. */
const SILENCE_MS = 90_000

/** What happens at the observer, as it happens; goes on after the last event heard when the connection comes back. */
export class Live {
  readonly #init: LiveInit
  readonly #ended = new AbortController()
  #lastId = ''
  #waitMs = FIRST_WAIT_MS
  #lostAtMs: number | undefined
  #callOff: () => void = () => undefined

  constructor(init: LiveInit) {
    this.#init = init
  }

  start(): void {
    this.#init.onState({ type: 'connecting' })
    void this.#run()
  }

  stop(): void {
    this.#ended.abort()
    this.#callOff()
  }

  /** Now, instead of when its turn comes: the reader asks, or the machine has woken up. */
  retry(): void {
    if (this.#lostAtMs === undefined) return
    this.#callOff()
    void this.#run()
  }

  async #run(): Promise<void> {
    const { ask, now, after, onState } = this.#init
    try {
      await this.#listen(ask)
      throw new AskError('OFFLINE', 'the stream of events ended')
    } catch (error) {
      if (this.#ended.signal.aborted) return
      this.#lostAtMs ??= now()
      const code = error instanceof AskError ? error.code : 'OFFLINE'
      onState({ type: 'lost', sinceMs: this.#lostAtMs, againAtMs: now() + this.#waitMs, code })
      this.#callOff = after(this.#waitMs, () => void this.#run())
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2)
    }
  }

  async #listen(ask: Asker): Promise<void> {
    const silent = new AbortController()
    const signal = AbortSignal.any([this.#ended.signal, silent.signal])
    const headers = { accept: 'text/event-stream', ...(this.#lastId === '' ? {} : { 'last-event-id': this.#lastId }) }
    const response = await ask.open('v1/events', headers, signal)
    const wasLost = this.#lostAtMs !== undefined
    this.#lostAtMs = undefined
    this.#waitMs = FIRST_WAIT_MS
    this.#init.onState({ type: 'live' })
    // Without an event to go on after, what came meanwhile is not known.
    if (wasLost && this.#lastId === '') this.#init.onEvent({ type: 'reset' })
    const parser = new EventStreamParser()
    parser.lastId = this.#lastId
    const decoder = new TextDecoder()
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (;;) {
      const callOff = this.#init.after(SILENCE_MS, () => silent.abort(new AskError('OFFLINE', 'silence')))
      const { done, value } = await reader.read().finally(callOff)
      if (done) return
      for (const { data } of parser.push(decoder.decode(value, { stream: true })))
        this.#init.onEvent(JSON.parse(data) as LedgerEvent)
      this.#lastId = parser.lastId
    }
  }
}
