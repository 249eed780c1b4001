import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { accusedOf, assertAccusation, checkAccusation, decodeAccusation, explainAccusation } from '../accusation.ts'
import { type Attestation, MAX_ATTESTATION_BYTES, signAttestation } from '../attestation.ts'
import { concat, fromHex, toHex, toUtf8 } from '../bytes.ts'
import { signCheckpoint } from '../checkpoint.ts'
import { encodeEvidence, orderEvidence } from '../evidence.ts'
import { MAX_EVIDENCE_FRAME_BYTES } from '../frames.ts'
import { EMPTY_ROOT, sha256 } from '../hash.ts'
import { rootAt } from '../tree.ts'
import {
  checkWitnessEvidence,
  decodeWitnessEvidence,
  encodeWitnessEvidence,
  explainWitnessEvidence,
  MAX_WITNESS_EVIDENCE_BYTES,
  orderWitnessEvidence,
  type WitnessEvidence,
  type WitnessSide,
} from '../witness-evidence.ts'
import { survive } from './made-up-bytes.ts'
import { expectRefusal } from './refusal.ts'
import { testSigner, testVerify } from './signing.ts'
import { branchOf, evidenceOf, sideOf, type TwoLeaves } from './two-leaves.ts'
import { witnessEvidenceVectors } from './vectors/make-witness-evidence.ts'

const networkId = sha256(toUtf8('network'))
const signer = testSigner('lying witness')
const member = sha256(toUtf8('member'))

/** Leaves of 21 and 30 blocks that differ from block 6 on; both roots at 7 are shown. */
const two: TwoLeaves = {
  signer,
  networkId,
  member,
  index: 2,
  members: 5,
  size: 7,
  one: { branch: branchOf(21, 6, 'one'), leafSize: 21 },
  other: { branch: branchOf(30, 6, 'other'), leafSize: 30 },
}
const good = await evidenceOf(two)
const check = (evidence: WitnessEvidence): string | undefined => checkWitnessEvidence(testVerify, networkId, evidence)
const withA = (change: Partial<WitnessSide>): WitnessEvidence => ({ ...good, a: { ...good.a, ...change } })
const withB = (change: Partial<WitnessSide>): WitnessEvidence => ({ ...good, b: { ...good.b, ...change } })
const resigned = (side: WitnessSide, change: Partial<Attestation>, by = signer): WitnessSide => ({
  ...side,
  attestation: signAttestation(by, networkId, { ...side.attestation, witness: by.publicKey, ...change }),
})

