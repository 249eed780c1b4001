import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { formatObis } from '../../../protocol/obis.ts'
import { recogniseFormat } from '../../collect/formats.ts'
import type { SourceItem } from '../../collect/source.ts'
import { AIDON_SHOWN, aidonList, hdlc, notification } from './dlms-encoder.ts'
import { codesOf, itemsOf, linesOf, readingsOf, realData, shown, withFiles } from './inputs.ts'

/** The key that the source of athombv's captures names for all of them. */
const ATHOM = '?key=0123456789abcdef0123456789abcdef&auth=ffeeddccbbaa99887766554433221100'

/** Keys lie beside a capture under its name. */
function keysBeside(dir: string, file: string): string {
  const base = join(dir, file.replace(/\.[a-z]+$/, ''))
  const read = (ending: string): string | undefined => {
    try {
      return readFileSync(`${base}.${ending}`, 'latin1').trim()
    } catch {
      return undefined
    }
  }
  const [key, auth] = [read('key'), read('gak')]
  if (key === undefined) return file.startsWith('athom_') && file.includes('with-aad') ? ATHOM : ''
  return `?key=${key}${auth === undefined ? '' : `&auth=${auth}`}`
}

/** Integers by code, as they stand on the wire. */
function rawValues(items: readonly SourceItem[]): Map<string, number | null> {
  const values = readingsOf(items).flatMap(({ reading }) => reading.values)
  return new Map(values.map(({ register, value }) => [formatObis(register.obis), value]))
}

const XML_CODE = String.raw`<(?:OCTETSTRING|InstanceId) Value="(\d+)\.(\d+)\.(\d+\.\d+\.\d+)\.255"[^>]*>`
const XML_BETWEEN = String.raw`(?:\s|<!--.*?-->|<AttributeId[^>]*>|</AttributeDescriptor>)*`
const XML_ITEM = new RegExp(String.raw`${XML_CODE}${XML_BETWEEN}<(?:UINT|INT|ENUM)\d* Value="(-?\d+)"`, 'g')

/** Codes and the number behind each, of another tool's XML; of lists that describe themselves the numbers behind are others. */
function xmlValues(xml: string): [string, number][] {
  if (xml.includes('0.0.25.9.0.255')) return []
  return Array.from(xml.matchAll(XML_ITEM), ([, a, b, rest, value]) => [`${a}-${b}:${rest}`, Number(value)])
}

/** Identifiers are no readings. */
function isMeasured(code: string): boolean {
  return !/^\d+-\d+:0\./.test(code) && !/:(42\.0\.0|96\.1\.\d+|25\.9\.0)$/.test(code)
}

