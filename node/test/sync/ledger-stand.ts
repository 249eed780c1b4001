import {
  type ChainState,
  EMPTY_CHAIN,
  formatGenesis,
  type Genesis,
  initialMembership,
  type Membership,
  parseGenesis,
  parseRoles,
  peekRun,
} from '../../../protocol/index.ts'
import { ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { LocalView } from '../../sync/local-view.ts'
import { checkRun } from '../../validate/checked-run.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

export const memberName = (index: number): string => (index === 0 ? 'registrar' : `member ${index}`)

/** A store with chains in it and a view over it, for one part of the exchange at a time. */
export class LedgerStand {
  readonly time = new VirtualTime({ startMs: FIRST_SEALED_MS + 365 * 86_400_000, turns: 2 })
  readonly genesis: Genesis
  readonly membership: Membership
  readonly store: LedgerStore
  readonly view: LocalView

  private constructor(genesis: Genesis, store: LedgerStore) {
    this.genesis = genesis
    this.store = store
    this.membership = initialMembership(genesis)
    this.view = new LocalView(store, this.membership)
  }

  /** `members` beside the registrar. */
  static async create(members = 3): Promise<LedgerStand> {
    const genesis = parseGenesis(
      formatGenesis({
        name: 'exchange',
        registrar: signerOf('registrar').publicKey,
        members: Array.from({ length: members }, (_, i) => ({
          key: signerOf(memberName(i + 1)).publicKey,
          roles: parseRoles('meter'),
          label: memberName(i + 1),
        })),
      }),
    )
    return new LedgerStand(genesis, await LedgerStore.open({ kv: await openMemoryKv(), networkId: genesis.networkId }))
  }

  key(index: number): Uint8Array {
    return signerOf(memberName(index)).publicKey
  }

  author(index: number): ChainAuthor {
    return new ChainAuthor(signerOf(memberName(index)), this.genesis.networkId)
  }

  /** Stores a run as the door does. */
  async hold(run: Uint8Array): Promise<void> {
    const accepted = checked(this, run)
    await this.store.accept([accepted])
    this.view.update(accepted.member)
  }
}

function checked(stand: LedgerStand, run: Uint8Array): Extract<ReturnType<typeof checkRun>, { verdict: 'accept' }> {
  const { genesis, membership, store, time } = stand
  const accepted = checkRun(run, {
    genesis,
    membership,
    chain: headOf(store, run),
    quarantined: false,
    nowMs: time.clock.now(),
    verify: verifySignature,
  })
  if (accepted.verdict !== 'accept') throw new Error(`${accepted.code}: ${accepted.message}`)
  return accepted
}

function headOf(store: LedgerStore, run: Uint8Array): ChainState {
  return store.head(peekRun(run).member) ?? EMPTY_CHAIN
}
