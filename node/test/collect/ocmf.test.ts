import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import fc from 'fast-check'
import { ocmfFormat, ocmfItems } from '../../collect/ocmf.ts'
import { MAX_RECORD_BYTES, OcmfScanner } from '../../collect/ocmf-scanner.ts'
import { writeReadings } from '../../collect/read.ts'
import type { SourceItem } from '../../collect/source.ts'
import { systemPlatform } from '../../platform.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, linesOf, pieces, readingsOf, shown, stream } from './inputs.ts'

interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

function keyPair(namedCurve: string): Pair {
  return generateKeyPairSync('ec', { namedCurve })
}

const PAIR = keyPair('prime256v1')
const READINGS =
  '[{"TM":"2024-03-01T10:00:00,000+0100 S","TX":"B","RV":1234.560,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"},' +
  '{"RV":"   0.100","RI":"01-00:02.08.00.FF","RU":"kWh"},' +
  '{"TM":"2024-03-01T11:30:00,000+0100 R","TX":"E","RV":1240.0,"RI":"1-b:1.8.0","RU":"kWh","EF":"","ST":"G"}]'

function payloadOf(readings: string): string {
  return `{"FV":"1.0","GI":"made up","PG":"T1","MS":"4711",\n "RD":${readings}}`
}

function record(pair: Pair = PAIR, { readings = READINGS, section = '', hash = 'sha256' } = {}): string {
  const payload = payloadOf(readings)
  const signature = sign(hash, Buffer.from(payload, 'utf8'), pair.privateKey).toString('hex')
  return `OCMF|${payload}|{${section}"SD":"${signature}"}`
}

