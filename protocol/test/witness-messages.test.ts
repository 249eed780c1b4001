import { expect } from 'chai'
import fc from 'fast-check'
import { MAX_ATTESTATION_BYTES } from '../attestation.ts'
import { concat } from '../bytes.ts'
import { type AttestationName, type KnownFrame, MAX_ATTESTATIONS_PER_FRAME, MAX_NAMES_PER_FRAME } from '../frames.ts'
import { MAX_CHAIN_SIZE, MAX_FRAME_BYTES, MAX_RUN_BYTES, MAX_WITNESSES } from '../limits.ts'
import { decodeFrame, encodeFrame } from '../messages.ts'
import { expectRefusal } from './refusal.ts'

const hash = new Uint8Array(32).fill(9)
const list = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i))
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)

const branch = {
  type: 'want-branch',
  id: 1,
  index: 0,
  from: 4,
  size: 5,
  root: hash,
  maxBlocks: 1,
  maxBytes: 1,
} as const
const ask = { type: 'ask-attested-leaves', id: 1, witness: hash, epoch: 0, sequence: 1, headsRoot: hash } as const

function expectRoundTrip(frame: KnownFrame): void {
  expect(decodeFrame(encodeFrame(frame))).to.deep.equal(frame)
}

/** The bound is kept by the writer; the reader's is tried with bytes by hand. */
function expectBound(good: KnownFrame, ...bad: readonly KnownFrame[]): void {
  expectRoundTrip(good)
  for (const frame of bad) expectRefusal('OUT_OF_RANGE', () => encodeFrame(frame))
}

const name: AttestationName = { witness: bytes(8), epoch: 0, sequence: 1, tag: bytes(8) }

const anyId = fc.integer({ min: 0, max: 0xffff_ffff })
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anySize = fc.integer({ min: 0, max: MAX_CHAIN_SIZE })
const anyWord = { witness: fc.uint8Array({ minLength: 8, maxLength: 8 }), epoch: anySize }
const anyName = fc.record({
  ...anyWord,
  sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  tag: fc.uint8Array({ minLength: 8, maxLength: 8 }),
})
const someBytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array[]> =>
  fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { minLength, maxLength })

const anyFrame: fc.Arbitrary<KnownFrame> = fc.oneof(
  someBytes(0, MAX_ATTESTATIONS_PER_FRAME).map((attestations): KnownFrame => ({ type: 'attestations', attestations })),
  fc.record({
    type: fc.constant('ask-attested-leaves' as const),
    id: anyId,
    witness: anyHash,
    epoch: anySize,
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    headsRoot: anyHash,
  }),
  fc.record({
    type: fc.constant('attested-leaves' as const),
    id: anyId,
    leaves: fc.array(fc.record({ size: anySize, root: anyHash }), { maxLength: 20 }),
  }),
  fc.record({ type: fc.constant('closings' as const), id: anyId, epoch: anySize, attestations: someBytes(0, MAX_WITNESSES) }),
  fc.record({ type: fc.constant('ask-closings' as const), id: anyId, epoch: anySize }),
  fc.array(anyName, { minLength: 1, maxLength: 20 }).map((names): KnownFrame => ({ type: 'attested', names })),
  fc
    .array(fc.record(anyWord), { minLength: 1, maxLength: 20 })
    .map((names): KnownFrame => ({ type: 'want-attestations', names })),
  fc
    .tuple(anyId, fc.nat({ max: 255 }), anySize, anySize, anyHash)
    .filter(([, , a, b]) => a !== b)
    .map(([id, index, a, b, root]): KnownFrame => {
      return { ...branch, id, index, from: Math.min(a, b), size: Math.max(a, b), root }
    }),
)

