import { expect } from 'chai'
import { type Bytes, toHex } from '../../../protocol/index.ts'
import { flipped } from '../../../protocol/test/chain-author.ts'
import type { NodeEvents } from '../../events.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'

const INDEX = 2
const END_BYTES = 1 + 32 + 64

/** A genuine signed root with something else attached, for the block of `height`. */
const TAMPERINGS: readonly (readonly [string, (author: TestAuthor, height: number) => Bytes])[] = [
  ['another body under the genuine header', (author, height) => flipped(author.run(height, height + 1), -END_BYTES - 1)],
  [
    'another block on the genuine parent',
    (author, height) =>
      author
        .fork(height)
        .diverge(1)
        .run(height, height + 1, author.checkpoint(height + 1)),
  ],
]

describe('a tamperer', () => {
  let all: Neighbourhood
  let author: TestAuthor
  let liar: LiarPeer
  let faults: NodeEvents['fault'][]

  beforeEach(async () => {
    all = await Neighbourhood.create({ meters: 1, absent: ['author', 'liar', 'honest'], settings: { gossip: 'on' } })
    await all.start(2)
    author = TestAuthor.of(all, 'author').grow(3)
    liar = await LiarPeer.start(all, 'liar')
    await liar.dial('meter-1')
    faults = []
    for (const { node } of all.nodes) node.on('fault', (fault) => faults.push(fault))
  })

  afterEach(async () => {
    expect(all.get('meter-1').store.evidence.size, 'the author is never blamed').to.equal(0)
    await all.stop()
  })

  const held = (): number => all.frontier('meter-1')[INDEX] as number

  /** A neighbour that holds the chain as it is, and serves it. */
  async function honestNeighbour(): Promise<void> {
    const honest = await LiarPeer.start(all, 'honest')
    const chains = new Map([[INDEX, author]])
    honest.greeting = honest.honestly(leavesOf(all, chains))
    honest.onFrame = serving(all, chains)
    await honest.dial('meter-1')
    await all.time.advance(16_000)
    expect(held()).to.equal(3)
    expect(toHex(all.get('meter-1').store.head(signerOf('author').publicKey)?.root as Bytes)).to.equal(toHex(author.state().root))
    await all.untilAgreed(3, 40_000)
  }

  function assertCharged(fault: string, times = 1): void {
    expect(faults.map((each) => each.fault)).to.deep.equal(Array(times).fill(fault))
    for (const { peer } of faults) expect(peer).to.equal(toHex(signerOf('liar').publicKey))
  }

  for (const [what, tampered] of TAMPERINGS) {
    it(`pays for ${what}, by gossip, where the parent is held`, async () => {
      await liar.gossip('blocks', author.run(0, 1))
      await liar.gossip('blocks', tampered(author, 1))
      expect(held()).to.equal(1)
      assertCharged('rejected-run')
      await honestNeighbour()
    })

    it(`gets nowhere with ${what}, by gossip, without the parent`, async () => {
      await liar.gossip('blocks', tampered(author, 1))
      expect(held()).to.equal(0)
      // Only the checkpoint can be judged, and that is genuine: it is taken as an announcement, and asked for.
      assertCharged('rejected-run', 0)
      expect(liar.wants().map(({ index, from }) => [index, from])).to.deep.equal([[INDEX, 0]])
      await honestNeighbour()
    })

    it(`pays for ${what} as answer to a want`, async () => {
      liar.onFrame = (frame) => {
        if (frame.type !== 'want') return
        const { id, index, from } = frame
        liar.send({ type: 'run', id, index, from, run: from === 0 ? author.run(0, 1) : tampered(author, from) })
      }
      // Were there more, they would be asked for while this one is checked, and be charged as well.
      liar.send({ type: 'announce', sizes: [{ index: INDEX, size: 2 }] })
      await all.time.advance(1_000)
      expect(held()).to.equal(1)
      assertCharged('rejected-run')
      await honestNeighbour()
    })

    it(`pays for ${what}, where the genuine one is held`, async () => {
      await liar.gossip('blocks', author.run(0, 2))
      await liar.gossip('blocks', tampered(author, 1))
      expect(held()).to.equal(2)
      // The same header is the same block; its body is not even looked at.
      assertCharged('rejected-run', what.startsWith('another block') ? 1 : 0)
      await honestNeighbour()
    })
  }

  for (const [what, answer] of [
    ['and then holds none', 'miss'],
    ['and then shows the genuine history', 'serve'],
    ['and then says nothing', 'silence'],
  ] as const) {
    it(`pays for a block that names another parent under the genuine root, ${what}`, async () => {
      await liar.gossip('blocks', author.run(0, 1))
      if (answer === 'serve') liar.onFrame = serving(all, new Map([[INDEX, author]]))
      else if (answer === 'miss') liar.onFrame = serving(all, new Map())
      const fork = author.fork(1).append({ previous: new Uint8Array(32).fill(7) })
      await liar.gossip('blocks', fork.run(1, 2, author.checkpoint(2)))
      expect(held()).to.equal(1)
      if (answer === 'silence') await all.time.advance(15_000)
      assertCharged(answer === 'silence' ? 'no-answer' : 'false-heads')
      await honestNeighbour()
    })
  }

  it('is hung up on in the end, and is not let in again for a while', async () => {
    await liar.gossip('blocks', author.run(0, 1))
    for (let i = 0; i < 6; i++) {
      await liar.gossip(
        'blocks',
        author
          .fork(1)
          .append({ salt: new Uint8Array(16).fill(i) })
          .run(1, 2, author.checkpoint(2)),
      )
    }
    expect(liar.isLinked).to.equal(false)
    expect(await liar.dial('meter-1').catch((error: { code: string }) => error.code)).to.equal('DIAL_FAILED')
    await all.time.advance(600_000)
    await liar.dial('meter-1')
    expect(liar.isLinked).to.equal(true)
    expect(held()).to.equal(1)
  })
})
