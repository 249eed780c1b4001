import { chmod } from 'node:fs/promises'
import { expect } from 'chai'
import { crc16, formatCrc16 } from '../../collect/crc16.ts'
import { checkSource, openSource } from '../../collect/formats.ts'
import { type ReadOptions, readFile } from '../../collect/read.ts'
import { systemPlatform } from '../../platform.ts'
import {
  AIDON_SHOWN,
  aidonList,
  type Bytes,
  blocks,
  type Ciphering,
  ciphered,
  hdlc,
  hexOf,
  join,
  mbus,
  notification,
  withLlc,
} from './dlms-encoder.ts'
import { readDlms } from './dlms-stand.ts'
import { all, bytes, codesOf, faultsOf, itemsOf, linesOf, readingsOf, shown, thrownCode, withFiles } from './inputs.ts'

const KEY = hexOf('000102030405060708090a0b0c0d0e0f')
const AUTH = hexOf('d0d1d2d3d4d5d6d7d8d9dadbdcdddedf')
const LUXEMBOURG = hexOf('00112233445566778899aabbccddeeff')
const APDU = notification(aidonList())
const keys = { encryption: KEY, authentication: AUTH }
const onlyKey = { encryption: KEY }

function sealed(how: Partial<Ciphering> = {}, apdu = APDU): Bytes {
  return ciphered(apdu, { key: KEY, auth: AUTH, ...how })
}

describe('DLMS encryption', () => {
  it('encrypted and authenticated, in every frame; the frame that is kept is the one that was sent', async () => {
    for (const frame of [
      hdlc(sealed()),
      hdlc(sealed(), 60),
      mbus(sealed()),
      join(...blocks(sealed(), 50)),
      withLlc(sealed()),
      sealed(),
    ]) {
      const items = await readDlms(frame, { keys })
      expect(shown(items)).to.deep.equal(AIDON_SHOWN)
      expect(codesOf(items)).to.deep.equal([])
      expect(readingsOf(items)[0]?.crc).to.equal('ok')
    }
    expect(readingsOf(await readDlms(sealed(), { keys }))[0]?.frame).to.deep.equal(sealed())
  })

  it('encrypted only, authenticated only, neither; general-ded; a broadcast key; suite 2 with 256 bits', async () => {
    for (const control of [0x20, 0x10, 0x00, 0x30, 0x70, 0x31]) {
      expect(
        shown(await readDlms(hdlc(sealed({ control, auth: (control & 0x10) === 0 ? join() : AUTH })), { keys })),
      ).to.deep.equal(AIDON_SHOWN)
    }
    expect(shown(await readDlms(hdlc(sealed({ tag: 0xdc })), { keys }))).to.deep.equal(AIDON_SHOWN)
    const long = { encryption: join(KEY, KEY), authentication: join(AUTH, AUTH) }
    const suite2 = sealed({ key: long.encryption, auth: long.authentication, control: 0x32 })
    expect(shown(await readDlms(hdlc(suite2), { keys: long }))).to.deep.equal(AIDON_SHOWN)
  })

  it('without the authentication key: the public one of Luxembourg is tried, then none; else it is read unproven', async () => {
    const crcOf = async (bytes: Bytes): Promise<unknown> => {
      const items = await readDlms(bytes, { keys: onlyKey })
      expect(shown(items)).to.deep.equal(AIDON_SHOWN)
      return readingsOf(items)[0]?.crc
    }
    expect(await crcOf(sealed({ auth: LUXEMBOURG }))).to.equal('ok')
    expect(await crcOf(sealed({ auth: join() }))).to.equal('ok')
    expect(await crcOf(sealed())).to.equal('none')
    expect(await crcOf(hdlc(sealed()))).to.equal('ok')
  })

  it('DLMS_TAG_MISMATCH: a wrong key, or any byte changed', async () => {
    const other = { encryption: AUTH, authentication: AUTH }
    expect(codesOf(await readDlms(hdlc(sealed()), { keys: other }))).to.deep.equal(['DLMS_TAG_MISMATCH'])
    expect(codesOf(await readDlms(hdlc(sealed()), { keys: { ...keys, authentication: KEY } }))).to.deep.equal([
      'DLMS_TAG_MISMATCH',
    ])
    const whole = sealed()
    for (let at = 13; at < whole.length; at++) {
      const items = await readDlms(hdlc(whole.with(at, (whole[at] as number) ^ 0x40)), { keys })
      expect(readingsOf(items), `byte ${at}`).to.deep.equal([])
      expect(codesOf(items)).to.have.length(1)
    }
    const short = ciphered(join(1), { key: KEY, auth: AUTH }).slice(0, -8)
    expect(codesOf(await readDlms(hdlc(short.with(10, 10)), { keys }))).to.deep.equal(['DLMS_TAG_MISMATCH'])
  })

  it('DLMS_KEY_MISSING, DLMS_KEY_WRONG, DLMS_SECURITY_UNSUPPORTED, DLMS_MESSAGE_MALFORMED', async () => {
    expect(codesOf(await readDlms(hdlc(sealed())))).to.deep.equal(['DLMS_KEY_MISSING'])
    expect(codesOf(await readDlms(hdlc(sealed()), { keys: { encryption: AUTH } }))).to.deep.equal(['DLMS_KEY_WRONG'])
    expect(codesOf(await readDlms(hdlc(sealed({ control: 0xb0 })), { keys }))).to.deep.equal(['DLMS_SECURITY_UNSUPPORTED'])
    const wrong = [
      sealed({ title: 'short' }),
      sealed({ control: 0x35 }),
      sealed().slice(0, 40),
      join(0xdb, 8, Buffer.from('TSTabcde'), 3, 1, 2, 3),
    ]
    for (const each of wrong) expect(codesOf(await readDlms(hdlc(each), { keys }))).to.deep.equal(['DLMS_MESSAGE_MALFORMED'])
  })

  it('a meter is known by the title of its ciphered messages, whatever its lists say', async () => {
    const [item] = readingsOf(await readDlms(hdlc(sealed()), { keys }))
    expect(item?.meter).to.equal(Buffer.from('TSTabcde').toString('hex'))
  })

  it('no fault says a key', async () => {
    const all = [{ encryption: AUTH }, { encryption: AUTH, authentication: AUTH }]
    for (const each of all) {
      const text = JSON.stringify(faultsOf(await readDlms(hdlc(sealed()), { keys: each })))
      expect(text).to.not.contain(Buffer.from(AUTH).toString('hex'))
    }
  })
})

