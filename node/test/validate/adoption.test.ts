import { expect } from 'chai'
import { type Leaf, peekRun } from '../../../protocol/index.ts'
import { type ChainAuthor, flipped } from '../../../protocol/test/chain-author.ts'
import { type Branch, chainStateAt, type Outcome, type StoredRun } from '../../validate/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { codes, DoorStand } from './door-stand.ts'

const leafOf = (author: ChainAuthor, size = author.size): Leaf => ({ size, root: author.state(size).root })
const otherSalt = { salt: new Uint8Array(16) }

/** A door behind which one story of a chain is held, and another one that goes on differently behind block 4. */
async function stand(held = 8) {
  const door = await DoorStand.create()
  const author = door.author('a').grow(held)
  await door.submit(author.run(0, held))
  const other = author.fork(4).append(otherSalt).grow(7)
  const { publicKey: member } = author.signer
  const branch = (part: Partial<Branch> = {}): Branch => {
    return { member, fork: 4, final: leafOf(other, 10), runs: [other.run(4, 7), other.run(7, 10)], ...part }
  }
  const told: StoredRun[] = []
  const adopt = (part?: Partial<Branch>): Promise<Outcome> =>
    door.time.wait(door.door.adopt(branch(part), (run) => void told.push(run)))
  return { door, author, other, member, branch, told, adopt }
}

