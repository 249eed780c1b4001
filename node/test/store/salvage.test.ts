import { expect } from 'chai'
import fc from 'fast-check'
import { blockHash, makeBlock } from '../../../protocol/block.ts'
import { equalBytes } from '../../../protocol/bytes.ts'
import { type Kv, LedgerStore, openMemoryKv, put } from '../../store/index.ts'
import { blockKey, headKey, tileKey } from '../../store/keys.ts'
import { sealRecord } from '../../store/record.ts'
import { decodeHeld, encodeStored } from '../../store/stored-block.ts'
import { ChainMaker, fakeSignature, NETWORK_ID, verifyFake } from './chain-maker.ts'

const open = (kv: Kv): Promise<LedgerStore> => LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned: verifyFake })

/** How the blocks of a chain came: in runs of these lengths, each signed at its end. */
async function stored(runs: readonly number[]): Promise<{ kv: Kv; maker: ChainMaker; store: LedgerStore }> {
  const kv = await openMemoryKv()
  const store = await open(kv)
  const maker = new ChainMaker(1)
  for (const count of runs) await store.accept([maker.next(count)])
  return { kv, maker, store }
}

const onesOf = (count: number): number[] => Array.from({ length: count }, () => 1)

/** Another block in the place of the one at `height`: well-formed, behind the same parent unless another is given. */
function forged(maker: ChainMaker, height: number, previous?: Uint8Array): { bytes: Uint8Array; hash: Uint8Array } {
  const { header } = maker.blocks[height] as (typeof maker.blocks)[number]
  const block = makeBlock({
    kind: header.kind,
    member: header.member,
    height,
    previous: previous ?? header.previous,
    sealedAt: header.sealedAt,
    registrarSize: header.registrarSize,
    salt: new Uint8Array(16).fill(9),
    content: new Uint8Array(40).fill(77),
  })
  return { bytes: block.bytes, hash: blockHash(block.headerBytes) }
}

/** Puts it in the place of the block; a signature that stood beside that stays. */
async function forge(kv: Kv, maker: ChainMaker, height: number, previous?: Uint8Array): Promise<Uint8Array> {
  const key = blockKey(0, height)
  const old = (await kv.get(key)) as Uint8Array
  const { bytes, hash } = forged(maker, height, previous)
  const { signature } = decodeHeld(old, maker.member, height)
  await kv.batch([put(key, encodeStored(bytes, height, signature))])
  return hash
}

const remove = (kv: Kv, ...keys: Uint8Array[]): Promise<void> => kv.batch(keys.map((key) => ({ type: 'del', key })))

/** Opens the store, expects the true chain's first `size` blocks, and that the rest can be taken again. */
async function expectKept(kv: Kv, maker: ChainMaker, size: number): Promise<void> {
  const opened = await open(kv)
  const head = opened.head(maker.member)
  expect(head?.size ?? 0).to.equal(size)
  expect(opened.damage.length).to.equal(1)
  if (head !== undefined) {
    expect(equalBytes(head.root, maker.roots[size - 1] as Uint8Array)).to.equal(true)
    expect(head.checkpoint?.size).to.be.at.least(size)
  }
  const again = new ChainMaker(1)
  if (size > 0) again.next(size)
  await opened.accept([again.next(maker.state.size - size)])
  const mended = await open(kv)
  expect(mended.damage).to.deep.equal([])
  expect(equalBytes(mended.head(maker.member)?.root as Uint8Array, maker.state.root)).to.equal(true)
}