describe('encrypted P1', () => {
  const telegram = (crc?: string): Bytes => {
    const signed =
      '/TST5\\2\r\n\r\n0-0:1.0.0(250115120000W)\r\n1-0:1.8.0(000025.653*kWh)\r\n0-1:24.2.1(250115115500W)(00000.006*m3)\r\n!'
    return bytes(`${signed}${crc ?? formatCrc16(crc16(bytes(signed)))}\r\n`)
  }

  it('the plain text is read as a telegram; its frame is what was sent', async () => {
    const sent = sealed({ auth: LUXEMBOURG }, telegram())
    const items = await readDlms(join(sent, sent), { keys: onlyKey, size: 40 })
    const lines = ['2025-01-15T11:00:00Z 1-0:1.8.0 25.653 kWh', '2025-01-15T10:55:00Z 0-1:24.2.1 0.006 m3']
    expect(shown(items)).to.deep.equal([...lines, ...lines])
    expect(readingsOf(items).map(({ frame }) => frame?.length)).to.deep.equal([sent.length, undefined, sent.length, undefined])
    expect(linesOf(items)[0]?.crc).to.equal('ok')
  })

  it('a P1 source with a key reads it, and says so in a check', async () => {
    const hex = Buffer.from(KEY).toString('hex')
    await withFiles({ a: sealed({ auth: LUXEMBOURG }, telegram()) }, async (dir) => {
      const items = await itemsOf(`p1:${dir}/a?key=${hex}`)
      expect(shown(items)).to.have.length(2)
      expect(openSource(`p1:${dir}/a?key=${hex}`, systemPlatform)).to.include({ kind: 'p1', spec: `p1:${dir}/a?key=…` })
      expect(await thrownCode(() => checkSource(`p1:${dir}/a?key-file=${dir}/none`, systemPlatform))).to.equal('KEY_FILE_INVALID')
      await checkSource(`p1:${dir}/a`, systemPlatform)
    })
  })

  it('DLMS_TELEGRAM_CRC: a wrong CRC under a right tag is told, and read; without the tag it is refused', async () => {
    const proven = await readDlms(sealed({ auth: LUXEMBOURG }, telegram('0000')), { keys: onlyKey })
    expect(codesOf(proven)).to.deep.equal(['DLMS_TELEGRAM_CRC'])
    expect(shown(proven)).to.have.length(2)
    expect(linesOf(proven)[0]?.crc).to.equal('none')
    const unproven = await readDlms(join([1, 2, 3], sealed({}, telegram('0000'))), { keys: onlyKey })
    expect(codesOf(unproven)).to.deep.equal(['DLMS_STREAM_MIDWAY', 'P1_CRC_MISMATCH'])
    expect(faultsOf(unproven)[1]?.where).to.equal('byte 3')
  })

  it('a telegram with something wrong in it is told at the place of its message', async () => {
    const text = bytes('/TST5\\2\r\n\r\n0-0:1.0.0(250115120000W)\r\nfnord\r\n1-0:1.8.0(1*kWh)\r\n!\r\n')
    const items = await readDlms(sealed({ auth: LUXEMBOURG }, text), { keys: onlyKey })
    expect(faultsOf(items)).to.have.length(1)
    expect(faultsOf(items)[0]).to.include({ code: 'P1_LINE_MALFORMED', where: 'byte 0' })
  })
})

