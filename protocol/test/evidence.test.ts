import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromHex, toHex, toUtf8 } from '../bytes.ts'
import { type SignedCheckpoint, signCheckpoint } from '../checkpoint.ts'
import { isWattnessError } from '../errors.ts'
import {
  assertEvidence,
  buildEvidence,
  buildEvidenceFromCheckpoints,
  checkEvidence,
  decodeEvidence,
  type Evidence,
  type EvidenceSide,
  encodeEvidence,
  explainEvidence,
  MAX_EVIDENCE_BYTES,
  orderEvidence,
  verifyEvidence,
} from '../evidence.ts'
import { EMPTY_ROOT, leafHash, sha256 } from '../hash.ts'
import { CompactRange, consistencyProof, type NodeReader, rootAt } from '../tree.ts'
import { codeOf, codeOfAsync } from './codes.ts'
import { testSigner, testVerify } from './signing.ts'
import { evidenceVectors } from './vectors/make-evidence.ts'

const networkId = sha256(toUtf8('network'))
const signer = testSigner('liar')

/** A chain whose blocks are shared with every other one below `fork`. */
class Branch {
  readonly read: NodeReader
  readonly #nodes = new Map<string, Uint8Array>()

  constructor(length: number, fork: number, name: string) {
    const range = CompactRange.empty()
    for (let i = 0; i < length; i++) {
      const entry = toUtf8(`${i < fork ? 'shared' : name} ${i}`)
      range.append(leafHash(entry), (level, index, hash) => this.#nodes.set(`${level}/${index}`, hash))
    }
    this.read = (level, index) => {
      const hash = this.#nodes.get(`${level}/${index}`)
      if (hash === undefined) throw new Error(`no node ${level}/${index}`)
      return hash
    }
  }

  async checkpoint(size: number, by = signer): Promise<SignedCheckpoint> {
    return signCheckpoint(by, networkId, size, await rootAt(this.read, size))
  }

  async side(checkpoint: SignedCheckpoint, size: number): Promise<EvidenceSide> {
    const proof = await consistencyProof(this.read, size, checkpoint.size)
    return { checkpoint, root: await rootAt(this.read, size), proof }
  }
}

const check = (evidence: Evidence): string | undefined => checkEvidence(testVerify, networkId, evidence)

/** Held chain of 21 blocks and another of 30, the same below 6. */
const held = new Branch(21, 6, 'held')
const other = new Branch(30, 6, 'other')

async function sample(heldSize: number, otherSize: number, size: number): Promise<Evidence> {
  const side = await other.side(await other.checkpoint(otherSize), size)
  const evidence = await buildEvidence(held.read, await held.checkpoint(heldSize), side, size)
  if (evidence === undefined) throw new Error('no contradiction')
  return evidence
}

describe('evidence', () => {
  it('evidence.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/evidence.json', import.meta.url), 'utf8'))).to.deep.equal(evidenceVectors)
  })

  for (const each of evidenceVectors.cases as unknown as { name: string; size: number; evidence: string; byteLength: number }[]) {
    it(`F2, F4: ${each.name}`, () => {
      const bytes = fromHex(each.evidence)
      const evidence = decodeEvidence(bytes)
      expect(checkEvidence(testVerify, fromHex(evidenceVectors.networkId), evidence)).to.equal(undefined)
      expect(toHex(evidence.a.member)).to.equal(evidenceVectors.member)
      expect(evidence.size).to.equal(each.size)
      expect(toHex(encodeEvidence(evidence))).to.equal(each.evidence)
      expect(bytes.length).to.equal(each.byteLength)
    })
  }

  it('F1: any two checkpoints above a fork are evidence from any size above it, and of none below', async () => {
    const sizes = fc.record({
      fork: fc.nat({ max: 12 }),
      held: fc.integer({ min: 1, max: 24 }),
      other: fc.integer({ min: 1, max: 24 }),
      size: fc.integer({ min: 1, max: 24 }),
    })
    await fc.assert(
      fc.asyncProperty(sizes, async (each) => {
        const size = Math.min(each.size, each.held, each.other)
        const mine = new Branch(each.held, each.fork, 'held')
        const theirs = new Branch(each.other, each.fork, 'other')
        const side = await theirs.side(await theirs.checkpoint(each.other), size)
        const evidence = await buildEvidence(mine.read, await mine.checkpoint(each.held), side, size)
        if (size <= each.fork) {
          expect(evidence).to.equal(undefined)
        } else {
          expect(check(evidence as Evidence)).to.equal(undefined)
          expect(check(decodeEvidence(encodeEvidence(evidence as Evidence)))).to.equal(undefined)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('F1: an honest chain gives no evidence, whatever is put together from it', async () => {
    const chain = new Branch(25, 25, 'honest')
    for (const [heldSize, otherSize] of [
      [25, 25],
      [25, 7],
      [7, 25],
      [8, 16],
    ] as const) {
      for (let size = 1; size <= Math.min(heldSize, otherSize); size++) {
        const mine = await chain.side(await chain.checkpoint(heldSize), size)
        const theirs = await chain.side(await chain.checkpoint(otherSize), size)
        expect(await buildEvidence(chain.read, mine.checkpoint, theirs, size)).to.equal(undefined)
        const forced = orderEvidence(size, mine, theirs)
        expect(check(forced)).to.be.oneOf(['SAME_ROOT', 'WRONG_ORDER'])
        // Claiming another root at the common size, or swapping the proofs, only breaks a proof.
        const lied = orderEvidence(size, { ...mine, root: sha256(mine.root) }, theirs)
        expect(check(lied)).to.be.oneOf(['PROOF_A', 'PROOF_B', 'WRONG_ORDER'])
      }
    }
  })

  it('F8: a consistency proof that fails alone proves nothing', async () => {
    const chain = new Branch(20, 20, 'honest')
    const [low, high] = [await chain.checkpoint(9), await chain.checkpoint(20)]
    const good = await consistencyProof(chain.read, 9, 20)
    const broken = good.map((hash, i) => (i === 1 ? sha256(hash) : hash))
    const root = await rootAt(chain.read, 9)
    for (const proof of [broken, good.slice(1), [], [...good, root]]) {
      for (const claimed of [root, sha256(root)]) {
        const evidence = orderEvidence(9, { checkpoint: low, root, proof: [] }, { checkpoint: high, root: claimed, proof })
        expect(verifyEvidence(testVerify, networkId, evidence)).to.equal(false)
        expect(check(evidence)).to.equal(claimed === root ? 'SAME_ROOT' : 'PROOF_B')
      }
    }
  })

  it('F3: both orders of building give the same bytes', async () => {
    for (const [heldSize, otherSize, size] of [
      [11, 11, 11],
      [21, 9, 9],
      [9, 21, 9],
      [21, 30, 7],
    ] as const) {
      const mine = await held.side(await held.checkpoint(heldSize), size)
      const theirs = await other.side(await other.checkpoint(otherSize), size)
      const bytes = toHex(encodeEvidence(orderEvidence(size, mine, theirs)))
      expect(toHex(encodeEvidence(orderEvidence(size, theirs, mine)))).to.equal(bytes)
      const built = await buildEvidence(other.read, theirs.checkpoint, mine, size)
      expect(toHex(encodeEvidence(built as Evidence))).to.equal(bytes)
    }
  })

  it('F6: a lower checkpoint is proven wrong from the held tree alone', async () => {
    const evidence = await buildEvidenceFromCheckpoints(held.read, await held.checkpoint(21), await other.checkpoint(9))
    expect(check(evidence as Evidence)).to.equal(undefined)
    expect((evidence as Evidence).proofA).to.deep.equal([])
    expect(await buildEvidenceFromCheckpoints(held.read, await held.checkpoint(21), await held.checkpoint(9))).to.equal(undefined)
  })

  it('F6: OUT_OF_RANGE for a common size of 0, or above either checkpoint', async () => {
    const [mine, theirs] = [await held.checkpoint(9), await other.checkpoint(21)]
    const side = { checkpoint: theirs, root: theirs.root, proof: [] }
    for (const size of [0, 10, -1, 1.5]) {
      expect(await codeOfAsync(() => buildEvidence(held.read, mine, side, size))).to.equal('OUT_OF_RANGE')
    }
    expect(await codeOfAsync(() => buildEvidenceFromCheckpoints(held.read, mine, theirs))).to.equal('OUT_OF_RANGE')
  })

  describe('F4', () => {
    it('DIFFERENT_MEMBERS', async () => {
      const good = await sample(21, 30, 7)
      expect(check({ ...good, b: await other.checkpoint(30, testSigner('somebody else')) })).to.equal('DIFFERENT_MEMBERS')
    })

    it('WRONG_ORDER, also for the same checkpoint twice', async () => {
      const { a, b, size, rootA, rootB, proofA, proofB } = await sample(21, 30, 7)
      expect(check({ a: b, b: a, size, rootA: rootB, rootB: rootA, proofA: proofB, proofB: proofA })).to.equal('WRONG_ORDER')
      expect(check({ a, b: a, size, rootA, rootB: rootA, proofA, proofB: proofA })).to.equal('WRONG_ORDER')
    })

    it('WRONG_SIZE: 0 proves nothing, since every chain starts empty', async () => {
      const good = await sample(21, 30, 7)
      const zero = { ...good, size: 0, rootA: EMPTY_ROOT, rootB: EMPTY_ROOT, proofA: [], proofB: [] }
      expect(check(zero)).to.equal('WRONG_SIZE')
      expect(check({ ...good, size: 22 })).to.equal('WRONG_SIZE')
      expect(check({ ...good, size: 1.5 })).to.equal('WRONG_SIZE')
    })

    it('SAME_ROOT', async () => {
      const good = await sample(21, 30, 7)
      expect(check({ ...good, rootB: good.rootA })).to.equal('SAME_ROOT')
    })

    it('PROOF_A and PROOF_B', async () => {
      const good = await sample(21, 30, 7)
      expect(check({ ...good, proofA: good.proofB })).to.equal('PROOF_A')
      expect(check({ ...good, rootA: sha256(good.rootA) })).to.equal('PROOF_A')
      expect(check({ ...good, proofB: good.proofB.slice(1) })).to.equal('PROOF_B')
      expect(check({ ...good, rootB: sha256(good.rootB) })).to.equal('PROOF_B')
    })

    it('SIGNATURE_A and SIGNATURE_B', async () => {
      const good = await sample(21, 30, 7)
      expect(check({ ...good, a: { ...good.a, signature: good.b.signature } })).to.equal('SIGNATURE_A')
      expect(check({ ...good, b: { ...good.b, signature: good.a.signature } })).to.equal('SIGNATURE_B')
      expect(checkEvidence(testVerify, sha256(networkId), good)).to.equal('SIGNATURE_A')
    })

    it('INVALID_EVIDENCE carries the fault', async () => {
      const good = await sample(21, 30, 7)
      expect(codeOf(() => assertEvidence(testVerify, networkId, good))).to.equal('nothing thrown')
      try {
        assertEvidence(testVerify, networkId, { ...good, rootB: good.rootA })
        expect.fail('nothing thrown')
      } catch (error) {
        expect(isWattnessError(error, 'INVALID_EVIDENCE')).to.equal(true)
        expect((error as { data: object }).data).to.deep.equal({ fault: 'SAME_ROOT' })
      }
    })
  })

  it('F4: no changed bit leaves evidence that still holds against this member', async () => {
    const bytes = encodeEvidence(await sample(21, 30, 7))
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const changed = bytes.slice()
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
        let evidence: Evidence
        try {
          evidence = decodeEvidence(changed)
        } catch (error) {
          expect(isWattnessError(error)).to.equal(true)
          return
        }
        expect(check(evidence)).to.not.equal(undefined)
      }),
      { numRuns: 500 },
    )
  })

  describe('F5', () => {
    it('NON_CANONICAL: the wrong order and two equal checkpoints', async () => {
      const { a, b, size, rootA, rootB, proofA, proofB } = await sample(21, 30, 7)
      const swapped = { a: b, b: a, size, rootA: rootB, rootB: rootA, proofA: proofB, proofB: proofA }
      expect(codeOf(() => decodeEvidence(encodeEvidence(swapped)))).to.equal('NON_CANONICAL')
      const twice = { a, b: a, size, rootA, rootB, proofA, proofB }
      expect(codeOf(() => decodeEvidence(encodeEvidence(twice)))).to.equal('NON_CANONICAL')
    })

    it('OUT_OF_RANGE: a common size of 0, or above the smaller checkpoint', async () => {
      const good = await sample(21, 30, 7)
      expect(codeOf(() => decodeEvidence(encodeEvidence({ ...good, size: 0 })))).to.equal('OUT_OF_RANGE')
      expect(codeOf(() => decodeEvidence(encodeEvidence({ ...good, size: 22 })))).to.equal('OUT_OF_RANGE')
    })

    it('OUT_OF_RANGE: a proof of 65 hashes; 64 are read', async () => {
      const good = await sample(21, 30, 7)
      const hashes = (count: number): Uint8Array[] => Array.from({ length: count }, () => good.rootA)
      const largest = encodeEvidence({ ...good, proofA: hashes(64), proofB: hashes(64) })
      expect(largest.length).to.be.at.most(MAX_EVIDENCE_BYTES)
      expect(decodeEvidence(largest).proofA.length).to.equal(64)
      expect(codeOf(() => decodeEvidence(encodeEvidence({ ...good, proofA: hashes(65), proofB: [] })))).to.equal('OUT_OF_RANGE')
    })

    it('LIMIT_EXCEEDED: more bytes than the largest evidence', () => {
      expect(codeOf(() => decodeEvidence(new Uint8Array(MAX_EVIDENCE_BYTES + 1)))).to.equal('LIMIT_EXCEEDED')
    })

    it('UNKNOWN_EVIDENCE_KIND: another first byte', async () => {
      const bytes = encodeEvidence(await sample(21, 30, 7))
      bytes[0] = 2
      expect(codeOf(() => decodeEvidence(bytes))).to.equal('UNKNOWN_EVIDENCE_KIND')
    })

    it('TRUNCATED and TRAILING_BYTES: every shorter and every longer input', async () => {
      const bytes = encodeEvidence(await sample(21, 30, 7))
      for (let length = 0; length < bytes.length; length++) {
        expect(codeOf(() => decodeEvidence(bytes.subarray(0, length)))).to.equal('TRUNCATED')
      }
      expect(codeOf(() => decodeEvidence(concat(bytes, Uint8Array.of(0))))).to.equal('TRAILING_BYTES')
    })

    it('what was decoded does not hang on the buffer it came from', async () => {
      const bytes = encodeEvidence(await sample(21, 30, 7))
      const evidence = decodeEvidence(bytes)
      bytes.fill(0)
      expect(check(evidence)).to.equal(undefined)
    })
  })

  it('in words, both sizes and the common one are named', async () => {
    const words = explainEvidence(networkId, await sample(21, 30, 7))
    for (const part of [toHex(signer.publicKey), '21 blocks', '30 blocks', 'first 7 blocks']) expect(words).to.include(part)
  })
})
