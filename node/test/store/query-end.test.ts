import { expect } from 'chai'
import { encodeReadings } from '../../../protocol/index.ts'
import type { LedgerStore } from '../../store/index.ts'
import { BLOCK_PIECES, STRETCH_BLOCKS } from '../../store/query-draft.ts'
import { openStore, reading, register } from '../query/made-home.ts'
import { ChainMaker } from './chain-maker.ts'

const IMPORT = register('1-0:1.8.0')
const QUARTER_MS = 900_000
const DAY_MS = 86_400_000

async function countOf(store: LedgerStore, member: Uint8Array, endSize?: number): Promise<number> {
  let count = 0
  for await (const { times } of store.values(member, IMPORT, 0, Number.MAX_SAFE_INTEGER, endSize)) count += times.length
  return count
}

describe('values of a chain that has an end', () => {
  let store: LedgerStore
  const maker = new ChainMaker(1)

  before(async () => {
    store = await openStore()
    const contents = Array.from({ length: 3 * STRETCH_BLOCKS + 5 }, (_, i) =>
      encodeReadings([reading(IMPORT, { time: i * QUARTER_MS, value: i })]),
    )
    await store.accept([maker.holding(contents)])
  })

  it('are those of the blocks below it, wherever in a stretch it lies', async () => {
    const { size } = maker.state
    for (let end = 0; end <= size; end++) expect(await countOf(store, maker.member, end), String(end)).to.equal(end)
  })

  it('are all of them where the end is not reached, or there is none', async () => {
    const { size } = maker.state
    expect(await countOf(store, maker.member, size + 100)).to.equal(size)
    expect(await countOf(store, maker.member)).to.equal(size)
  })

  it('hold also for a block that is filed whole', async () => {
    const other = new ChainMaker(2)
    const many = Array.from({ length: BLOCK_PIECES + 1 }, (_, i) => reading(IMPORT, { time: i * 8 * DAY_MS, value: i }))
    await store.accept([other.holding([encodeReadings(many.slice(0, 1)), encodeReadings(many)])])
    expect(await countOf(store, other.member, 1)).to.equal(1)
    expect(await countOf(store, other.member, 2)).to.equal(many.length + 1)
  })

  it('leave out the stretch that the end cuts where it was pruned before: nothing tells any more which rows count', async () => {
    const { member, state } = maker
    await store.prune(member, state.size, { unfinal: true })
    const { to } = store.pruned(member)
    const first = STRETCH_BLOCKS - ((member[0] as number) % STRETCH_BLOCKS)
    const beginning = (end: number): number => (end < first ? 0 : end - ((end - first) % STRETCH_BLOCKS))
    for (let end = 0; end <= state.size; end++) {
      expect(await countOf(store, member, end), String(end)).to.equal(end < to ? beginning(end) : end)
    }
    expect(to).to.be.above(2 * STRETCH_BLOCKS)
  })
})
