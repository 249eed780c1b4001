import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { formatDecimal } from '../../../protocol/decimal.ts'
import { formatObis } from '../../../protocol/obis.ts'
import { formatUnit } from '../../../protocol/units.ts'
import type { SourceItem } from '../../collect/source.ts'
import { codesOf, itemsOf, readingsOf, realData } from './inputs.ts'

/** Captures of real meters, against what libsml and sml-rs read from them. */

const dir = realData('sml')
const names = dir === undefined ? [] : readdirSync(dir).filter((name) => name.endsWith('.bin'))

/** libsml reads on where a file's CRC is wrong, and loses step where bytes are missing: sml-rs does neither and agrees. */
const BETTER_THAN_LIBSML = new Set(['EasyMeter_Q3A_A1064V1009.bin', 'smartmeter-obis_testSerialResponseSmlCont_3.bin'])

function itemsOfFile(name: string): Promise<SourceItem[]> {
  return itemsOf(`sml:${join(dir as string, name)}`)
}

function withF(name: string): string {
  return name.includes('*') ? name : `${name}*255`
}

/** `code#value#unit` as libsml prints numbers; octets as hexadecimal, or as text where all of it can be read. */
function printed(items: readonly SourceItem[]): string[] {
  return readingsOf(items).flatMap(({ reading, octets = [] }) => [
    ...reading.values.map(({ register, value }) => {
      const text = formatDecimal(value as number, register.scaler)
      return `${withF(formatObis(register.obis))}#${text}#${formatUnit(register.unit)}`
    }),
    ...octets.map(({ obis, octets: content }) => `${withF(formatObis(obis))}#${Buffer.from(content).toString('hex')}#`),
  ])
}

/** The expected line with its octets as ours: libsml prints readable ones as text, and hides one that begins with a bracket. */
function expectedLines(name: string): string[] {
  const text = readFileSync(join(dir as string, 'expected', name.replace(/\.bin$/, '.obis.txt')), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    const [code, value, unit] = line.split('#') as [string, string, string]
    if (unit !== '' || code.endsWith(':96.50.2*4')) return line
    const hex = /^(?:[0-9a-f]{2} )+$/.test(value) ? value.replaceAll(' ', '') : Buffer.from(value, 'latin1').toString('hex')
    return `${code}#${hex}#`
  })
}

describe('SML files of real meters', () => {
  it('every number and every octet equals what libsml read', async () => {
    for (const name of names.filter((each) => !BETTER_THAN_LIBSML.has(each))) {
      const expected = expectedLines(name).filter((line) => !line.includes('#28'))
      const found = printed(await itemsOfFile(name)).filter((line) => !line.includes('#28'))
      expect(found.sort(), name).to.deep.equal(expected.sort())
    }
    expect(names.length).to.equal(dir === undefined ? 0 : 28)
  })

  it('SML_FILE_CRC_MISMATCH: what libsml takes in spite of a wrong CRC is refused; all that sml-rs accepts is read', async () => {
    if (dir === undefined) return
    const easy = await itemsOfFile('EasyMeter_Q3A_A1064V1009.bin')
    expect(readingsOf(easy)).to.have.length(4)
    expect(codesOf(easy).filter((code) => code === 'SML_FILE_CRC_MISMATCH')).to.have.length(3)
    for (const line of expectedLines('EasyMeter_Q3A_A1064V1009.bin')) expect(printed(easy)).to.include(line)
    const twice = await itemsOfFile('smartmeter-obis_testSerialResponseSmlCont_3.bin')
    expect(readingsOf(twice)).to.have.length(1)
    expect(codesOf(twice)).to.include('SML_FILE_CRC_MISMATCH')
    for (const line of printed(twice)) expect(expectedLines('smartmeter-obis_testSerialResponseSmlCont_3.bin')).to.include(line)
  })

  it('the number of lists is that of sml-rs', async () => {
    for (const name of names) {
      const snapshot = join(dir as string, 'expected', name.replace(/\.bin$/, '.snap'))
      if (!readdirSync(join(dir as string, 'expected')).includes(name.replace(/\.bin$/, '.snap'))) continue
      const lists = readFileSync(snapshot, 'utf8').match(/GetListResponse/g)?.length
      expect(readingsOf(await itemsOfFile(name)).length, name).to.equal(lists)
    }
  })

  it('meters without PIN are told by their coarse values, the DZG with the known fault by its mark', async () => {
    for (const name of names) {
      const marks = new Set(readingsOf(await itemsOfFile(name)).flatMap((item) => item.marks ?? []))
      expect(marks.has('coarse'), name).to.equal(name.includes('without_PIN'))
      expect(marks.has('sign-assumed'), name).to.equal(name.includes('DVS-7412'))
    }
  })
})
