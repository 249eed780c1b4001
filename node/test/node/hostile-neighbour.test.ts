import { expect } from 'chai'
import { EMPTY_ROOT, NO_DIGESTS, toHex, ZERO_HASH } from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import type { BaseChannel } from '../../net/base-channel.ts'
import { MAX_WAITING_WANTS } from '../../sync/answer-line.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { TestAuthor } from '../harness/test-author.ts'

const INDEX = 2

/** One honest meter and the registrar, an author whose chain a decent neighbour holds, and a neighbour that is not decent. */
describe('a hostile neighbour', () => {
  let all: Neighbourhood
  let author: TestAuthor
  let liar: LiarPeer
  let faults: NodeEvents['fault'][]

  beforeEach(async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['author', 'liar', 'honest'], settings: { gossip: 'off' } })
    await all.start(2)
    author = TestAuthor.of(all, 'author')
    liar = await LiarPeer.start(all, 'liar')
    faults = []
    for (const { node } of all.nodes) node.on('fault', (fault) => faults.push(fault))
  })

  afterEach(async () => {
    for (const { peer } of faults) expect(peer, 'only the liar is ever charged').to.equal(toHex(signerOf('liar').publicKey))
    await all.stop()
  })

  const held = (): number => all.frontier('meter-1')[INDEX] as number
  const kinds = (): string[] => [...new Set(faults.map(({ fault }) => fault))]

  async function honestNeighbour(): Promise<LiarPeer> {
    const honest = await LiarPeer.start(all, 'honest')
    const chains = new Map([[INDEX, author]])
    honest.greeting = honest.honestly(leavesOf(all, chains))
    honest.onFrame = serving(all, chains)
    await honest.dial('meter-1')
    return honest
  }

  async function othersAreServed(): Promise<void> {
    await all.take('meter-1')
    await all.time.until(() => all.frontier('registrar')[1] === 1, 30_000, 'the registrar is served')
  }

  it('that never answers holds a chain up for one time-out, is asked ever more seldom, and is hung up on', async () => {
    author.grow(300)
    liar.greeting = liar.holdings([0, 0, 300])
    await liar.dial('meter-1')
    expect(liar.wants()).to.have.length(1)
    await honestNeighbour()
    await all.time.until(() => held() === 300, 30_000, 'the chain came from elsewhere')
    await othersAreServed()
    expect(kinds()).to.deep.equal(['no-answer'])

    // It goes on promising what it never gives.
    for (let minutes = 0; liar.isLinked && minutes < 120; minutes++) {
      liar.send({
        type: 'announce',
        sizes: [
          { index: 3, size: 10 + minutes },
          { index: 4, size: 10 + minutes },
        ],
      })
      await all.time.advance(60_000)
    }
    expect(liar.isLinked).to.equal(false)
    expect(liar.wants().length).to.be.below(60)
  })

  it('that never greets is hung up on', async () => {
    liar.greeting = undefined
    await liar.dial('meter-1')
    await all.time.advance(100_000)
    expect(kinds()).to.deep.equal(['no-hello'])
    expect(liar.isLinked).to.equal(false)
  })

  it('that greets for another network is hung up on at once', async () => {
    liar.greeting = undefined
    await liar.dial('meter-1')
    const holdings = { ...liar.holdings([]), known: NO_DIGESTS }
    liar.send({ type: 'hello', networkId: ZERO_HASH, observer: false, pruned: false, agent: '', ...holdings })
    await all.time.advance(100)
    expect(kinds()).to.deep.equal(['wrong-network'])
    expect(liar.isLinked).to.equal(false)
  })

  it('that speaks before it greets is hung up on', async () => {
    liar.greeting = undefined
    await liar.dial('meter-1')
    liar.send({ type: 'announce', sizes: [{ index: 1, size: 1 }] })
    await all.time.advance(100)
    expect(kinds()).to.deep.equal(['malformed'])
    expect(liar.isLinked).to.equal(false)
  })

  it('that sends garbage is hung up on at the first frame', async () => {
    const random = seededRandom(3)
    for (const type of [1, 2, 3, 4, 6, 7, 8, 9, 10, 12, 13]) {
      await liar.dial('meter-1')
      liar.sendBytes(Uint8Array.from([type, 0xff, 0xff, 0xff, ...random.bytes(type * 9)]))
      await all.time.advance(100)
      expect(liar.isLinked, `type ${type}`).to.equal(false)
      expect(faults.at(-1)?.fault).to.equal('malformed')
      await all.time.advance(601_000)
    }
    await liar.dial('meter-1')
    liar.sendBytes(new Uint8Array(0))
    await all.time.advance(100)
    expect(liar.isLinked, 'an empty frame').to.equal(false)
    await othersAreServed()
  })

  it('that sends frames of a later version is heard out', async () => {
    await liar.dial('meter-1')
    liar.sendBytes(Uint8Array.from([99, 1, 2, 3]))
    await all.time.advance(100)
    expect(faults).to.deep.equal([])
    expect(liar.isLinked).to.equal(true)
  })

  it('that answers with other blocks than asked is charged each time, and the blocks come from elsewhere', async () => {
    author.grow(20)
    const other = TestAuthor.of(all, 'honest').grow(20)
    const answers: ((id: number, index: number, from: number) => void)[] = [
      (id, index, from) => liar.send({ type: 'run', id, index, from, run: other.run(0, 5) }),
      (id, index, from) => liar.send({ type: 'run', id, index, from, run: author.run(1, 5) }),
      (id, index, from) => liar.send({ type: 'run', id, index, from, run: new Uint8Array(70) }),
      (id, index, from) => liar.send({ type: 'run', id: id + 1_000, index, from, run: author.run(0, 5) }),
    ]
    liar.onFrame = (frame) => {
      if (frame.type === 'want') answers.shift()?.(frame.id, frame.index, frame.from)
    }
    liar.greeting = liar.holdings([0, 0, 20])
    await liar.dial('meter-1')
    await honestNeighbour()
    await all.time.until(() => held() === 20, 20_000)
    expect(kinds()).to.deep.equal(['unasked'])
    await othersAreServed()
  })

  it('that answers with far more than was asked for is charged', async () => {
    author.grow(1)
    for (let i = 1; i < 200; i++) author.append({ salt: new Uint8Array(16), content: TestAuthor.bulk(i) })
    liar.onFrame = (frame) => {
      if (frame.type !== 'want') return
      const { id, index, from } = frame
      liar.send({ type: 'run', id, index, from, run: author.run(from, author.size) })
    }
    liar.greeting = liar.holdings([0, 0, 1])
    await liar.dial('meter-1')
    await all.time.advance(1_000)
    expect(held()).to.equal(0)
    expect(kinds()).to.deep.equal(['unasked'])
    expect(faults[0]?.detail).to.match(/\d{6} bytes came, 32768 were asked for/)
  })

  it('that misses what it said it holds is charged until it is hung up on', async () => {
    author.grow(3)
    liar.onFrame = serving(all, new Map())
    liar.greeting = liar.holdings([0, 0, Number.MAX_SAFE_INTEGER, 7])
    await liar.dial('meter-1')
    await honestNeighbour()
    await all.time.advance(1_000)
    expect(held()).to.equal(3)
    expect(kinds()).to.deep.equal(['broken-word'])
    for (let i = 0; i < 40 && liar.isLinked; i++) {
      liar.status(liar.holdings([0, 0, Number.MAX_SAFE_INTEGER]))
      await all.time.advance(30_000)
    }
    expect(liar.isLinked).to.equal(false)
  })

  it('that is busy, damaged or pruned is no liar: it is left alone for a while', async () => {
    author.grow(3)
    const reasons = ['busy', 'damaged', 'pruned'] as const
    liar.onFrame = (frame) => {
      const reason = reasons[(liar.wants().length - 1) % 3] as (typeof reasons)[number]
      if (frame.type === 'want') liar.send({ type: 'miss', id: frame.id, reason })
    }
    liar.greeting = liar.holdings([0, 0, 3])
    await liar.dial('meter-1')
    await all.time.advance(9_000)
    expect(liar.wants()).to.have.length(1)
    await all.time.advance(60_000)
    expect(liar.wants().length).to.be.within(2, 4)
    expect(faults).to.deep.equal([])
    await honestNeighbour()
    await all.time.until(() => held() === 3, 1_000)
  })

  it('that lies about huge sizes of everything keeps nothing from anybody', async () => {
    author.grow(2_500)
    const huge = Array(256).fill(Number.MAX_SAFE_INTEGER) as number[]
    liar.greeting = liar.holdings(huge)
    liar.onFrame = (frame) => {
      if (frame.type === 'ask-leaves') {
        const leaves = huge.map((size) => ({ size, root: EMPTY_ROOT }))
        liar.send({ type: 'leaves', id: frame.id, leaves, headsRoot: EMPTY_ROOT })
      }
    }
    await liar.dial('meter-1')
    await honestNeighbour()
    await all.time.until(() => held() === 2_500, 40_000, 'the chain is held')
    // It says that it holds more of this meter's own chain too: until it turns out a liar, the meter must not seal.
    await all.take('meter-1')
    expect(all.get('meter-1').node.heldBack()).to.contain('neighbours hold')
    await all.time.until(() => !liar.isLinked, 600_000, 'the liar is hung up on')
    await all.time.until(() => all.frontier('registrar')[1] === 1, 30_000, 'the meter seals again')
  })

  it('that closes in mid-stream, again and again, costs nobody anything', async () => {
    author.grow(3)
    liar.greeting = liar.holdings([0, 0, 3])
    liar.onFrame = (frame) => {
      if (frame.type === 'want') liar.channel?.close()
    }
    await liar.dial('meter-1')
    await all.time.advance(20_000)
    await honestNeighbour()
    await all.time.advance(1_000)
    expect(held()).to.equal(3)
    await othersAreServed()
    await all.untilAgreed(4, 40_000)
  })

  it('that resets its channel, or the whole link, loses no more than that', async () => {
    await liar.dial('meter-1')
    for (let i = 0; i < 5; i++) {
      ;(liar.channel as BaseChannel | undefined)?.end(new Error('broken off'))
      await all.time.advance(5_000)
    }
    all.hub.sever(liar.network.self, signerOf('meter-1').publicKey)
    await all.time.advance(1_000)
    await othersAreServed()
    expect(faults).to.deep.equal([])
  })

  it('that floods frames is hung up on', async () => {
    await liar.dial('meter-1')
    for (let i = 0; i < 4_000; i++) liar.send({ type: 'announce', sizes: [{ index: 1, size: 1 }] })
    await all.time.advance(100)
    expect(faults, 'a burst is fine').to.deep.equal([])
    for (let i = 0; i < 4_000; i++) liar.send({ type: 'announce', sizes: [{ index: 1, size: 1 }] })
    await all.time.advance(100)
    expect(kinds()).to.deep.equal(['flood'])
    expect(liar.isLinked).to.equal(false)
    await othersAreServed()
  })

  it('that floods questions which cost much to answer is hung up on sooner', async () => {
    await liar.dial('meter-1')
    for (let i = 0; i < 70; i++) liar.send({ type: 'ask-leaves', id: i })
    await all.time.advance(100)
    expect(kinds()).to.deep.equal(['flood'])
    expect(liar.isLinked).to.equal(false)
  })

  it('that asks for more than it takes waits for its turn, and beyond a bound is told that this node is busy', async () => {
    // Not the newest block, which is in memory and leaves at once.
    for (let block = 0; block < 2; block++) {
      await all.take('meter-1')
      await all.time.advance(60_000)
    }
    await liar.dial('meter-1')
    const asked = MAX_WAITING_WANTS + 50
    for (let id = 1; id <= asked; id++) liar.send({ type: 'want', id, index: 1, from: 0, maxBlocks: 10, maxBytes: 10_000 })
    await all.time.advance(1_000)
    const answers = liar.received.filter((frame) => frame.type === 'run' || frame.type === 'miss')
    expect(answers).to.have.length(asked)
    const busy = answers.filter((frame) => frame.type === 'miss' && frame.reason === 'busy')
    expect(busy.length).to.be.within(1, 50)
    expect(faults).to.deep.equal([])
  })

  it('that stops reading costs the answers to one request, no more', async () => {
    await all.take('meter-1')
    await all.time.advance(20_000)
    await liar.dial('meter-1')
    liar.channel?.pause()
    for (let round = 0; round < 10; round++) {
      for (let id = 1; id <= 100; id++) {
        liar.send({ type: 'want', id: round * 100 + id, index: 1, from: 0, maxBlocks: 10, maxBytes: 10_000 })
      }
      await all.time.advance(1_000)
    }
    const session = [...all.get('meter-1').node.sync.sessions].find(
      ({ peerHex }) => peerHex === toHex(signerOf('liar').publicKey),
    )
    expect(session?.channel.queuedBytes ?? 0).to.be.below(1_500_000)
    await othersAreServed()
  })

  it('that says a false heads root, and cannot show leaves for it, is charged and hung up on', async () => {
    author.grow(3)
    const chains = new Map([[INDEX, author]])
    await honestNeighbour()
    await all.time.advance(2_000)
    const serve = serving(all, chains)
    liar.onFrame = serve
    const lie = (): ReturnType<LiarPeer['honestly']> => ({ ...liar.honestly(leavesOf(all, chains)), headsRoot: ZERO_HASH })
    liar.greeting = lie()
    await liar.dial('meter-1')
    expect(kinds()).to.deep.equal(['false-heads'])
    for (let i = 0; i < 8 && liar.isLinked; i++) {
      liar.status(lie())
      await all.time.advance(5_000)
    }
    expect(liar.isLinked).to.equal(false)
  })

  it('that shows leaves which do not make its heads root is charged', async () => {
    liar.onFrame = (frame) => {
      if (frame.type === 'ask-leaves')
        liar.send({ type: 'leaves', id: frame.id, leaves: leavesOf(all, new Map()), headsRoot: ZERO_HASH })
    }
    liar.greeting = liar.holdings([0, 0, 0, 0, 0], ZERO_HASH)
    await liar.dial('meter-1')
    expect(faults.map(({ fault, detail }) => [fault, detail])).to.deep.equal([
      ['false-heads', 'leaves that do not make its heads root'],
    ])
  })

  it('that shows leaves, runs or checkpoints unasked is charged for the first two', async () => {
    await liar.dial('meter-1')
    liar.send({ type: 'leaves', id: 0, leaves: [], headsRoot: EMPTY_ROOT })
    author.grow(1)
    liar.send({ type: 'run', id: 5, index: INDEX, from: 0, run: author.run(0, 1) })
    const { size, root, signature } = author.checkpoint()
    liar.send({ type: 'checkpoint', id: 9, index: INDEX, size, root, signature, oldSize: 1, oldRoot: root, proof: [] })
    await all.time.advance(100)
    expect(faults.map(({ fault }) => fault)).to.deep.equal(['unasked', 'unasked'])
  })

  it('that invents leaves of another history is asked for the checkpoint behind them, and pays for it', async () => {
    author.grow(3)
    await honestNeighbour()
    await all.time.advance(2_000)
    const fake = leavesOf(all, new Map([[INDEX, author]]))
    fake[INDEX] = { size: 3, root: ZERO_HASH }
    const answers = [
      // A proof that proves nothing, a signature by nobody, another size than asked, the genuine one after all.
      { size: 5, oldSize: 3, oldRoot: ZERO_HASH, root: author.state().root },
      { size: 3, oldSize: 3, oldRoot: ZERO_HASH, root: ZERO_HASH },
      { size: 3, oldSize: 2, oldRoot: author.state(2).root, root: author.state().root },
      { size: 3, oldSize: 3, oldRoot: author.state().root, root: author.state().root },
    ]
    const { signature } = author.checkpoint()
    liar.onFrame = (frame) => {
      if (frame.type === 'ask-leaves')
        liar.send({ type: 'leaves', id: 0, leaves: fake, headsRoot: liar.honestly(fake).headsRoot })
      if (frame.type !== 'want-checkpoint') return
      const answer = answers.shift()
      if (answer !== undefined)
        liar.send({ type: 'checkpoint', id: frame.id, index: frame.index, signature, proof: [], ...answer })
    }
    liar.greeting = liar.honestly(fake)
    await liar.dial('meter-1')
    for (let i = 0; i < 3; i++) {
      await all.time.advance(1_000)
      liar.status(liar.honestly(fake))
    }
    await all.time.advance(1_000)
    expect(faults.map(({ fault }) => fault)).to.deep.equal(['bad-proof', 'bad-proof', 'unasked', 'false-heads'])
    expect(all.get('meter-1').store.evidence.size, 'the author is not blamed').to.equal(0)
  })

  it('that names leaves without the evidence is not believed', async () => {
    author.grow(3)
    await honestNeighbour()
    await all.time.advance(2_000)
    const named = [{ index: INDEX, size: 2, root: ZERO_HASH }]
    const leaves = leavesOf(all, new Map([[INDEX, author]]))
    leaves[INDEX] = { size: 2, root: ZERO_HASH }
    liar.greeting = { ...liar.honestly(leaves), named }
    await liar.dial('meter-1')
    const session = [...all.get('meter-1').node.sync.sessions].find(
      ({ peerHex }) => peerHex === toHex(signerOf('liar').publicKey),
    )
    expect(session?.agreement).to.equal('behind')
  })
})
