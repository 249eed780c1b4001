import { WattnessError } from '../../protocol/errors.ts'

/**
 * What the store asks of a disk: an ordered map from bytes to bytes with atomic batches. Contract suite:
 * `node/test/store/kv-contract.ts`. Errors are told apart, never read as "not found": DISK_FULL, STORE_DAMAGED (with the
 * file where the library names it), STORE_LOCKED, STORE_FAILED for the rest.
 */

export interface KvPut {
  readonly type: 'put'
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export interface KvDelete {
  readonly type: 'del'
  readonly key: Uint8Array
}

export type KvOperation = KvPut | KvDelete

export type KvEntry = readonly [key: Uint8Array, value: Uint8Array]

/** Keys from `gte` up to but not including `lt`; `reverse` begins at the end; at most `limit` entries. */
export interface KvRange {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
  readonly reverse?: boolean
  readonly limit?: number
}

export interface KvBatchOptions {
  /** On the disk before the promise resolves, not only in the operating system's cache. */
  readonly sync?: boolean
}

/** What can be read, and no more. */
export interface KvReader {
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** In the order of `keys`. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /** A consistent view as of the call, in chunks of at most ITERATE_CHUNK entries. */
  iterate(range: KvRange): AsyncIterable<KvEntry[]>
}

/** Everything as of one moment, whatever is written meanwhile. To be closed: what it needs is kept on the disk until then. */
export interface KvView extends KvReader {
  close(): Promise<void>
}

export interface Kv extends KvReader {
  /**
   * All or nothing, in order. After a rejection it is unknown whether the batch will be there: `recover` makes it known,
   * and until then every further batch is refused, since a log that broke off must not be written behind the break.
   * Keys and values stay as they are until the promise settles.
   */
  batch(operations: readonly KvOperation[], options?: KvBatchOptions): Promise<void>
  /** Absent where nobody asks for it. */
  view?(): KvView
  /** Gives the room of what was deleted or written over in a range back to the system. Absent where nothing holds it. */
  compact?(range: Pick<KvRange, 'gte' | 'lt'>): Promise<void>
  /** Settles what a failed batch left open. Throws DISK_FULL while there is no room. Nothing to do when nothing failed. */
  recover(): Promise<void>
  close(): Promise<void>
}

/** Entries read ahead at a time: 256 blocks of the usual 300 bytes; the byte bound of the iterator holds for large ones. */
export const ITERATE_CHUNK = 256

export const put = (key: Uint8Array, value: Uint8Array): KvPut => ({ type: 'put', key, value })
export const del = (key: Uint8Array): KvDelete => ({ type: 'del', key })

const FILE_NAME = /([^\s/\\]+\.(?:ldb|sst|log)|MANIFEST-\d+|CURRENT)/

/** Gives a storage library's error one of the store's codes. */
export function storageError(error: unknown, location: string): WattnessError {
  if (error instanceof WattnessError) return error
  const chain = messages(error)
  const text = chain.join(': ')
  const data = { location, cause: text }
  const options = error instanceof Error ? { cause: error } : {}
  if (/no space left|ENOSPC|disk quota|EDQUOT/i.test(text)) {
    return new WattnessError('DISK_FULL', `${location}: no space left on the disk`, data, options)
  }
  if (/LEVEL_LOCKED|already held by process|lock .*LOCK/i.test(text)) {
    return new WattnessError('STORE_LOCKED', `${location}: opened by another process`, data, options)
  }
  if (/LEVEL_CORRUPTION|corruption/i.test(text)) {
    const file = FILE_NAME.exec(text)?.[1]
    const where = file === undefined ? location : `${location}/${file}`
    return new WattnessError('STORE_DAMAGED', `${where}: ${text}`, file === undefined ? data : { ...data, file }, options)
  }
  return new WattnessError('STORE_FAILED', `${location}: ${text}`, data, options)
}

/** Codes and messages of an error and its causes: the library wraps the one that says what happened. */
function messages(error: unknown): string[] {
  const texts: string[] = []
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    const { code, message, cause } = at as { code?: unknown; message?: unknown; cause?: unknown }
    texts.push([code, message].filter((part) => typeof part === 'string').join(' ') || 'unknown error')
    at = cause
  }
  return texts
}
