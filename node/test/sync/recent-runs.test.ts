import { expect } from 'chai'
import { type Bytes, decodeRun } from '../../../protocol/index.ts'
import { FOUR_REGISTERS, Street } from '../../bench/street.ts'
import { BLOCKS_PER_CHAIN, MAX_RECENT_BYTES, RecentRuns } from '../../sync/recent-runs.ts'
import type { StoredRun } from '../../validate/index.ts'

/** The next `count` blocks of one meter as the door reports them, under the signature of the last. */
function nextRun(street: Street, meter: number, count = 1, rows = 1): StoredRun {
  const sealed = Array.from({ length: count }, () => street.seal(meter, rows, FOUR_REGISTERS).acceptance)
  const [first, last] = [sealed[0], sealed.at(-1)]
  if (first === undefined || last === undefined) throw new Error('no block')
  const blocks = sealed.flatMap((each) => each.blocks)
  return { member: first.member, from: first.from, blocks, state: last.state, own: false }
}

const heights = (run: Bytes | undefined): number[] | undefined =>
  run === undefined ? undefined : decodeRun(run).blocks.map(({ header }) => header.height)

describe('recent runs', () => {
  it('hold a chain from any remembered height to its newest signature', () => {
    const street = new Street(2)
    const recent = new RecentRuns(8)
    const first = nextRun(street, 0)
    for (const run of [first, nextRun(street, 1), nextRun(street, 0, 3)]) recent.add(run)
    expect(heights(recent.runFrom(first.member, 0, 4_096, 1e6))).to.deep.equal([0, 1, 2, 3])
    expect(heights(recent.runFrom(first.member, 3, 4_096, 1e6))).to.deep.equal([3])
    expect(recent.runFrom(first.member, 4, 4_096, 1e6)).to.equal(undefined)
    expect(recent.runFrom(new Uint8Array(32), 0, 4_096, 1e6)).to.equal(undefined)
  })

  it('end in a signature of their own within what was asked for, or are left to the store', () => {
    const street = new Street(1)
    const recent = new RecentRuns(8)
    const [one, three] = [nextRun(street, 0), nextRun(street, 0, 3)]
    recent.add(one)
    recent.add(three)
    const blockBytes = (one.blocks[0] as Bytes).length
    expect(heights(recent.runFrom(one.member, 0, 3, 1e6))).to.deep.equal([0])
    expect(heights(recent.runFrom(one.member, 0, 4, blockBytes))).to.deep.equal([0])
    expect(recent.runFrom(one.member, 1, 2, 1e6)).to.equal(undefined)
    expect(recent.runFrom(one.member, 1, 3, blockBytes)).to.equal(undefined)
  })

  it('forget a run whose end has no signature yet, and what stands before a gap', () => {
    const street = new Street(1)
    const recent = new RecentRuns(8)
    const first = nextRun(street, 0)
    recent.add({ ...first, state: { ...first.state, checkpoint: undefined } })
    expect(recent.runFrom(first.member, 0, 1, 1e6)).to.equal(undefined)
    nextRun(street, 0)
    recent.add(nextRun(street, 0))
    expect(recent.runFrom(first.member, 0, 3, 1e6)).to.equal(undefined)
    expect(heights(recent.runFrom(first.member, 2, 3, 1e6))).to.deep.equal([2])
  })

  it('remember the newest blocks of a chain, and nothing of a catch-up', () => {
    const street = new Street(1)
    const recent = new RecentRuns()
    for (let i = 0; i < 40; i++) recent.add(nextRun(street, 0))
    const { publicKey } = street.signers[0] as (typeof street.signers)[number]
    expect(recent.runFrom(publicKey, 40 - BLOCKS_PER_CHAIN - 1, 4_096, 1e6)).to.equal(undefined)
    expect(heights(recent.runFrom(publicKey, 40 - BLOCKS_PER_CHAIN, 4_096, 1e6))).to.have.length(BLOCKS_PER_CHAIN)
    recent.add(nextRun(street, 0, 9))
    expect(recent.runFrom(publicKey, 39, 4_096, 1e6)).to.equal(undefined)
    expect(recent.bytes).to.equal(0)
  })

  it('are bounded in bytes over all chains: the one that was still for longest goes first', () => {
    const street = new Street(200)
    const recent = new RecentRuns(8)
    const [still] = street.signers
    for (let meter = 0; meter < 200; meter++) recent.add(nextRun(street, meter, 8, 600))
    expect(recent.bytes).to.be.at.most(MAX_RECENT_BYTES)
    expect(recent.bytes).to.be.above(MAX_RECENT_BYTES / 2)
    expect(recent.runFrom(still?.publicKey as Bytes, 7, 1, 1e6)).to.equal(undefined)
    expect(heights(recent.runFrom(street.signers[199]?.publicKey as Bytes, 7, 1, 1e6))).to.deep.equal([7])
  })
})
