import { type ChainState, sha256, toHex, toUtf8 } from '../../../protocol/index.ts'
import { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { createHttpApp, type HttpAppInit } from '../../observe/http-app.ts'
import { systemTimers } from '../../platform.ts'
import { createSigner, verifySignature } from '../../signature.ts'
import { type Acceptance, LedgerStore, openMemoryKv } from '../../store/index.ts'

export const NETWORK_ID = sha256(toUtf8('network of the HTTP tests'))

/** A meter, its chain, and a node's store that holds the beginning of it. */
export class ServedLog {
  readonly author: ChainAuthor
  readonly store: LedgerStore
  /** What was no fault of the asker. */
  readonly errors: unknown[] = []
  /** `/tlog/<member>` */
  readonly prefix: string

  private constructor(author: ChainAuthor, store: LedgerStore) {
    this.author = author
    this.store = store
    this.prefix = `/tlog/${toHex(author.signer.publicKey)}`
  }

  static async create(name = 'meter'): Promise<ServedLog> {
    const author = new ChainAuthor(createSigner(sha256(toUtf8(`key of ${name}`))), NETWORK_ID)
    return new ServedLog(author, await LedgerStore.open({ kv: await openMemoryKv(), networkId: NETWORK_ID }))
  }

  /** Holds `count` more blocks, under the checkpoint of its end unless `state` has another. */
  async hold(count: number, state: Partial<ChainState> = {}): Promise<void> {
    const { author, store } = this
    const from = store.head(author.signer.publicKey)?.size ?? 0
    const end = from + count
    if (end > author.size) author.grow(end - author.size)
    const hashes = Array.from({ length: count }, (_, i) => author.state(from + i + 1).lastHash)
    const acceptance: Acceptance = {
      member: author.signer.publicKey,
      from,
      blocks: author.bytes(from, end),
      hashes,
      state: { ...author.state(end), ...state },
    }
    await store.accept([acceptance])
  }

  get init(): HttpAppInit {
    const { store } = this
    const onError = (error: unknown): unknown => this.errors.push(error)
    return { store, genesis: { networkId: NETWORK_ID }, verify: verifySignature, timers: systemTimers, onError }
  }

  /** The app without a socket, and what asks it. */
  app(init: Partial<HttpAppInit> = {}): ReturnType<typeof createHttpApp> {
    return createHttpApp({ ...this.init, ...init })
  }
}
