import { WattnessError } from '../../protocol/errors.ts'
import type { Kv, KvOperation } from './kv.ts'

/** Writes that may wait behind the one in flight; whoever writes awaits, so this is the number of writers at most. */
const MAX_WAITING = 1_024

/**
 * Turns of the microtask queue given to those whose write has just resolved, before the next one starts: who goes on
 * writing at once joins it instead of waiting for one more sync (measured: without it no block ever shared a sync with the
 * readings taken meanwhile).
 */
const GATHER_HOPS = 24

interface Waiting {
  readonly operations: readonly KvOperation[]
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * The one way into the kv. One batch is in flight; what comes meanwhile gathers and goes in the next one, so that all who
 * wait for the disk share one wait. When a batch fails, nobody knows whether it is stored: everything that waits is refused
 * too, and before the next write `ready` settles the kv and has every part of the store read its memory anew.
 */
export class StoreWriter {
  readonly #kv: Kv
  readonly #reloads: (() => Promise<void>)[] = []
  #waiting: Waiting[] = []
  #inFlight: Promise<void> | undefined
  #unsettled = false
  #settling: Promise<void> | undefined
  #bytesWritten = 0

  constructor(kv: Kv) {
    this.#kv = kv
  }

  /** Bytes of keys and values handed over since the store was opened. */
  get bytesWritten(): number {
    return this.#bytesWritten
  }

  /** True after a failed write, until `ready` has resolved. */
  get unsettled(): boolean {
    return this.#unsettled
  }

  /** `reload` is called whenever memory may differ from what is stored. */
  onSettled(reload: () => Promise<void>): void {
    this.#reloads.push(reload)
  }

  /** Resolves when memory and disk agree: await it before making operations from what memory says. Throws DISK_FULL. */
  ready(): Promise<void> {
    if (!this.#unsettled) return Promise.resolve()
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = undefined
    })
    return this.#settling
  }

  async #settle(): Promise<void> {
    await this.#inFlight
    await this.#kv.recover()
    for (const reload of this.#reloads) await reload()
    this.#unsettled = false
  }

  /** All or nothing; with `sync` on the disk when it resolves. */
  write(operations: readonly KvOperation[], sync: boolean): Promise<void> {
    if (this.#unsettled) {
      return Promise.reject(new WattnessError('STORE_UNSETTLED', 'an earlier write failed and the store was not settled yet'))
    }
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new WattnessError('STORE_BUSY', `${MAX_WAITING} writes are waiting`, { waiting: MAX_WAITING }))
    }
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ operations, sync, resolve, reject })
      this.#inFlight ??= this.#pump()
    })
  }

  async #pump(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const group = this.#waiting
        this.#waiting = []
        const operations = group.length === 1 ? (group[0] as Waiting).operations : group.flatMap((each) => each.operations)
        const isSynced = group.some((each) => each.sync)
        try {
          await this.#kv.batch(operations, { sync: isSynced })
        } catch (error) {
          this.#unsettled = true
          for (const each of [...group, ...this.#waiting]) each.reject(error)
          this.#waiting = []
          return
        }
        for (const { key, value } of operations as Iterable<{ key: Uint8Array; value?: Uint8Array }>) {
          this.#bytesWritten += key.length + (value?.length ?? 0)
        }
        for (const each of group) each.resolve()
        // Who wrote without a sync has waited for nothing that another could share.
        for (let hop = 0; isSynced && hop < GATHER_HOPS; hop++) await Promise.resolve()
      }
    } finally {
      this.#inFlight = undefined
    }
  }

  /** Resolves when nothing is in flight. */
  async drained(): Promise<void> {
    await this.#inFlight
  }
}
