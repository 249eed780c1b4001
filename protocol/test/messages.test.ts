import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromHex, toUtf8 } from '../bytes.ts'
import type { Frame, HelloFrame, KnownFrame } from '../frames.ts'
import { KNOWN_DIGEST_BYTES } from '../known-digests.ts'
import { MAX_FRAME_BYTES, MAX_RUN_BYTES } from '../limits.ts'
import { decodeFrame, encodeFrame } from '../messages.ts'
import { survive } from './made-up-bytes.ts'
import { expectRefusal } from './refusal.ts'
import { messageVectors, readMessageCase, SAMPLE_FRAMES } from './vectors/make-messages.ts'

const hash = new Uint8Array(32).fill(9)
const leaf = { size: 1, root: hash }
const named = (index: number): { index: number; size: number; root: Uint8Array } => ({ index, ...leaf })
const list = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i))

const hello = SAMPLE_FRAMES[0] as HelloFrame
const status = { type: 'status', timeMs: 1_767_225_600_000, frontier: [], headsRoot: hash, named: [] } as const
const want = { type: 'want', id: 1, index: 0, from: 0, maxBlocks: 1, maxBytes: 1 } as const
const run = { type: 'run', id: 1, index: 0, from: 0, run: new Uint8Array(1) } as const
const checkpoint = {
  type: 'checkpoint',
  id: 1,
  index: 0,
  size: 9,
  root: hash,
  signature: new Uint8Array(64),
  oldSize: 9,
  oldRoot: hash,
  proof: [],
} as const

function expectRoundTrip(frame: KnownFrame): void {
  expect(decodeFrame(encodeFrame(frame))).to.deep.equal(frame)
}

/** The bound is kept by the writer, and by the reader against a writer that does not. */
function expectBound(code: string, good: KnownFrame, bad: KnownFrame): void {
  expectRoundTrip(good)
  expectRefusal(code, () => encodeFrame(bad))
}

const anySize = fc.maxSafeNat()
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyId = fc.integer({ min: 0, max: 0xffff_ffff })
const anyIndex = fc.nat({ max: 255 })
const anyIndexes = fc.uniqueArray(anyIndex, { maxLength: 20 }).map((indexes) => indexes.sort((a, b) => a - b))
const anyText = (max: number): fc.Arbitrary<string> => fc.string({ minLength: 1, maxLength: max })
const anyHoldings = fc
  .tuple(anySize, fc.array(anySize, { maxLength: 256 }), anyHash, anyIndexes, anySize, anyHash)
  .map(([timeMs, frontier, headsRoot, indexes, size, root]) => ({
    timeMs,
    frontier,
    headsRoot,
    named: indexes.map((index) => ({ index, size, root })),
  }))
const chain = { id: anyId, index: anyIndex }
const anyDigest = fc.uint8Array({ minLength: KNOWN_DIGEST_BYTES, maxLength: KNOWN_DIGEST_BYTES })
const anyKnown = fc.record({ addresses: anyDigest, attestations: anyDigest })