describe('evidence against a witness', () => {
  it('witness-evidence.json is what its script makes', () => {
    const file = readFileSync(new URL('vectors/witness-evidence.json', import.meta.url), 'utf8')
    expect(JSON.parse(file)).to.deep.equal(witnessEvidenceVectors)
  })

  for (const each of witnessEvidenceVectors.cases as unknown as { name: string; byteLength: number; evidence: string }[]) {
    it(`A9, A11, A12: ${each.name}`, () => {
      const bytes = fromHex(each.evidence)
      const evidence = decodeWitnessEvidence(bytes)
      expect(checkWitnessEvidence(testVerify, fromHex(witnessEvidenceVectors.networkId), evidence)).to.equal(undefined)
      expect(toHex(evidence.a.attestation.witness)).to.equal(witnessEvidenceVectors.witness)
      expect(toHex(evidence.member)).to.equal(witnessEvidenceVectors.member)
      expect(toHex(encodeWitnessEvidence(evidence))).to.equal(each.evidence)
      expect(bytes.length).to.equal(each.byteLength)
    })
  }

  it('A9: two leaves of one branch are evidence at no size; of two branches at every size above the fork', async () => {
    for (let size = 1; size <= 21; size++) {
      expect(check(await evidenceOf({ ...two, size }))).to.equal(size > 6 ? undefined : 'SAME_ROOT')
      const honest = await evidenceOf({ ...two, size, one: { branch: two.other.branch, leafSize: 21 } })
      expect(check(honest)).to.equal('SAME_ROOT')
    }
  })

  it('A10: both orders of building give the same bytes', async () => {
    for (const sizes of [
      [21, 30],
      [21, 21],
    ] as const) {
      const one = await sideOf(two, { ...two.one, leafSize: sizes[0] })
      const other = await sideOf(two, { ...two.other, leafSize: sizes[1] })
      const bytes = encodeWitnessEvidence(orderWitnessEvidence(2, member, 7, one, other))
      expect(encodeWitnessEvidence(orderWitnessEvidence(2, member, 7, other, one))).to.deep.equal(bytes)
      expect(check(decodeWitnessEvidence(bytes))).to.equal(undefined)
    }
  })

  describe('A11', () => {
    it('DIFFERENT_WITNESSES', () => {
      expect(check({ ...good, b: resigned(good.b, {}, testSigner('another')) })).to.equal('DIFFERENT_WITNESSES')
    })

    it('DIFFERENT_EPOCHS: an honest witness may leave a branch when it enters an epoch', () => {
      expect(check({ ...good, b: resigned(good.b, { epoch: 4 }) })).to.equal('DIFFERENT_EPOCHS')
    })

    it('NO_LEAF', () => {
      expect(check({ ...good, index: 5 })).to.equal('NO_LEAF')
      expect(check({ ...good, b: resigned(good.b, { frontier: [1, 1] }) })).to.equal('NO_LEAF')
    })

    it('WRONG_ORDER, also for the same leaf twice', () => {
      expect(check({ ...good, a: good.b, b: good.a })).to.equal('WRONG_ORDER')
      expect(check({ ...good, b: good.a })).to.equal('WRONG_ORDER')
    })

    it('WRONG_SIZE: 0 proves nothing, since every chain starts empty', () => {
      const empty = { root: EMPTY_ROOT, proof: [] }
      expect(check({ ...good, size: 0, a: { ...good.a, ...empty }, b: { ...good.b, ...empty } })).to.equal('WRONG_SIZE')
      for (const size of [22, 1.5, -1]) expect(check({ ...good, size })).to.equal('WRONG_SIZE')
    })

    it('SAME_ROOT', () => {
      expect(check(withB({ root: good.a.root }))).to.equal('SAME_ROOT')
    })

    it('PROOF_A and PROOF_B', () => {
      expect(check(withA({ root: sha256(good.a.root) }))).to.equal('PROOF_A')
      expect(check(withA({ proof: good.b.proof }))).to.equal('PROOF_A')
      expect(check(withB({ root: sha256(good.b.root) }))).to.equal('PROOF_B')
      expect(check(withB({ proof: good.b.proof.slice(1) }))).to.equal('PROOF_B')
    })

    it('INCLUSION_A and INCLUSION_B: a leaf that the witness did not sign', () => {
      expect(check(withA({ inclusion: good.a.inclusion.slice(1) }))).to.equal('INCLUSION_A')
      expect(check(withB({ inclusion: [...good.b.inclusion].reverse() }))).to.equal('INCLUSION_B')
      expect(check({ ...good, member: sha256(member) })).to.equal('INCLUSION_A')
    })

    it('INCLUSION_B: the branch of a liar, put in the place of what an honest witness signed', async () => {
      const honest = await sideOf(two, { branch: two.one.branch, leafSize: 21, sequence: 99 })
      const forged = { ...good.b, attestation: resigned(honest, { frontier: good.b.attestation.frontier }).attestation }
      expect(check({ ...good, b: forged })).to.equal('INCLUSION_B')
    })

    it('SIGNATURE_A and SIGNATURE_B', () => {
      const swapped = (side: WitnessSide, from: WitnessSide): WitnessSide => ({
        ...side,
        attestation: { ...side.attestation, signature: from.attestation.signature },
      })
      expect(check({ ...good, a: swapped(good.a, good.b) })).to.equal('SIGNATURE_A')
      expect(check({ ...good, b: swapped(good.b, good.a) })).to.equal('SIGNATURE_B')
      expect(checkWitnessEvidence(testVerify, sha256(networkId), good)).to.equal('SIGNATURE_A')
    })

    it('no changed bit leaves evidence that still holds', () => {
      const bytes = encodeWitnessEvidence(good)
      fc.assert(
        fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
          const changed = bytes.slice()
          changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
          survive(() => expect(check(decodeWitnessEvidence(changed))).to.not.equal(undefined))
        }),
        { numRuns: 500 },
      )
    })
  })

  describe('A12', () => {
    it('NON_CANONICAL: the wrong order and two equal leaves', () => {
      const decode = (evidence: WitnessEvidence) => decodeWitnessEvidence(encodeWitnessEvidence(evidence))
      expectRefusal('NON_CANONICAL', () => decode({ ...good, a: good.b, b: good.a }))
      expectRefusal('NON_CANONICAL', () => decode({ ...good, b: good.a }))
    })

    it('OUT_OF_RANGE: a common size of 0 or above leaf a, a member beyond a frontier or 256', () => {
      const decode = (evidence: WitnessEvidence) => decodeWitnessEvidence(encodeWitnessEvidence(evidence))
      expectRefusal('OUT_OF_RANGE', () => decode({ ...good, size: 0 }))
      expectRefusal('OUT_OF_RANGE', () => decode({ ...good, size: 22 }))
      for (const at of [5, 256]) {
        const bytes = encodeWitnessEvidence(good)
        const index = at < 128 ? Uint8Array.of(at) : Uint8Array.of(0x82, 0)
        expectRefusal('OUT_OF_RANGE', () => decodeWitnessEvidence(concat(Uint8Array.of(2), index, bytes.subarray(2))))
      }
    })

    it('OUT_OF_RANGE: 9 hashes of inclusion or 65 of consistency; an attestation longer than the largest', () => {
      const hashes = (count: number): Uint8Array[] => Array.from({ length: count }, () => member)
      const decode = (evidence: WitnessEvidence) => decodeWitnessEvidence(encodeWitnessEvidence(evidence))
      expect(decode(withA({ inclusion: hashes(8), proof: hashes(64) })).a.proof.length).to.equal(64)
      expectRefusal('OUT_OF_RANGE', () => decode(withA({ inclusion: hashes(9) })))
      expectRefusal('OUT_OF_RANGE', () => decode(withB({ proof: hashes(65) })))
      const bytes = encodeWitnessEvidence(good)
      bytes.set([0x80 | ((MAX_ATTESTATION_BYTES + 1) >> 7), (MAX_ATTESTATION_BYTES + 1) & 127], 34)
      expectRefusal('OUT_OF_RANGE', () => decodeWitnessEvidence(bytes))
    })

    it('LIMIT_EXCEEDED: more bytes than the largest, which fits a frame', () => {
      expect(MAX_WITNESS_EVIDENCE_BYTES).to.equal(29_672).and.to.be.at.most(MAX_EVIDENCE_FRAME_BYTES)
      expectRefusal('LIMIT_EXCEEDED', () => decodeWitnessEvidence(new Uint8Array(MAX_WITNESS_EVIDENCE_BYTES + 1).fill(2)))
    })

    it('UNKNOWN_EVIDENCE_KIND: another first byte', () => {
      const bytes = encodeWitnessEvidence(good)
      bytes[0] = 3
      expectRefusal('UNKNOWN_EVIDENCE_KIND', () => decodeWitnessEvidence(bytes))
      expectRefusal('UNKNOWN_EVIDENCE_KIND', () => decodeAccusation(bytes))
    })

    it('TRUNCATED and TRAILING_BYTES: every shorter and every longer input', () => {
      const bytes = encodeWitnessEvidence(good)
      for (let length = 0; length < bytes.length; length++) {
        expectRefusal('TRUNCATED', () => decodeWitnessEvidence(bytes.subarray(0, length)))
      }
      expectRefusal('TRAILING_BYTES', () => decodeWitnessEvidence(concat(bytes, Uint8Array.of(0))))
    })

    it('what was decoded does not hang on the buffer it came from', () => {
      const bytes = encodeWitnessEvidence(good)
      const evidence = decodeWitnessEvidence(bytes)
      bytes.fill(0)
      expect(evidence).to.deep.equal(good)
    })
  })
})

