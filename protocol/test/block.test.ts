import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  BLOCK_VERSION,
  blockHash,
  bodyContent,
  bodyHash,
  decodeBlock,
  decodeHeader,
  encodeHeader,
  type Header,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  makeBlock,
  makeBody,
  type NewBlock,
  readBlock,
} from '../block.ts'
import { type Bytes, concat, fromHex, Reader, toHex, Writer } from '../bytes.ts'
import { verifyCheckpoint } from '../checkpoint.ts'
import { sha256, ZERO_HASH } from '../hash.ts'
import { MAX_BLOCK_BYTES, MAX_BODY_BYTES, MAX_CHAIN_SIZE, MAX_HEADER_BYTES, MAX_SEALED_AT_MS, SALT_BYTES } from '../limits.ts'
import { rootOf } from '../tree.ts'
import { survive } from './made-up-bytes.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'
import { blockVectors } from './vectors/make-block.ts'

const salt = new Uint8Array(SALT_BYTES).fill(7)
const member = new Uint8Array(32).fill(1)
const content = Uint8Array.of(1, 2, 3)

const init: NewBlock = {
  kind: KIND_EVENT,
  member,
  height: 300,
  previous: new Uint8Array(32).fill(2),
  sealedAt: 1_767_225_600_000,
  registrarSize: 5,
  salt,
  content,
}
const block = makeBlock(init)
const { header } = block

/** A header as B1 lays it out, written here once more by hand. */
function layout(fields: Partial<Header> & { version?: number } = {}): Bytes {
  const all = { version: 1, ...header, ...fields }
  return new Writer()
    .u8(all.version)
    .u8(all.kind)
    .bytes(all.member)
    .varint(all.height)
    .bytes(all.previous)
    .varint(all.sealedAt)
    .varint(all.registrarSize)
    .varint(all.bodyLength)
    .bytes(all.bodyHash)
    .finish()
}

const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyHeader: fc.Arbitrary<Header> = fc.record({
  kind: fc.nat({ max: 255 }),
  member: key,
  height: fc.nat({ max: MAX_CHAIN_SIZE - 1 }),
  previous: key,
  sealedAt: fc.nat({ max: MAX_SEALED_AT_MS }),
  registrarSize: fc.nat({ max: MAX_CHAIN_SIZE }),
  bodyLength: fc.integer({ min: SALT_BYTES, max: MAX_BODY_BYTES }),
  bodyHash: key,
})