const anyFrame: fc.Arbitrary<KnownFrame> = fc.oneof(
  fc
    .tuple(anyHoldings, anyHash, fc.boolean(), fc.boolean(), anyKnown, anyText(64))
    .map(([holdings, networkId, observer, pruned, known, agent]): KnownFrame => {
      return { type: 'hello', networkId, observer, pruned, ...holdings, known, agent }
    }),
  fc
    .tuple(anyIndexes, anySize)
    .filter(([indexes]) => indexes.length > 0)
    .map(([indexes, size]): KnownFrame => ({ type: 'announce', sizes: indexes.map((index) => ({ index, size })) })),
  anyHoldings.map((holdings): KnownFrame => ({ type: 'status', ...holdings })),
  fc.record({
    type: fc.constant('want' as const),
    ...chain,
    from: anySize,
    maxBlocks: fc.integer({ min: 1, max: 4_096 }),
    maxBytes: fc.integer({ min: 1, max: MAX_RUN_BYTES }),
  }),
  fc.record({ type: fc.constant('run' as const), ...chain, from: anySize, run: fc.uint8Array({ minLength: 1 }) }),
  fc.record({
    type: fc.constant('miss' as const),
    id: anyId,
    reason: fc.constantFrom('not-held' as const, 'pruned' as const, 'busy' as const, 'quarantined' as const, 'damaged' as const),
  }),
  fc.record({ type: fc.constant('ask-leaves' as const), id: anyId }),
  fc.record({
    type: fc.constant('leaves' as const),
    id: anyId,
    leaves: fc.array(fc.record({ size: anySize, root: anyHash }), { maxLength: 10 }),
    headsRoot: anyHash,
  }),
  fc.record({ type: fc.constant('want-checkpoint' as const), ...chain, from: anySize }),
  fc
    .tuple(anyId, anyIndex, anySize, anySize, anyHash, fc.array(anyHash, { maxLength: 64 }))
    .map(([id, index, a, b, root, proof]): KnownFrame => {
      const signature = concat(root, root)
      return {
        type: 'checkpoint',
        id,
        index,
        size: Math.max(a, b),
        root,
        signature,
        oldSize: Math.min(a, b),
        oldRoot: root,
        proof,
      }
    }),
  fc.record({ type: fc.constant('evidence' as const), evidence: fc.uint8Array({ minLength: 1 }) }),
  fc.record({
    type: fc.constant('peers' as const),
    peers: fc.array(fc.record({ key: anyHash, addresses: fc.array(anyText(40), { maxLength: 4 }) }), { maxLength: 32 }),
  }),
  fc.record({
    type: fc.constant('labels' as const),
    labels: fc.array(fc.record({ key: anyHash, record: fc.uint8Array({ minLength: 17, maxLength: 80 }) }), { maxLength: 20 }),
  }),
)

