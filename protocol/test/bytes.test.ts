import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  compareBytes,
  concat,
  equalBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  Reader,
  toBase64,
  toHex,
  toUtf8,
  Writer,
} from '../bytes.ts'
import { WattnessError } from '../errors.ts'
import { expectRefusal } from './refusal.ts'
import { varintVectors } from './vectors/make-varint.ts'

const safe = fc.maxSafeInteger()
const natural = fc.maxSafeNat()
const anyBytes = fc.uint8Array({ maxLength: 12 })

function read<T>(bytes: Uint8Array, take: (reader: Reader) => T): T {
  const reader = new Reader(bytes, 'test')
  const value = take(reader)
  reader.done()
  return value
}

describe('bytes', () => {
  it('E1: fixed-width bytes are read as they were written, as views', () => {
    const bytes = new Writer(0)
      .u8(7)
      .bytes(Uint8Array.of(1, 2, 3))
      .finish()
    expect(toHex(bytes)).to.equal('07010203')
    const reader = new Reader(bytes, 'test')
    expect(reader.u8()).to.equal(7)
    expect(reader.bytes(3).buffer).to.equal(bytes.buffer)
    expect(reader.remaining).to.equal(0)
  })

  it('E1: TRUNCATED where bytes are missing, with what and where', () => {
    const reader = new Reader(Uint8Array.of(1, 2), 'thing')
    reader.u8()
    expect(expectRefusal('TRUNCATED', () => reader.bytes(2)).data).to.deep.equal({ what: 'thing', offset: 1 })
    reader.u8()
    expectRefusal('TRUNCATED', () => reader.u8())
  })

  it('E1: a reader stays inside its part of a buffer', () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 4), 'part', 1, 3)
    expect([reader.u8(), reader.u8()]).to.deep.equal([2, 3])
    expectRefusal('TRUNCATED', () => reader.u8())
    reader.done()
  })

  it('E2: every number from 0 to 2^53-1 comes back, in at most eight bytes', () => {
    fc.assert(
      fc.property(natural, (value) => {
        const bytes = new Writer().varint(value).finish()
        expect(bytes.length).to.be.at.most(8)
        expect(read(bytes, (reader) => reader.varint())).to.equal(value)
      }),
    )
  })

  it('E2: NON_CANONICAL for a leading zero group', () => {
    expectRefusal('NON_CANONICAL', () => read(Uint8Array.of(0x80, 0x01), (reader) => reader.varint()))
  })

  it('E2: bytes that decode are the bytes that encode', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        for (const type of ['varint', 'signed'] as const) {
          let value: number
          const reader = new Reader(bytes, 'random')
          try {
            value = reader[type]()
          } catch (error) {
            expect(error).to.be.instanceOf(WattnessError)
            continue
          }
          expect(toHex(new Writer()[type](value).finish())).to.equal(toHex(bytes.subarray(0, reader.offset)))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('E2: OUT_OF_RANGE above 2^53-1, above a stated bound, and for what no varint holds', () => {
    const big = Uint8Array.of(0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)
    expectRefusal('OUT_OF_RANGE', () => read(big, (reader) => reader.varint()))
    expectRefusal('OUT_OF_RANGE', () => read(Uint8Array.of(5), (reader) => reader.varint(4)))
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) expectRefusal('OUT_OF_RANGE', () => new Writer().varint(value))
  })

  it('E2: an endless varint ends in an error after nine bytes at most', () => {
    const reader = new Reader(new Uint8Array(1_000_000).fill(0xff), 'endless')
    expectRefusal('OUT_OF_RANGE', () => reader.varint())
    expect(reader.offset).to.be.at.most(9)
    const signed = new Reader(new Uint8Array(1_000_000).fill(0xff), 'endless')
    expectRefusal('OUT_OF_RANGE', () => signed.signed())
    expect(signed.offset).to.be.at.most(9)
  })

  it('E3: every safe integer comes back, -64 to 63 in one byte', () => {
    fc.assert(
      fc.property(safe, (value) => {
        const bytes = new Writer().signed(value).finish()
        expect(bytes.length).to.be.at.most(8)
        expect(read(bytes, (reader) => reader.signed())).to.equal(value)
      }),
    )
    for (let value = -64; value < 64; value++) expect(new Writer().signed(value).length).to.equal(1)
    expect(new Writer().signed(64).length).to.equal(2)
    expect(new Writer().signed(-65).length).to.equal(2)
  })

  it('E3: NON_CANONICAL for a leading zero group, OUT_OF_RANGE for what is no safe integer', () => {
    expectRefusal('NON_CANONICAL', () => read(Uint8Array.of(0x80, 0x01), (reader) => reader.signed()))
    for (const value of [0.5, Number.NaN, 2 ** 53, -(2 ** 53)]) expectRefusal('OUT_OF_RANGE', () => new Writer().signed(value))
  })

  it('E4: TRAILING_BYTES where anything follows', () => {
    expectRefusal('TRAILING_BYTES', () => read(Uint8Array.of(1, 2), (reader) => reader.u8()))
  })

  it('E2, E3: the vectors hold, and are what their script makes', () => {
    const file = JSON.parse(readFileSync(new URL('vectors/varint.json', import.meta.url), 'utf8')) as typeof varintVectors
    expect(JSON.parse(JSON.stringify(varintVectors))).to.deep.equal(file)
    for (const entry of file.cases) {
      const take = (): number => read(fromHex(entry.hex), (reader) => reader[entry.type as 'varint' | 'signed']())
      if ('refused' in entry) expectRefusal(entry.refused, take)
      else expect(take()).to.equal(entry.value)
    }
  })

  it('a writer grows without losing what it holds', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), safe), { maxLength: 40 }), (parts) => {
        const writer = new Writer(1)
        const expected: Uint8Array[] = []
        for (const part of parts) {
          const bytes = typeof part === 'number' ? new Writer(16).signed(part).finish() : part
          if (typeof part === 'number') writer.signed(part)
          else writer.bytes(part)
          expected.push(bytes)
        }
        expect(toHex(writer.finish())).to.equal(toHex(concat(...expected)))
      }),
    )
  })

  it('a writer gives away what it holds without a copy, and begins anew', () => {
    const writer = new Writer(8).bytes(Uint8Array.of(1, 2, 3))
    const taken = writer.take()
    expect(taken).to.deep.equal(Uint8Array.of(1, 2, 3))
    expect(taken.buffer.byteLength).to.equal(8)
    writer.u8(9)
    expect([taken, writer.finish()]).to.deep.equal([Uint8Array.of(1, 2, 3), Uint8Array.of(9)])
  })

  it('equalBytes and compareBytes order bytes as unsigned numbers, a prefix first', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const order = toHex(a) < toHex(b) ? -1 : toHex(a) > toHex(b) ? 1 : 0
        expect(Math.sign(compareBytes(a, b))).to.equal(order)
        expect(equalBytes(a, b)).to.equal(order === 0)
        expect(equalBytes(a, a.slice())).to.equal(true)
      }),
    )
  })

  it('E7: hex comes back; NON_CANONICAL for upper case, odd length and other letters', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromHex(toHex(bytes))).to.deep.equal(bytes)
      }),
    )
    for (const text of ['A0', 'a', '0g', ' 00', '00\n']) expectRefusal('NON_CANONICAL', () => fromHex(text))
  })

  it('E8: the examples of RFC 4648 section 10', () => {
    const examples = { '': '', f: 'Zg==', fo: 'Zm8=', foo: 'Zm9v', foob: 'Zm9vYg==', fooba: 'Zm9vYmE=', foobar: 'Zm9vYmFy' }
    for (const [text, encoded] of Object.entries(examples)) {
      expect(toBase64(toUtf8(text))).to.equal(encoded)
      expect(fromUtf8(fromBase64(encoded))).to.equal(text)
    }
  })

  it('E8: base64 comes back and has one text for each byte string', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(fromBase64(toBase64(bytes))).to.deep.equal(bytes)
      }),
    )
    for (const text of ['Zg', 'Zg=', 'Zh==', 'Zm9=', 'Z===', '====', 'Zg==Zg==', 'Zm-v', 'Zm9v\n', 'Zm 9v', '=m9v', 'Z=9v']) {
      expectRefusal('NON_CANONICAL', () => fromBase64(text))
    }
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('A', 'Z', 'a', 'z', '0', '9', '+', '/', '=', 'g'), maxLength: 8 }),
        (text) => {
          try {
            expect(toBase64(fromBase64(text))).to.equal(text)
          } catch (error) {
            if (!(error instanceof WattnessError)) throw error
          }
        },
      ),
    )
  })

  it('E6: UTF-8 comes back, with a byte order mark too; NON_CANONICAL for bytes that are none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(fromUtf8(toUtf8(text))).to.equal(text)
      }),
    )
    expect(fromUtf8(toUtf8('\ufeffa'))).to.equal('\ufeffa')
    for (const hex of ['ff', 'c0af', 'eda080', 'e282', 'f4908080']) expectRefusal('NON_CANONICAL', () => fromUtf8(fromHex(hex)))
  })
})
