import { sha256 as sha256WithoutCounting } from '@noble/hashes/sha2.js'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Attestation } from '../attestation.ts'
import { attestationLeaves, lackingChains, leafStanding, leavesMatch, type OwnLeaves } from '../attestation-leaves.ts'
import { toUtf8 } from '../bytes.ts'
import { EMPTY_ROOT, sha256, useSha256 } from '../hash.ts'
import { HeadsTree, headsRoot } from '../heads.ts'
import type { Leaf, NamedLeaf } from '../message-fields.ts'

const keyOf = (index: number): Uint8Array => sha256(toUtf8(`member ${index}`))
/** Every chain has one root at each size, on each branch. */
const rootOf = (index: number, size: number, branch = 'main'): Uint8Array =>
  size === 0 ? EMPTY_ROOT : sha256(toUtf8(`${branch} ${index} ${size}`))
const leafOf = (index: number, size: number, branch?: string): Leaf => ({ size, root: rootOf(index, size, branch) })

/** A node that holds these sizes of the main branches, and knows `members` of them. */
function ownLeaves(sizes: readonly number[], members = sizes.length): OwnLeaves & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    tree: HeadsTree.from(sizes.map((size, index) => ({ member: keyOf(index), ...leafOf(index, size) }))),
    keys: Array.from({ length: members }, (_, index) => keyOf(index)),
    sizes,
    rootAt: (index, size) => {
      asked.push(`${index}/${size}`)
      return rootOf(index, size)
    },
    asked,
  }
}

/** What an honest witness with these leaves signs; members of `named` by their leaves. */
function attest(leaves: readonly Leaf[], named: readonly number[] = []): Attestation {
  return {
    witness: keyOf(0),
    epoch: 0,
    sequence: 1,
    timeMs: 0,
    frontier: leaves.map(({ size }) => size),
    named: named.map((index): NamedLeaf => ({ index, ...(leaves[index] as Leaf) })),
    headsRoot: headsRoot(leaves.map((leaf, index) => ({ member: keyOf(index), ...leaf }))),
  }
}

const main = (...sizes: readonly number[]): Leaf[] => sizes.map((size, index) => leafOf(index, size))
const answer = async (attestation: Attestation, own: OwnLeaves): Promise<string> =>
  (await attestationLeaves(attestation, own)).type