describe('sync frames of witnesses', () => {
  it('any frame comes back as it went', () => {
    fc.assert(fc.property(anyFrame, expectRoundTrip), { numRuns: 300 })
  })

  it('S21: 0 to 64 attestations of 1 to 12,443 bytes, in one frame of the largest size', () => {
    const frame = (count: number, length: number): KnownFrame => ({
      type: 'attestations',
      attestations: list(count, () => bytes(length)),
    })
    expectBound(frame(64, MAX_ATTESTATION_BYTES), frame(65, 1), frame(1, 0), frame(1, MAX_ATTESTATION_BYTES + 1))
    expect(encodeFrame(frame(64, MAX_ATTESTATION_BYTES)).length).to.be.at.most(MAX_FRAME_BYTES)
    expectRoundTrip(frame(0, 1))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(14, 65, 1, 1)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(14, 1, 0)))
    const long = encodeFrame(frame(1, MAX_ATTESTATION_BYTES))
    long.set([0x80 | (12_444 >> 7), 12_444 & 127], 2)
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(long, bytes(1))))
  })

  it('S22: a witness, an epoch of 48 bits, a sequence from 1 on, and a heads root', () => {
    expectBound(
      { ...ask, epoch: MAX_CHAIN_SIZE, sequence: Number.MAX_SAFE_INTEGER },
      { ...ask, epoch: MAX_CHAIN_SIZE + 1 },
      { ...ask, sequence: 0 },
      { ...ask, witness: bytes(31) },
      { ...ask, headsRoot: bytes(31) },
    )
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(15, 1), hash, Uint8Array.of(0, 0))))
    const epoch = Uint8Array.of(0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0)
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(15, 1), hash, epoch, Uint8Array.of(1))))
  })

  it('S23: up to 256 leaves', () => {
    const frame = (count: number): KnownFrame => ({
      type: 'attested-leaves',
      id: 1,
      leaves: list(count, () => ({ size: 1, root: hash })),
    })
    expectBound(frame(256), frame(257))
    expectRoundTrip(frame(0))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(16, 1, 0x82, 1)))
  })

  it('S24: the size of a branch lies above the first block wanted', () => {
    expectBound({ ...branch, from: 0, size: 1 }, { ...branch, from: 5 }, { ...branch, size: MAX_CHAIN_SIZE + 1 })
    expectBound({ ...branch, from: MAX_CHAIN_SIZE - 1, size: MAX_CHAIN_SIZE }, { ...branch, from: -1, size: 1 })
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(17, 1, 0, 5, 5), hash, Uint8Array.of(1, 1))))
  })

  it('S24: 1 to 4,096 blocks and 1 to 1,048,576 bytes are wanted', () => {
    expectBound({ ...branch, maxBlocks: 4_096 }, { ...branch, maxBlocks: 4_097 }, { ...branch, maxBlocks: 0 })
    expectBound({ ...branch, maxBytes: MAX_RUN_BYTES }, { ...branch, maxBytes: MAX_RUN_BYTES + 1 }, { ...branch, maxBytes: 0 })
    for (const [blocks, most] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const frame = concat(Uint8Array.of(17, 1, 0, 4, 5), hash, Uint8Array.of(blocks, most))
      expectRefusal('OUT_OF_RANGE', () => decodeFrame(frame))
    }
  })

  it('S25: up to 22 closing attestations of one epoch', () => {
    const frame = (count: number): KnownFrame => ({
      type: 'closings',
      id: 1,
      epoch: 3,
      attestations: list(count, () => bytes(2)),
    })
    expectBound(frame(22), frame(23))
    expectRoundTrip(frame(0))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(18, 1, 3, 23)))
  })

  it('S26: closings are asked for by epoch', () => {
    expectBound(
      { type: 'ask-closings', id: 1, epoch: MAX_CHAIN_SIZE },
      { type: 'ask-closings', id: 1, epoch: MAX_CHAIN_SIZE + 1 },
    )
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(19, 1, 0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0)))
  })

  it('S28: names of 1 to 352 attestations, each with 8 bytes of key and of signature, an epoch, and a sequence from 1 on', () => {
    const frame = (count: number, change: Partial<AttestationName> = {}): KnownFrame => ({
      type: 'attested',
      names: list(count, () => ({ ...name, ...change })),
    })
    expectBound(frame(MAX_NAMES_PER_FRAME), frame(MAX_NAMES_PER_FRAME + 1), frame(0))
    expectBound(
      frame(1, { epoch: MAX_CHAIN_SIZE, sequence: Number.MAX_SAFE_INTEGER }),
      frame(1, { epoch: MAX_CHAIN_SIZE + 1 }),
      frame(1, { sequence: 0 }),
      frame(1, { witness: bytes(7) }),
      frame(1, { tag: bytes(9) }),
    )
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(20, 0)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(20, 0x82, 0x61), bytes(18))))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(20, 1), bytes(8), Uint8Array.of(0, 0), bytes(8))))
    expectRefusal('TRUNCATED', () => decodeFrame(concat(Uint8Array.of(20, 1), bytes(8), Uint8Array.of(0, 1), bytes(7))))
  })

  it('S29: 1 to 64 witnesses with an epoch each', () => {
    const frame = (count: number, epoch = 0): KnownFrame => ({
      type: 'want-attestations',
      names: list(count, () => ({ witness: bytes(8), epoch })),
    })
    expectBound(frame(64), frame(65), frame(0), frame(1, MAX_CHAIN_SIZE + 1))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(21, 0)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(21, 65), bytes(9 * 65))))
  })
})