describe('a branch at the door', () => {
  it('W14: takes the place of what is held behind the fork, up to what is final, in one write', async () => {
    const { door, other, member, told, adopt } = await stand()
    await door.store.evidence.put(member, Uint8Array.of(1))
    const outcome = await adopt()
    expect(codes([outcome])).to.deep.equal(['accept'])
    expect([door.size('a'), door.store.head(member)?.root]).to.deep.equal([10, other.state(10).root])
    const blocks = await door.time.wait(door.store.readBlocks(member, 0, 100))
    expect(blocks.map(({ bytes }) => bytes)).to.deep.equal(other.bytes(0, 10))
    expect(told.map(({ from, blocks: { length }, state, own }) => [from, length, state.size, own])).to.deep.equal([
      [4, 6, 10, false],
    ])
    // It is told to who asked, and not as what simply came.
    expect(door.stored.map(({ state }) => state.size)).to.deep.equal([8])
  })

  it('W14: goes on behind the end of a quarantined chain, and may begin below it', async () => {
    const { door, author, member, adopt } = await stand()
    await door.store.evidence.put(member, Uint8Array.of(1))
    author.grow(4)
    const runs = [author.run(2, 5), author.run(5, 9), author.run(9, 11)]
    expect(codes([await adopt({ fork: 8, final: leafOf(author, 11), runs })])).to.deep.equal(['accept'])
    expect(door.store.head(member)?.root).to.deep.equal(author.state(11).root)
    expect(codes(await door.submit(author.run(11, 12)))).to.deep.equal(['QUARANTINED'])
    const first = door.author('b').grow(3)
    const begun = { member: first.signer.publicKey, fork: 0, final: leafOf(first), runs: [first.run(0, 3)] }
    expect(codes([await adopt(begun)])).to.deep.equal(['accept'])
    expect(door.size('b')).to.equal(3)
  })

  it('leaves the door with the state of the branch: what comes next is judged by it', async () => {
    const { door, author, other, adopt } = await stand()
    expect(codes(await door.submit(author.run(0, 8)))).to.deep.equal(['DUPLICATE'])
    await adopt()
    const outcomes = await door.submit(author.run(7, 8), other.run(9, 10), other.run(10, 12))
    expect(codes(outcomes)).to.deep.equal(['CONFLICT', 'DUPLICATE', 'accept'])
  })

  it('waits until what came before it is written, and lets nothing in before it is told', async () => {
    const { door, author, other, member, branch } = await stand()
    author.grow(4)
    const order: string[] = []
    const note = (name: string) => (outcome: Outcome) => void order.push(`${name} ${codes([outcome])[0]}`)
    const { submit } = { submit: door.door.submit.bind(door.door) }
    const all = [
      submit(author.run(8, 10)).then(note('before')),
      door.door.adopt(branch(), () => void order.push('told')).then(note('adopted')),
      submit(other.run(10, 12)).then(note('after')),
    ]
    await door.time.wait(Promise.all(all))
    expect(order).to.deep.equal(['before accept', 'told', 'adopted accept', 'after accept'])
    expect(door.store.head(member)?.root).to.deep.equal(other.state(12).root)
    await door.time.wait(door.door.stop())
    expect(codes([await door.door.adopt(branch(), () => undefined)])).to.deep.equal(['OVERLOADED'])
  })

  it('comes after a write that failed, of which nothing is held', async () => {
    const { door, author, other, branch } = await stand()
    author.grow(4)
    door.kv.failNext = 'lost'
    const outcomes = await door.time.wait(
      Promise.all([door.door.submit(author.run(8, 10)), door.door.adopt(branch(), () => undefined)]),
    )
    expect(codes(outcomes)).to.deep.equal(['NOT_STORED', 'accept'])
    expect(door.store.head(other.signer.publicKey)?.root).to.deep.equal(other.state(10).root)
  })

  it('is checked like everything else', async () => {
    const { door, author, other, adopt, told } = await stand()
    const wrong: Partial<Branch>[] = [
      { runs: [flipped(other.run(4, 7), -1), other.run(7, 10)] },
      { runs: [Uint8Array.of(1)] },
      { runs: [door.author('b').grow(10).run(4, 10)] },
      { runs: [other.run(5, 10)] },
      { runs: [other.run(4, 7)] },
      { runs: [other.run(4, 11)] },
      { runs: [author.run(4, 8)], final: leafOf(other, 8) },
      { runs: [] },
      { fork: 9 },
      { member: signerOf('b').publicKey },
    ]
    const outcomes: Outcome[] = []
    for (const part of wrong) outcomes.push(await adopt(part))
    expect(codes(outcomes)).to.deep.equal(['BAD_SIGNATURE', 'TRUNCATED', ...Array<string>(8).fill('NOT_STORED')])
    expect([door.size('a'), told]).to.deep.equal([8, []])
  })

  it('is not taken twice, nor in the place of what is final or was signed here', async () => {
    const { door, author, member, adopt, told } = await stand()
    await adopt()
    expect(codes([await adopt()])).to.deep.equal(['DUPLICATE'])
    await door.time.wait(door.store.witness.setFinal([{ member, ...leafOf(author, 3), epoch: 0 }]))
    const again = author.fork(1).append(otherSalt).grow(9)
    const outcome = await adopt({ fork: 1, final: leafOf(again, 10), runs: [again.run(1, 10)] })
    expect([codes([outcome]), outcome]).to.have.deep.nested.property('[1].data.cause', 'FINAL_CONFLICT')
    const self = door.author('self').grow(5)
    await door.submit(self.run(0, 5))
    const other = self.fork(2).append(otherSalt).grow(3)
    const own = await adopt({ member: self.signer.publicKey, fork: 2, final: leafOf(other), runs: [other.run(2, 6)] })
    expect([codes([own]), own]).to.have.deep.nested.property('[1].data.cause', 'OWN_CHAIN_CONFLICT')
    expect([told.length, door.size('self')]).to.deep.equal([1, 5])
  })

  it('whose write fails is not held, unless the disk has taken it all the same', async () => {
    const { door, member, other, adopt, told } = await stand()
    door.kv.failNext = 'lost'
    expect(codes([await adopt()])).to.deep.equal(['NOT_STORED'])
    expect([door.size('a'), told]).to.deep.equal([8, []])
    door.kv.failNext = 'stored'
    expect(codes([await adopt()])).to.deep.equal(['accept'])
    expect([door.store.head(member)?.root, told.length]).to.deep.equal([other.state(10).root, 1])
  })
})

describe('a held chain at an earlier size', () => {
  it('is what it was when it had so many blocks', async () => {
    const { door, author, member } = await stand()
    for (const size of [0, 1, 4, 7, 8]) {
      const { range, checkpoint: _, ...state } = (await chainStateAt(door.store, member, size)) ?? {}
      const { range: expected, checkpoint, ...rest } = author.state(size)
      expect(state).to.deep.equal(rest)
      expect(range?.encode()).to.deep.equal(expected.encode())
      expect(checkpoint?.size ?? 0).to.equal(size)
    }
    expect(await chainStateAt(door.store, member, 9)).to.equal(undefined)
    expect(await chainStateAt(door.store, signerOf('c').publicKey, 1)).to.equal(undefined)
    expect(peekRun(author.run(0, 1)).end).to.equal(1)
  })
})