describe('salvage of a damaged chain: nothing is kept that nothing vouches for', () => {
  it('a forged block under a broken link is not kept, where one signature covers all', async () => {
    const { kv, maker } = await stored([100])
    await forge(kv, maker, 50)
    await expectKept(kv, maker, 50)
  })

  it('nor where each block is signed, and the old signature stands beside the forged block', async () => {
    const { kv, maker } = await stored(onesOf(100))
    await forge(kv, maker, 50)
    await expectKept(kv, maker, 50)
  })

  it('nor with a signature of its own making', async () => {
    const { kv, maker } = await stored(onesOf(100))
    const { bytes } = forged(maker, 50)
    await kv.batch([put(blockKey(0, 50), encodeStored(bytes, 50, new Uint8Array(64).fill(3)))])
    await expectKept(kv, maker, 50)
  })

  it('two forged blocks in a row: the one below has the other for a witness, and neither is kept', async () => {
    const each = await stored(onesOf(100))
    await forge(each.kv, each.maker, 51, await forge(each.kv, each.maker, 50))
    await expectKept(each.kv, each.maker, 50)
    // What no signature reaches from below, and no tile, cannot be told from the forged.
    const all = await stored([100])
    await forge(all.kv, all.maker, 51, await forge(all.kv, all.maker, 50))
    await expectKept(all.kv, all.maker, 0)
    const some = await stored([20, 80])
    await forge(some.kv, some.maker, 51, await forge(some.kv, some.maker, 50))
    await expectKept(some.kv, some.maker, 20)
  })

  it('the leaves of a whole tile tell the forged from the true', async () => {
    const { kv, maker } = await stored([400])
    await forge(kv, maker, 51, await forge(kv, maker, 50))
    await expectKept(kv, maker, 50)
  })

  it('a forged block before one that is lost', async () => {
    const tiled = await stored([400])
    await forge(tiled.kv, tiled.maker, 50)
    await remove(tiled.kv, blockKey(0, 51), blockKey(0, 52))
    await expectKept(tiled.kv, tiled.maker, 50)
    const { kv, maker } = await stored([30, 70])
    await forge(kv, maker, 50)
    await remove(kv, blockKey(0, 51), blockKey(0, 52))
    await expectKept(kv, maker, 30)
  })

  it('a forged last block: the head names the true one', async () => {
    const { kv, maker } = await stored([100])
    await forge(kv, maker, 99)
    await expectKept(kv, maker, 99)
  })

  it('a forged first block leaves nothing', async () => {
    const { kv, maker } = await stored([100])
    await forge(kv, maker, 0)
    await expectKept(kv, maker, 0)
  })

  it('a forged block in a chain whose catch-up has not reached its checkpoint: the head vouches', async () => {
    const { kv, maker, store } = await stored([])
    const whole = new ChainMaker(1)
    whole.next(200)
    await store.accept([maker.next(100, 40, whole.state.checkpoint)])
    await forge(kv, maker, 50)
    await expectKept(kv, maker, 50)
  })

  it('a tile that is whole and wrong does not cost the blocks that a signature vouches for', async () => {
    const { kv, maker } = await stored([400])
    const key = tileKey(0, 0, 0)
    const leaves = ((await kv.get(key)) as Uint8Array).slice(0, 256 * 32)
    leaves[50 * 32] = (leaves[50 * 32] as number) ^ 1
    await kv.batch([put(key, sealRecord(key, leaves))])
    const store = await open(kv)
    await store.cutBack(maker.member, 400, 'a tile does not match the blocks')
    expect(store.head(maker.member)?.size).to.equal(400)
    expect((await store.tile(maker.member, 0, 0)).subarray(50 * 32, 51 * 32)).to.not.deep.equal(leaves.subarray(50 * 32, 51 * 32))
  })

  it('damaged signatures among the blocks cost nothing above or below them', async () => {
    const { kv, maker } = await stored(onesOf(300))
    for (const height of [40, 41, 120, 290]) {
      const value = ((await kv.get(blockKey(0, height))) as Uint8Array).slice()
      value.fill(1, maker.storedLength(height))
      await kv.batch([put(blockKey(0, height), value)])
    }
    await remove(kv, headKey(0))
    await expectKept(kv, maker, 300)
  })

  it('a tree that is not the author’s is given up after two batches of signatures, not after all of them', async () => {
    const { kv, maker } = await stored(onesOf(1_000))
    await forge(kv, maker, 10)
    let verified = 0
    const verifySigned: typeof verifyFake = (checkpoint) => {
      verified++
      return verifyFake(checkpoint)
    }
    const store = await LedgerStore.open({ kv, networkId: NETWORK_ID, verifySigned })
    expect(store.head(maker.member)?.size).to.equal(10)
    // Of three trees one is wrong from height 10 on; the others take a look at each batch of 64.
    expect(verified).to.be.within(3, 2 * (64 + 1_000 / 64 + 2))
  })

  it('blocks that a replaced tail left behind above the chain are no part of it when the head is lost', async () => {
    const { kv, maker } = await stored([10])
    const other = new ChainMaker(1, 'another branch')
    other.next(12)
    for (const height of [10, 11]) await kv.batch([put(blockKey(0, height), encodeStored(other.bytesAt(height), height))])
    await remove(kv, headKey(0))
    await expectKept(kv, maker, 10)
  })

  it('whatever is lost, flipped or forged: what is kept is the beginning of the true chain', async () => {
    const place = fc.nat(339)
    const harm = fc.record({
      how: fc.constantFrom('lost', 'flipped', 'forged', 'unsigned', 'tile', 'head'),
      at: place,
      by: fc.nat(200),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 12 }),
        fc.array(harm, { minLength: 1, maxLength: 4 }),
        async (lengths, harms) => {
          const { kv, maker } = await stored(lengths)
          const { size } = maker.state
          for (const { how, at, by } of harms) {
            const height = at % size
            const key = how === 'tile' ? tileKey(0, 0, 0) : how === 'head' ? headKey(0) : blockKey(0, height)
            const value = (await kv.get(key))?.slice()
            if (value === undefined) continue
            if (how === 'forged') await forge(kv, maker, height)
            else if (how === 'lost' || how === 'tile' || how === 'head') await remove(kv, key)
            else if (how === 'unsigned') await kv.batch([put(key, value.slice(0, maker.storedLength(height)))])
            else {
              const place = by % value.length
              value[place] = (value[place] as number) ^ 4
              await kv.batch([put(key, value)])
            }
          }
          const opened = await open(kv)
          const head = opened.head(maker.member)
          if (head === undefined) return
          expect(equalBytes(head.root, maker.roots[head.size - 1] as Uint8Array)).to.equal(true)
          expect(head.checkpoint && verifyFake(head.checkpoint)).to.equal(true)
          const { member } = maker
          expect((await opened.readBlocks(member, 0, head.size)).length).to.equal(head.size)
          expect(fakeSignature(member, 1, head.root).length).to.equal(64)
        },
      ),
      { numRuns: 150 },
    )
  }).timeout(60_000)
})
