import {
  Epochs,
  encodeSignedAttestation,
  type HeadLeaf,
  headsRoot,
  initialMembership,
  type Leaf,
  type Vote,
} from '../../../protocol/index.ts'
import { type ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { keyOf } from '../../../protocol/test/numbered-keys.ts'
import { ProofSetting } from '../../../protocol/test/proof-setting.ts'
import { verifySignature } from '../../signature.ts'
import { LedgerStore, openMemoryKv } from '../../store/index.ts'
import { LocalView } from '../../sync/local-view.ts'
import { AttestationDesk, type AttestationOutcome, LACKING_MS } from '../../witness/attestation-desk.ts'
import { OwnChains } from '../../witness/own-chains.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

/** Keys of members: this node's own, the witness that speaks, and the meter of whose blocks it speaks. */
const SELF = 2
const WITNESS = 3
const METER = 4
/** Of the meter: the registrar's index is 0, and the keys of genesis begin with 2. */
export const METER_INDEX = 3
/** The neighbour by which the word came. */
export const SOURCE = 'neighbour'

/** A desk over a store of its own, in which nothing is held but what a test puts there. */
export class AttestationDeskStand {
  readonly time = new VirtualTime({ startMs: FIRST_SEALED_MS, turns: 4 })
  readonly meter: ChainAuthor
  readonly desk: AttestationDesk
  /** When leaves were asked for, and of whom. */
  readonly asked: (readonly [atMs: number, sourceHex: string])[] = []
  readonly counted: Vote[] = []
  readonly errors: Error[] = []
  /** What whoever is asked answers; undefined where nobody has an answer. */
  answer: readonly Leaf[] | undefined
  readonly #setting: ProofSetting
  readonly #store: LedgerStore

  private constructor(setting: ProofSetting, store: LedgerStore) {
    this.#setting = setting
    this.#store = store
    setting.registrar.append()
    this.meter = setting.meter(METER).grow(3)
    const membership = initialMembership(setting.genesis)
    const held = () => membership
    const epochs = () => Epochs.of(membership)
    this.desk = new AttestationDesk({
      store,
      genesis: setting.genesis,
      verify: verifySignature,
      clock: this.time.clock,
      timers: this.time.timers,
      selfKey: keyOf(SELF),
      chains: new OwnChains(store, held, epochs),
      keeper: { keep: async () => undefined, place: async (votes: readonly Vote[]) => void this.counted.push(...votes) } as never,
      contradictions: { note: async () => undefined },
      epochs,
      held,
      own: () => new LocalView(store, membership).ownLeaves(membership),
      onLacking: () => undefined,
      askLeaves: async (_attestation, sourceHex) => {
        this.asked.push([this.time.clock.monotonicMs(), sourceHex])
        return this.answer && { leaves: this.answer, refuse: (detail) => void this.errors.push(new Error(detail)) }
      },
      onNew: () => undefined,
      onClosing: () => undefined,
      onOwnAhead: () => undefined,
      onDiffering: () => undefined,
      onError: (error) => void this.errors.push(error),
      lackingMs: LACKING_MS,
      gatherMs: 20,
    })
  }

  static async create(): Promise<AttestationDeskStand> {
    const setting = new ProofSetting(4)
    const { networkId } = setting.genesis
    return new AttestationDeskStand(setting, await LedgerStore.open({ kv: await openMemoryKv(), networkId }))
  }

  /** What the witness holds: all of the meter's blocks, and so many of the registrar's. */
  leaves(registrarSize = 0): HeadLeaf[] {
    const { size, root } = this.meter.state()
    return this.#setting.leaves(registrarSize).with(METER_INDEX, { member: keyOf(METER), size, root })
  }

  /** The witness says that it holds these leaves, and the desk is told of it. */
  async say(registrarSize = 0): Promise<AttestationOutcome> {
    const leaves = this.leaves(registrarSize)
    const frontier = leaves.map(({ size }) => size)
    const word = this.#setting.attest(WITNESS, 0, registrarSize, { frontier, headsRoot: headsRoot(leaves) })
    return this.desk.take(encodeSignedAttestation(word), SOURCE)
  }

  /** The one block of the registrar is held from now on. */
  async holdRegistrar(): Promise<void> {
    const { registrar } = this.#setting
    const state = registrar.state()
    const hashes = [state.lastHash]
    await this.#store.accept([{ member: registrar.signer.publicKey, from: 0, blocks: registrar.bytes(0, 1), hashes, state }])
  }
}
