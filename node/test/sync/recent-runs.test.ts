import { expect } from 'chai'
import { type Bytes, decodeRun, encodeRun, type SignedCheckpoint } from '../../../protocol/index.ts'
import { FOUR_REGISTERS, Street } from '../../bench/street.ts'
import { MAX_RECENT_BYTES, RecentRuns } from '../../sync/recent-runs.ts'
import type { StoredRun } from '../../validate/index.ts'

/** Rows with which 200 blocks are more than is remembered. */
const ROWS = 4_096

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
  it('hold the newest block of each chain under its own signature', () => {
    const street = new Street(2)
    const recent = new RecentRuns()
    const first = nextRun(street, 0)
    const other = nextRun(street, 1)
    recent.add(first)
    recent.add(other)
    const run = recent.runFrom(first.member, 0)
    expect(run).to.deep.equal(encodeRun(first.blocks, { type: 'signed', ...(first.state.checkpoint as SignedCheckpoint) }))
    recent.add(nextRun(street, 0))
    recent.add(nextRun(street, 0, 3))
    expect(heights(recent.runFrom(first.member, 4))).to.deep.equal([4])
    for (const height of [0, 1, 3, 5]) expect(recent.runFrom(first.member, height)).to.equal(undefined)
    expect(heights(recent.runFrom(other.member, 0))).to.deep.equal([0])
    expect(recent.runFrom(new Uint8Array(32), 0)).to.equal(undefined)
  })

  it('are kept as they came where they came alone, and held with nothing else', () => {
    const street = new Street(1)
    const recent = new RecentRuns()
    const bytesOf = ({ blocks, state }: StoredRun): Bytes =>
      encodeRun(blocks, { type: 'signed', ...(state.checkpoint as SignedCheckpoint) })
    const first = nextRun(street, 0)
    const bytes = bytesOf(first)
    recent.add({ ...first, bytes })
    expect(recent.runFrom(first.member, 0)).to.equal(bytes)
    expect(recent.bytes).to.equal(bytes.length)
    const second = nextRun(street, 0)
    const around = new Uint8Array(4_096)
    around.set(bytesOf(second), 100)
    recent.add({ ...second, bytes: around.subarray(100, 100 + bytesOf(second).length) })
    const kept = recent.runFrom(second.member, 1) as Bytes
    expect(kept).to.deep.equal(bytesOf(second))
    expect(kept.buffer.byteLength).to.be.below(around.length)
    const several = nextRun(street, 0, 3)
    recent.add({ ...several, bytes: bytesOf(several) })
    expect(heights(recent.runFrom(several.member, 4))).to.deep.equal([4])
    const fourth = nextRun(street, 0)
    const { root, signature } = fourth.state.checkpoint as SignedCheckpoint
    recent.add({ ...fourth, bytes: encodeRun(fourth.blocks, { type: 'covered', size: 9, root, signature, proof: [root] }) })
    expect(recent.runFrom(fourth.member, 5)).to.deep.equal(bytesOf(fourth))
  })

  it("forget a chain whose newest block has no signature yet, or another block's", () => {
    const street = new Street(1)
    const recent = new RecentRuns()
    const first = nextRun(street, 0)
    recent.add(first)
    const second = nextRun(street, 0)
    recent.add({ ...second, state: { ...second.state, checkpoint: undefined } })
    expect([recent.runFrom(first.member, 0), recent.runFrom(first.member, 1)]).to.deep.equal([undefined, undefined])
    const third = nextRun(street, 0)
    recent.add({ ...third, state: { ...third.state, checkpoint: second.state.checkpoint } })
    expect(recent.runFrom(first.member, 2)).to.equal(undefined)
    expect(recent.bytes).to.equal(0)
  })

  it('are bounded in bytes over all chains: the one that was still for longest goes first', () => {
    const street = new Street(200)
    const recent = new RecentRuns()
    const [still] = street.signers
    for (let meter = 0; meter < 200; meter++) recent.add(nextRun(street, meter, 1, ROWS))
    expect(recent.bytes).to.be.at.most(MAX_RECENT_BYTES)
    expect(recent.bytes).to.be.above(MAX_RECENT_BYTES / 2)
    expect(recent.runFrom(still?.publicKey as Bytes, 0)).to.equal(undefined)
    expect(heights(recent.runFrom(street.signers[199]?.publicKey as Bytes, 0))).to.deep.equal([0])
  })
})
