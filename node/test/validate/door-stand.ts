import {
  EMPTY_CHAIN,
  formatGenesis,
  type Genesis,
  initialMembership,
  type Membership,
  parseGenesis,
  parseRoles,
} from '../../../protocol/index.ts'
import { ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { verifySignature } from '../../signature.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { Door, type Outcome, type StoredRun, type VerifyPool } from '../../validate/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { TroubledKv } from '../harness/troubled-kv.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

export const NAMES = ['a', 'b', 'c', 'self'] as const

/** A door over a store of its own, without any node around it. */
export class DoorStand {
  readonly time: VirtualTime
  readonly genesis: Genesis
  readonly stored: StoredRun[] = []
  readonly kv: TroubledKv
  readonly store: LedgerStore
  readonly door: Door
  membership: Membership

  private constructor(genesis: Genesis, kv: TroubledKv, store: LedgerStore, init: StandInit, time: VirtualTime) {
    this.genesis = genesis
    this.kv = kv
    this.store = store
    this.time = time
    this.membership = initialMembership(genesis)
    const platform = time.platform(seededRandom(1))
    this.door = new Door(
      {
        store,
        genesis,
        clock: platform.clock,
        turn: () => platform.turn(),
        verify: verifySignature,
        membership: () => this.membership,
        pool: init.pool?.(genesis),
        onStored: (run) => void this.stored.push(run),
      },
      init.maxWaitingBytes,
    )
  }

  static async create(init: StandInit = {}): Promise<DoorStand> {
    const time = new VirtualTime({ startMs: FIRST_SEALED_MS + 365 * 86_400_000, turns: 2 })
    const genesis = parseGenesis(
      formatGenesis({
        name: 'door',
        registrar: signerOf('registrar').publicKey,
        members: NAMES.map((label) => ({ key: signerOf(label).publicKey, roles: parseRoles('meter'), label })),
      }),
    )
    const kv = new TroubledKv(await openMemoryKv(), time.timers)
    const store = await LedgerStore.open({ kv, networkId: genesis.networkId, ownKey: signerOf('self').publicKey })
    return new DoorStand(genesis, kv, store, init, time)
  }

  author(name: string): ChainAuthor {
    return new ChainAuthor(signerOf(name), this.genesis.networkId, name === 'registrar')
  }

  size(name: string): number {
    return (this.store.head(signerOf(name).publicKey) ?? EMPTY_CHAIN).size
  }

  submit(...runs: readonly Uint8Array[]): Promise<Outcome[]> {
    return this.time.wait(Promise.all(runs.map((run) => this.door.submit(run))))
  }
}

export interface StandInit {
  readonly maxWaitingBytes?: number
  readonly pool?: (genesis: Genesis) => VerifyPool
}

export const codes = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map((outcome) => (outcome.verdict === 'accept' ? 'accept' : outcome.code))