describe('block', () => {
  it('block.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/block.json', import.meta.url), 'utf8'))).to.deep.equal(blockVectors)
  })

  for (const each of blockVectors.cases) {
    it(`B1, B6, B7: block ${each.height}, ${each.name}`, () => {
      const { header, headerBytes, body } = decodeBlock(concat(fromHex(each.header), fromHex(each.body)))
      expect(toHex(headerBytes)).to.equal(each.header)
      expect(header.kind).to.equal(each.kind)
      expect(header.height).to.equal(each.height)
      expect(header.sealedAt).to.equal(each.sealedAt)
      expect(header.registrarSize).to.equal(each.registrarSize)
      expect(toHex(header.previous)).to.equal(each.previous)
      expect(toHex(header.bodyHash)).to.equal(each.bodyHash)
      expect(toHex(bodyHash(body))).to.equal(each.bodyHash)
      expect(toHex(blockHash(headerBytes))).to.equal(each.hash)
      expect(toHex(bodyContent(body))).to.equal(each.content)
      const upTo = blockVectors.cases.slice(0, each.height + 1)
      expect(toHex(rootOf(upTo.map(({ hash }) => fromHex(hash))))).to.equal(each.root)
      const signed = {
        member: header.member,
        size: each.height + 1,
        root: fromHex(each.root),
        signature: fromHex(each.signature),
      }
      expect(verifyCheckpoint(testVerify, fromHex(blockVectors.networkId), signed)).to.equal(true)
    })
  }

  for (const each of blockVectors.refused) {
    it(`B1 to B4: ${each.name} is ${each.refused}`, () => {
      expectRefusal(each.refused, () => decodeBlock(fromHex(each.block)))
    })
  }

  it('B1: a header has the layout of the table, and every header comes back from its bytes', () => {
    expect(toHex(encodeHeader(header))).to.equal(toHex(layout()))
    fc.assert(
      fc.property(anyHeader, (header) => {
        const bytes = encodeHeader(header)
        expect(decodeHeader(bytes)).to.deep.equal(header)
        expect(bytes.length).to.be.at.most(MAX_HEADER_BYTES)
      }),
    )
  })

  it('B1: the longest header and block have the length of the limits', () => {
    const most = { height: MAX_CHAIN_SIZE - 1, sealedAt: MAX_SEALED_AT_MS, registrarSize: MAX_CHAIN_SIZE }
    const longest = makeBlock({ ...init, ...most, content: new Uint8Array(MAX_BODY_BYTES - SALT_BYTES) })
    expect(longest.headerBytes.length).to.equal(MAX_HEADER_BYTES)
    expect(longest.bytes.length).to.equal(MAX_BLOCK_BYTES)
  })

  it('B1: one encoding: whatever bytes decode are the ones that encode', () => {
    fc.assert(
      fc.property(fc.nat({ max: 400 }), fc.nat({ max: 255 }), (at, byte) => {
        const bytes = layout()
        bytes[at % bytes.length] = byte
        survive(() => expect(toHex(encodeHeader(decodeHeader(bytes)))).to.equal(toHex(bytes)))
      }),
      { numRuns: 1_000 },
    )
  })

  for (const [name, most] of [
    ['height', MAX_CHAIN_SIZE - 1],
    ['sealedAt', MAX_SEALED_AT_MS],
    ['registrarSize', MAX_CHAIN_SIZE],
  ] as const) {
    it(`B1, OUT_OF_RANGE: ${name} is at most ${most}, both ways`, () => {
      expect(decodeHeader(encodeHeader({ ...header, [name]: most }))[name]).to.equal(most)
      expectRefusal('OUT_OF_RANGE', () => decodeHeader(layout({ [name]: most + 1 })))
      for (const wrong of [most + 1, -1, 0.5, Number.NaN]) {
        expectRefusal('OUT_OF_RANGE', () => encodeHeader({ ...header, [name]: wrong }))
      }
    })
  }

  it('B1, OUT_OF_RANGE: a kind is one byte, keys and hashes are 32', () => {
    for (const kind of [256, -1, 1.5]) expectRefusal('OUT_OF_RANGE', () => encodeHeader({ ...header, kind }))
    for (const name of ['member', 'previous', 'bodyHash'] as const) {
      for (const length of [0, 31, 33]) {
        expectRefusal('OUT_OF_RANGE', () => encodeHeader({ ...header, [name]: new Uint8Array(length) }))
      }
    }
  })

  it('B1, NON_CANONICAL: a varint with a leading zero group', () => {
    const bytes = layout({ height: 1 })
    const padded = concat(bytes.subarray(0, 34), Uint8Array.of(0x80), bytes.subarray(34))
    expectRefusal('NON_CANONICAL', () => decodeHeader(padded))
  })

  it('B1, TRUNCATED: a header cut at any byte', () => {
    const bytes = layout()
    for (let length = 0; length < bytes.length; length++) {
      expectRefusal('TRUNCATED', () => decodeHeader(bytes.subarray(0, length)))
    }
  })

  it('B1, TRAILING_BYTES: a header ends where its bytes end', () => {
    expectRefusal('TRAILING_BYTES', () => decodeHeader(concat(layout(), Uint8Array.of(0))))
  })

  it('B2, UNKNOWN_VERSION: any version byte but 1', () => {
    expect(BLOCK_VERSION).to.equal(1)
    for (const version of [0, 2, 255]) expectRefusal('UNKNOWN_VERSION', () => decodeHeader(layout({ version })))
  })

  it('B3, OVERSIZED_BODY: a body of more than 65,535 bytes, both ways', () => {
    expect(decodeHeader(layout({ bodyLength: MAX_BODY_BYTES })).bodyLength).to.equal(MAX_BODY_BYTES)
    expectRefusal('OVERSIZED_BODY', () => decodeHeader(layout({ bodyLength: MAX_BODY_BYTES + 1 })))
    expectRefusal('OVERSIZED_BODY', () => encodeHeader({ ...header, bodyLength: MAX_BODY_BYTES + 1 }))
    expectRefusal('OVERSIZED_BODY', () => makeBlock({ ...init, content: new Uint8Array(MAX_BODY_BYTES - SALT_BYTES + 1) }))
  })

  it('B3, OUT_OF_RANGE: a body shorter than its salt, both ways', () => {
    expect(decodeHeader(layout({ bodyLength: SALT_BYTES })).bodyLength).to.equal(SALT_BYTES)
    expectRefusal('OUT_OF_RANGE', () => decodeHeader(layout({ bodyLength: SALT_BYTES - 1 })))
    expectRefusal('OUT_OF_RANGE', () => encodeHeader({ ...header, bodyLength: SALT_BYTES - 1 }))
  })

  it('B3: the length is refused before that many bytes are asked for', () => {
    const bytes = layout({ bodyLength: Number.MAX_SAFE_INTEGER })
    expectRefusal('OVERSIZED_BODY', () => decodeBlock(bytes))
  })

  it('B4: a block is its header and its body, and blocks delimit themselves', () => {
    const second = makeBlock({ ...init, height: 301, content: new Uint8Array(0) })
    const reader = new Reader(concat(block.bytes, second.bytes), 'two blocks')
    expect(readBlock(reader)).to.deep.equal(block)
    expect(readBlock(reader)).to.deep.equal(second)
    reader.done()
    expect(toHex(block.bytes)).to.equal(toHex(concat(block.headerBytes, block.body)))
    expect(decodeBlock(block.bytes)).to.deep.equal(block)
  })

  it('B4, TRUNCATED: a block cut at any byte', () => {
    for (let length = 0; length < block.bytes.length; length++) {
      expectRefusal('TRUNCATED', () => decodeBlock(block.bytes.subarray(0, length)))
    }
  })

  it('B4, TRAILING_BYTES: a block ends where its bytes end', () => {
    expectRefusal('TRAILING_BYTES', () => decodeBlock(concat(block.bytes, Uint8Array.of(0))))
  })

  it('B5: the kinds have their numbers; every other one is read like them', () => {
    expect([KIND_READINGS, KIND_EVENT, KIND_MEMBERSHIP]).to.deep.equal([0, 1, 2])
    for (const kind of [3, 200, 255]) expect(decodeBlock(makeBlock({ ...init, kind }).bytes).header.kind).to.equal(kind)
  })

  it('B6: the block hash is SHA-256(0x00 ‖ header) and does not look at the body', () => {
    expect(toHex(blockHash(block.headerBytes))).to.equal(toHex(sha256(concat(Uint8Array.of(0), block.headerBytes))))
  })

  it('B7: the body hash is SHA-256 over salt and content', () => {
    expect(toHex(header.bodyHash)).to.equal(toHex(sha256(concat(salt, content))))
    const salted = makeBlock({ ...init, salt: new Uint8Array(SALT_BYTES).fill(8) })
    expect(toHex(salted.header.bodyHash)).to.not.equal(toHex(header.bodyHash))
  })

  it('B8: a body is salt ‖ content; the salt has 16 bytes', () => {
    expect(toHex(block.body)).to.equal(toHex(concat(salt, content)))
    expect(toHex(bodyContent(block.body))).to.equal(toHex(content))
    for (const length of [0, 15, 17]) expectRefusal('OUT_OF_RANGE', () => makeBody(new Uint8Array(length), content))
  })

  it('B12: a first block names zeros', () => {
    expect(decodeBlock(makeBlock({ ...init, height: 0, previous: ZERO_HASH }).bytes).header.previous).to.deep.equal(ZERO_HASH)
    expect(blockVectors.cases[0]?.previous).to.equal('00'.repeat(32))
  })

  it('a block of ones own is a copy: its bytes do not follow what it was made from', () => {
    const changing = content.slice()
    const made = makeBlock({ ...init, content: changing })
    changing.fill(0xff)
    expect(made).to.deep.equal(block)
  })

  it('made-up bytes are refused, never more', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => survive(() => decodeBlock(bytes))))
  })
})
