import { expect } from 'chai'
import type { LightMyRequestResponse } from 'fastify'
import { encodeSignedAttestation, fromHex, type Reading, type SignedAttestation } from '../../../protocol/index.ts'
import { proveInChain } from '../../observe/block-proof.ts'
import { LastReadings } from '../../observe/last-readings.ts'
import { MAX_PAGE_CHARS } from '../../observe/limits.ts'
import type { ObservedNode } from '../../observe/observed-node.ts'
import { BlockAnswer, BlocksAnswer, type MembersAnswer } from '../../observe/schemas/index.ts'
import { TestAuthor } from '../harness/test-author.ts'
import { keyHexOf, OBSERVER, ObservedStreet, schemaFaults } from './observed-street.ts'

const ROWS = 2_100
const REGISTERS = 2

/** Two registers a second: a block of more values than are shown. */
function manyReadings(fromMs: number): Reading[] {
  return Array.from({ length: ROWS }, (_, row) => ({
    time: fromMs + row * 1_000,
    intervalMs: 0,
    timeSource: 'meter-clock' as const,
    values: Array.from({ length: REGISTERS }, (__, at) => ({
      register: { obis: { a: 1, b: 0, c: at + 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 },
      value: row,
      quality: 'good' as const,
    })),
  }))
}

describe('blocks that are large, pruned, or contested', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>
  const key = fromHex(keyHexOf('meter-1'))

  before(async () => {
    street = await ObservedStreet.create({
      meters: 1,
      witnesses: 1,
      rounds: 0,
      settings: { maxRows: 4_096, rowsAtOnce: 4_096 },
    })
    const { all } = street
    for (let round = 1; round <= 6; round++) {
      await all.time.advance(3_600_000)
      const items = manyReadings(all.time.clock.now()).map((reading) => ({ source: 'test', reading }))
      await all.time.wait(all.get('meter-1').node.take(items))
      await all.untilAgreed(round)
      await street.untilFinal()
    }
    app = street.app()
  })
  after(() => street.stop())

  it('of one block 4,096 values are shown, and how many are not', async () => {
    const { blocks } = (await app.inject({ url: '/v1/members/1/blocks?limit=1' })).json<BlocksAnswer>()
    expect(schemaFaults(BlocksAnswer.properties.blocks, blocks)).to.deep.equal([])
    expect([blocks[0]?.readings?.length, blocks[0]?.omitted]).to.deep.equal([4_096, ROWS * REGISTERS - 4_096])
  })

  it('a page ends before its limit where its text would be too long, and goes on from there', async () => {
    const heights: number[] = []
    let pages = 0
    for (let url: string | undefined = '/v1/members/1/blocks?limit=100'; url !== undefined; pages++) {
      const answer: LightMyRequestResponse = await app.inject({ url })
      expect(answer.body.length).to.be.below(1.5 * MAX_PAGE_CHARS)
      const { blocks, next }: BlocksAnswer = answer.json<BlocksAnswer>()
      heights.push(...blocks.map(({ height }) => height))
      url = next
    }
    expect(heights).to.deep.equal([0, 1, 2, 3, 4, 5])
    expect(pages).to.be.above(1)
    const down = (await app.inject({ url: '/v1/members/1/blocks?limit=100&order=desc' })).json<BlocksAnswer>()
    expect(down.blocks[0]?.height).to.equal(5)
    expect(down.next).to.be.a('string')
  })

  it('what was pruned says so, and is proven by its header', async () => {
    const bare = await ObservedStreet.create({ meters: 1, witnesses: 0, rounds: 0, absent: ['away'] })
    const { store } = bare.node(OBSERVER)
    const author = TestAuthor.of(bare.all, 'away').grow(200)
    const member = author.signer.publicKey
    const hashes = Array.from({ length: 200 }, (_, at) => author.state(at + 1).lastHash)
    await store.accept([{ member, from: 0, blocks: author.bytes(0, 200), hashes, state: author.state() }])
    while (!(await store.prune(member, 128, { unfinal: true })).isDone);
    const { to } = store.pruned(member)
    expect(to).to.be.above(1)
    const bareApp = bare.app()
    const { blocks } = (await bareApp.inject({ url: `/v1/members/2/blocks?limit=2&from=${to - 1}` })).json<BlocksAnswer>()
    expect(schemaFaults(BlocksAnswer.properties.blocks, blocks)).to.deep.equal([])
    expect(blocks.map(({ pruned = false }) => pruned)).to.deep.equal([true, false])
    const block = (await bareApp.inject({ url: `/v1/blocks/${blocks[0]?.hash}` })).json<BlockAnswer>()
    expect(schemaFaults(BlockAnswer, block)).to.deep.equal([])
    expect([block.pruned, block.body, block.inclusion?.index]).to.deep.equal([true, null, to - 1])
    const { members } = (await bareApp.inject({ url: '/v1/members' })).json<MembersAnswer>()
    expect(members[2]).to.include({ pruned: to, size: 200 })
    const all = (await bareApp.inject({ url: '/v1/ledger?limit=500' })).json<{ blocks: unknown[] }>()
    expect(all.blocks).to.have.length(200)
    await bare.stop()
  })

  it('a witness that attested another branch of a contested chain is not among those who attested', async () => {
    const { node } = street.node(OBSERVER)
    const member = node.membership.members[1]
    if (member === undefined) throw new Error('no member')
    const [block] = await node.store.readHeld(key, 5, 1)
    if (block === undefined) throw new Error('no block')
    const attestation: SignedAttestation = {
      witness: key,
      epoch: 0,
      sequence: 9,
      timeMs: 1,
      frontier: [0, 6],
      named: [{ index: 1, size: 6, root: new Uint8Array(32).fill(7) }],
      headsRoot: new Uint8Array(32),
      signature: new Uint8Array(64),
    }
    const attesters = async (
      signed: SignedAttestation,
      leaves?: readonly { size: number; root: Uint8Array }[],
    ): Promise<number[]> => {
      const stored = { epoch: 0, witness: key, bytes: encodeSignedAttestation(signed), leaves }
      const witness = { attestations: { list: () => Promise.resolve([stored]) } }
      const store = new Proxy(node.store, {
        get: (target, name) => {
          if (name === 'witness') return witness
          const value = Reflect.get(target, name, target) as unknown
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
      const { epochs, membership } = node
      const proven = await proveInChain({ store, epochs, membership } as unknown as ObservedNode, member, block)
      return proven.attestedBy.map(({ index }) => index)
    }
    const root = (await node.store.rootAt(key, 6)) as Uint8Array
    expect(await attesters(attestation)).to.deep.equal([])
    expect(await attesters({ ...attestation, named: [{ index: 1, size: 6, root }] })).to.deep.equal([1])
    expect(await attesters({ ...attestation, named: [] })).to.deep.equal([1])
    expect(await attesters({ ...attestation, named: [], frontier: [0, 5] })).to.deep.equal([])
    const other = { size: 6, root: new Uint8Array(32) }
    expect(await attesters({ ...attestation, named: [] }, [{ size: 0, root }, other])).to.deep.equal([])
  })

  it('for the newest reading sixteen blocks are looked into, and no more', async () => {
    let reads = 0
    const store = {
      head: () => ({ size: 1_000, sealedAt: 5_000 }),
      readHeld: () => {
        reads++
        return Promise.resolve([{ header: { kind: 1, sealedAt: 4_000 }, body: new Uint8Array(16) }])
      },
    }
    const readings = new LastReadings(store as never)
    expect(await readings.of({ key, keyHex: 'ab', roles: 2 } as never)).to.not.have.property('timeMs')
    expect(reads).to.equal(17)
  })
})
