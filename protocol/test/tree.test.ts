import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromHex, toHex, toUtf8 } from '../bytes.ts'
import { EMPTY_ROOT, leafHash, nodeHash } from '../hash.ts'
import { MAX_PROOF_HASHES } from '../limits.ts'
import {
  CompactRange,
  consistencyProof,
  edgeLength,
  inclusionProof,
  type NodeReader,
  rangeAt,
  rootAt,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from '../tree.ts'
import { codeOf, codeOfAsync } from './codes.ts'
import { treeVectors } from './vectors/make-tree.ts'

const leaves = (count: number, name = 'leaf'): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => leafHash(toUtf8(`${name} ${i}`)))

/** RFC 6962 section 2.1, written as it stands there: the oracle. */
function recursiveRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return EMPTY_ROOT
  if (hashes.length === 1) return hashes[0] as Uint8Array
  let split = 1
  while (split * 2 < hashes.length) split *= 2
  return nodeHash(recursiveRoot(hashes.slice(0, split)), recursiveRoot(hashes.slice(split)))
}

/** Keeps every completed node, as the store does. */
function grow(hashes: readonly Uint8Array[]): { range: CompactRange; read: NodeReader; nodes: Map<string, Uint8Array> } {
  const nodes = new Map<string, Uint8Array>()
  const range = CompactRange.empty()
  range.appendAll(hashes, (level, index, hash) => nodes.set(`${level}/${index}`, hash))
  const read: NodeReader = (level, index) => {
    const hash = nodes.get(`${level}/${index}`)
    if (hash === undefined) throw new Error(`no node ${level}/${index}`)
    return hash
  }
  return { range, read, nodes }
}

