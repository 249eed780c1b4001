import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { recogniseFormat } from '../../collect/formats.ts'
import { codesOf, itemsOf, linesOf, readingsOf, realData } from './inputs.ts'

/**
 * Read-outs of real meters. No other tool read them: they are proven by their BCC, computed here another way, by totals that the
 * meter prints twice, and by a second reading of the text with one plain expression.
 */

const dir = realData('iec62056-21')
const names = dir === undefined ? [] : readdirSync(dir).filter((name) => name !== 'SOURCES.md')

function textOf(name: string): string {
  return readFileSync(join(dir as string, name), 'latin1')
}

/** True, false, or undefined where there is no block. */
function bccIsRight(text: string): boolean | undefined {
  const from = text.indexOf('\u0002') + 1
  const to = text.indexOf('\u0003', from) + 1
  if (from === 0) return undefined
  const bcc = Array.from(text.slice(from, to)).reduce((sum, character) => sum ^ character.charCodeAt(0), 0)
  return bcc === text.charCodeAt(to)
}

/** `C.D[.E]*F value unit` of every number with a unit, the unit as it is printed. */
function secondReading(text: string): string[] {
  const found = Array.from(text.matchAll(/(?:\d-\d:)?(\d+\.\d+(?:\.\d+)?)(?:\*(\d+))?\(\s*([\d.&*A-Za-z ]+)\)/g))
  return found.flatMap(([, code, period, content]) =>
    (content as string).split('&').flatMap((part) => {
      const [number, unit] = part.trim().split('*')
      if (unit === undefined) return []
      const f = period === undefined || period === '255' ? '' : `*${Number(period)}`
      return [`${code}${f} ${(number as string).replace(/^0+(?=\d)/, '')} ${unit}`]
    }),
  )
}

const PRINTED: ReadonlyMap<string, string> = new Map([
  ['°C', 'C'],
  ['min', 'm'],
  ['m3/h', 'm3ph'],
  ['°', 'Deg'],
])

describe('IEC 62056-21 files of real meters', () => {
  it('IEC_BCC_MISMATCH: a read-out is taken where its BCC is right or it has none, and refused where it is wrong', async () => {
    for (const name of names) {
      const items = await itemsOf(`iec62056:${join(dir as string, name)}`)
      const isRight = bccIsRight(textOf(name))
      expect(readingsOf(items).length > 0, name).to.equal(isRight !== false)
      expect(codesOf(items), name).to.deep.equal(isRight === false ? ['IEC_BCC_MISMATCH'] : [])
      const crcs = new Set(readingsOf(items).map(({ crc }) => crc))
      expect(Array.from(crcs), name).to.deep.equal(isRight === undefined ? ['none'] : isRight ? ['ok'] : [])
    }
    expect(names.length).to.equal(dir === undefined ? 0 : 6)
  })

  it('every number with a unit is that of a second reading of the text', async () => {
    for (const name of names) {
      if (bccIsRight(textOf(name)) === false) continue
      const lines = linesOf(await itemsOf(`iec62056:${join(dir as string, name)}`)).filter(({ unit }) => unit !== '')
      const found = lines.map(({ register, value, unit }) => {
        // Codes of heat meters have two parts, and values in a row are numbered: neither is printed.
        const code = register.startsWith('6-0:')
          ? register.replace(/^6-0:(\d+\.\d+)\.\d+/, '$1')
          : register.replace(/^\d-\d:/, '')
        return `${code} ${value} ${PRINTED.get(unit) ?? unit}`
      })
      expect(found.sort(), name).to.deep.equal(secondReading(textOf(name)).sort())
    }
  })

  it('the total is the sum of its tariffs, in each month, and never falls', async () => {
    if (dir === undefined) return
    const name = names.find((each) => bccIsRight(textOf(each)) === true) as string
    const values = new Map(
      readingsOf(await itemsOf(`iec62056:${join(dir, name)}`)).flatMap(({ reading }) =>
        reading.values.map(
          ({ register: { obis }, value }) => [`${obis.c}.${obis.d}.${obis.e}*${obis.f}`, [reading.time, value]] as const,
        ),
      ),
    )
    const at = (key: string): readonly [number, number] => values.get(key as '1.8.0*1') as unknown as readonly [number, number]
    let last = at('1.8.0*255')
    for (const month of [255, ...Array.from({ length: 15 }, (_, index) => index + 1)]) {
      const total = at(`1.8.0*${month}`)
      const tariffs = [1, 2, 3, 4].map((tariff) => at(`1.8.${tariff}*${month}`)[1])
      expect(total[1], `month ${month}`).to.equal(tariffs.reduce((sum, each) => sum + each, 0))
      expect(total[0] <= last[0] && total[1] <= last[1], `month ${month}`).to.equal(true)
      last = total
    }
    expect(new Date(at('1.8.0*1')[0]).toISOString()).to.equal('2017-02-28T23:00:00.000Z')
  })

  it('each is recognised by its first bytes', () => {
    for (const name of names)
      expect(recogniseFormat(name, readFileSync(join(dir as string, name)))?.name, name).to.equal('iec62056')
  })
})
