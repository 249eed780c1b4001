import { expect } from 'chai'
import { type Block, blockHash, encodeHeader, type Header } from '../block.ts'
import { type Bytes, concat } from '../bytes.ts'
import type { SignedCheckpoint } from '../checkpoint.ts'
import { buildEvidence, buildEvidenceFromCheckpoints, verifyEvidence } from '../evidence.ts'
import { encodeRun } from '../run.ts'
import { consistencyProof } from '../tree.ts'
import type { Refused } from '../validate.ts'
import { flipped } from './chain-author.ts'
import { branch, expectAccepted, expectIgnored, expectRejected, genesis, meter, show } from './door-setting.ts'
import { testVerify } from './signing.ts'

const blockAt = (height: number): Block => meter.blocks[height] as Block

/** A block of the meter in which a stranger changed what the header says, or the body with it. */
function changed(height: number, fields: Partial<Header>): Bytes {
  const { header, body } = blockAt(height)
  return concat(encodeHeader({ ...header, ...fields }), body)
}

const under = (size: number): { type: 'signed'; root: Bytes; signature: Bytes } => ({ type: 'signed', ...meter.checkpoint(size) })

/** What came with a refusal is the meter's own, honest checkpoint, from which no evidence against it follows. */
async function expectNoBlame(refused: Refused, size: number): Promise<void> {
  expect(refused.announced).to.deep.equal(meter.checkpoint(size))
  const evidence = await buildEvidenceFromCheckpoints(meter.read, meter.checkpoint(5), refused.announced as SignedCheckpoint)
  expect(evidence).to.equal(undefined)
}

