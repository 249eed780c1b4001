import { expect } from 'chai'
import fc from 'fast-check'
import { KIND_EVENT, KIND_MEMBERSHIP, KIND_READINGS, makeBlock } from '../../../protocol/block.ts'
import { formatContinuation } from '../../../protocol/continuation.ts'
import { EVENT_CODES, encodeEvents } from '../../../protocol/event-body.ts'
import { encodeMembershipBody } from '../../../protocol/membership-body.ts'
import { encodeReadings } from '../../../protocol/readings-body.ts'
import { auditStore, type Kv, LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { blockKey, chainKey } from '../../store/keys.ts'
import { checkStored, decodeHeld, encodePruned, encodeStored } from '../../store/stored-block.ts'
import { ChainMaker, memberKey, NETWORK_ID, verifyFake } from './chain-maker.ts'
import { START_MS, sampleReading } from './sample-readings.ts'

const rows = (count: number): Uint8Array => encodeReadings(Array.from({ length: count }, (_, i) => sampleReading(i)))
const event = (code: number, detail: string): Uint8Array => encodeEvents([{ time: START_MS, code, detail }])
const end = { key: memberKey(5), endSize: 3, endRoot: memberKey(6) }

/** Every kind of block, the first one that of a chain which goes on with another's. */
const KINDS: readonly (readonly [what: string, kind: number, content: Uint8Array])[] = [
  ['a first block that goes on with a chain that was ended', KIND_EVENT, event(EVENT_CODES.continues, formatContinuation(end))],
  ['one row', KIND_READINGS, rows(1)],
  ['48 rows', KIND_READINGS, rows(48)],
  ['an event', KIND_EVENT, event(EVENT_CODES['power-fail'], 'dark')],
  [
    'operations of a registrar',
    KIND_MEMBERSHIP,
    encodeMembershipBody([
      { type: 'admit', key: memberKey(5), roles: 2, labelHash: memberKey(7) },
      { type: 'revoke', ...end },
    ]),
  ],
]

const SIZE = 70
const PRUNED = 40

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** Blocks of every kind, then of one row; signed one by one but for the last ten, which came in one run. */
async function street(): Promise<{ kv: Kv; store: LedgerStore; maker: ChainMaker }> {
  const kv = await openMemoryKv()
  const store = await open(kv)
  const maker = new ChainMaker(1)
  for (const [, kind, content] of KINDS) await store.accept([maker.holding([content], undefined, [kind])])
  while (maker.state.size < SIZE - 10) await store.accept([maker.holding([rows(1)])])
  await store.accept([maker.holding(Array.from({ length: 10 }, () => rows(1)))])
  return { kv, store, maker }
}

describe('stored blocks', () => {
  it('are read as they were sealed, bit for bit, whatever they hold, at any height, signed or not, pruned or not', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    const contents = fc.oneof(fc.constantFrom(...KINDS.map(([, , content]) => content)), fc.uint8Array({ maxLength: 60_000 }))
    fc.assert(
      fc.property(
        fc.record({
          kind: fc.integer({ min: 0, max: 255 }),
          height: fc.oneof(fc.nat(300), fc.nat()),
          member: bytes(32),
          previous: bytes(32),
          sealedAt: fc.nat(),
          registrarSize: fc.nat(),
          salt: bytes(16),
          content: contents,
        }),
        fc.option(bytes(64), { nil: undefined }),
        (fields, signature) => {
          const block = makeBlock(fields)
          const { member, height } = fields
          const stored = encodeStored(block.bytes, height, signature)
          expect(stored.length).to.equal(block.bytes.length - (height === 0 ? 0 : 32) + (signature?.length ?? 0))
          const held = checkStored(stored, member, height)
          expect(held.bytes).to.deep.equal(block.bytes)
          expect(held.headerBytes).to.deep.equal(block.headerBytes)
          expect([held.header, held.signature]).to.deep.equal([block.header, signature])
          const pruned = checkStored(encodePruned(held), member, height)
          expect(pruned).to.deep.equal({ ...held, body: undefined, bytes: undefined })
          expect(encodePruned(pruned)).to.deep.equal(encodePruned(held))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('a record of any length that is none is refused, and not read beyond', () => {
    const whole = encodeStored(new ChainMaker(1).next(2).blocks[1] as Uint8Array, 1)
    for (const record of [whole, Uint8Array.of(0, 140, ...whole)]) {
      for (let length = 0; length < whole.length; length++) {
        expect(() => decodeHeld(record.subarray(0, length), memberKey(1), 1)).to.throw()
      }
    }
    expect(() => decodeHeld(Uint8Array.of(...whole, 1), memberKey(1), 1)).to.throw(/1 byte/)
  })

  it('the root that was signed is said wherever a run is read from, and where blocks are pruned', async () => {
    const { store, maker } = await street()
    const { member } = maker
    const lastSigned = SIZE - 10
    for (const [from, count] of [...maker.blocks.map((_, height) => [height, 1] as const), [0, SIZE], [3, 60]] as const) {
      const { blocks, signed } = await store.readRun(member, from, count)
      expect(blocks.map(({ bytes }) => bytes)).to.deep.equal(maker.blocks.slice(from, from + count).map(({ bytes }) => bytes))
      const end = from + count
      const size = end === SIZE ? SIZE : Math.min(end, lastSigned)
      expect(signed?.size, `${count} blocks from ${from}`).to.equal(size > from ? size : undefined)
      expect(signed?.root).to.deep.equal(size > from ? maker.roots[size - 1] : undefined)
      expect(signed === undefined || verifyFake(signed)).to.equal(true)
    }
    await store.prune(member, PRUNED, { unfinal: true })
    expect(store.pruned(member).to).to.be.above(KINDS.length)
    for (let at = 0; at < SIZE; at++) {
      for (const found of [await store.signatureAtOrBelow(member, at), await store.signatureAtOrAbove(member, at)]) {
        expect(found !== undefined && verifyFake(found), `block ${at}`).to.equal(true)
      }
    }
  })

  it('the first one still says whose chain it is where the record of that is lost', async () => {
    const { kv, maker } = await street()
    await kv.batch([{ type: 'del', key: chainKey(maker.member) }])
    const store = await open(kv)
    expect(store.head(maker.member)?.root).to.deep.equal(maker.state.root)
    expect(store.damage).to.deep.equal([])
  })

  it('a flipped bit in any byte of any of them is found, pruned or not, in the signature too', async () => {
    const { kv, store, maker } = await street()
    const { member } = maker
    const faultOf = async (): Promise<number | undefined> => {
      const { chains } = await auditStore({ kv, verifySigned: verifyFake, allSignatures: true })
      return chains[0]?.fault?.height
    }
    const flipEach = async (height: number): Promise<void> => {
      const key = blockKey(0, height)
      const value = (await kv.get(key)) as Uint8Array
      for (const [at, byte] of value.entries()) {
        await kv.batch([put(key, value.with(at, byte ^ (1 << (at % 8))))])
        // A header that is another one still has a body: then it is its signature, or the next block that does not name it.
        expect(await faultOf(), `block ${height}, byte ${at}`).to.be.within(height, height + 1)
      }
      await kv.batch([put(key, value)])
    }
    for (const height of [...KINDS.keys(), SIZE - 5, SIZE - 1]) await flipEach(height)
    await store.prune(member, PRUNED, { unfinal: true })
    expect(await faultOf()).to.equal(undefined)
    for (const height of [0, 2]) await flipEach(height)
    expect(await faultOf()).to.equal(undefined)
  })
})
