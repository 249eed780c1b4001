import {
  type Bytes,
  Epochs,
  encodeSignedAttestation,
  formatAddCheckpointRequest,
  formatSignedCheckpointNote,
  type Genesis,
  headsRoot,
  initialMembership,
  type Membership,
  type MembershipOperation,
  type NamedLeaf,
  type Signer,
  signAttestation,
  toUtf8,
  type WitnessResponse,
} from '../../../protocol/index.ts'
import { ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { keyOf, signerOf } from '../../../protocol/test/numbered-keys.ts'
import { genesisOf } from '../../../protocol/test/proof-setting.ts'
import { consistencyProof } from '../../../protocol/tree.ts'
import { verifySignature } from '../../signature.ts'
import { type Kv, LedgerStore, openMemoryKv } from '../../store/index.ts'
import { CosignDesk } from '../../witness/cosign.ts'
import { OwnChains } from '../../witness/own-chains.ts'
import { SigningTurn } from '../../witness/signing-turn.ts'

/** The witness's key, and that of the meter whose chain it is asked about. */
export const WITNESS = 2
export const METER = 3
const METER_INDEX = 2

/** One of four witnesses, with a store of its own and no node around it. */
export class CosignStand {
  readonly genesis: Genesis = genesisOf(4)
  readonly meter = new ChainAuthor(signerOf(METER), this.genesis.networkId)
  readonly turn = new SigningTurn()
  readonly kv: Kv
  /** What was signed, after how many blocks the record then said. */
  readonly signedAt: number[] = []
  membership: Membership = initialMembership(this.genesis)
  epochs = Epochs.of(this.membership)
  isOpen = true
  recorded = 0
  nowMs = FIRST_SEALED_MS
  /** What the witness's key does in place of signing. */
  onSign: () => void = () => undefined
  store: LedgerStore
  desk: CosignDesk

  private constructor(kv: Kv, store: LedgerStore) {
    this.kv = kv
    this.store = store
    this.desk = this.#makeDesk()
  }

  static async create(blocks = 3, kv?: Kv): Promise<CosignStand> {
    const disk = kv ?? (await openMemoryKv())
    const stand = new CosignStand(disk, await openOn(disk))
    await stand.hold(stand.meter.grow(blocks))
    return stand
  }

  /** The process ends, and another begins on the same disk. */
  async restart(): Promise<void> {
    this.store = await openOn(this.kv)
    this.desk = this.#makeDesk()
  }

  #makeDesk(): CosignDesk {
    const witness = signerOf(WITNESS)
    const signer: Signer = {
      publicKey: witness.publicKey,
      sign: (message) => {
        this.onSign()
        this.signedAt.push(this.recordedSize())
        return witness.sign(message)
      },
    }
    return new CosignDesk({
      store: this.store,
      genesis: this.genesis,
      signer,
      verify: verifySignature,
      clock: { now: () => this.nowMs },
      chains: new OwnChains(
        this.store,
        () => this.membership,
        () => this.epochs,
      ),
      epochs: () => this.epochs,
      membership: () => this.membership,
      isOpen: () => this.isOpen,
      turn: this.turn,
      onRecorded: () => void this.recorded++,
    })
  }

  recordedSize(): number {
    return this.store.witness.signedLeaf(keyOf(METER))?.size ?? 0
  }

  /** Takes into the store what it has not of a chain. */
  async hold(author: ChainAuthor, end = author.size): Promise<void> {
    const member = author.signer.publicKey
    const from = this.store.head(member)?.size ?? 0
    const hashes = Array.from({ length: end - from }, (_, i) => author.state(from + i + 1).lastHash)
    await this.store.accept([{ member, from, blocks: author.bytes(from, end), hashes, state: author.state(end) }])
  }

  /** A block of the registrar that changes who witnesses. */
  change(...operations: readonly MembershipOperation[]): void {
    this.membership = this.membership.apply(operations).membership
    this.epochs = this.epochs.extended(this.membership)
  }

  async request(old: number, size: number, author = this.meter): Promise<Bytes> {
    const proof = old === 0 || old >= size ? [] : await consistencyProof(author.read, old, size)
    return toUtf8(formatAddCheckpointRequest(old, proof, this.note(size, author)))
  }

  note(size: number, author = this.meter): string {
    return formatSignedCheckpointNote(this.genesis.networkId, author.checkpoint(size))
  }

  async ask(old: number, size: number, author = this.meter): Promise<WitnessResponse> {
    return this.desk.answer(await this.request(old, size, author))
  }

  async statusOf(old: number, size: number, author = this.meter): Promise<number> {
    return (await this.ask(old, size, author)).status
  }

  /** The witness attests `size` blocks of the meter in `epoch`, as its attester does: recorded, and kept. */
  async attest(epoch: number, size: number, closing = false, named: readonly NamedLeaf[] = []): Promise<void> {
    const { witness } = this.store
    const sequence = witness.record.sequence + 1
    const frontier = this.membership.members.map(({ index }) => (index === METER_INDEX ? size : 0))
    const root = named[0]?.root ?? this.meter.state(size).root
    const heads = this.membership.members.map(({ key, index }) => ({
      member: key,
      ...(index === METER_INDEX ? { size, root } : { size: 0, root: this.meter.state(0).root }),
    }))
    const unsigned = { witness: keyOf(WITNESS), epoch, sequence, timeMs: 0, frontier, named, headsRoot: headsRoot(heads) }
    const bytes = encodeSignedAttestation(signAttestation(signerOf(WITNESS), this.genesis.networkId, unsigned))
    const leaves = size === this.recordedSize() ? [] : [{ member: keyOf(METER), size, root }]
    const attestations = [{ epoch, witness: keyOf(WITNESS), bytes }]
    await witness.sign({ leaves, record: { epoch, sequence, closing, attestation: bytes }, attestations })
  }

  async enter(epoch: number): Promise<void> {
    const { sequence, attestation } = this.store.witness.record
    await this.store.witness.sign({ leaves: [], record: { epoch, sequence, closing: false, attestation } })
  }
}

function openOn(kv: Kv): Promise<LedgerStore> {
  return LedgerStore.open({ kv, networkId: genesisOf(4).networkId, ownKey: keyOf(WITNESS) })
}
