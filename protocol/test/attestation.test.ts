import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  type Attestation,
  decodeSignedAttestation,
  encodeAttestation,
  encodeSignedAttestation,
  MAX_ATTESTATION_BYTES,
  signAttestation,
  verifyAttestation,
} from '../attestation.ts'
import { leavesMatch } from '../attestation-leaves.ts'
import { concat, fromHex, toHex, toUtf8 } from '../bytes.ts'
import { EMPTY_ROOT, sha256 } from '../hash.ts'
import { MAX_CHAIN_SIZE, MAX_MEMBERS } from '../limits.ts'
import { encodeStatement } from '../statement.ts'
import { survive } from './made-up-bytes.ts'
import { expectRefusal } from './refusal.ts'
import { testSigner, testVerify } from './signing.ts'
import { attestationVectors, refusalOf } from './vectors/make-attestation.ts'

const networkId = sha256(toUtf8('network'))
const signer = testSigner('witness')
const hash = sha256(toUtf8('some root'))

const sample: Attestation = {
  witness: signer.publicKey,
  epoch: 1,
  sequence: 9,
  timeMs: 1_767_225_600_000,
  frontier: [4, 300, 0],
  named: [
    { index: 1, size: 300, root: hash },
    { index: 2, size: 0, root: EMPTY_ROOT },
  ],
  headsRoot: sha256(hash),
}

const anySize = fc.integer({ min: 0, max: MAX_CHAIN_SIZE })
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyAttestation = fc
  .record({
    witness: anyHash,
    epoch: anySize,
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    timeMs: anySize,
    frontier: fc.array(anySize, { minLength: 1, maxLength: 40 }),
    headsRoot: anyHash,
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    picks: fc.array(fc.boolean(), { maxLength: 40 }),
  })
  .map(({ picks, ...attestation }) => {
    const named = attestation.frontier
      .map((size, index) => ({ index, size, root: size === 0 ? EMPTY_ROOT : attestation.headsRoot }))
      .filter(({ index }) => picks[index] === true)
    return { ...attestation, named }
  })

