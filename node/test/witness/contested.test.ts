import { expect } from 'chai'
import { encodeEvents, encodeMembershipBody, KIND_MEMBERSHIP, parseRoles } from '../../../protocol/index.ts'
import { type ChainAuthor, FIRST_SEALED_MS } from '../../../protocol/test/chain-author.ts'
import { chainStateAt } from '../../validate/index.ts'
import { BranchView } from '../../witness/branch-view.ts'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, MAX_LEAVES_TRIED, MAX_PIECE_BYTES, MAX_REVIEWS } from '../../witness/contested.ts'
import { ContestedStand, leafOf, METER, REGISTRAR, SELF, WITNESSES } from './contested-stand.ts'

const otherSalt = { salt: new Uint8Array(16) }

/** The same chain up to `size`, then another story of `count` blocks. */
const forkOf = (author: ChainAuthor, size: number, count: number): ChainAuthor =>
  author
    .fork(size)
    .append(otherSalt)
    .grow(count - 1)

/** A node that holds ten blocks of one story of the meter's, of which two are final, and another story that forks at four. */
async function stand(length = 8) {
  const all = await ContestedStand.create()
  const author = all.author(METER).grow(10)
  await all.hold(author, 0, 2)
  await all.hold(author, 2, 10)
  await all.attest(METER, leafOf(author, 2))
  const other = forkOf(author, 4, length)
  all.offered.push(other)
  return { all, author, other }
}