describe('tree', () => {
  it('T2: the incremental root is the recursive root of RFC 6962, for sizes 0 to 130', () => {
    const all = leaves(130)
    const range = CompactRange.empty()
    for (let size = 0; size <= 130; size++) {
      expect(toHex(range.root())).to.equal(toHex(recursiveRoot(all.slice(0, size))))
      expect(toHex(rootOf(all.slice(0, size)))).to.equal(toHex(range.root()))
      if (size < 130) range.append(all[size] as Uint8Array)
    }
  })

  it('T3: the edge of a tree has one hash per one-bit of its size and survives encode and decode', () => {
    const range = CompactRange.empty()
    for (const leaf of leaves(70)) {
      range.append(leaf)
      expect(range.hashes.length).to.equal(edgeLength(range.size))
      const back = CompactRange.decode(range.size, range.encode())
      expect(toHex(back.root())).to.equal(toHex(range.root()))
      expect(back.size).to.equal(range.size)
    }
    expect(edgeLength(Number.MAX_SAFE_INTEGER)).to.equal(53)
    expect(edgeLength(2 ** 40)).to.equal(1)
  })

  it('T3: a clone grows alone', () => {
    const range = CompactRange.empty()
    range.appendAll(leaves(7))
    const before = toHex(range.root())
    const clone = range.clone()
    clone.append(leafHash(toUtf8('other')))
    expect(toHex(range.root())).to.equal(before)
    expect(range.size).to.equal(7)
    expect(clone.size).to.equal(8)
  })

  it('WRONG_TREE_EDGE: an edge with the wrong number of hashes or a hash of the wrong length', () => {
    const [one, two] = leaves(2) as [Uint8Array, Uint8Array]
    expect(codeOf(() => CompactRange.from(3, [one]))).to.equal('WRONG_TREE_EDGE')
    expect(codeOf(() => CompactRange.from(2, [one, two]))).to.equal('WRONG_TREE_EDGE')
    expect(codeOf(() => CompactRange.from(0, [one]))).to.equal('WRONG_TREE_EDGE')
    expect(codeOf(() => CompactRange.from(1, [one.subarray(1)]))).to.equal('WRONG_TREE_EDGE')
    expect(codeOf(() => CompactRange.decode(3, concat(one, two.subarray(1))))).to.equal('WRONG_TREE_EDGE')
  })

  it('OUT_OF_RANGE: sizes that are no integers up to 2^53 − 1', async () => {
    const read: NodeReader = () => EMPTY_ROOT
    for (const size of [-1, 1.5, 2 ** 53, Number.NaN]) {
      expect(codeOf(() => CompactRange.from(size, []))).to.equal('OUT_OF_RANGE')
      expect(await codeOfAsync(() => rootAt(read, size))).to.equal('OUT_OF_RANGE')
      expect(await codeOfAsync(() => inclusionProof(read, 0, size))).to.equal('OUT_OF_RANGE')
      expect(await codeOfAsync(() => consistencyProof(read, 0, size))).to.equal('OUT_OF_RANGE')
    }
    expect(await codeOfAsync(() => inclusionProof(read, 3, 3))).to.equal('OUT_OF_RANGE')
    expect(await codeOfAsync(() => consistencyProof(read, 4, 3))).to.equal('OUT_OF_RANGE')
  })

  it('T3: every completed perfect subtree is reported once, with its hash', () => {
    const all = leaves(37)
    const { nodes } = grow(all)
    let expected = 0
    for (let level = 0; 2 ** level <= 37; level++) {
      for (let index = 0; (index + 1) * 2 ** level <= 37; index++) {
        expected++
        const part = all.slice(index * 2 ** level, (index + 1) * 2 ** level)
        expect(toHex(nodes.get(`${level}/${index}`) as Uint8Array)).to.equal(toHex(recursiveRoot(part)))
      }
    }
    expect(nodes.size).to.equal(expected)
  })

  it('T2: root and edge of every earlier size come from the stored nodes', async () => {
    const all = leaves(41)
    const { read } = grow(all)
    for (let size = 0; size <= 41; size++) {
      expect(toHex(await rootAt(read, size))).to.equal(toHex(recursiveRoot(all.slice(0, size))))
      expect(toHex((await rangeAt(read, size)).root())).to.equal(toHex(recursiveRoot(all.slice(0, size))))
    }
  })

  it('T4, T5: every leaf of every tree up to 25 leaves is proven, and in no other place', async () => {
    const all = leaves(25)
    const { read } = grow(all)
    for (let size = 1; size <= 25; size++) {
      const root = recursiveRoot(all.slice(0, size))
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(read, index, size)
        expect(verifyInclusion(all[index] as Uint8Array, index, size, proof, root)).to.equal(true)
        for (let other = 0; other <= size; other++) {
          if (other !== index) expect(verifyInclusion(all[index] as Uint8Array, other, size, proof, root)).to.equal(false)
        }
      }
    }
  })

  it('T6, T7: every pair of sizes up to 40 is proven, also 0 and equal sizes', async () => {
    const all = leaves(40)
    const { read } = grow(all)
    const roots = Array.from({ length: 41 }, (_, size) => recursiveRoot(all.slice(0, size)))
    for (let size2 = 0; size2 <= 40; size2++) {
      for (let size1 = 0; size1 <= size2; size1++) {
        const proof = await consistencyProof(read, size1, size2)
        const [root1, root2] = [roots[size1] as Uint8Array, roots[size2] as Uint8Array]
        expect(verifyConsistency(size1, root1, size2, root2, proof)).to.equal(true)
        expect(verifyConsistency(size2 + 1, root1, size2, root2, proof)).to.equal(false)
        expect(verifyConsistency(size1, root1, size2, root2, [...proof, root1])).to.equal(false)
        if (proof.length > 0) expect(verifyConsistency(size1, root1, size2, root2, proof.slice(1))).to.equal(false)
      }
    }
  })

  it('T5, T7: no proof with one bit changed anywhere is accepted', async () => {
    const all = leaves(100)
    const { read } = grow(all)
    const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
      const out = bytes.slice()
      out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7))
      return out
    }
    const cases = fc.record({
      size: fc.integer({ min: 2, max: 100 }),
      pick: fc.nat(),
      bit: fc.integer({ min: 0, max: 255 }),
      where: fc.nat(),
    })
    await fc.assert(
      fc.asyncProperty(cases, async ({ size, pick, bit, where }) => {
        const index = pick % size
        const root = recursiveRoot(all.slice(0, size))
        const inclusion = await inclusionProof(read, index, size)
        const at = where % inclusion.length
        const broken = inclusion.map((hash, i) => (i === at ? flip(hash, bit) : hash))
        expect(verifyInclusion(all[index] as Uint8Array, index, size, broken, root)).to.equal(false)
        expect(verifyInclusion(flip(all[index] as Uint8Array, bit), index, size, inclusion, root)).to.equal(false)
        expect(verifyInclusion(all[index] as Uint8Array, index, size, inclusion, flip(root, bit))).to.equal(false)

        const size1 = 1 + (pick % (size - 1))
        const root1 = recursiveRoot(all.slice(0, size1))
        const consistency = await consistencyProof(read, size1, size)
        const spot = where % consistency.length
        const bad = consistency.map((hash, i) => (i === spot ? flip(hash, bit) : hash))
        expect(verifyConsistency(size1, root1, size, root, bad)).to.equal(false)
        expect(verifyConsistency(size1, flip(root1, bit), size, root, consistency)).to.equal(false)
        expect(verifyConsistency(size1, root1, size, flip(root, bit), consistency)).to.equal(false)
      }),
      { numRuns: 200 },
    )
  })

  it('T7: size 0 is consistent with everything, by EMPTY_ROOT and an empty proof only', () => {
    const [root] = leaves(1) as [Uint8Array]
    expect(verifyConsistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])).to.equal(true)
    expect(verifyConsistency(0, EMPTY_ROOT, 1, root, [])).to.equal(true)
    expect(verifyConsistency(0, root, 1, root, [])).to.equal(false)
    expect(verifyConsistency(0, root, 0, root, [])).to.equal(false)
    expect(verifyConsistency(0, EMPTY_ROOT, 1, root, [root])).to.equal(false)
    expect(verifyInclusion(root, 0, 0, [], EMPTY_ROOT)).to.equal(false)
  })

  it('T8: proofs between sizes beyond 32 bits', async () => {
    // A tree whose nodes depend on level alone: every perfect subtree of one level has the same leaves.
    const level: Uint8Array[] = [leafHash(toUtf8('same'))]
    for (let i = 1; i < 53; i++) level.push(nodeHash(level[i - 1] as Uint8Array, level[i - 1] as Uint8Array))
    const read: NodeReader = (l) => level[l] as Uint8Array
    const sizes = [1, 2, 3, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 2 ** 40 + 2 ** 33 + 1, 2 ** 52 + 12_345, Number.MAX_SAFE_INTEGER]
    for (const size2 of sizes) {
      const root2 = await rootAt(read, size2)
      for (const size1 of sizes.filter((size) => size <= size2)) {
        const proof = await consistencyProof(read, size1, size2)
        expect(proof.length).to.be.at.most(54)
        expect(verifyConsistency(size1, await rootAt(read, size1), size2, root2, proof)).to.equal(true)
        const path = await inclusionProof(read, size1 - 1, size2)
        expect(verifyInclusion(level[0] as Uint8Array, size1 - 1, size2, path, root2)).to.equal(true)
      }
    }
  })

  it('T9: a proof of more than 64 hashes, or with a hash of another length, is refused', () => {
    const [leaf] = leaves(1) as [Uint8Array]
    const long = Array.from({ length: MAX_PROOF_HASHES + 1 }, () => leaf)
    expect(verifyInclusion(leaf, 0, Number.MAX_SAFE_INTEGER, long, leaf)).to.equal(false)
    expect(verifyConsistency(1, leaf, Number.MAX_SAFE_INTEGER, leaf, long)).to.equal(false)
    expect(verifyInclusion(leaf, 0, 2, [leaf.subarray(1)], leaf)).to.equal(false)
    expect(verifyConsistency(1, leaf, 2, leaf, [leaf.subarray(1)])).to.equal(false)
    expect(verifyInclusion(leaf.subarray(1), 0, 1, [], leaf.subarray(1))).to.equal(false)
    expect(verifyConsistency(1, leaf.subarray(1), 1, leaf.subarray(1), [])).to.equal(false)
  })

  it('T4, T6: a missing node is an error of the reader, not a wrong proof', async () => {
    const missing: NodeReader = async () => {
      throw new Error('not stored')
    }
    for (const act of [() => rootAt(missing, 3), () => inclusionProof(missing, 0, 3), () => consistencyProof(missing, 2, 3)]) {
      const message = await act().then(
        () => 'nothing thrown',
        (error: unknown) => (error as Error).message,
      )
      expect(message).to.equal('not stored')
    }
  })

  describe('vectors', () => {
    const [vectors] = treeVectors.cases as unknown as [
      {
        entries: string[]
        roots: string[]
        inclusion: { index: number; size: number; proof: string[] }[]
        consistency: { size1: number; size2: number; proof: string[] }[]
      },
    ]
    const hashes = vectors.entries.map((entry) => leafHash(fromHex(entry)))
    const rootOfSize = (size: number): Uint8Array => fromHex(vectors.roots[size] as string)

    it('tree.json is what its script makes', () => {
      expect(JSON.parse(readFileSync(new URL('vectors/tree.json', import.meta.url), 'utf8'))).to.deep.equal(treeVectors)
    })

    it('T2: roots', () => {
      for (const [size, root] of vectors.roots.entries()) expect(toHex(recursiveRoot(hashes.slice(0, size)))).to.equal(root)
    })

    it('T5, T7: proofs', () => {
      for (const { index, size, proof } of vectors.inclusion) {
        const path = proof.map((hash) => fromHex(hash))
        expect(verifyInclusion(hashes[index] as Uint8Array, index, size, path, rootOfSize(size))).to.equal(true)
      }
      for (const { size1, size2, proof } of vectors.consistency) {
        const path = proof.map((hash) => fromHex(hash))
        expect(verifyConsistency(size1, rootOfSize(size1), size2, rootOfSize(size2), path)).to.equal(true)
      }
    })

    // Published by the certificate-transparency project for its eight reference leaves.
    it('T2: the published roots of the eight reference leaves', () => {
      expect(vectors.roots.slice(0, 9)).to.deep.equal([
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
        'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
        'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
        '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
        '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
        'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
        '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
      ])
    })

    it('T4, T6: the published proofs of the eight reference leaves', async () => {
      const { read } = grow(hashes.slice(0, 8))
      const hex = async (proof: Promise<Uint8Array[]>): Promise<string[]> => (await proof).map(toHex)
      const [h1, h2, h3, h4] = [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ]
      const [h5, h6, h7, h8] = [
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
        '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      ]
      expect(await hex(inclusionProof(read, 0, 8))).to.deep.equal([h1, h2, h3])
      expect(await hex(inclusionProof(read, 5, 8))).to.deep.equal([h4, h5, h6])
      expect(await hex(inclusionProof(read, 1, 5))).to.deep.equal([h7, h2, h4])
      expect(await hex(consistencyProof(read, 1, 8))).to.deep.equal([h1, h2, h3])
      expect(await hex(consistencyProof(read, 2, 5))).to.deep.equal([h2, h4])
      expect(await hex(consistencyProof(read, 6, 8))).to.deep.equal([h8, h5, h6])
    })
  })
})