describe('DLMS captures of real meters', () => {
  const dir = realData('dlms')
  const files = dir === undefined ? [] : readdirSync(dir).filter((name) => /\.(hex|txt|log|bin)$/.test(name))

  it('each is recognised by its bytes', async () => {
    for (const file of files) {
      const first = readFileSync(join(dir as string, file)).subarray(0, 4_096)
      expect(recogniseFormat('x', first)?.name, file).to.equal('dlms')
    }
    await withFiles({ made: hdlc(notification(aidonList())) }, async (made) => {
      expect(shown(await itemsOf(`dlms:${made}/made`))).to.deep.equal(AIDON_SHOWN)
    })
  })

  it('every number that dlms_parser decodes is read as the same integer', async () => {
    for (const file of files.filter((name) => name.startsWith('esphome_'))) {
      const items = await itemsOf(`dlms:${dir}/${file}${keysBeside(dir as string, file)}`)
      expect(codesOf(items), file).to.deep.equal([])
      const found = rawValues(items)
      const xml = readFileSync(join(dir as string, 'expected', file.replace('.log', '_decoded.xml')), 'latin1')
      for (const [code, value] of xmlValues(xml).filter(([code]) => isMeasured(code))) {
        expect(found.get(code), `${file} ${code}`).to.equal(value)
      }
    }
  })

  it('every number of node-dsmr-parser is read, exact where it rounds; a frame with a wrong FCS is refused', async () => {
    for (const file of files.filter((name) => name.startsWith('athom_'))) {
      const path = join(dir as string, 'expected', file.replace('.hex.txt', '.json'))
      let expected: { crcValid: boolean; cosem: { knownObjects: string[]; unknownObjects: string[] } }
      try {
        expected = JSON.parse(readFileSync(path, 'utf8'))
      } catch {
        continue
      }
      const items = await itemsOf(`dlms:${dir}/${file}${keysBeside(dir as string, file)}`)
      if (!expected.crcValid) {
        expect(codesOf(items), file).to.deep.equal(['DLMS_FCS_MISMATCH'])
        continue
      }
      const raw = rawValues(items)
      const printed = new Map(linesOf(items).map(({ register, value }) => [register, Number(value)]))
      for (const object of [...expected.cosem.knownObjects, ...expected.cosem.unknownObjects]) {
        const [, code, value] = /^([^(]*)\((-?[\d.]+)(?:\*\w+)?\)$/.exec(object) ?? []
        if (code === undefined || !isMeasured(code)) continue
        const theirs = Number(Number(value).toPrecision(12))
        expect([raw.get(code), printed.get(code)], `${file} ${object}`).to.include(theirs)
      }
    }
  })

  it('messages without a frame, read by hand', async () => {
    if (dir === undefined) return
    const lines = async (file: string): Promise<string[]> => shown(await itemsOf(`dlms:${dir}/${file}`))
    expect(await lines('amshan_kaifa_no_list_1.hex')).to.deep.equal(['2019-02-04T22:52:22Z 1-0:1.7.0 5852 W'])
    const aidon = await lines('amshan_aidon_no_list_3.hex')
    expect(aidon[0]).to.equal('2020-01-21T16:00:00Z 1-0:1.7.0 280 W')
    expect(aidon.slice(-4)).to.deep.equal(
      ['1.8.0 22721380 Wh', '2.8.0 0 Wh', '3.8.0 582430 varh', '4.8.0 1708430 varh'].map(
        (line) => `2020-01-21T16:00:00Z 1-0:${line}`,
      ),
    )
    const kamstrup = await lines('amshan_kamstrup_no_list_2_single_phase_real_sample.hex')
    expect(kamstrup).to.include('2021-11-23T23:00:25Z 1-1:1.8.0 77452500 Wh')
    expect(kamstrup).to.include('2021-11-23T23:00:25Z 1-1:31.7.0 45.12 A')
    expect(await lines('esphome_raw_energomera.log')).to.deep.equal(
      ['96.5.134 1', '97.98.0 16', '97.98.10 65535'].map((line) => `2022-11-03T12:38:25Z 0-0:${line}`),
    )
    expect(await lines('amshan_kaifa_no_list_3.hex')).to.include('2020-01-25T13:00:10Z 1-0:4.8.0 3210932 varh')
  })

  it('the encrypted telegram of Luxembourg: proven by its tag; its CRC is wrong since its blank line was taken out', async () => {
    const dsmr = realData('dsmr')
    if (dsmr === undefined) return
    const items = await itemsOf(`dlms:${dsmr}/encrypted_luxembourg_with-aad.hex.txt${ATHOM}`)
    expect(codesOf(items)).to.deep.equal(['DLMS_TELEGRAM_CRC'])
    expect(
      linesOf(items)
        .slice(0, 2)
        .map(({ time, register, value, unit }) => [time, register, value, unit]),
    ).to.deep.equal([
      ['2020-07-06T08:41:57Z', '1-0:1.8.0', '25.653', 'kWh'],
      ['2020-07-06T08:41:57Z', '1-0:2.8.0', '0.040', 'kWh'],
    ])
    expect(linesOf(items).find(({ register }) => register === '0-4:24.2.1')).to.include({
      value: '28.103',
      time: '2020-07-06T08:29:00Z',
    })
  })
})
