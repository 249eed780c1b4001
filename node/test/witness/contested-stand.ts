import {
  type Bytes,
  Epochs,
  equalBytes,
  formatGenesis,
  type Genesis,
  initialMembership,
  type Leaf,
  type Membership,
  parseGenesis,
  parseRoles,
  type Vote,
} from '../../../protocol/index.ts'
import { ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { Door, type Outcome, type StoredRun } from '../../validate/index.ts'
import { ContestedChains } from '../../witness/contested.ts'
import { FinalityKeeper } from '../../witness/finality-keeper.ts'
import { OwnChains } from '../../witness/own-chains.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

const GATHER_MS = 20

export const REGISTRAR = 0
export const METER = 1
export const SELF = 2
/** Four witnesses: three of them are a quorum. */
export const WITNESSES = [3, 4, 5, 6] as const

export const nameAt = (index: number): string =>
  index === REGISTRAR ? 'registrar' : index === METER ? 'a' : index === SELF ? 'self' : `w${index}`

export const leafOf = (author: ChainAuthor, size = author.size): Leaf => ({ size, root: author.state(size).root })

/** Contested chains over a store, a door and finality of their own; the neighbours' branches are those that a test gives. */
export class ContestedStand {
  readonly time = new VirtualTime({ startMs: FIRST_SEALED_MS + 365 * 86_400_000, turns: 4 })
  readonly genesis: Genesis
  readonly store: LedgerStore
  readonly door: Door
  readonly chains: OwnChains
  readonly keeper: FinalityKeeper
  readonly contested: ContestedChains
  /** Branches that neighbours hold. */
  readonly offered: ChainAuthor[] = []
  readonly fetched: { readonly index: number; readonly from: number; readonly leaf: Leaf; readonly preferHex?: string }[] = []
  readonly replaced: { readonly index: number; readonly run: StoredRun }[] = []
  readonly outcomes: Outcome[] = []
  readonly errors: Error[] = []
  /** In how many runs a branch comes. */
  parts = 2
  /** Nobody gives blocks from here on. */
  stopAt = Number.POSITIVE_INFINITY
  onFetched: () => void | Promise<void> = () => undefined
  counted: { membership: Membership; epochs: Epochs }
  /** As far as they are held. */
  epochs: Epochs

  private constructor(genesis: Genesis, store: LedgerStore) {
    this.genesis = genesis
    this.store = store
    const membership = initialMembership(genesis)
    this.epochs = Epochs.of(membership)
    this.counted = { membership, epochs: this.epochs }
    const platform = this.time.platform(seededRandom(1))
    const onError = (error: Error): void => void this.errors.push(error)
    this.door = new Door({
      store,
      genesis,
      clock: platform.clock,
      turn: () => platform.turn(),
      verify: verifySignature,
      membership: () => this.counted.membership,
      onStored: () => undefined,
    })
    this.chains = new OwnChains(
      store,
      () => this.counted.membership,
      () => this.epochs,
    )
    this.keeper = new FinalityKeeper({
      gatherMs: GATHER_MS,
      store,
      chains: this.chains,
      epochs: () => this.epochs,
      onContested: () => undefined,
      onFinal: () => undefined,
      onError,
      timers: { set: (_ms, run) => queueMicrotask(run) as never, clear: () => undefined },
    })
    this.contested = new ContestedChains({
      store,
      timers: this.time.timers,
      selfKey: signerOf('self').publicKey,
      chains: this.chains,
      keeper: this.keeper,
      epochs: () => this.epochs,
      counted: () => this.counted,
      fetchBranch: (index, from, leaf, taker, preferHex) => this.#fetch(index, from, leaf, taker, preferHex),
      adopt: async (branch, told) => {
        const outcome = await this.door.adopt(branch, told)
        this.outcomes.push(outcome)
        return outcome
      },
      onReplaced: (index, run) => {
        this.replaced.push({ index, run })
        void this.keeper.replaced(index, run.from)
      },
      onError,
    })
  }

  static async create(): Promise<ContestedStand> {
    const genesis = parseGenesis(
      formatGenesis({
        name: 'contested',
        registrar: signerOf('registrar').publicKey,
        members: [METER, SELF, ...WITNESSES].map((index) => ({
          key: signerOf(nameAt(index)).publicKey,
          roles: parseRoles(index > SELF ? 'meter,witness' : 'meter'),
          label: nameAt(index),
        })),
      }),
    )
    const ownKey = signerOf('self').publicKey
    const store = await LedgerStore.open({ kv: await openMemoryKv(), networkId: genesis.networkId, ownKey })
    return new ContestedStand(genesis, store)
  }

  async #fetch<T extends { readonly take: (run: Bytes) => boolean | Promise<boolean> }>(
    index: number,
    from: number,
    leaf: Leaf,
    taker: () => T,
    preferHex?: string,
  ): Promise<T | undefined> {
    this.fetched.push({ index, from, leaf, ...(preferHex === undefined ? {} : { preferHex }) })
    const author = this.offered.find(
      (each) => each.size >= leaf.size && equalBytes(each.state(leaf.size).root, leaf.root) && this.#isOf(each, index),
    )
    await this.onFetched()
    if (author === undefined) return undefined
    const own = taker()
    const step = Math.max(1, Math.ceil((leaf.size - from) / this.parts))
    for (let at = from; at < leaf.size; at += step) {
      if (at >= this.stopAt) return undefined
      if (!(await own.take(author.run(at, Math.min(leaf.size, at + step))))) return undefined
    }
    return own
  }

  #isOf({ signer }: ChainAuthor, index: number): boolean {
    return equalBytes(signer.publicKey, this.key(index))
  }

  key(index: number): Bytes {
    return signerOf(nameAt(index)).publicKey
  }

  author(index: number): ChainAuthor {
    return new ChainAuthor(signerOf(nameAt(index)), this.genesis.networkId, index === REGISTRAR)
  }

  async hold(author: ChainAuthor, from: number, end: number): Promise<void> {
    const outcome = await this.time.wait(this.door.submit(author.run(from, end)))
    if (outcome.verdict !== 'accept') throw new Error(`${outcome.code}: ${outcome.message}`)
  }

  async quarantine(index: number): Promise<void> {
    await this.store.evidence.put(this.key(index), Uint8Array.of(1))
  }

  /** Each of these witnesses has attested the leaf. */
  async attest(index: number, leaf: Leaf, witnesses: readonly number[] = WITNESSES.slice(0, 3), epoch = 0): Promise<void> {
    const votes = witnesses.map((witness): Vote => ({ epoch, witness, member: index, ...leaf }))
    await this.time.wait(this.keeper.place(votes))
    await this.settle()
  }

  async review(index: number, preferHex?: string): Promise<void> {
    this.contested.review(index, preferHex)
    await this.settle()
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 12; i++) await this.time.settle()
  }

  held(index: number): Leaf {
    const head = this.store.head(this.key(index))
    return { size: head?.size ?? 0, root: head?.root ?? new Uint8Array(0) }
  }
}