describe('leaves of an attestation', () => {
  it('A6: equal where the witness has the same chains, at the same sizes or below', async () => {
    const own = ownLeaves([5, 9, 0, 7])
    expect(await answer(attest(main(5, 9, 0, 7)), own)).to.equal('equal')
    expect(own.asked).to.deep.equal([])
    expect(await answer(attest(main(5, 8, 0, 7)), own)).to.equal('equal')
    expect(own.asked).to.deep.equal(['1/8'])
    expect(await answer(attest(main(3, 0, 0)), own), 'a shorter frontier').to.equal('equal')
  })

  it('A6: different where one root is another, wherever it came from', async () => {
    const own = ownLeaves([5, 9, 0, 7])
    expect(await answer(attest([...main(5, 9, 0), leafOf(3, 7, 'other')]), own)).to.equal('different')
    expect(await answer(attest([...main(5, 9, 0), leafOf(3, 4, 'other')]), own)).to.equal('different')
    expect(await answer({ ...attest(main(5, 9, 0, 7)), headsRoot: EMPTY_ROOT }, own)).to.equal('different')
  })

  it('A6: lacking names the chains and sizes to be fetched, before anything is read or hashed', async () => {
    const own = ownLeaves([5, 9, 0, 7])
    const attestation = attest(main(6, 8, 1, 7))
    const chains = [
      { index: 0, size: 6 },
      { index: 2, size: 1 },
    ]
    expect(await attestationLeaves(attestation, own)).to.deep.equal({ type: 'lacking', chains })
    expect(lackingChains(attestation, own)).to.deep.equal(chains)
    expect(own.asked).to.deep.equal([])
  })

  it('A6: a member that is not known is lacking whatever its size; one whose admission does not count yet is not', async () => {
    const attestation = attest(main(5, 9, 0))
    expect(lackingChains(attestation, ownLeaves([5, 9]))).to.deep.equal([{ index: 2, size: 0 }])
    expect(await answer(attestation, ownLeaves([5, 9], 3))).to.equal('equal')
    expect(lackingChains(attest(main(5, 9, 1)), ownLeaves([5, 9], 3))).to.deep.equal([{ index: 2, size: 1 }])
  })

  it('A6: a named leaf is taken as it is named, also beyond what is held', async () => {
    const own = ownLeaves([5, 9, 0, 7])
    const leaves = [...main(5), leafOf(1, 12, 'other'), ...main(5, 9, 0, 7).slice(2)]
    expect(await answer(attest(leaves, [1]), own)).to.equal('equal')
    expect(await answer(attest(main(5, 9, 0, 7), [0, 1, 2, 3]), own)).to.equal('equal')
    expect(own.asked).to.deep.equal([])
    const unnamed = { ...attest(leaves, [1]), named: [] }
    expect(await answer(unnamed, own)).to.equal('lacking')
  })

  it('A6: any sizes up to the own ones are equal, and no longer once a named root is swapped', async () => {
    const cases = fc.array(fc.record({ held: fc.nat({ max: 9 }), lag: fc.nat({ max: 9 }), isNamed: fc.boolean() }), {
      minLength: 1,
      maxLength: 20,
    })
    await fc.assert(
      fc.asyncProperty(cases, fc.nat({ max: 3 }), async (chains, unknown) => {
        const count = Math.max(1, chains.length - unknown)
        const own = ownLeaves(chains.map(({ held }) => held))
        const leaves = chains.slice(0, count).map(({ held, lag }, index) => leafOf(index, Math.max(0, held - lag)))
        const named = leaves.flatMap((_, index) => (chains[index]?.isNamed === true ? [index] : []))
        const attestation = attest(leaves, named)
        expect(await answer(attestation, own)).to.equal('equal')
        expect(leavesMatch(attestation, own.keys, leaves)).to.equal(true)
        const [first, ...rest] = attestation.named
        if (first === undefined) return
        const swapped = { ...attestation, named: [{ ...first, root: sha256(first.root) }, ...rest] }
        expect(await answer(swapped, own)).to.equal('different')
        expect(leavesMatch(swapped, own.keys, leaves)).to.equal(false)
      }),
      { numRuns: 100 },
    )
  })

  it('A6: 20 changed members of 200 cost their hashes and those above them, whatever the lengths of the chains', async () => {
    const hashesAt = async (size: number): Promise<number> => {
      const sizes = Array.from({ length: 200 }, () => size)
      const own = ownLeaves(sizes)
      own.tree.root()
      const attestation = attest(sizes.map((held, index) => leafOf(index, index % 10 === 0 ? held - 1 : held)))
      let calls = 0
      const roots = new Map(own.keys.map((_, index) => [index, rootOf(index, size - 1)]))
      useSha256((bytes) => {
        calls++
        return sha256WithoutCounting(bytes)
      })
      try {
        const view = { ...own, rootAt: (index: number) => roots.get(index) as Uint8Array }
        expect(await answer(attestation, view)).to.equal('equal')
      } finally {
        useSha256(sha256WithoutCounting)
      }
      return calls
    }
    const calls = await hashesAt(100)
    expect(calls).to.be.at.most(20 * 9)
    expect(await hashesAt(1_000_000)).to.equal(calls)
  })

  it('A7: a list of leaves matches by sizes, by named roots, and by the heads root', () => {
    const keys = [0, 1, 2].map(keyOf)
    const leaves = [...main(5), leafOf(1, 12, 'other'), leafOf(2, 3)]
    const attestation = attest(leaves, [1])
    expect(leavesMatch(attestation, keys, leaves)).to.equal(true)
    expect(leavesMatch(attestation, [...keys, keyOf(3)], leaves), 'more members are known').to.equal(true)
    expect(leavesMatch(attestation, keys.slice(1), leaves), 'too few are').to.equal(false)
    expect(leavesMatch(attestation, keys, leaves.slice(1))).to.equal(false)
    expect(leavesMatch(attestation, keys, [...leaves, leafOf(3, 0)])).to.equal(false)
    expect(leavesMatch(attestation, keys, main(5, 12, 3)), 'the named root').to.equal(false)
    expect(leavesMatch(attestation, keys, [leafOf(0, 5, 'other'), ...leaves.slice(1)]), 'another root').to.equal(false)
    // The heads root alone would fit leaves of other sizes than those in the frontier.
    expect(leavesMatch({ ...attestation, frontier: [4, 12, 3] }, keys, leaves)).to.equal(false)
    // So it would where the named root is another than the one that it is over.
    const renamed = [{ index: 1, size: 12, root: rootOf(1, 12) }]
    expect(leavesMatch({ ...attestation, named: renamed }, keys, leaves)).to.equal(false)
  })

  it('A8: each leaf stands on the own branch, on another, or ahead', async () => {
    const own = ownLeaves([5, 9, 0])
    const stand = (index: number, leaf: Leaf) => leafStanding(index, leaf, own)
    expect(await stand(1, leafOf(1, 9))).to.equal('own')
    expect(await stand(1, leafOf(1, 4))).to.equal('own')
    expect(await stand(1, leafOf(1, 4, 'other'))).to.equal('other')
    expect(await stand(1, leafOf(1, 10))).to.equal('ahead')
    expect(await stand(7, leafOf(7, 1))).to.equal('ahead')
    expect(await stand(2, leafOf(2, 0))).to.equal('own')
    expect(await stand(2, { size: 0, root: rootOf(2, 1) }), 'a root of nothing at size 0').to.equal('own')
  })
})