describe('attestation', () => {
  const file = readFileSync(new URL('vectors/attestation.json', import.meta.url), 'utf8')
  const vectors = JSON.parse(file) as {
    readonly good: readonly {
      readonly name: string
      readonly byteLength: number
      readonly attestation: string
      readonly leaves?: readonly { readonly member: string; readonly size: number; readonly root: string }[]
    }[]
    readonly bad: readonly { readonly name: string; readonly attestation: string; readonly refused: string }[]
  }

  it('attestation.json is what its script makes', () => {
    expect(`${JSON.stringify(attestationVectors, null, 2)}\n`).to.equal(file)
  })

  for (const { name, byteLength, attestation, leaves } of vectors.good) {
    it(`A1, A2, A4: ${name}`, () => {
      const bytes = fromHex(attestation)
      const signed = decodeSignedAttestation(bytes)
      expect(toHex(encodeSignedAttestation(signed))).to.equal(attestation)
      expect(concat(encodeAttestation(signed), signed.signature)).to.deep.equal(bytes)
      expect(bytes.length).to.equal(byteLength)
      expect(toHex(signed.witness)).to.equal(attestationVectors.witness)
      expect(verifyAttestation(testVerify, fromHex(attestationVectors.networkId), signed)).to.equal(true)
      if (leaves === undefined) return
      const keys = leaves.map(({ member }) => fromHex(member))
      const list = leaves.map(({ size, root }) => ({ size, root: fromHex(root) }))
      expect(leavesMatch(signed, keys, list)).to.equal(true)
    })
  }

  for (const { name, attestation, refused } of vectors.bad) {
    it(`A1 to A3: ${refused} for ${name}`, () => {
      expect(refusalOf(fromHex(attestation))).to.equal(refused)
    })
  }

  it('A1, A2: any attestation comes back as it went', () => {
    fc.assert(
      fc.property(anyAttestation, (signed) => {
        expect(decodeSignedAttestation(encodeSignedAttestation(signed))).to.deep.equal(signed)
      }),
    )
  })

  it('A1: mutated bytes are refused, or are the one encoding of another attestation', () => {
    const bytes = encodeSignedAttestation(signAttestation(signer, networkId, sample))
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const mutated = bytes.slice()
        mutated[at] = byte
        survive(() => expect(encodeSignedAttestation(decodeSignedAttestation(mutated))).to.deep.equal(mutated))
      }),
      { numRuns: 500 },
    )
  })

  it('A1: the encoder refuses what the decoder would', () => {
    const bad: readonly [string, Partial<Attestation>][] = [
      ['OUT_OF_RANGE', { witness: new Uint8Array(31) }],
      ['OUT_OF_RANGE', { epoch: MAX_CHAIN_SIZE + 1 }],
      ['OUT_OF_RANGE', { sequence: 0 }],
      ['OUT_OF_RANGE', { timeMs: MAX_CHAIN_SIZE + 1 }],
      ['OUT_OF_RANGE', { frontier: [], named: [] }],
      ['OUT_OF_RANGE', { frontier: new Array<number>(MAX_MEMBERS + 1).fill(1), named: [] }],
      ['OUT_OF_RANGE', { frontier: [MAX_CHAIN_SIZE + 1], named: [] }],
      ['OUT_OF_RANGE', { frontier: [4] }],
      ['OUT_OF_RANGE', { headsRoot: new Uint8Array(33) }],
    ]
    for (const [code, change] of bad) expectRefusal(code, () => encodeAttestation({ ...sample, ...change }))
  })

  it('A2: LIMIT_EXCEEDED above the largest, which is 12,443 bytes', () => {
    expect(MAX_ATTESTATION_BYTES).to.equal(12_443)
    const frontier = new Array<number>(MAX_MEMBERS).fill(MAX_CHAIN_SIZE)
    const largest = encodeSignedAttestation({
      witness: signer.publicKey,
      epoch: MAX_CHAIN_SIZE,
      sequence: Number.MAX_SAFE_INTEGER,
      timeMs: MAX_CHAIN_SIZE,
      frontier,
      named: frontier.map((size, index) => ({ index, size, root: hash })),
      headsRoot: hash,
      signature: new Uint8Array(64),
    })
    // Indices below 128 take one byte.
    expect(largest.length).to.equal(MAX_ATTESTATION_BYTES - 128)
    expect(refusalOf(largest)).to.equal(undefined)
    expect(refusalOf(new Uint8Array(MAX_ATTESTATION_BYTES + 1).fill(1))).to.equal('LIMIT_EXCEEDED')
  })

  it('A3: a named leaf has a place in the frontier, its size, and the root of no leaves at size 0', () => {
    const leaf = { index: 1, size: 300, root: hash }
    const encode = (...named: Attestation['named']) => encodeAttestation({ ...sample, named })
    expectRefusal('OUT_OF_RANGE', () => encode({ ...leaf, index: 3 }))
    expectRefusal('NON_CANONICAL', () => encode({ ...leaf, size: 299 }))
    expectRefusal('NON_CANONICAL', () => encode({ index: 2, size: 0, root: hash }))
    expectRefusal('NON_CANONICAL', () => encode(leaf, leaf))
    expectRefusal('OUT_OF_RANGE', () => encode({ ...leaf, root: new Uint8Array(31) }))
  })

  it('A4: signed as the statement `attestation`, for one network, by the witness that it names', () => {
    const signed = signAttestation(signer, networkId, sample)
    const statement = encodeStatement('attestation', networkId, encodeAttestation(sample))
    expect(testVerify(signed.signature, statement, signer.publicKey)).to.equal(true)
    expect(verifyAttestation(testVerify, networkId, signed)).to.equal(true)
    expect(verifyAttestation(testVerify, sha256(networkId), signed)).to.equal(false)
    expect(verifyAttestation(testVerify, networkId, { ...signed, witness: testSigner('another').publicKey })).to.equal(false)
    expectRefusal('OUT_OF_RANGE', () => signAttestation(testSigner('another'), networkId, sample))
  })

  it('A4: a frontier that a relay altered, or any other bit, leaves no signature that holds', () => {
    const signed = signAttestation(signer, networkId, sample)
    const altered: readonly Partial<Attestation>[] = [
      { frontier: [5, 300, 0] },
      { frontier: [4, 300, 0, 0] },
      { sequence: 10 },
      { epoch: 2 },
      { timeMs: sample.timeMs + 1 },
      { named: sample.named.slice(1) },
      { headsRoot: hash },
    ]
    for (const change of altered) expect(verifyAttestation(testVerify, networkId, { ...signed, ...change })).to.equal(false)
    const bytes = encodeSignedAttestation(signed)
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const changed = bytes.slice()
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
        survive(() => expect(verifyAttestation(testVerify, networkId, decodeSignedAttestation(changed))).to.equal(false))
      }),
      { numRuns: 300 },
    )
  })

  it('what was decoded does not hang on the buffer it came from', () => {
    const signed = signAttestation(signer, networkId, sample)
    const bytes = encodeSignedAttestation(signed)
    const decoded = decodeSignedAttestation(bytes)
    bytes.fill(0)
    expect(decoded).to.deep.equal(signed)
  })
})