describe('the door, who is to blame', () => {
  it('V6, DUPLICATE: what is held, whole or in part, at the end of the chain or below it', async () => {
    for (const [from, end] of [
      [4, 5],
      [0, 5],
      [2, 3],
      [0, 3],
    ] as const) {
      const said = show(meter.run(from, end), { chain: meter.state(5), known: end < 5 ? meter.known(end) : undefined })
      expectIgnored('DUPLICATE', said)
      expect(said.signatures).to.equal(0)
    }
    const covered = show(await meter.coveredRun(1, 3), { chain: meter.state(4), known: meter.known(3) })
    expectIgnored('DUPLICATE', covered)
    expect(covered.signatures).to.equal(0)
  })

  it('V6, DUPLICATE: where the held root is not known the run counts as held, whatever it is', () => {
    expectIgnored('DUPLICATE', show(meter.run(1, 3), { chain: meter.state(5) }))
    expectIgnored('DUPLICATE', show(branch(1, 2).run(1, 3), { chain: meter.state(5) }))
  })

  it('V6, CONFLICT: a second root of a held size under the author’s signature, which proves the two stories', async () => {
    const other = branch(2, 3)
    for (const end of [3, 4, 5]) {
      const said = show(other.run(end - 1, end), { chain: meter.state(5), known: meter.known(end) })
      const { announced } = expectIgnored('CONFLICT', said)
      expect(announced).to.deep.equal(other.checkpoint(end))
      const evidence = await buildEvidenceFromCheckpoints(meter.read, meter.checkpoint(5), announced as SignedCheckpoint)
      if (evidence === undefined) return expect.fail('no evidence')
      expect(verifyEvidence(testVerify, genesis.networkId, evidence)).to.equal(true)
    }
  })

  it('V6, BAD_SIGNATURE: a forged second root blames nobody but the sender', () => {
    const forged = flipped(branch(2, 3).run(4, 5), -1)
    expectRejected('BAD_SIGNATURE', show(forged, { chain: meter.state(5) }))
    expectRejected(
      'BAD_SIGNATURE',
      show(meter.run(4, 5, { ...meter.checkpoint(5), root: meter.checkpoint(4).root }), { chain: meter.state(5) }),
    )
  })

  it('V6, FORK: another block of a held height under a larger checkpoint, authentic or forged', async () => {
    const other = branch(2, 3)
    const end = await other.coveredEnd(4)
    const held = { chain: meter.state(4) }
    const { announced } = expectIgnored('FORK', show(encodeRun(other.bytes(3, 4), end), held))
    expect(announced).to.deep.equal(other.checkpoint(5))
    const forged = { ...end, signature: flipped(end.signature, 0) }
    expectRejected('BAD_SIGNATURE', show(encodeRun(other.bytes(3, 4), forged), held))
    const honest = await meter.coveredEnd(4)
    await expectNoBlame(expectIgnored('FORK', show(encodeRun(other.bytes(3, 4), honest), held)), 5)
  })

  it('V7, WRONG_ROOT: the held root with another block attached', () => {
    const other = branch(4, 1)
    const attached = encodeRun(other.bytes(4, 5), under(5))
    expectRejected('WRONG_ROOT', show(attached, { chain: meter.state(5) }))
    expectRejected(
      'WRONG_ROOT',
      show(encodeRun(branch(2, 1).bytes(2, 3), under(3)), { chain: meter.state(5), known: meter.known(3) }),
    )
  })

  it('V9, UNKNOWN_PARENT: blocks beyond a gap are dropped, their checkpoint is passed on once it is authentic', async () => {
    for (const run of [meter.run(3, 5), meter.run(4, 5), await meter.coveredRun(3, 4)]) {
      const said = show(run, { chain: meter.state(2) })
      await expectNoBlame(expectIgnored('UNKNOWN_PARENT', said), 5)
      expect(said.signatures).to.equal(1)
    }
    expect(expectIgnored('UNKNOWN_PARENT', show(meter.run(4, 5), { chain: meter.state(2) })).data).to.deep.equal({
      height: 4,
      held: 2,
    })
  })

  it('V9, BAD_SIGNATURE: a forged checkpoint beyond a gap', () => {
    expectRejected('BAD_SIGNATURE', show(flipped(meter.run(3, 5), -1), { chain: meter.state(2) }))
  })

  it('a genuine root with another body, the parent at hand: the sender pays', () => {
    const run = encodeRun([flipped(blockAt(4).bytes, -1)], under(5))
    expectRejected('BODY_HASH_MISMATCH', show(run, { chain: meter.state(4) }))
  })

  it('a genuine root with another block, the parent at hand: the sender pays', () => {
    for (const fields of [{ sealedAt: blockAt(4).header.sealedAt + 1 }, { kind: 9 }]) {
      expectRejected('WRONG_ROOT', show(encodeRun([changed(4, fields)], under(5)), { chain: meter.state(4) }))
    }
  })

  it('a genuine root with another body or block, the parent missing: nobody is blamed', async () => {
    for (const block of [flipped(blockAt(4).bytes, -1), changed(4, { kind: 9 }), branch(3, 2).bytes(4, 5)[0] as Bytes]) {
      const said = show(encodeRun([block], under(5)), { chain: meter.state(3) })
      await expectNoBlame(expectIgnored('UNKNOWN_PARENT', said), 5)
    }
  })

  it('V12, FORK: a stranger’s other parent under a genuine root accuses nobody', async () => {
    const run = encodeRun([changed(4, { previous: new Uint8Array(32).fill(5) })], under(5))
    await expectNoBlame(expectIgnored('FORK', show(run, { chain: meter.state(4) })), 5)
  })

  it('V12, FORK: a true one gives evidence once the other story’s root at a common size is known', async () => {
    const other = branch(2, 3)
    const held = { chain: meter.state(4) }
    const { announced } = expectIgnored('FORK', show(other.run(4, 5), held))
    expect(announced).to.deep.equal(other.checkpoint(5))
    const checkpoint = announced as SignedCheckpoint
    const side = { checkpoint, root: other.state(4).root, proof: await consistencyProof(other.read, 4, 5) }
    const evidence = await buildEvidence(meter.read, meter.checkpoint(4), side, 4)
    if (evidence === undefined) return expect.fail('no evidence')
    expect(verifyEvidence(testVerify, genesis.networkId, evidence)).to.equal(true)
  })

  it('V12, FORK: also in a run that begins below the held end, whole in itself', async () => {
    const other = branch(2, 4)
    for (const run of [other.run(1, 6), other.run(3, 6), await other.coveredRun(0, 5)]) {
      expect(expectIgnored('FORK', show(run, { chain: meter.state(4) })).announced).to.deep.equal(other.checkpoint(6))
    }
  })

  it('V12, BAD_SIGNATURE: a forged fork, for a block and for a run', () => {
    const other = branch(2, 3)
    for (const from of [1, 4]) {
      expectRejected('BAD_SIGNATURE', show(flipped(other.run(from, 5), -1), { chain: meter.state(4) }))
    }
  })

  it('V20: of a run that overlaps the held chain only the new blocks are handed on', () => {
    for (const from of [0, 2, 3]) {
      const accepted = expectAccepted(show(meter.run(from, 5), { chain: meter.state(3) }))
      expect(accepted.from).to.equal(3)
      expect(accepted.blocks).to.deep.equal(meter.blocks.slice(3))
      expect(accepted.hashes).to.deep.equal(meter.blocks.slice(3).map(({ headerBytes }) => blockHash(headerBytes)))
      expect(accepted.state).to.deep.equal(meter.state(5))
    }
  })

  it('V11, V15: garbage in the held part of a run is not passed on under this node’s name', () => {
    const [, , third, fourth] = meter.bytes(0, 4) as [Bytes, Bytes, Bytes, Bytes]
    const held = { chain: meter.state(3) }
    expectAccepted(show(encodeRun([third, fourth], under(4)), held))
    expectRejected('BODY_HASH_MISMATCH', show(encodeRun([flipped(third, -1), fourth], under(4)), held))
    expectRejected('BROKEN_LINK', show(encodeRun([changed(2, { kind: 9 }), fourth], under(4)), held))
    expectRejected('BROKEN_LINK', show(encodeRun([branch(2, 1).bytes(2, 3)[0] as Bytes, fourth], under(4)), held))
  })

  it('V20: the state is what the next run is checked against, block by block or all at once', () => {
    let chain = expectAccepted(show(meter.run(0, 1))).state
    for (let i = 1; i < 5; i++) chain = expectAccepted(show(meter.run(i, i + 1), { chain })).state
    expect(chain).to.deep.equal(meter.state(5))
    expect(expectAccepted(show(meter.run(0, 5))).state).to.deep.equal(chain)
    expect(chain.range.root()).to.deep.equal(chain.root)
  })

  it('V20: the held state is not written into, accepted or not', () => {
    const chain = meter.state(3)
    const before = { size: chain.range.size, edge: chain.range.encode() }
    show(meter.run(3, 5), { chain })
    show(flipped(meter.run(3, 5), -1), { chain })
    expect({ size: chain.range.size, edge: chain.range.encode() }).to.deep.equal(before)
  })

  it('V20: what is kept holds on to no buffer of the run, not even where that is a Buffer', async () => {
    const run = Buffer.from(meter.run(0, 5))
    const { member, hashes, state } = expectAccepted(show(run))
    const announced = expectIgnored('UNKNOWN_PARENT', show(Buffer.from(meter.run(3, 5)))).announced as SignedCheckpoint
    const checkpoint = state.checkpoint as SignedCheckpoint
    const parts = [state.root, state.lastHash, checkpoint.root, checkpoint.signature, checkpoint.member, announced.root]
    for (const part of [member, ...hashes, ...state.range.hashes, ...parts, announced.signature, announced.member]) {
      expect(part.buffer.byteLength).to.equal(part.length)
    }
    run.fill(0)
    expect(state).to.deep.equal(meter.state(5))
  })
})