describe('contested chains', () => {
  it('W14: another branch that a quorum has attested takes the place of the held one from the fork on', async () => {
    const { all, other } = await stand()
    expect(all.keeper.finalSize(METER)).to.equal(2)
    await all.attest(METER, leafOf(other, 9))
    await all.review(METER, 'some neighbour')
    expect(all.fetched).to.deep.equal([
      { index: METER, from: 2, leaf: { ...leafOf(other, 9), epoch: 0 }, preferHex: 'some neighbour' },
    ])
    expect(all.held(METER)).to.deep.equal(leafOf(other, 9))
    expect(all.replaced.map(({ index, run }) => [index, run.from, run.blocks.length])).to.deep.equal([[METER, 4, 5]])
    expect([all.keeper.finalSize(METER), all.errors]).to.deep.equal([9, []])
    // Nothing is left to be done.
    await all.review(METER)
    expect([all.fetched.length, all.time.pending]).to.deep.equal([1, 0])
  })

  it('W12: leaves that were placed by blocks that are cut back do not count for the branch that comes instead', async () => {
    const all = await ContestedStand.create()
    const author = all.author(METER).grow(10)
    for (const [from, to] of [
      [0, 6],
      [6, 10],
    ] as const) {
      await all.hold(author, from, to)
    }
    await all.attest(METER, leafOf(author, 10), [3, 4])
    await all.time.wait(all.store.cutBack(all.key(METER), 6, 'damage'))
    await all.time.wait(all.keeper.replaced(METER, 6))
    const other = forkOf(author, 6, 4)
    await all.hold(other, 6, 10)
    await all.attest(METER, leafOf(other, 10), [5])
    expect(all.keeper.finalSize(METER), 'two signed the one, one the other').to.equal(0)
  })

  it('W14: it does so quarantined or not, and goes no further than what is final', async () => {
    const { all, other } = await stand(12)
    await all.quarantine(METER)
    await all.attest(METER, leafOf(other, 14), [3, 4])
    await all.attest(METER, leafOf(other, 16), [5])
    await all.attest(METER, leafOf(other, 7), [6])
    await all.review(METER)
    expect(all.held(METER)).to.deep.equal(leafOf(other, 14))
    expect(all.keeper.finalSize(METER)).to.equal(14)
    const shorter = await stand(12)
    await shorter.all.attest(METER, leafOf(shorter.other, 9), [3, 4])
    await shorter.all.attest(METER, leafOf(shorter.other, 6), [5])
    await shorter.all.review(METER)
    expect([shorter.all.held(METER), shorter.all.keeper.finalSize(METER)]).to.deep.equal([leafOf(shorter.other, 6), 6])
  })

  it('W14: what is final of a branch may end before the leaf that led to it: then it is fetched as far as that', async () => {
    const { all, author, other } = await stand(12)
    // Two witnesses have reached 9 on one branch; the third lies elsewhere, and was on it before.
    await all.attest(METER, leafOf(other, 9), [3, 4])
    await all.attest(METER, leafOf(other, 6), [5])
    await all.attest(METER, leafOf(forkOf(author, 3, 9), 10), [5])
    await all.review(METER)
    expect(all.fetched.map(({ from, leaf }) => [from, leaf.size])).to.deep.equal([
      [2, 10],
      [2, 9],
      [4, 6],
    ])
    expect(all.held(METER)).to.deep.equal(leafOf(other, 6))
  })

  it('W14: a branch that is too long for one write is stored in pieces, each of the branch that is final', async () => {
    const all = await ContestedStand.create()
    const author = all.author(METER).grow(10)
    await all.hold(author, 0, 10)
    await all.attest(METER, leafOf(author, 2))
    const events = Array.from({ length: 256 }, () => ({ time: FIRST_SEALED_MS, code: 5, detail: 'x'.repeat(200) }))
    const content = encodeEvents(events)
    const other = author.fork(4)
    while (other.size < 340) other.append({ content, ...otherSalt })
    expect(other.bytes(4, 340).reduce((sum, { length }) => sum + length, 0)).to.be.above(2 * MAX_PIECE_BYTES)
    all.offered.push(other)
    all.parts = 40
    await all.quarantine(METER)
    await all.attest(METER, leafOf(other))
    // What nobody gives to the end is held as far as it was stored, and gone on with.
    let fetches = 0
    all.onFetched = () => {
      if (++fetches === 2) all.stopAt = 250
    }
    await all.review(METER)
    for (let i = 0; i < 20; i++) await all.settle()
    const { size } = all.held(METER)
    expect(size).to.be.within(101, 250)
    expect(all.keeper.finalSize(METER)).to.equal(2)
    expect(all.held(METER)).to.deep.equal(leafOf(other, size))
    all.stopAt = Number.POSITIVE_INFINITY
    await all.time.advance(FIRST_PAUSE_MS)
    for (let i = 0; i < 20; i++) await all.settle()
    expect([all.held(METER), all.keeper.finalSize(METER), all.errors]).to.deep.equal([leafOf(other), 340, []])
    const pieces = all.replaced.map(({ run }) => run.blocks)
    expect(pieces.length).to.be.above(2)
    for (const blocks of pieces) expect(blocks.reduce((sum, { length }) => sum + length, 0)).to.be.at.most(MAX_PIECE_BYTES)
  })

  it('W14: a quarantined chain is fetched on along its own branch, and a newcomer begins with nothing', async () => {
    const { all, author } = await stand()
    author.grow(5)
    all.offered.splice(0, 1, author)
    await all.quarantine(METER)
    await all.attest(METER, leafOf(author, 13))
    await all.review(METER)
    expect(all.held(METER)).to.deep.equal(leafOf(author, 13))
    expect(all.replaced.map(({ run }) => [run.from, run.blocks.length])).to.deep.equal([[10, 3]])
    expect(all.keeper.finalSize(METER)).to.equal(13)

    const fresh = await ContestedStand.create()
    fresh.offered.push(author)
    await fresh.quarantine(METER)
    await fresh.attest(METER, leafOf(author, 13))
    await fresh.review(METER)
    expect([fresh.held(METER), fresh.keeper.finalSize(METER)]).to.deep.equal([leafOf(author, 13), 13])
  })

  it('takes back what was final of a quarantined chain, where the store has lost it', async () => {
    const { all, author } = await stand()
    all.offered.push(author)
    await all.attest(METER, leafOf(author, 8))
    await all.quarantine(METER)
    await all.time.wait(all.store.cutBack(all.key(METER), 5, 'damaged'))
    all.offered.length = 0
    await all.review(METER)
    expect([all.fetched.map(({ from, leaf }) => [from, leaf.size]), all.held(METER)]).to.deep.equal([[[5, 8]], leafOf(author, 5)])
    all.offered.push(author)
    await all.time.advance(FIRST_PAUSE_MS)
    await all.settle()
    expect(all.held(METER)).to.deep.equal(leafOf(author, 8))
  })

  it('leaves to the ordinary exchange what lies beyond the end of a chain that is not quarantined', async () => {
    const { all, author } = await stand()
    author.grow(5)
    all.offered.push(author)
    await all.attest(METER, leafOf(author, 13))
    await all.review(METER)
    expect([all.fetched, all.time.pending]).to.deep.equal([[], 0])
  })

  it('W14: what is final on another branch at or below the fork is final here all the same', async () => {
    const { all, author, other } = await stand()
    await all.attest(METER, leafOf(author, 3), [3])
    await all.attest(METER, leafOf(author, 10), [4])
    await all.attest(METER, leafOf(other, 9), [5])
    expect(all.keeper.finalSize(METER)).to.equal(2)
    await all.review(METER)
    expect([all.keeper.finalSize(METER), all.held(METER), all.replaced]).to.deep.equal([2, leafOf(author, 10), []])
    await all.attest(METER, leafOf(author, 4), [4])
    await all.time.advance(FIRST_PAUSE_MS)
    await all.settle()
    expect([all.keeper.finalSize(METER), all.held(METER), all.replaced]).to.deep.equal([3, leafOf(author, 10), []])
  })

  it('W14: touches nothing without a quorum, nor what is final, nor its own chain', async () => {
    const { all, author, other } = await stand()
    await all.attest(METER, leafOf(other, 9), [3, 4])
    await all.review(METER)
    expect(all.fetched).to.deep.equal([])
    // A quorum has leaves off this branch that are as large, and not on one.
    await all.attest(METER, leafOf(forkOf(author, 3, 9), 9), [5])
    await all.review(METER)
    expect([all.fetched.length > 0, all.held(METER)]).to.deep.equal([true, leafOf(author, 10)])

    const own = await ContestedStand.create()
    const mine = own.author(SELF).grow(6)
    await own.hold(mine, 0, 6)
    const copy = forkOf(mine, 2, 4)
    own.offered.push(copy)
    await own.attest(SELF, leafOf(copy))
    await own.review(SELF)
    expect([own.fetched, own.held(SELF)]).to.deep.equal([[], leafOf(mine, 6)])
    own.contested.review(99)
    expect(own.time.pending).to.equal(0)
  })

  it('W14: does not replace what has become final while the branch was fetched', async () => {
    const { all, author, other } = await stand()
    await all.attest(METER, leafOf(other, 9))
    all.onFetched = () =>
      all.keeper.place(WITNESSES.slice(0, 3).map((witness) => ({ epoch: 0, witness, member: METER, ...leafOf(author, 6) })))
    await all.review(METER)
    expect([all.held(METER), all.replaced]).to.deep.equal([leafOf(author, 10), []])
  })

  it('W3 W14: of the registrar’s chain the other branch is judged by the epochs that it makes itself', async () => {
    const all = await ContestedStand.create()
    const author = all.author(REGISTRAR).grow(6)
    await all.hold(author, 0, 6)
    const operations = [{ type: 'change-roles' as const, key: all.key(METER), roles: parseRoles('meter,witness') }]
    // Block 3 changes the witnesses: what follows it is of the next epoch, and counts for nothing in this one.
    const other = author.fork(3).append({ kind: KIND_MEMBERSHIP, content: encodeMembershipBody(operations), ...otherSalt })
    other.grow(4)
    all.offered.push(other)
    await all.attest(REGISTRAR, leafOf(other, 6))
    await all.review(REGISTRAR)
    expect([all.fetched.length, all.held(REGISTRAR)]).to.deep.equal([1, leafOf(author, 6)])
    await all.attest(REGISTRAR, leafOf(other, 4))
    await all.time.advance(FIRST_PAUSE_MS)
    await all.settle()
    expect(all.held(REGISTRAR)).to.deep.equal(leafOf(other, 4))
    expect(all.replaced.map(({ index, run }) => [index, run.from, run.blocks.length])).to.deep.equal([[REGISTRAR, 3, 1]])
  })

  it('tries again after pauses that grow up to a bound', async () => {
    const { all, other } = await stand()
    all.offered.length = 0
    await all.attest(METER, leafOf(other, 9))
    await all.review(METER)
    for (let again = 0; again < 3; again++) await all.review(METER)
    expect(all.fetched).to.have.length(1)
    const pauses: number[] = []
    for (let lengthMs = FIRST_PAUSE_MS; lengthMs < LONGEST_PAUSE_MS * 2; lengthMs *= 2) {
      const ms = Math.min(lengthMs, LONGEST_PAUSE_MS)
      await all.time.advance(ms - 1)
      const before = all.fetched.length
      await all.time.advance(1)
      await all.settle()
      pauses.push(all.fetched.length - before)
    }
    expect(new Set(pauses)).to.deep.equal(new Set([1]))
    all.offered.push(other)
    await all.time.advance(LONGEST_PAUSE_MS)
    await all.settle()
    expect([all.held(METER), all.time.pending]).to.deep.equal([leafOf(other, 9), 0])
  })

  it('tries so many leaves in one go, next those that were not tried: a liar’s many do not keep it from the others', async () => {
    const { all, author, other } = await stand()
    await all.quarantine(METER)
    await all.attest(METER, leafOf(other, 9))
    const liars = Array.from({ length: 4 }, (_, i) =>
      author
        .fork(3)
        .append({ salt: new Uint8Array(16).fill(i + 1) })
        .grow(20),
    )
    for (const liar of liars) await all.attest(METER, leafOf(liar, 10), [6])
    for (const liar of liars) await all.attest(METER, leafOf(liar, 20), [6])
    await all.review(METER)
    expect(all.fetched.map(({ leaf }) => leaf.size)).to.deep.equal([...Array<number>(4).fill(20), ...Array<number>(4).fill(10)])
    expect(all.fetched).to.have.length(MAX_LEAVES_TRIED)
    await all.time.advance(FIRST_PAUSE_MS)
    await all.settle()
    expect([all.fetched.length, all.held(METER)]).to.deep.equal([MAX_LEAVES_TRIED + 1, leafOf(other, 9)])
  })

  it('says what fails here, and tries again', async () => {
    const { all, other } = await stand()
    await all.attest(METER, leafOf(other, 9))
    all.onFetched = () => Promise.reject(new Error('disk'))
    await all.review(METER)
    expect(all.errors.map(({ message }) => message)).to.deep.equal(['disk'])
    all.onFetched = () => undefined
    await all.time.advance(FIRST_PAUSE_MS)
    await all.settle()
    expect(all.held(METER)).to.deep.equal(leafOf(other, 9))
  })

  it('are looked into a bounded number at a time, each once at a time, and no more after the end', async () => {
    const all = await ContestedStand.create()
    const gate = Promise.withResolvers<void>()
    all.onFetched = () => gate.promise
    for (const index of WITNESSES) {
      const author = all.author(index).grow(4)
      await all.hold(author, 0, 4)
      const other = forkOf(author, 1, 3)
      all.offered.push(other)
      await all.attest(index, leafOf(other))
    }
    for (const index of WITNESSES) for (let again = 0; again < 2; again++) await all.review(index)
    expect(all.fetched.map(({ index }) => index)).to.deep.equal(WITNESSES.slice(0, MAX_REVIEWS))
    gate.resolve()
    await all.settle()
    await all.settle()
    expect(all.replaced.map(({ index }) => index).toSorted((a, b) => a - b)).to.deep.equal([...WITNESSES])

    const { all: ended, other } = await stand()
    ended.offered.length = 0
    await ended.attest(METER, leafOf(other, 9))
    await ended.review(METER)
    expect(ended.time.pending).to.equal(1)
    ended.contested.stop()
    await ended.review(METER)
    expect([ended.time.pending, ended.fetched.length]).to.deep.equal([0, 1])
  })
})

describe('a branch in memory', () => {
  it('knows its roots and what its blocks name, from the size on from which it was read', async () => {
    const { all, author } = await stand()
    author.grow(600)
    const base = await chainStateAt(all.store, all.key(METER), 5)
    const branch = new BranchView(base as NonNullable<typeof base>)
    for (const run of [author.run(5, 300), author.run(300, 610)]) branch.append(run)
    expect([branch.from, branch.size]).to.deep.equal([5, 610])
    for (const size of [5, 6, 260, 261, 262, 517, 610]) expect(branch.rootAt(size)).to.deep.equal(author.state(size).root)
    expect([
      branch.has(leafOf(author, 5)),
      branch.has(leafOf(author, 6)),
      branch.has({ ...leafOf(author, 6), size: 7 }),
    ]).to.deep.equal([false, true, false])
    expect(branch.has({ ...leafOf(author, 610), size: 611 })).to.equal(false)
    expect(branch.registrarSizeAt(6)).to.equal(0)
  })
})
