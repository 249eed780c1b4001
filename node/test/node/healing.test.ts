import { expect } from 'chai'
import { type Block, type Bytes, blockHash, type ChainState, makeBlock, toHex } from '../../../protocol/index.ts'
import type { NodeEvents } from '../../events.ts'
import { HEAL_EVERY_MS } from '../../healing.ts'
import { type Kv, put } from '../../store/index.ts'
import { blockKey, chainKey } from '../../store/keys.ts'
import { checkRecord } from '../../store/record.ts'
import { decodeStored, encodeStored } from '../../store/stored-block.ts'
import { LiarPeer, leavesOf, serving } from '../harness/liar-peer.ts'
import { Neighbourhood, signerOf } from '../harness/neighbourhood.ts'
import { TestAuthor } from '../harness/test-author.ts'

const keyOf = (name: string): Bytes => signerOf(name).publicKey

/** Well-formed, behind the same parent, and never sealed by the member. */
function forgedIn({ header }: Pick<Block, 'header'>): { bytes: Bytes; hash: Bytes } {
  const { bytes, headerBytes } = makeBlock({ ...header, salt: new Uint8Array(16).fill(9), content: new Uint8Array(40).fill(7) })
  return { bytes, hash: blockHash(headerBytes) }
}

/** Puts such a block in the place of one of `member`'s; the signature beside it stays. */
async function forge(kv: Kv, member: Bytes, height: number): Promise<void> {
  const record = checkRecord(chainKey(member), (await kv.get(chainKey(member))) as Bytes) as Bytes
  const key = blockKey(((record[0] as number) << 8) | (record[1] as number), height)
  const value = (await kv.get(key)) as Bytes
  const block = decodeStored(value, member, height)
  await kv.batch([put(key, encodeStored(forgedIn(block).bytes, height, block.signature))])
}

