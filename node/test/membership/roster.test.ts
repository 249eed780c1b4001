import { expect } from 'chai'
import {
  type Bytes,
  encodeLabelRecord,
  encodeMembershipBody,
  formatGenesis,
  type Genesis,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  labelHash,
  type Membership,
  type MembershipOperation,
  parseGenesis,
  ROLE_METER,
  ROLE_WITNESS,
  ZERO_HASH,
} from '../../../protocol/index.ts'
import { Roster, type RosterOptions } from '../../membership/index.ts'
import { type Kv, LedgerStore, openMemoryKv } from '../../store/index.ts'
import { SignedChain } from '../audit/signed-chain.ts'
import { signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Bytes => signerOf(name).publicKey
const labelOf = (name: string): Bytes => encodeLabelRecord(new Uint8Array(16).fill(name.length), `label of ${name}`)

const genesisWith = (roles: number): Genesis =>
  parseGenesis(
    formatGenesis({
      name: 'roster',
      registrar: keyOf('registrar'),
      members: [{ key: keyOf('first'), roles, label: 'first' }],
    }),
  )

const admit = (name: string, roles = ROLE_METER): MembershipOperation => ({
  type: 'admit',
  key: keyOf(name),
  roles,
  labelHash: labelHash(labelOf(name)),
})
const revoke = (name: string): MembershipOperation => ({ type: 'revoke', key: keyOf(name), endSize: 1, endRoot: ZERO_HASH })

describe('the roster', () => {
  let genesis: Genesis
  let kv: Kv
  let store: LedgerStore
  let chain: SignedChain
  let counted: Membership[]

  beforeEach(async () => {
    genesis = genesisWith(ROLE_METER | ROLE_WITNESS)
    kv = await openMemoryKv()
    await begin()
  })
  afterEach(() => store.close())

  async function begin(): Promise<void> {
    store = await LedgerStore.open({ kv, networkId: genesis.networkId })
    chain = new SignedChain(signerOf('registrar'), genesis)
    counted = []
  }

  const load = (options: RosterOptions = {}): Promise<Roster> => {
    counted = []
    return Roster.load(genesis, store, { onCounted: (membership) => counted.push(membership), ...options })
  }

  /** One more block of the registrar's: its bytes. */
  function block(...operations: readonly MembershipOperation[]): Bytes {
    const isEmpty = operations.length === 0
    const content = isEmpty ? Uint8Array.of(1, 0, 1, 0) : encodeMembershipBody(operations)
    chain.append({ kind: isEmpty ? KIND_EVENT : KIND_MEMBERSHIP, content, registrarSize: chain.size })
    return chain.acceptance().blocks.at(-1) as Bytes
  }
  const sizes = (roster: Roster): readonly number[] => [roster.membership.size, roster.held.size]

  it('M7: with witnesses a block counts once it is final, and is known before', async () => {
    const roster = await load({ finalSize: 0 })
    expect(roster.onStored(keyOf('registrar'), [block(admit('a')), block(admit('b'))])).to.deep.equal([])
    expect(sizes(roster)).to.deep.equal([0, 2])
    expect([roster.membership.member(keyOf('a')), roster.held.member(keyOf('a'))?.admittedAt]).to.deep.equal([undefined, 1])
    expect(roster.waitingStates().map(({ size, members }) => [size, members.length])).to.deep.equal([
      [1, 3],
      [2, 4],
    ])
    roster.onFinal(1)
    expect(sizes(roster)).to.deep.equal([1, 2])
    expect([roster.membership.members.length, roster.changes]).to.deep.equal([3, 1])
    roster.onFinal(9)
    expect(sizes(roster)).to.deep.equal([2, 2])
    expect(counted.map(({ size }) => size)).to.deep.equal([1, 2])
    roster.onStored(keyOf('registrar'), [block(revoke('a'))])
    expect(roster.membership.member(keyOf('a'))?.revoked?.atSize, 'final before it was held').to.equal(3)
  })

  it('M7: without witnesses a block counts once it is held, until there is a witness', async () => {
    genesis = genesisWith(ROLE_METER)
    kv = await openMemoryKv()
    await begin()
    const roster = await load({ finalSize: 0 })
    roster.onStored(keyOf('registrar'), [block(admit('a')), block(admit('b', ROLE_WITNESS)), block(admit('c'))])
    expect(sizes(roster)).to.deep.equal([2, 3])
    roster.onFinal(3)
    expect(sizes(roster)).to.deep.equal([3, 3])
  })

  it('M7: what is final does not become less', async () => {
    const roster = await load({ finalSize: 2 })
    roster.onFinal(1)
    roster.onStored(keyOf('registrar'), [block(admit('a')), block(admit('b')), block(admit('c'))])
    expect(sizes(roster)).to.deep.equal([2, 3])
  })

  it('what is final unknown, all that is held counts; void operations are told', async () => {
    const roster = await load()
    const voided = roster.onStored(keyOf('registrar'), [block(), block(admit('a'), admit('first'))])
    expect(voided?.map(({ position, reason }) => [position, reason])).to.deep.equal([[1, 'already-member']])
    expect(sizes(roster)).to.deep.equal([2, 2])
    expect(roster.onStored(keyOf('first'), [])).to.equal(undefined)
  })

  it('a restart finds what was held, and counts what is final', async () => {
    for (const name of ['a', 'b', 'c']) block(admit(name))
    await store.accept([chain.acceptance()])
    const roster = await load({ finalSize: 2 })
    expect(sizes(roster)).to.deep.equal([2, 3])
    expect(counted.map(({ size }) => size)).to.deep.equal([1, 2])
    expect(sizes(await load())).to.deep.equal([3, 3])
  })

  it('another branch takes the place of what does not count; FINAL_CONFLICT for what does', async () => {
    const roster = await load({ finalSize: 1 })
    roster.onStored(keyOf('registrar'), [block(admit('a')), block(admit('b')), block(admit('c'))])
    await roster.learnLabel(keyOf('b'), labelOf('b'))
    await roster.learnLabel(keyOf('c'), labelOf('c'))
    roster.onCut(2)
    expect(roster.held.members.map(({ label }) => label)).to.deep.equal(['registrar', 'first', undefined, 'label of b'])
    roster.onCut(1)
    expect(sizes(roster)).to.deep.equal([1, 1])
    roster.onStored(keyOf('registrar'), [block(admit('d'))])
    roster.onFinal(2)
    expect(roster.membership.members.map(({ keyHex }) => keyHex).at(-1)).to.equal(Buffer.from(keyOf('d')).toString('hex'))
    expect(() => roster.onCut(1))
      .to.throw(/of which 2 count/)
      .with.property('code', 'FINAL_CONFLICT')
  })

  describe('labels', () => {
    it('are learnt for members that do not count yet, and shown once they do', async () => {
      const roster = await load({ finalSize: 0 })
      roster.onStored(keyOf('registrar'), [block(admit('a')), block(admit('b'))])
      expect(await roster.learnLabel(keyOf('a'), labelOf('a'))).to.equal(true)
      expect(await roster.learnLabel(keyOf('a'), labelOf('a'))).to.equal(false)
      expect(await roster.learnLabel(keyOf('stranger'), labelOf('a'))).to.equal(false)
      expect(roster.held.at(2)?.label).to.equal('label of a')
      expect(await roster.labelRecord(2)).to.equal(undefined)
      roster.onFinal(2)
      expect(roster.membership.members.map(({ label }) => label)).to.deep.equal(['registrar', 'first', 'label of a', undefined])
      expect((await roster.labelRecord(2))?.record).to.deep.equal(labelOf('a'))
      expect(await roster.labelRecord(3)).to.equal(undefined)
      expect(await roster.learnLabel(keyOf('b'), labelOf('b'))).to.equal(true)
      expect(roster.membership.at(3)?.label).to.equal('label of b')
    })

    it('that were kept before the block that admits or replaces a key are taken from the store', async () => {
      const roster = await load({ finalSize: 0 })
      await store.labels.put(keyOf('a'), labelOf('a'))
      await store.labels.put(keyOf('b'), labelOf('b'))
      const end = { endSize: 1, endRoot: ZERO_HASH }
      const hash = labelHash(labelOf('a'))
      const replace = { type: 'replace-key', key: keyOf('first'), newKey: keyOf('a'), labelHash: hash, ...end } as const
      // The record kept for b is of another label than this block names: it is not taken.
      roster.onStored(keyOf('registrar'), [block(replace, { ...admit('b'), labelHash: ZERO_HASH } as MembershipOperation)])
      while (roster.held.at(2)?.label === undefined) await new Promise((resolve) => setImmediate(resolve))
      expect(roster.held.at(2)?.label).to.equal('label of a')
      roster.onFinal(1)
      expect(roster.membership.members.map(({ label }) => label)).to.deep.equal(['registrar', 'first', 'label of a', undefined])
    })
  })
})
