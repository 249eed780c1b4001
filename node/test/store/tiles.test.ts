import { expect } from 'chai'
import { EMPTY_CHAIN } from '../../../protocol/chain-state.ts'
import { leafHash } from '../../../protocol/hash.ts'
import { CompactRange, verifyConsistency } from '../../../protocol/tree.ts'
import { type ChainEntry, NOT_PRUNED } from '../../store/chain-entry.ts'
import { type Kv, type KvOperation, openMemoryKv } from '../../store/index.ts'
import { tileKey } from '../../store/keys.ts'
import { EMPTY_EDGE, extendTiles, TILE_WIDTH, type TileEdge } from '../../store/tiles.ts'
import { CACHED_NODES, CACHED_ROOTS, CACHED_TILES, TreeReader } from '../../store/tree-reader.ts'
import { memberKey } from './chain-maker.ts'
import { refusalCode } from './temporary-directories.ts'

const SIZE = TILE_WIDTH * TILE_WIDTH + 700
const leaf = (index: number): Uint8Array => leafHash(Uint8Array.of(index >> 24, index >> 16, index >> 8, index))

describe('tiles', () => {
  let kv: Kv
  let entry: ChainEntry
  const roots = new Map<number, Uint8Array>()
  const damaged: string[] = []
  const reader = (): TreeReader => new TreeReader(kv, (_entry, level, index) => damaged.push(`${level}/${index}`))

  before(async () => {
    kv = await openMemoryKv()
    const range = CompactRange.empty()
    let edge: TileEdge = EMPTY_EDGE
    // Runs of every length: within a tile, up to its end, over several, with a tile of the second level among them.
    const lengths = [1, 254, 1, 255, 1, 700, 256, 3, 5_000, 60_000]
    for (let at = 0; at < SIZE; ) {
      const length = Math.min(lengths.shift() ?? 256, SIZE - at)
      const hashes = Array.from({ length }, (_, i) => leaf(at + i))
      const operations: KvOperation[] = []
      edge = extendTiles(edge, 3, range, hashes, operations)
      await kv.batch(operations)
      range.appendAll(hashes)
      at += length
      roots.set(at, range.root())
    }
    entry = {
      id: 3,
      member: memberKey(1),
      state: { ...EMPTY_CHAIN, size: SIZE, range, root: range.root() },
      edge,
      branch: 0,
      pruned: NOT_PRUNED,
    }
  }).timeout(20_000)

  it('remembers as much as there are chains, and no more than its bounds', async () => {
    for (const [chains, times] of [
      [1, 8],
      [20, 20],
      [100_000, Number.POSITIVE_INFINITY],
    ] as const) {
      const many = new TreeReader(
        kv,
        () => undefined,
        () => chains,
      )
      for (let size = 1; size < SIZE; size += 13) await many.rootAt(entry, size)
      const bound = ({ each, most }: { readonly each: number; readonly most: number }): number => Math.min(most, each * times)
      const { tiles, roots, nodes } = many.cached
      expect([tiles, roots, nodes]).to.deep.equal([bound(CACHED_TILES), bound(CACHED_ROOTS), bound(CACHED_NODES)])
    }
  })

  it('three levels hold every root and every proof', async () => {
    const tree = reader()
    for (const [size, root] of roots) {
      expect(await tree.rootAt(entry, size)).to.deep.equal(root)
      const proof = await tree.consistencyProof(entry, size, SIZE)
      expect(verifyConsistency(size, root, SIZE, entry.state.root, proof)).to.equal(true)
    }
    expect((await tree.rangeAt(entry, SIZE)).root()).to.deep.equal(entry.state.root)
    expect(damaged).to.deep.equal([])
  })

  it('full tiles stand in the store, partial ones of a higher level too, those of level 0 do not', async () => {
    expect((await kv.get(tileKey(3, 0, 257)))?.length).to.equal(TILE_WIDTH * 32 + 4)
    expect(await kv.get(tileKey(3, 0, 258))).to.equal(undefined)
    expect((await kv.get(tileKey(3, 1, 0)))?.length).to.equal(TILE_WIDTH * 32 + 4)
    expect((await kv.get(tileKey(3, 1, 1)))?.length).to.equal(2 * 32 + 4)
    expect((await kv.get(tileKey(3, 2, 0)))?.length).to.equal(32 + 4)
  })

  it('a chain takes room for the hashes of its last tile and as many again: a young one takes little', () => {
    const range = CompactRange.empty()
    let edge: TileEdge = EMPTY_EDGE
    for (let size = 0; size < 2 * TILE_WIDTH + 3; ) {
      const before = edge[0]?.slice(0, (size % TILE_WIDTH) * 32)
      edge = extendTiles(edge, 3, range, [leaf(size)], [])
      range.append(leaf(size))
      size++
      const width = size % TILE_WIDTH
      expect(edge[0]?.length ?? 0, `${size} blocks`).to.be.at.most(Math.max(4, 2 * width) * 32)
      if (width > 1) expect(edge[0]?.slice(0, (width - 1) * 32)).to.deep.equal(before)
    }
  })

  it('a lost tile of a higher level is made again from those below', async () => {
    await kv.batch([{ type: 'del', key: tileKey(3, 1, 0) }])
    const tree = reader()
    const [size, root] = [...roots][3] as [number, Uint8Array]
    expect(await tree.rootAt(entry, size)).to.deep.equal(root)
    expect(damaged).to.deep.equal(['1/0'])
    expect(await tree.rootAt(entry, size)).to.deep.equal(root)
    // Nothing that is remembered is of another branch.
    expect(await tree.rootAt({ ...entry, branch: 1 }, size)).to.deep.equal(root)
    expect(damaged).to.deep.equal(['1/0', '1/0'])
  })

  it('STORE_DAMAGED: a lost tile of level 0 whose blocks are gone as well', async () => {
    await kv.batch([{ type: 'del', key: tileKey(3, 0, 4) }])
    expect(await refusalCode(reader().leafAt(entry, 4 * TILE_WIDTH + 1))).to.equal('STORE_DAMAGED')
  })
})