describe('a node with a forged block on its disk', () => {
  let all: Neighbourhood
  const faults: NodeEvents['fault'][] = []
  const damage: string[] = []

  async function neighbourhood(absent: readonly string[] = []): Promise<void> {
    all = await Neighbourhood.create({ meters: 2, absent, settings: { gossip: 'off' } })
    watch()
  }

  function watch(): void {
    faults.length = 0
    damage.length = 0
    for (const { node } of all.nodes) {
      node.on('fault', (fault) => faults.push(fault))
      node.on('damage', ({ error }) => damage.push(error.message))
    }
  }

  async function sealed(count: number, name = 'meter-1'): Promise<void> {
    for (let i = 0; i < count; i++) {
      await all.take(name)
      await all.time.advance(60_000)
    }
    await all.time.advance(20_000)
  }

  /** Every block of the chain as the node reads it now. */
  async function readable(name: string, member: string): Promise<number> {
    return (await all.get(name).store.readBlocks(keyOf(member), 0, 1_000)).length
  }

  afterEach(async () => {
    await all.stop()
  })

  it('ends below it when it starts, and takes the rest from a neighbour that holds the whole chain', async () => {
    await neighbourhood()
    await all.start(2)
    await sealed(100)
    await forge(all.get('meter-2').kv, keyOf('meter-1'), 50)
    const { store } = await all.restart('meter-2')
    expect(store.head(keyOf('meter-1'))?.size).to.equal(50)
    watch()
    await all.link(2, 0)
    await all.untilAgreed(100, 60_000)
    expect(await readable('meter-2', 'meter-1')).to.equal(100)
    expect(faults).to.deep.equal([])
  })

  it('that is met while it runs: the chain is cut back, fetched again, and whoever asked for it gets it', async () => {
    await neighbourhood(['reader'])
    await all.start(2)
    await sealed(100)
    await forge(all.get('meter-2').kv, keyOf('meter-1'), 50)
    // A reader that begins from nothing and knows nobody else.
    await all.add('reader', { gossip: 'off' })
    watch()
    await all.time.wait(all.get('reader').node.start())
    await all.link(3, 2)
    await all.time.until(() => all.frontier('reader')[1] === 100, 180_000, 'the reader has it all')
    expect(damage.length).to.be.within(1, 2)
    expect(await readable('meter-2', 'meter-1')).to.equal(100)
    expect(faults).to.deep.equal([])
    await all.untilAgreed(100, 60_000)
  })

  it('in its own chain: it takes its blocks back, and goes on sealing behind them', async () => {
    await neighbourhood(['reader'])
    await all.start(2)
    await sealed(60)
    await forge(all.get('meter-1').kv, keyOf('meter-1'), 20)
    await all.add('reader', { gossip: 'off' })
    watch()
    await all.time.wait(all.get('reader').node.start())
    await all.link(3, 1)
    await all.time.until(() => all.frontier('reader')[1] === 60, 180_000, 'the reader has it all')
    await sealed(3)
    await all.untilAgreed(63, 60_000)
    expect(await readable('meter-1', 'meter-1')).to.equal(63)
    expect(faults).to.deep.equal([])
    expect(all.get('meter-2').store.evidence.size).to.equal(0)
  })

  it("in the registrar's chain: who belongs to the network stays as it was", async () => {
    await neighbourhood(['reader'])
    await all.start(2)
    const { node } = all.get('registrar')
    for (let i = 0; i < 40; i++) {
      const admitted = await all.time.wait(node.admitKey(keyOf(`new-${i}`), 2, new Uint8Array([...new Uint8Array(16), 65 + i])))
      expect(admitted).to.be.greaterThan(0)
    }
    await all.time.advance(30_000)
    const held = all.frontier('meter-2')[0] as number
    const { members, size } = all.get('meter-2').node.membership
    await forge(all.get('meter-2').kv, keyOf('registrar'), 1)
    await all.add('reader', { gossip: 'off' })
    await all.time.wait(all.get('reader').node.start())
    await all.link(3, 2)
    await all.time.until(() => all.frontier('reader')[0] === held, 180_000, 'the reader has it all')
    expect(await readable('meter-2', 'registrar')).to.equal(held)
    const after = all.get('meter-2').node.membership
    expect([after.size, after.members.length]).to.deep.equal([size, members.length])
  })

  it('keeps the blocks above it where no neighbour holds as many: they may be the last copy', async () => {
    await neighbourhood(['reader'])
    await all.start(2)
    await sealed(40)
    await all.time.wait(all.get('registrar').node.stop())
    await all.time.wait(all.get('meter-1').node.stop())
    await forge(all.get('meter-2').kv, keyOf('meter-1'), 10)
    await all.add('reader', { gossip: 'off' })
    watch()
    await all.time.wait(all.get('reader').node.start())
    await all.link(3, 2)
    await all.time.advance(3 * HEAL_EVERY_MS)
    expect(all.get('meter-2').store.head(keyOf('meter-1'))?.size).to.equal(40)
    expect(damage.length).to.be.greaterThan(0)
    // Once somebody who has them is there, they are cut and fetched.
    all.hub.cut(keyOf('reader'), keyOf('registrar'))
    await all.restart('registrar')
    await all.link(0, 2)
    await all.time.until(() => all.frontier('reader')[1] === 40, 720_000, 'the reader has it all')
    expect(await readable('meter-2', 'meter-1')).to.equal(40)
  })

  it('as the top of a chain under no signature, from before: given up for what the author signed', async () => {
    await neighbourhood(['author', 'honest'])
    await all.start(2)
    const author = TestAuthor.of(all, 'author').grow(100)
    const { store } = all.get('meter-1')
    const { size, root, signature } = author.checkpoint()
    const hashes = author.blocks.slice(0, 51).map(({ headerBytes }) => blockHash(headerBytes))
    const top = forgedIn(author.blocks[50] as (typeof author.blocks)[number])
    const range = author.state(50).range.clone()
    range.append(top.hash)
    const state: ChainState = {
      ...author.state(50),
      size: 51,
      range,
      root: range.root(),
      lastHash: top.hash,
      checkpoint: { member: keyOf('author'), size, root, signature },
    }
    const blocks = [...author.blocks.slice(0, 50).map(({ bytes }) => bytes), top.bytes]
    await store.accept([{ member: keyOf('author'), from: 0, blocks, hashes: [...hashes.slice(0, 50), top.hash], state }])
    // It came by no door: the node is to see it.
    all.get('meter-1').node.sync.crossCheck()
    expect(all.frontier('meter-1')[3]).to.equal(51)
    const honest = await LiarPeer.start(all, 'honest')
    const chains = new Map([[3, author]])
    honest.greeting = honest.honestly(leavesOf(all, chains))
    honest.onFrame = serving(all, chains)
    await honest.dial('meter-1')
    await all.time.until(() => all.frontier('meter-1')[3] === 100, 180_000, 'the chain is whole')
    expect(toHex(all.get('meter-1').store.head(keyOf('author'))?.root as Bytes)).to.equal(toHex(author.state().root))
    expect(faults).to.deep.equal([])
    expect(all.get('meter-1').store.evidence.size).to.equal(0)
  })
})
