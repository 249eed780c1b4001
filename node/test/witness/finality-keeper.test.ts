import { expect } from 'chai'
import {
  type Bytes,
  Epochs,
  equalBytes,
  formatGenesis,
  initialMembership,
  parseGenesis,
  parseRoles,
  toHex,
  type Vote,
  WattnessError,
} from '../../../protocol/index.ts'
import type { FinalLeaf, StoredAttestation } from '../../store/index.ts'
import { type FinalChange, FinalityKeeper, RETRY_MS } from '../../witness/finality-keeper.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { VirtualTime } from '../harness/virtual-time.ts'

const GATHER_MS = 20

const ROOT: Bytes = new Uint8Array(32).fill(7)
const HELD = 10

describe('the keeper of what is final', () => {
  /** The registrar and four witnesses: a quorum is three. */
  const membership = initialMembership(
    parseGenesis(
      formatGenesis({
        name: 'test',
        registrar: signerOf('registrar').publicKey,
        members: Array.from({ length: 4 }, (_, i) => ({
          key: signerOf(`w ${i}`).publicKey,
          roles: parseRoles('meter,witness'),
          label: `w ${i}`,
        })),
      }),
    ),
  )
  const epochs = Epochs.of(membership)

  let writes: [finals: readonly FinalLeaf[], attestations: readonly StoredAttestation[]][]
  let apart: StoredAttestation[]
  let told: FinalChange[][]
  let errors: string[]
  let refusal: Error | undefined
  let refuse: (finals: readonly FinalLeaf[]) => void
  let keeper: FinalityKeeper
  let time: VirtualTime

  beforeEach(() => {
    time = new VirtualTime()
    writes = []
    apart = []
    told = []
    errors = []
    refusal = undefined
    refuse = () => undefined
    keeper = new FinalityKeeper({
      gatherMs: GATHER_MS,
      store: {
        quarantined: () => false,
        witness: {
          setFinal: async (finals: readonly FinalLeaf[], attestations: readonly StoredAttestation[]) => {
            if (refusal !== undefined) throw refusal
            refuse(finals)
            writes.push([finals, attestations])
          },
          attestations: { put: async (items: readonly StoredAttestation[]) => void apart.push(...items) },
        },
      } as never,
      chains: {
        key: (index: number) => membership.at(index)?.key,
        size: () => HELD,
        leafInMemory: () => ({ root: ROOT, epoch: 0 }),
      } as never,
      epochs: () => epochs,
      onContested: () => undefined,
      onFinal: (changes) => void told.push([...changes]),
      onError: ({ message }) => void errors.push(message),
      timers: time.timers,
    })
  })

  const votes = (witness: number, size: number): Vote[] =>
    [0, 1, 2, 3, 4].map((member) => ({ epoch: 0, witness, member, size, root: ROOT }))

  const attestation = (witness: number): StoredAttestation => {
    return { epoch: 0, witness: signerOf(`w ${witness}`).publicKey, bytes: Uint8Array.of(witness) }
  }

  const sizesOf = (finals: readonly FinalLeaf[]): number[][] => finals.map(({ size }) => [size])

  it('W13: what one attestation makes final is written at once, the attestation with it', async () => {
    const kept: number[] = []
    for (const witness of [1, 2, 3]) {
      const keeping = keeper.keep(attestation(witness)).then(() => kept.push(witness))
      await keeper.place(votes(witness, 5))
      await keeper.stop()
      await keeping
    }
    expect(kept).to.deep.equal([1, 2, 3])
    expect(writes.map(([finals, attestations]) => [finals.length, attestations.map(({ bytes }) => bytes[0])])).to.deep.equal([
      [0, [1]],
      [0, [2]],
      [5, [3]],
    ])
    expect(sizesOf(writes[2]?.[0] ?? [])).to.deep.equal(Array.from({ length: 5 }, () => [5]))
    expect(told.map((changes) => changes.map(({ index }) => index))).to.deep.equal([[0, 1, 2, 3, 4]])
  })

  it('nothing is written where there is nothing', async () => {
    await keeper.place(votes(1, 5))
    keeper.flush()
    await keeper.stop()
    expect([writes, told]).to.deep.equal([[], []])
  })

  it('W13: where the write fails the attestation is stored apart, and what is final goes with the next', async () => {
    for (const witness of [1, 2]) await keeper.place(votes(witness, 5))
    refusal = new Error('another branch is held')
    const keeping = keeper.keep(attestation(3))
    await keeper.place(votes(3, 5))
    await time.advance(GATHER_MS)
    await keeping
    expect([apart.map(({ bytes }) => bytes[0]), errors, told]).to.deep.equal([[3], ['another branch is held'], []])
    refusal = undefined
    await keeper.place(votes(4, 4))
    await time.advance(GATHER_MS)
    expect(writes.map(([finals]) => finals.length)).to.deep.equal([5])
    expect(told).to.have.length(1)
  })

  it('W13: what could not be written is tried again, whether anything comes or not', async () => {
    refusal = new Error('EIO')
    for (const witness of [1, 2, 3]) await keeper.place(votes(witness, 5))
    await time.advance(GATHER_MS + RETRY_MS + GATHER_MS)
    expect([errors, told]).to.deep.equal([['EIO', 'EIO'], []])
    refusal = undefined
    await time.advance(RETRY_MS + GATHER_MS)
    expect(told.map((changes) => changes.length)).to.deep.equal([5])
    expect(time.pending).to.equal(0)
  })

  it('what comes at the same moment goes into one write, and none waits for more than that', async () => {
    for (const witness of [1, 2, 3]) {
      void keeper.keep(attestation(witness))
      await keeper.place(votes(witness, 5))
      await time.advance(GATHER_MS / 4)
    }
    expect(writes).to.deep.equal([])
    await time.advance(GATHER_MS / 4)
    expect(writes.map(([finals, attestations]) => [finals.length, attestations.length])).to.deep.equal([[5, 3]])
  })

  it('the end waits for no more, and leaves nothing set', async () => {
    refusal = new Error('EIO')
    for (const witness of [1, 2, 3]) await keeper.place(votes(witness, 5))
    await time.advance(GATHER_MS)
    refusal = undefined
    void keeper.keep(attestation(4))
    await keeper.stop()
    await time.advance(RETRY_MS + GATHER_MS)
    expect(writes.map(([finals, attestations]) => [finals.length, attestations.length])).to.deep.equal([[5, 1]])
    expect([told.length, time.pending]).to.deep.equal([1, 0])
  })

  it('W13: one chain of which the store refuses what is final holds up none of the others', async () => {
    const isConflict = (finals: readonly FinalLeaf[]): boolean =>
      finals.some(({ member }) => equalBytes(member, signerOf('w 1').publicKey))
    refuse = (finals) => {
      if (isConflict(finals))
        throw new WattnessError('FINAL_CONFLICT', 'another branch', { member: toHex(signerOf('w 1').publicKey) })
    }
    for (const witness of [1, 2, 3]) await keeper.place(votes(witness, 6))
    void keeper.keep(attestation(1))
    keeper.flush()
    await keeper.stop()
    expect(told.flat().map(({ index }) => index)).to.deep.equal([0, 1, 3, 4])
    expect(new Set(errors)).to.deep.equal(new Set(['another branch']))
    // It is written once nothing is in its way, without being said again.
    refuse = () => undefined
    keeper.flush()
    await keeper.stop()
    expect(told.flat().map(({ index }) => index)).to.deep.equal([0, 1, 3, 4, 2])
  })
})
