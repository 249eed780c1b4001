import { readFileSync } from 'node:fs'
import { sha256 as sha256WithoutCounting } from '@noble/hashes/sha2.js'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromHex, toHex, toUtf8 } from '../bytes.ts'
import { EMPTY_ROOT, leafHash, sha256, useSha256 } from '../hash.ts'
import { emptyHeadLeaf, type HeadLeaf, HeadsTree, headLeafEntry, headLeafHash, headsRoot } from '../heads.ts'
import { MAX_MEMBERS } from '../limits.ts'
import { rootOf, verifyInclusion } from '../tree.ts'
import { codeOf } from './codes.ts'
import { headsVectors } from './vectors/make-heads.ts'

const leaf = (member: number, size: number): HeadLeaf => ({
  member: sha256(toUtf8(`member ${member}`)),
  size,
  root: sha256(toUtf8(`root ${member} ${size}`)),
})

const leavesOf = (count: number): HeadLeaf[] => Array.from({ length: count }, (_, i) => leaf(i, i))

/** Rule H3 straight from the tree of RFC 6962. */
const oracle = (leaves: readonly HeadLeaf[]): string => toHex(rootOf(leaves.map((each) => leafHash(headLeafEntry(each)))))

describe('heads', () => {
  it('heads.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/heads.json', import.meta.url), 'utf8'))).to.deep.equal(headsVectors)
  })

  for (const { leaves, entries, root } of headsVectors.cases) {
    it(`H1, H3: entries and root of ${leaves.length} members`, () => {
      const parsed = leaves.map((each) => ({ ...each, member: fromHex(each.member), root: fromHex(each.root) }))
      expect(parsed.map((each) => toHex(headLeafEntry(each)))).to.deep.equal(entries)
      expect(toHex(headsRoot(parsed))).to.equal(root)
      expect(oracle(parsed)).to.equal(root)
    })
  }

  it('H1: an entry is key, size as a varint, root', () => {
    const { member, root } = leaf(1, 300)
    expect(headLeafEntry({ member, size: 300, root })).to.deep.equal(concat(member, Uint8Array.of(0x82, 0x2c), root))
  })

  it('H2: a member without blocks has size 0 and EMPTY_ROOT', () => {
    const { member } = leaf(1, 0)
    expect(headLeafEntry(emptyHeadLeaf(member))).to.deep.equal(concat(member, Uint8Array.of(0), EMPTY_ROOT))
  })

  it('H3: no member gives EMPTY_ROOT', () => {
    expect(headsRoot([])).to.deep.equal(EMPTY_ROOT)
    expect(HeadsTree.empty().root()).to.deep.equal(EMPTY_ROOT)
  })

  it('H4: adding and updating in any order gives the root of the leaves that stand', () => {
    const step = fc.record({ pick: fc.nat(), size: fc.nat({ max: 1_000 }), add: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const tree = HeadsTree.empty()
        const leaves: HeadLeaf[] = []
        for (const { pick, size, add } of steps) {
          const index = add || leaves.length === 0 ? leaves.length : pick % leaves.length
          leaves[index] = leaf(index, size)
          tree.set(index, leaves[index])
          expect(toHex(tree.root())).to.equal(oracle(leaves))
        }
        expect(tree.size).to.equal(leaves.length)
        expect(leaves.every((each, i) => toHex(tree.leafHashAt(i) as Uint8Array) === toHex(headLeafHash(each)))).to.equal(true)
      }),
    )
  })

  it('H3, T4: the inclusion proof of any leaf holds among the first members, however many', () => {
    for (const size of [1, 2, 3, 5, 8, 13]) {
      const tree = HeadsTree.from(leavesOf(size))
      for (let count = 1; count <= size; count++) {
        const root = headsRoot(leavesOf(count))
        for (let index = 0; index < count; index++) {
          const proof = tree.inclusionProof(index, count)
          expect(verifyInclusion(tree.leafHashAt(index) as Uint8Array, index, count, proof, root)).to.equal(true)
        }
      }
      expect(toHex(tree.root()), 'the tree stays as it is').to.equal(oracle(leavesOf(size)))
    }
  })

  it('H3: an inclusion proof is about a leaf that is there', () => {
    const tree = HeadsTree.from(leavesOf(5))
    for (const [index, count] of [
      [5, 5],
      [3, 3],
      [-1, 5],
      [0.5, 5],
      [0, 0],
      [0, 6],
    ] as const) {
      expect(codeOf(() => tree.inclusionProof(index, count))).to.equal('OUT_OF_RANGE')
    }
  })

  const hashesOf = (work: () => void): number => {
    let calls = 0
    useSha256((bytes) => {
      calls++
      return sha256WithoutCounting(bytes)
    })
    try {
      work()
    } finally {
      useSha256(sha256WithoutCounting)
    }
    return calls
  }

  it('H4: an update at 256 members costs nine hashes, and those that come together share what stands above them', () => {
    const tree = HeadsTree.from(leavesOf(MAX_MEMBERS))
    tree.root()
    const changed = leaf(100, 5_000)
    expect(hashesOf(() => tree.set(100, changed))).to.equal(0)
    expect(hashesOf(() => tree.root())).to.equal(9)
    expect(hashesOf(() => tree.root())).to.equal(0)
    for (let size = 6_000; size < 6_010; size++) tree.set(100, leaf(100, size))
    tree.set(101, leaf(101, 5_000))
    expect(hashesOf(() => tree.root())).to.equal(10)
    expect(toHex(tree.root())).to.equal(
      oracle(leavesOf(MAX_MEMBERS).map((each, i) => (i === 100 ? leaf(100, 6_009) : i === 101 ? leaf(101, 5_000) : each))),
    )
  })

  it('H4: rootWith replaces leaves and cuts to fewer members without changing the tree', () => {
    const leaves = leavesOf(21)
    const tree = HeadsTree.from(leaves)
    const before = toHex(tree.root())
    fc.assert(
      fc.property(fc.nat({ max: 21 }), fc.array(fc.nat({ max: 20 }), { maxLength: 5 }), (count, changed) => {
        const replaced = leaves.map((each, i) => (changed.includes(i) ? leaf(i, 777) : each))
        const root = tree.rootWith(
          changed.map((index) => ({ index, leaf: leaf(index, 777) })),
          count,
        )
        expect(toHex(root)).to.equal(oracle(replaced.slice(0, count)))
      }),
    )
    expect(toHex(tree.root())).to.equal(before)
    expect(tree.size).to.equal(21)
    expect(toHex(tree.rootWith([{ index: 21, leaf: leaf(21, 1) }], 22))).to.equal(oracle([...leaves, leaf(21, 1)]))
    // Unlike the tree that becomes what the root is of.
    expect(toHex(tree.become([{ index: 3, leaf: leaf(3, 777) }], 20))).to.equal(toHex(tree.root()))
    expect(toHex(tree.root())).to.equal(oracle(leaves.slice(0, 20).with(3, leaf(3, 777))))
    expect(tree.size).to.equal(20)
  })

  it('H4: a clone changes alone', () => {
    const tree = HeadsTree.from(leavesOf(5))
    const before = toHex(tree.root())
    const clone = tree.clone()
    clone.set(5, leaf(5, 5))
    clone.set(0, leaf(0, 99))
    expect(toHex(tree.root())).to.equal(before)
    expect(tree.leafHashAt(5)).to.equal(undefined)
  })

  it('OUT_OF_RANGE: an index beyond the next member, a count beyond the last, fields of another length', () => {
    const tree = HeadsTree.from(leavesOf(3))
    for (const index of [4, -1, 0.5, Number.NaN]) expect(codeOf(() => tree.set(index, leaf(0, 1)))).to.equal('OUT_OF_RANGE')
    for (const count of [4, -1, 0.5]) expect(codeOf(() => tree.rootWith([], count))).to.equal('OUT_OF_RANGE')
    const good = leaf(0, 1)
    expect(codeOf(() => headLeafEntry({ ...good, member: good.member.subarray(1) }))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => headLeafEntry({ ...good, root: good.root.subarray(1) }))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => headLeafEntry({ ...good, size: -1 }))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => HeadsTree.empty().set(0, { ...good, size: -1 }))).to.equal('OUT_OF_RANGE')
  })

  it(`LIMIT_EXCEEDED: ${MAX_MEMBERS} members and no more`, () => {
    const leaves = leavesOf(MAX_MEMBERS + 1)
    expect(toHex(headsRoot(leaves.slice(0, MAX_MEMBERS)))).to.equal(oracle(leaves.slice(0, MAX_MEMBERS)))
    expect(codeOf(() => headsRoot(leaves))).to.equal('LIMIT_EXCEEDED')
  })
})