describe('sync frames', () => {
  it('any frame comes back as it went', () => {
    fc.assert(fc.property(anyFrame, expectRoundTrip), { numRuns: 300 })
  })

  for (const frame of SAMPLE_FRAMES) {
    it(`${frame.type}: one byte less or more is refused, but where the rest of the frame is the payload`, () => {
      const bytes = encodeFrame(frame)
      const open = frame.type === 'run' || frame.type === 'evidence'
      const least = open ? bytes.length - (frame.type === 'run' ? frame.run.length : frame.evidence.length) : bytes.length
      for (let length = 0; length < least; length++) {
        expectRefusal('TRUNCATED', () => decodeFrame(bytes.subarray(0, length)))
      }
      if (!open) expectRefusal('TRAILING_BYTES', () => decodeFrame(concat(bytes, Uint8Array.of(0))))
    })

    it(`${frame.type}: mutated bytes are refused, or are the one encoding of another frame`, () => {
      const bytes = encodeFrame(frame)
      const check = (mutated: Uint8Array): void => {
        survive(() => {
          const decoded: Frame = decodeFrame(mutated)
          if (decoded.type !== 'unknown') expect(encodeFrame(decoded)).to.deep.equal(mutated)
        })
      }
      fc.assert(
        fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
          const mutated = bytes.slice()
          mutated[at] = byte
          check(mutated)
        }),
        { numRuns: 200 },
      )
    })
  }

  it('made-up bytes are refused with a WattnessError', () => {
    fc.assert(
      fc.property(fc.nat({ max: 25 }), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
        survive(() => decodeFrame(concat(Uint8Array.of(type), bytes)))
      }),
    )
  })

  it('S1: LIMIT_EXCEEDED above the largest frame', () => {
    expectRefusal('LIMIT_EXCEEDED', () => decodeFrame(new Uint8Array(MAX_FRAME_BYTES + 1)))
    expect(decodeFrame(new Uint8Array(MAX_FRAME_BYTES).fill(99)).type).to.equal('unknown')
  })

  it('S2: a type of a later version is named by its code', () => {
    for (const code of [0, 22, 255]) expect(decodeFrame(Uint8Array.of(code, 1, 2))).to.deep.equal({ type: 'unknown', code })
  })

  it('S3: up to 256 chains and 256 named leaves', () => {
    const full = { ...status, frontier: list(256, () => 1), named: list(256, named) }
    expectBound('OUT_OF_RANGE', full, { ...full, frontier: list(257, () => 1) })
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...full, named: list(257, () => named(0)) }))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(3, 0, 0x82, 1)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(3, 0, 0), hash, Uint8Array.of(0x82, 1))))
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...status, frontier: [-1] }))
  })

  it('S4: member indexes ascend strictly and are below 256', () => {
    expectRoundTrip({ ...status, named: [named(0), named(255)] })
    expectRefusal('NON_CANONICAL', () => encodeFrame({ ...status, named: [named(1), named(1)] }))
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...status, named: [named(256)] }))
    expectRefusal('NON_CANONICAL', () => decodeFrame(Uint8Array.of(2, 2, 1, 7, 1, 8)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(2, 1, 0x82, 0, 8)))
  })

  it('S5: text is plain, and bounded in bytes', () => {
    expectBound('NON_CANONICAL', { ...hello, agent: 'x'.repeat(64) }, { ...hello, agent: 'x'.repeat(65) })
    expectRoundTrip({ ...hello, agent: '' })
    expectRefusal('NON_CANONICAL', () => encodeFrame({ ...hello, agent: 'a\u001b[2J' }))
    const peer = (text: Uint8Array): Uint8Array => concat(Uint8Array.of(12, 1), hash, Uint8Array.of(1, text.length), text)
    expect(decodeFrame(peer(toUtf8('ok'))).type).to.equal('peers')
    expectRefusal('NON_CANONICAL', () => decodeFrame(peer(toUtf8('a\u0000'))))
    expectRefusal('NON_CANONICAL', () => decodeFrame(peer(Uint8Array.of(0xff))))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(peer(new Uint8Array(0))))
  })

  it('S6: a proof has at most 64 hashes', () => {
    expectBound('OUT_OF_RANGE', { ...checkpoint, proof: list(64, () => hash) }, { ...checkpoint, proof: list(65, () => hash) })
    const bytes = encodeFrame(checkpoint)
    bytes[bytes.length - 1] = 65
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(bytes))
  })

  it('S7: UNKNOWN_VERSION for a hello of another version', () => {
    const bytes = encodeFrame(hello)
    bytes[1] = 2
    expectRefusal('UNKNOWN_VERSION', () => decodeFrame(bytes))
  })

  it('S7: unknown flags of a hello are refused', () => {
    const bytes = encodeFrame({ ...hello, observer: true, pruned: true })
    expect(bytes[34]).to.equal(3)
    bytes[34] = 4
    expectRefusal('NON_CANONICAL', () => decodeFrame(bytes))
  })

  it('S8: an announcement names 1 to 256 chains', () => {
    const sizes = list(256, (index) => ({ index, size: 1 }))
    expectBound('OUT_OF_RANGE', { type: 'announce', sizes }, { type: 'announce', sizes: [...sizes, { index: 256, size: 1 }] })
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ type: 'announce', sizes: [] }))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(2, 0)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(2, 0x82, 1)))
  })

  it('S10: 1 to 4,096 blocks and 1 to 1,048,576 bytes are wanted', () => {
    expectBound('OUT_OF_RANGE', { ...want, maxBlocks: 4_096 }, { ...want, maxBlocks: 4_097 })
    expectBound('OUT_OF_RANGE', { ...want, maxBytes: MAX_RUN_BYTES }, { ...want, maxBytes: MAX_RUN_BYTES + 1 })
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...want, maxBlocks: 0 }))
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...want, maxBytes: 0 }))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(4, 1, 0, 0, 0, 1)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(4, 1, 0, 0, 1, 0)))
  })

  it('S10: request ids have 32 bits, member indexes 8', () => {
    expectBound('OUT_OF_RANGE', { ...want, id: 0xffff_ffff }, { ...want, id: 0x1_0000_0000 })
    expectBound('OUT_OF_RANGE', { ...want, index: 255 }, { ...want, index: 256 })
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(7, 0x90, 0x80, 0x80, 0x80, 0)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(9, 1, 0x82, 0, 0)))
  })

  it('S11: a run has 1 to 1,048,576 bytes', () => {
    expectBound(
      'OUT_OF_RANGE',
      { ...run, run: new Uint8Array(MAX_RUN_BYTES) },
      { ...run, run: new Uint8Array(MAX_RUN_BYTES + 1) },
    )
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...run, run: new Uint8Array(0) }))
    const head = encodeFrame(run).subarray(0, 4)
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(head))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(head, new Uint8Array(MAX_RUN_BYTES + 1))))
  })

  it('S11: the run is a view of the frame', () => {
    const bytes = encodeFrame({ ...run, run: new Uint8Array(100) })
    const frame = decodeFrame(bytes)
    expect(frame.type === 'run' && frame.run.buffer === bytes.buffer).to.equal(true)
  })

  it('all but the run is copied out of the frame', () => {
    for (const sample of SAMPLE_FRAMES) {
      if (sample.type === 'run') continue
      const bytes = Buffer.from(encodeFrame(sample))
      const frame = decodeFrame(bytes)
      bytes.fill(0)
      expect(frame).to.deep.equal(sample)
    }
  })

  it('S12: miss codes are 1 to 5', () => {
    const reasons = [1, 2, 3, 4, 5].map((code) => decodeFrame(Uint8Array.of(6, 1, code)))
    expect(reasons.map((frame) => frame.type === 'miss' && frame.reason)).to.deep.equal([
      'not-held',
      'pruned',
      'busy',
      'quarantined',
      'damaged',
    ])
    for (const code of [0, 6]) expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(6, 1, code)))
  })

  it('S14: up to 256 leaves', () => {
    const leaves = { type: 'leaves', id: 1, leaves: list(256, () => leaf), headsRoot: hash } as const
    expectBound('OUT_OF_RANGE', leaves, { ...leaves, leaves: list(257, () => leaf) })
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(8, 1, 0x82, 1)))
  })

  it('S16: the old size is not above the size', () => {
    expectBound('OUT_OF_RANGE', checkpoint, { ...checkpoint, oldSize: 10 })
    const bytes = encodeFrame(checkpoint)
    bytes[3 + 1 + 32 + 64] = 10
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(bytes))
  })

  it('S7, S16: hashes, keys, signatures and digests have their length', () => {
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...checkpoint, signature: new Uint8Array(63) }))
    expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...hello, networkId: new Uint8Array(31) }))
    for (const length of [15, 17]) {
      const digest = new Uint8Array(length)
      expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...hello, known: { ...hello.known, addresses: digest } }))
      expectRefusal('OUT_OF_RANGE', () => encodeFrame({ ...hello, known: { ...hello.known, attestations: digest } }))
    }
  })

  it('S17: evidence has 1 to 32,768 bytes', () => {
    const evidence = (length: number): KnownFrame => ({ type: 'evidence', evidence: new Uint8Array(length) })
    expectBound('OUT_OF_RANGE', evidence(32_768), evidence(32_769))
    expectRefusal('OUT_OF_RANGE', () => encodeFrame(evidence(0)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(11)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(11), new Uint8Array(32_769))))
  })

  it('S18: up to 32 peers of up to 4 addresses of 1 to 256 bytes', () => {
    const peers = (count: number, addresses: number, length = 9): KnownFrame => {
      const peer = { key: hash, addresses: list(addresses, () => 'x'.repeat(length)) }
      return { type: 'peers', peers: list(count, () => peer) }
    }
    expectBound('OUT_OF_RANGE', peers(32, 4), peers(33, 4))
    expectBound('OUT_OF_RANGE', peers(1, 0), peers(1, 5))
    expectBound('NON_CANONICAL', peers(1, 1, 256), peers(1, 1, 257))
    expectRefusal('NON_CANONICAL', () => encodeFrame(peers(1, 1, 0)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(12, 33)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(12, 1), hash, Uint8Array.of(5))))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(12, 1), hash, Uint8Array.of(1, 0x82, 1))))
  })

  it('S19: up to 256 labels of 17 to 80 bytes', () => {
    const labels = (count: number, length: number): KnownFrame => {
      return { type: 'labels', labels: list(count, () => ({ key: hash, record: new Uint8Array(length) })) }
    }
    expectBound('OUT_OF_RANGE', labels(256, 17), labels(257, 17))
    expectBound('OUT_OF_RANGE', labels(1, 80), labels(1, 81))
    expectRefusal('OUT_OF_RANGE', () => encodeFrame(labels(1, 16)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(Uint8Array.of(13, 0x82, 1)))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(13, 1), hash, Uint8Array.of(16))))
    expectRefusal('OUT_OF_RANGE', () => decodeFrame(concat(Uint8Array.of(13, 1), hash, Uint8Array.of(81))))
  })

  it('vectors: regenerating gives the same file, and each case reads as it says', () => {
    const file = readFileSync(new URL('vectors/messages.json', import.meta.url), 'utf8')
    expect(`${JSON.stringify(messageVectors, null, 2)}\n`).to.equal(file)
    for (const { bytes, name, ...expected } of JSON.parse(file).cases) {
      expect(readMessageCase(fromHex(bytes)), name).to.deep.equal(expected)
    }
  })
})