describe('keys of a DLMS source', () => {
  const hex = Buffer.from(KEY).toString('hex')
  const auth = Buffer.from(AUTH).toString('hex')

  async function withKeyFile<T>(text: string, mode: number, run: (dir: string) => Promise<T>): Promise<T> {
    return withFiles({ a: hdlc(sealed()), keys: text }, async (dir) => {
      await chmod(`${dir}/keys`, mode)
      return run(dir)
    })
  }

  it('in the spec, in a file, or as options of read; the name of the source shows none', async () => {
    await withKeyFile(`# the grid operator's letter\n${hex}\n\n${auth.toUpperCase()}\n`, 0o600, async (dir) => {
      for (const spec of [
        `dlms:${dir}/a?key=${hex}&auth=${auth}`,
        `dlms:${dir}/a?key-file=${dir}/keys`,
        `dlms:${dir}/a?key=${hex}`,
      ]) {
        expect(shown(await itemsOf(spec))).to.deep.equal(AIDON_SHOWN)
        expect(openSource(spec, systemPlatform).spec).to.not.contain(hex)
        await checkSource(spec, systemPlatform)
      }
      for (const options of [{ key: hex, authKey: auth }, { key: hex }, { keyFile: `${dir}/keys` }] satisfies ReadOptions[]) {
        expect(await all(readFile(`${dir}/a`, systemPlatform, options))).to.have.length(AIDON_SHOWN.length)
      }
    })
  })

  it('KEY_FILE_INVALID: readable by others, absent, empty, of three lines, no key in it, far too long', async () => {
    const code = (text: string, mode = 0o600, name = 'keys'): Promise<string> =>
      withKeyFile(text, mode, async (dir) => {
        const spec = `dlms:${dir}/a?key-file=${dir}/${name}`
        expect(await thrownCode(() => checkSource(spec, systemPlatform))).to.equal(await thrownCode(() => itemsOf(spec)))
        return thrownCode(() => itemsOf(spec))
      })
    expect(await code(hex, 0o640)).to.equal('KEY_FILE_INVALID')
    expect(await code(hex, 0o600, 'other')).to.equal('KEY_FILE_INVALID')
    for (const text of ['', '# nothing', `${hex}\n${hex}\n${hex}`, 'secret', hex.slice(1), '#'.repeat(5_000)]) {
      expect(await code(text)).to.equal('KEY_FILE_INVALID')
    }
    await withKeyFile('fnord', 0o600, async (dir) => {
      const found = await itemsOf(`dlms:${dir}/a?key-file=${dir}/keys`).catch((error: Error) => error.message)
      expect(found).to.not.contain('fnord')
    })
  })

  it('SOURCE_OPTION_INVALID: no hexadecimal, two ways at once, an authentication key alone; the value is not told', () => {
    const wrong = [
      '?key=00',
      `?key=${hex}x`,
      `?key=${hex}&key-file=f`,
      `?auth=${auth}`,
      `?key-file=f&auth=${auth}`,
      '?zone=Nowhere',
      '?map=x',
    ]
    for (const tail of wrong) {
      const run = (): unknown => openSource(`dlms:f${tail}`, systemPlatform)
      expect(run, tail).to.throw().with.property('code', 'SOURCE_OPTION_INVALID')
      expect(run, tail).to.throw().with.property('message').that.does.not.contain(hex).and.does.not.contain(auth)
    }
  })
})
