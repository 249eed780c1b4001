import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { KIND_READINGS, makeBlock } from '../block.ts'
import { type Bytes, concat, fromHex, toHex } from '../bytes.ts'
import { sha256 } from '../hash.ts'
import { MAX_BODY_BYTES, MAX_CHAIN_SIZE, MAX_PROOF_HASHES, MAX_RUN_BLOCKS, MAX_RUN_BYTES, SALT_BYTES } from '../limits.ts'
import { decodeRun, encodeRun, peekRun, type RunEnd } from '../run.ts'
import { ChainAuthor } from './chain-author.ts'
import { codeOf } from './codes.ts'
import { survive } from './made-up-bytes.ts'
import { signerOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { readRunCase, runVectors } from './vectors/make-run.ts'

const chain = new ChainAuthor(signerOf(2), sha256(Uint8Array.of(1))).grow(5)
const run = chain.run(1, 4)
const covered = await chain.coveredRun(1, 3)
const hash = new Uint8Array(32).fill(3)
const signature = new Uint8Array(64).fill(4)
const signed: RunEnd = { type: 'signed', root: hash, signature }

/** A block whose bytes are as many as asked for. */
function blockOf(length: number): Bytes {
  const init = { kind: KIND_READINGS, member: hash, height: 0, previous: hash, sealedAt: 0, registrarSize: 0 }
  const salt = new Uint8Array(SALT_BYTES)
  const shortest =
    makeBlock({ ...init, salt, content: new Uint8Array(MAX_BODY_BYTES - SALT_BYTES) }).bytes.length - MAX_BODY_BYTES
  return makeBlock({ ...init, salt, content: new Uint8Array(length - shortest - SALT_BYTES) }).bytes
}

/** Blocks that make a run of exactly `length` bytes together with a signed end. */
function blocksFor(length: number): Bytes[] {
  const blocks: Bytes[] = []
  let left = length - 1 - (1 + 32 + 64)
  while (left > 130_000) {
    blocks.push(blockOf(60_000))
    left -= 60_000
  }
  const half = Math.floor(left / 2)
  blocks.push(blockOf(half), blockOf(left - half))
  return blocks
}

describe('run', () => {
  it('run.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/run.json', import.meta.url), 'utf8'))).to.deep.equal(runVectors)
  })

  for (const { name, run, ...expected } of runVectors.cases) {
    it(`B9, B10: ${name}`, () => {
      expect(readRunCase(fromHex(run))).to.deep.equal(expected)
    })
  }

  it('B9: a run comes back from its bytes', () => {
    const { blocks, end } = decodeRun(run)
    expect(blocks).to.deep.equal(chain.blocks.slice(1, 4))
    const { root, signature } = chain.checkpoint(4)
    expect(end).to.deep.equal({ type: 'signed', root, signature })
    expect(
      toHex(
        encodeRun(
          blocks.map(({ bytes }) => bytes),
          end,
        ),
      ),
    ).to.equal(toHex(run))
  })

  it('B9, C5: the layout is count ‖ blocks ‖ 0 ‖ root ‖ signature', () => {
    const { root, signature } = chain.checkpoint(4)
    expect(toHex(run)).to.equal(toHex(concat(Uint8Array.of(3), ...chain.bytes(1, 4), Uint8Array.of(0), root, signature)))
  })

  it('B10: a covered end is 1 ‖ size ‖ root ‖ signature ‖ count ‖ hashes', () => {
    const { root, signature } = chain.checkpoint(5)
    const { blocks, end } = decodeRun(covered)
    if (end.type !== 'covered') throw new Error('expected a covered end')
    const proof = [...end.proof]
    expect(proof.length).to.be.above(0)
    const tail = concat(Uint8Array.of(1, 5), root, signature, Uint8Array.of(proof.length), ...proof)
    expect(toHex(covered)).to.equal(toHex(concat(Uint8Array.of(2), ...chain.bytes(1, 3), tail)))
    expect(
      toHex(
        encodeRun(
          blocks.map(({ bytes }) => bytes),
          end,
        ),
      ),
    ).to.equal(toHex(covered))
  })

  it('B10, OUT_OF_RANGE: any other end than 0 and 1', () => {
    const at = run.length - 1 - 32 - 64
    for (const type of [2, 255]) {
      const other = run.slice()
      other[at] = type
      expectRefusal('OUT_OF_RANGE', () => decodeRun(other))
    }
  })

  it('B10, OUT_OF_RANGE: a covering checkpoint of more blocks than a chain can have, both ways', () => {
    const end = { type: 'covered', root: hash, signature, proof: [] } as const
    const most = encodeRun(chain.bytes(0, 1), { ...end, size: MAX_CHAIN_SIZE })
    expect(decodeRun(most).end).to.deep.equal({ ...end, size: MAX_CHAIN_SIZE })
    expectRefusal('OUT_OF_RANGE', () => encodeRun(chain.bytes(0, 1), { ...end, size: MAX_CHAIN_SIZE + 1 }))
    // 2^48: the same seven bytes, the first group one up and the others zero.
    const at = most.length - 1 - 64 - 32 - 7
    const above = concat(most.subarray(0, at), Uint8Array.of(0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0), most.subarray(at + 7))
    expectRefusal('OUT_OF_RANGE', () => decodeRun(above))
  })

  it('B11, LIMIT_EXCEEDED: 1 to 4,096 blocks, both ways', () => {
    const small = makeBlock({
      kind: 9,
      member: hash,
      height: 0,
      previous: hash,
      sealedAt: 0,
      registrarSize: 0,
      salt: new Uint8Array(SALT_BYTES),
      content: new Uint8Array(0),
    }).bytes
    expect(decodeRun(encodeRun(new Array<Bytes>(MAX_RUN_BLOCKS).fill(small), signed)).blocks.length).to.equal(4_096)
    expectRefusal('LIMIT_EXCEEDED', () => encodeRun(new Array<Bytes>(MAX_RUN_BLOCKS + 1).fill(small), signed))
    expectRefusal('LIMIT_EXCEEDED', () => encodeRun([], signed))
    const counted = (count: readonly number[]): Bytes => concat(Uint8Array.from(count), run.subarray(1))
    for (const count of [[0], [0xa0, 0x01]]) {
      expectRefusal('LIMIT_EXCEEDED', () => decodeRun(counted(count)))
      expectRefusal('LIMIT_EXCEEDED', () => peekRun(counted(count)))
    }
  })

  it('B11, E5, LIMIT_EXCEEDED: 1,048,576 bytes, both ways, looked at before anything is decoded', () => {
    const most = encodeRun(blocksFor(MAX_RUN_BYTES), signed)
    expect(most.length).to.equal(MAX_RUN_BYTES)
    expect(decodeRun(most).blocks.length).to.be.above(1)
    expectRefusal('LIMIT_EXCEEDED', () => encodeRun(blocksFor(MAX_RUN_BYTES + 1), signed))
    const noRun = new Uint8Array(MAX_RUN_BYTES + 1).fill(0x80)
    expectRefusal('LIMIT_EXCEEDED', () => decodeRun(noRun))
    expectRefusal('LIMIT_EXCEEDED', () => peekRun(noRun))
  })

  it('B11, LIMIT_EXCEEDED: 64 hashes of proof, both ways', () => {
    const end = (count: number): RunEnd => ({
      type: 'covered',
      size: 9,
      root: hash,
      signature,
      proof: new Array<Bytes>(count).fill(hash),
    })
    const most = encodeRun(chain.bytes(0, 1), end(MAX_PROOF_HASHES))
    expect(decodeRun(most).end).to.deep.equal(end(64))
    expectRefusal('LIMIT_EXCEEDED', () => encodeRun(chain.bytes(0, 1), end(MAX_PROOF_HASHES + 1)))
    const counted = most.slice()
    counted[most.length - 64 * 32 - 1] = 65
    expectRefusal('LIMIT_EXCEEDED', () => decodeRun(concat(counted, hash)))
  })

  it('B9, TRUNCATED: a run cut at any byte, with either end', () => {
    for (const bytes of [run, covered]) {
      for (let length = 0; length < bytes.length; length++) {
        expectRefusal('TRUNCATED', () => decodeRun(bytes.subarray(0, length)))
      }
    }
  })

  it('B9, TRAILING_BYTES: a run ends where its bytes end, with either end', () => {
    for (const bytes of [run, covered]) expectRefusal('TRAILING_BYTES', () => decodeRun(concat(bytes, Uint8Array.of(0))))
  })

  it('B9, NON_CANONICAL: a count with a leading zero group', () => {
    expectRefusal('NON_CANONICAL', () => decodeRun(concat(Uint8Array.of(0x80), run)))
  })

  it('B9: one encoding: whatever bytes decode are the ones that encode', () => {
    fc.assert(
      fc.property(fc.constantFrom(run, covered), fc.nat(), fc.nat({ max: 255 }), (bytes, at, byte) => {
        const other = bytes.slice()
        other[at % other.length] = byte
        survive(() => {
          const { blocks, end } = decodeRun(other)
          expect(
            toHex(
              encodeRun(
                blocks.map(({ bytes }) => bytes),
                end,
              ),
            ),
          ).to.equal(toHex(other))
        })
      }),
      { numRuns: 500 },
    )
  })

  it('made-up bytes are refused, never more', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => survive(() => decodeRun(bytes))))
  })

  it('a first look tells whose run it is and what heights it claims', () => {
    expect(peekRun(run)).to.deep.equal({ member: chain.signer.publicKey, from: 1, end: 4 })
    expect(peekRun(covered)).to.deep.equal({ member: chain.signer.publicKey, from: 1, end: 3 })
    const first = 1 + (chain.blocks[1]?.bytes.length ?? 0)
    for (let length = 0; length < first; length++) expect(codeOf(() => peekRun(run.subarray(0, length)))).to.equal('TRUNCATED')
    expect(peekRun(run.subarray(0, first)).end).to.equal(4)
  })
})
