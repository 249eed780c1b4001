import { expect } from 'chai'
import { formatNamed, recogniseFormat } from '../../collect/formats.ts'
import { HexDump, isHexDump, undumped } from '../../collect/hex-dump.ts'
import { systemPlatform } from '../../platform.ts'
import { AIDON_SHOWN, aidonList, type Bytes, ciphered, hdlc, join, mbus, notification, withLlc } from './dlms-encoder.ts'
import { all, bytes, itemsOf, pieces, shown, stream, withFiles } from './inputs.ts'

const FRAME = hdlc(notification(aidonList()))
const HEX = Buffer.from(FRAME).toString('hex')
const PAIRS = HEX.replaceAll(/../g, '$& ').toUpperCase()

describe('hexadecimal dumps', () => {
  const decoded = (text: string, size = text.length): Bytes => {
    const dump = new HexDump()
    return join(...Array.from(pieces(bytes(text), size), (piece) => dump.push(piece)))
  }

  it('pairs, rows, colons, hyphens and commas; comments; a row that ends within a byte', () => {
    const texts = [
      HEX,
      PAIRS,
      PAIRS.replaceAll(' ', ':'),
      `# a meter\n${PAIRS} // its last`,
      HEX.replaceAll(/.{33}/g, '$&-\n'),
      `\n\n${HEX}\r\n`,
    ]
    for (const text of texts) {
      expect(isHexDump(bytes(text)), text.slice(0, 20)).to.equal(true)
      for (const size of [1, 5, text.length]) expect(decoded(text, size)).to.deep.equal(FRAME)
    }
  })

  it('from a letter on that is no digit the rest of a line is left out', () => {
    expect(decoded('7EA0 received\n0102')).to.deep.equal(join(0x7e, 0xa0, 0xec, 1, 2).filter((byte) => byte !== 0xec))
  })

  it('other text and bytes are none', () => {
    for (const text of [
      '',
      '7E A0',
      'time,value\n1,2',
      '/TST5\r\n1-0:1.8.0(1*kWh)',
      'the quick brown fox jumps',
      '1.5;2.5;3.5;4.5;5.5;6.5;7.5',
    ]) {
      expect(isHexDump(bytes(text)), text).to.equal(false)
    }
    expect(isHexDump(FRAME)).to.equal(false)
  })

  it('a stream is decided by its first bytes, at once where they cannot be text', async () => {
    const read = async (input: Bytes, size: number): Promise<Bytes> =>
      join(...(await all(undumped(stream(pieces(input, size)), 4_096))))
    for (const size of [1, 100, 5_000]) {
      expect(await read(bytes(PAIRS), size)).to.deep.equal(FRAME)
      expect(await read(FRAME, size)).to.deep.equal(FRAME)
      const long = bytes(PAIRS.repeat(20))
      expect(await read(long, size)).to.have.length(20 * FRAME.length)
    }
    expect(await read(join(), 1)).to.have.length(0)
    const endless = (async function* () {
      yield FRAME
      throw new Error('more was asked for than was needed')
    })()
    for await (const chunk of undumped(endless, 4_096)) {
      expect(chunk).to.deep.equal(FRAME)
      break
    }
  })

  it('the format is recognised by its bytes, in a dump or not, begun in the middle or whole', async () => {
    const apdu = notification(aidonList())
    const sealed = ciphered(apdu, { key: new Uint8Array(16) })
    const found = (content: Bytes): string | undefined => recogniseFormat('a', content.subarray(0, 4_096))?.name
    for (const content of [FRAME, mbus(apdu), withLlc(apdu), apdu, sealed, join(FRAME.subarray(50), FRAME), withLlc(sealed)]) {
      expect(found(content)).to.equal('dlms')
      expect(found(bytes(`# comment\n${Buffer.from(content).toString('hex')}`))).to.equal('dlms')
    }
    const long = ciphered(new Uint8Array(9_000), { key: new Uint8Array(16) })
    expect(found(long)).to.equal('dlms')
    expect(found(bytes('0123456789abcdef0123456789abcdef'))).to.equal(undefined)
    expect(formatNamed('dlms').recognise('a', new Uint8Array(4_096))).to.equal(false)
    await withFiles({ a: `${PAIRS}\n# once more\n${HEX}` }, async (dir) => {
      expect(shown(await itemsOf(`dlms:${dir}/a`))).to.deep.equal([...AIDON_SHOWN, ...AIDON_SHOWN])
    })
    const deps = { ...systemPlatform, standardInput: () => stream(pieces(bytes(PAIRS), 64)) }
    expect(shown(await itemsOf('dlms:-', deps))).to.deep.equal(AIDON_SHOWN)
  })
})