function hexKey({ publicKey }: Pair): string {
  return publicKey.export({ format: 'der', type: 'spki' }).toString('hex')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function container(...values: readonly (readonly [string, string])[]): string {
  const inner = values.map(([data, key]) => {
    const signed = `<signedData format="OCMF" encoding="plain">${escaped(data)}</signedData>`
    return `<value transactionId="1">${signed}<publicKey>${key}</publicKey></value>`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<values>${inner.join('\n')}</values>\n`
}

function read(text: string | Uint8Array, { key, size = 65_536 }: { key?: string; size?: number } = {}): Promise<SourceItem[]> {
  return all(ocmfItems(stream(pieces(typeof text === 'string' ? bytes(text) : text, size)), key))
}

const VALUES = [
  '2024-03-01T09:00:00Z 1-0:1.8.0 1234.560 kWh',
  '2024-03-01T09:00:00Z 1-0:2.8.0 0.100 kWh',
  '2024-03-01T10:30:00Z 1-0:1.8.0 1240.0 kWh',
]

describe('OCMF: signed charging records', () => {
  it('reads values with the digits that were signed, padded text and codes in hexadecimal too', async () => {
    const items = await read(container([record(), hexKey(PAIR)]))
    expect(shown(items)).to.deep.equal(VALUES)
    expect(new Set(linesOf(items).map(({ signature }) => signature))).to.deep.equal(new Set(['valid']))
  })

  it('keeps the record as the frame, bit for bit, once', async () => {
    const text = record()
    const readings = readingsOf(await read(container([text, hexKey(PAIR).replace(/(.{4})/g, '$1 ')])))
    const frames = readings.map(({ frame }) => frame)
    expect(frames).to.have.length(2)
    // With the last: what a charge began with may be known of an earlier record.
    expect(frames[0]).to.equal(undefined)
    expect(Buffer.from(frames[1] as Uint8Array).toString('latin1')).to.equal(text)
    expect(readings.map(({ signed }) => signed)).to.deep.equal([undefined, { publicKey: hexKey(PAIR) }])
    expect(readingsOf(await read(text)).map(({ signed }) => signed)).to.deep.equal([undefined, {}])
  })

  for (const [name, namedCurve] of [
    ['secp192k1', 'secp192k1'],
    ['secp256k1', 'secp256k1'],
    ['secp192r1', 'prime192v1'],
    ['secp256r1', 'prime256v1'],
    ['secp384r1', 'secp384r1'],
    ['secp521r1', 'secp521r1'],
    ['brainpool256r1', 'brainpoolP256r1'],
    ['brainpoolP256r1', 'brainpoolP256r1'],
    ['brainpool384r1', 'brainpoolP384r1'],
  ] as const) {
    it(`checks signatures of ${name}`, async () => {
      const pair = keyPair(namedCurve)
      const good = record(pair, { section: `"SA":"ECDSA-${name}-SHA256",` })
      expect(codesOf(await read(container([good, hexKey(pair)])))).to.deep.equal([])
      const lied = good.replace('1234.560', '1234.561')
      expect(codesOf(await read(container([lied, hexKey(pair)])))).to.deep.equal(['OCMF_SIGNATURE_INVALID'])
    })
  }

  it('takes a key as DER or point, in hex with blanks or base64, and a signature in base64 or as r and s', async () => {
    const der = PAIR.publicKey.export({ format: 'der', type: 'spki' })
    const point = der.subarray(-65)
    const compressed = Buffer.concat([Buffer.of(2 + ((point.at(-1) as number) & 1)), point.subarray(1, 33)])
    const hex = der.toString('hex')
    const keys = [hex.replace(/(.{4})/g, '$1 '), der.toString('base64'), point.toString('hex'), compressed.toString('hex')]
    for (const key of keys) expect(codesOf(await read(container([record(), key]))), key).to.deep.equal([])
    const payload = Buffer.from(payloadOf(READINGS))
    const base64 = sign('sha256', payload, PAIR.privateKey).toString('base64')
    expect(codesOf(await read(container([`OCMF|${payload.toString()}|{"SE":"base64","SD":"${base64}"}`, hex])))).to.deep.equal([])
    let raw = Buffer.of(0x30)
    while (raw[0] === 0x30) raw = Buffer.from(sign('sha256', payload, { key: PAIR.privateKey, dsaEncoding: 'ieee-p1363' }))
    expect(codesOf(await read(container([`OCMF|${payload.toString()}|{"SD":"${raw.toString('hex')}"}`, hex])))).to.deep.equal([])
  })

  it('marks records without a key, takes a given one for them, and never over the one that stands there', async () => {
    const bare = await read(`${record()}\n`)
    expect(linesOf(bare).map(({ signature }) => signature)).to.deep.equal(['no-key', 'no-key', 'no-key'])
    expect(linesOf(await read(record(), { key: hexKey(PAIR) }))[0]?.signature).to.equal('valid')
    const other = hexKey(keyPair('prime256v1'))
    expect(codesOf(await read(record(), { key: other }))).to.deep.equal(['OCMF_SIGNATURE_INVALID'])
    expect(linesOf(await read(container([record(), '']), { key: hexKey(PAIR) }))[0]?.signature).to.equal('valid')
    expect(codesOf(await read(container([record(), other]), { key: hexKey(PAIR) }))).to.deep.equal(['OCMF_SIGNATURE_INVALID'])
  })

  it('reads bare text, several records run together, hex and base64, whatever encoding an attribute claims', async () => {
    const text = record()
    expect(shown(await read(text + text))).to.deep.equal([...VALUES, ...VALUES])
    const hex = Buffer.from(text).toString('hex')
    const base64 = Buffer.from(text).toString('base64')
    for (const encoded of [hex, hex.toUpperCase(), base64]) {
      expect(shown(await read(`${encoded}\n`))).to.deep.equal(VALUES)
      expect(shown(await read(container([encoded, hexKey(PAIR)])))).to.deep.equal(VALUES)
    }
    const element = `<signedData\n format="OCMF" encoding="nonsense"><![CDATA[${text}]]></signedData>`
    expect(shown(await read(`${element}\nPublic key:\n${hexKey(PAIR)}`))).to.deep.equal(VALUES)
  })

  it('a signed text beyond ASCII: characters, entities and a container in ISO 8859-1', async () => {
    const payload = payloadOf(READINGS).replace('made up', 'Säule <3 & €')
    const signature = sign('sha256', Buffer.from(payload, 'utf8'), PAIR.privateKey).toString('hex')
    const text = `OCMF|${payload}|{"SD":"${signature}"}`
    const utf8 = Buffer.from(container([text, hexKey(PAIR)]), 'utf8')
    expect(codesOf(await read(utf8))).to.deep.equal([])
    const entities = container([text, hexKey(PAIR)])
      .replace('ä', '&#228;')
      .replace('€', '&#x20ac;')
    expect(codesOf(await read(entities))).to.deep.equal([])
    const latin = container([text, hexKey(PAIR)])
      .replace('UTF-8', 'ISO-8859-1')
      .replace('€', '&#x20ac;')
    // An entity's bytes are UTF-8 already: a document mixes them with plain characters at its own peril.
    expect(codesOf(await read(Buffer.from(latin, 'latin1')))).to.deep.equal(['OCMF_SIGNATURE_INVALID'])
    const plain = record(PAIR, { readings: READINGS.replace('"TX":"B"', '"TX":"ä"') })
    expect(
      codesOf(await read(Buffer.from(container([plain, hexKey(PAIR)]).replace('UTF-8', 'ISO-8859-1'), 'latin1'))),
    ).to.deep.equal([])
  })

  it('says of a value what the record says: errors, states, unsure clocks, nothing at all', async () => {
    const at = '"TM":"2024-03-01T10:00:00,000+0100 S","RI":"1-0:1.8.0*198","RU":"Wh"'
    const readings = `[{${at},"RV":1,"ST":"G","EF":"E"},{${at},"RV":2,"ST":"S","EF":""},{${at},"RV":3,"ST":"O"},
      {${at.replace(' S"', ' U"')},"RV":4,"ST":"G","EF":""},{${at},"RV":5,"ST":"G","EF":"t"},{${at},"ST":"N"},
      {${at},"RV":7,"ST":"G","EF":""}]`
    const items = await read(record(PAIR, { readings }))
    expect(linesOf(items).map(({ value, quality }) => `${value} ${quality}`)).to.deep.equal([
      '1 estimated',
      '2 estimated',
      '3 overflow',
      '4 clock-doubtful',
      '5 clock-doubtful',
      'null missing',
      '7 good',
    ])
    expect(linesOf(items)[0]?.register).to.equal('1-0:1.8.0*198')
  })

  it('OCMF_SIGNATURE_INVALID: the key is of another curve than the algorithm says', async () => {
    const pair = keyPair('secp256k1')
    const [found] = faultsOf(await read(container([record(), hexKey(pair)])))
    expect(found).to.include({ code: 'OCMF_SIGNATURE_INVALID', where: 'record 1 at byte 72' })
    expect(found?.message).to.contain('its key is of secp256k1 and not of prime256v1')
  })

  it('OCMF_KEY_UNREADABLE and OCMF_ALGORITHM_UNKNOWN name what is expected', async () => {
    const [key] = faultsOf(await read(container([record(), '0badc0de'])))
    expect(key?.code).to.equal('OCMF_KEY_UNREADABLE')
    expect(key?.message).to.contain('a point 02…')
    const odd = record(PAIR, { section: '"SA":"ECDSA-secp224r1-SHA256",' })
    const [algorithm] = faultsOf(await read(container([odd, hexKey(PAIR)])))
    expect(algorithm?.code).to.equal('OCMF_ALGORITHM_UNKNOWN')
    expect(algorithm?.message).to.contain('brainpool384r1')
  })

  it('OCMF_RECORD_MALFORMED: no record, no JSON, no list, no signature', async () => {
    const good = record()
    const wrong = [
      '3082028c060a',
      good.replace('|{"FV"', '|["FV"'),
      good.replace('"RD":[', '"RD":[,'),
      good.replace('"RD"', '"RX"'),
      good.replace('"SD":"', '"SD":"zz'),
      good.replace('{"SD"', '{"SE":"octal","SD"'),
      good.replace('"SD"', '"SX"'),
      record(PAIR, { readings: '[1]' }),
      record(PAIR, { readings: `[${'{},'.repeat(1_024)}{}]` }),
    ]
    for (const text of wrong) {
      expect(codesOf(await read(container([text, hexKey(PAIR)]))), text.slice(0, 40)).to.deep.equal(['OCMF_RECORD_MALFORMED'])
    }
  })

  it('OCMF_VALUE_MALFORMED: one value is left out, the others are read; OCMF_RECORD_EMPTY: none is there', async () => {
    for (const [from, to] of [
      ['1234.560', '1e3'],
      ['1234.560', '[1]'],
      ['"RU":"kWh","ST":"G"},{"RV"', '"RU":"parsec","ST":"G"},{"RU":"kWh","RV"'],
      ['"1-b:1.8.0"', '"1.8.0"'],
      ['"1-b:1.8.0"', '"1-300:1.8.0"'],
      ['"RU":"kWh","ST"', '"RU":5,"ST"'],
    ] as const) {
      const items = await read(record(PAIR, { readings: READINGS.replace(from, to) }))
      expect(codesOf(items)[0], to).to.equal('OCMF_VALUE_MALFORMED')
      expect(shown(items), to).to.include(VALUES[2])
    }
    const timeless = await read(record(PAIR, { readings: '[{"RV":1,"RU":"Wh"}]' }))
    expect(codesOf(timeless)).to.deep.equal(['OCMF_VALUE_MALFORMED'])
    expect(codesOf(await read(record(PAIR, { readings: '[]' })))).to.deep.equal(['OCMF_RECORD_EMPTY'])
  })

  it('OCMF_RECORD_TRUNCATED: at every byte a cut file gives whole records or says where it ends', async () => {
    const whole = bytes(container([record(), hexKey(PAIR)]))
    for (let length = 0; length < whole.length; length++) {
      const items = await read(whole.subarray(0, length))
      const sure = readingsOf(items).filter(({ signature }) => signature === 'valid')
      if (sure.length > 0) expect(shown(sure)).to.deep.equal(VALUES)
      for (const code of codesOf(items)) expect(code).to.match(/^OCMF_(RECORD_TRUNCATED|KEY_UNREADABLE|SIGNATURE_INVALID)$/)
    }
    expect(codesOf(await read(whole.subarray(0, 300)))).to.deep.equal(['OCMF_RECORD_TRUNCATED'])
  })

  it('bytes flipped: what passes as signed is what was signed', async () => {
    const whole = bytes(container([record(), hexKey(PAIR)]))
    const flips = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(flips, async (places) => {
        const flipped = Uint8Array.from(whole)
        for (const [at, mask] of places) flipped[at] = (flipped[at] as number) ^ mask
        const sure = readingsOf(await read(flipped)).filter(({ signature }) => signature === 'valid')
        if (sure.length > 0) expect(shown(sure)).to.deep.equal(VALUES)
      }),
      { numRuns: 150 },
    )
  })

  it('any cut of the input into chunks reads the same', async () => {
    const whole = container([record(), hexKey(PAIR)], [record(), hexKey(PAIR)])
    for (const size of [1, 3, 7, 64, 1_000]) expect(shown(await read(whole, { size }))).to.deep.equal([...VALUES, ...VALUES])
  })

  it('OCMF_RECORD_TOO_LONG: a record without end is given up, what follows is read, and little is held meanwhile', async () => {
    const scanner = new OcmfScanner()
    const found = []
    let most = 0
    const noise = bytes('<signedData>' + 'x'.repeat(300_000))
    const chunks = [
      ...pieces(noise, 65_536),
      ...pieces(bytes(' '.repeat(2_000_000)), 65_536),
      bytes(container([record(), hexKey(PAIR)])),
    ]
    for (const chunk of chunks) {
      found.push(...scanner.push(chunk))
      most = Math.max(most, scanner.held)
    }
    found.push(...scanner.end())
    expect(found.map((item) => (item.type === 'fault' ? item.code : item.type))).to.deep.equal(['OCMF_RECORD_TOO_LONG', 'record'])
    expect(most).to.be.below(5 * MAX_RECORD_BYTES)
    const long = record(PAIR, { section: `"XX":"${'x'.repeat(MAX_RECORD_BYTES)}",` })
    expect(codesOf(await read(container([long, hexKey(PAIR)])))).to.deep.equal(['OCMF_RECORD_TOO_LONG'])
  })

  it('a file and standard input, with a key of the command line, its frame printed bit for bit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ocmf-'))
    try {
      const path = join(folder, 'receipt.txt')
      await writeFile(path, record())
      const out = new PassThrough()
      const said: string[] = []
      out.on('data', (chunk: Buffer) => said.push(chunk.toString()))
      const options = { key: hexKey(PAIR), frames: true }
      await writeReadings(path, systemPlatform, options, out, new PassThrough())
      const lines = said
        .join('')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { frame?: string; signature: string })
      expect(lines.map(({ signature }) => signature)).to.deep.equal(['valid', 'valid', 'valid'])
      expect(Buffer.from(lines[2]?.frame ?? '', 'base64').equals(await readFile(path))).to.equal(true)
      expect(lines.slice(0, 2).map(({ frame }) => frame)).to.deep.equal([undefined, undefined])
      const piped = { ...systemPlatform, standardInput: () => stream([bytes(record())]) }
      expect(shown(await itemsOf('ocmf:-', piped))).to.deep.equal(VALUES)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is recognised by its bytes', () => {
    const recognised = (text: string): boolean => ocmfFormat.recognise('x', bytes(text))
    for (const text of [record(), `\n${Buffer.from(record()).toString('hex')}`, Buffer.from(record()).toString('base64')]) {
      expect(recognised(text)).to.equal(true)
    }
    expect(recognised(container([record(), '']))).to.equal(true)
    expect(recognised('<feed xmlns="http://www.w3.org/2005/Atom">')).to.equal(false)
  })
})