describe('evidence of either kind', () => {
  const bytes = encodeWitnessEvidence(good)

  async function againstAuthor(): Promise<Uint8Array> {
    const at = async ({ branch, leafSize }: TwoLeaves['one']) => {
      const root = await rootAt(branch, leafSize)
      return { checkpoint: signCheckpoint(signer, networkId, leafSize, root), root, proof: [] }
    }
    const other = { ...two.other, leafSize: 21 }
    return encodeEvidence(orderEvidence(21, await at(two.one), await at(other)))
  }

  it('F5, A12: decoded and checked by its kind', async () => {
    for (const [kind, each] of [
      ['author', await againstAuthor()],
      ['witness', bytes],
    ] as const) {
      const accusation = decodeAccusation(each)
      expect(accusation.kind).to.equal(kind)
      expect(accusedOf(accusation)).to.deep.equal(signer.publicKey)
      expect(checkAccusation(testVerify, networkId, accusation)).to.equal(undefined)
      assertAccusation(testVerify, networkId, accusation)
      expect(explainAccusation(networkId, accusation)).to.include(toHex(signer.publicKey))
      const error = expectRefusal('INVALID_EVIDENCE', () => assertAccusation(testVerify, sha256(networkId), accusation))
      expect(error.data).to.deep.equal({ fault: 'SIGNATURE_A' })
      expect(error.message).to.include('not signed by the')
    }
  })

  it('F5: no bytes are none of a later kind', () => {
    expectRefusal('TRUNCATED', () => decodeAccusation(new Uint8Array(0)))
  })

  it('A13: a person is told which witness, which chain and which two roots', () => {
    const text = explainWitnessEvidence(good)
    for (const part of [toHex(signer.publicKey), toHex(member), 'epoch 3', 'first 7 blocks', '21 blocks', '30 blocks']) {
      expect(text).to.include(part)
    }
    expect(explainWitnessEvidence({ ...good, size: 1 })).to.include('first 1 block already')
  })
})
