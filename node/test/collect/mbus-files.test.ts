import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { recogniseFormat } from '../../collect/formats.ts'
import type { SourceItem } from '../../collect/source.ts'
import { codesOf, itemsOf, readingsOf, realData, withFiles } from './inputs.ts'
import { meterAnswer } from './mbus-encoder.ts'

/** How libmbus writes our units, and what one of ours is of its. */
const UNITS: ReadonlyMap<number, readonly [string, number]> = new Map([
  [30, ['Wh', 1]],
  [25, ['J', 1]],
  [27, ['W', 1]],
  [26, ['J/h', 1]],
  [13, ['m^3', 1]],
  [15, ['m^3/h', 1]],
  [9, ['°C', 1]],
  [52, ['K', 1]],
  [24, ['bar', 1]],
  [35, ['V', 1]],
  [33, ['A', 1]],
  [7, ['s', 1]],
  [6, ['s', 60]],
  [5, ['s', 3_600]],
  [4, ['s', 86_400]],
])

/** Units that libmbus gives to measurements, and the quantities in seconds that are settings. */
const MEASURED = new Set(Array.from(UNITS.values(), ([unit]) => unit))
const SETTINGS = new Set(['Averaging Duration', 'Actuality Duration'])

interface Record {
  readonly unit: string
  /** Null where the meter sent digits that are none. */
  readonly value: number | null
}

function expectedOf(xml: string): Record[] {
  const text = (block: string, name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(block)?.[1] ?? ''
  return Array.from(xml.matchAll(/<DataRecord[\s\S]*?<\/DataRecord>/g), ([block]) => ({
    quantity: text(block, 'Quantity'),
    unit: text(block, 'Unit'),
    value: Number(text(block, 'Value')),
  })).filter(({ quantity, unit }) => MEASURED.has(unit) && !SETTINGS.has(quantity))
}

/** Values in libmbus' units, in the order they were sent. */
function foundIn(items: readonly SourceItem[]): Record[] {
  return readingsOf(items)
    .flatMap(({ reading }) => reading.values)
    .flatMap(({ register, value }) => {
      const [unit, factor] = UNITS.get(register.unit) ?? ['', 1]
      return unit === '' ? [] : [{ unit, value: value === null ? null : value * 10 ** register.scaler * factor }]
    })
}

describe('M-Bus captures of real meters', () => {
  const dir = realData('mbus')
  const files = dir === undefined ? [] : readdirSync(dir).filter((name) => name.endsWith('.hex'))

  it('each is recognised by its bytes, and one that was made', async () => {
    for (const file of files) {
      const first = readFileSync(join(dir as string, file)).subarray(0, 4_096)
      expect(recogniseFormat('x', first)?.name, file).to.equal('mbus')
    }
    await withFiles({ made: meterAnswer([0x04, 0x06, 1, 2, 0, 0]) }, async (made) => {
      expect(foundIn(await itemsOf(`mbus:${made}/made`))).to.deep.equal([{ unit: 'Wh', value: 513_000 }])
    })
  })

  it('every measurement that libmbus decodes is read, in order and with its unit', async () => {
    for (const file of files.filter((name) => !name.startsWith('error_'))) {
      const items = await itemsOf(`mbus:${dir}/${file}`)
      expect(
        codesOf(items).filter((code) => code !== 'MBUS_TELEGRAM_EMPTY'),
        file,
      ).to.deep.equal([])
      const expected = expectedOf(
        readFileSync(join(dir as string, 'expected', file.replace('.hex', '.norm.xml')), 'latin1').replaceAll('Â', ''),
      )
      const found = foundIn(items)
      expect(
        found.map(({ unit }) => unit),
        file,
      ).to.deep.equal(expected.map(({ unit }) => unit))
      for (const [index, { value }] of expected.entries()) {
        const ours = (found[index] as Record).value
        // libmbus adds hexadecimal digits up (DD EB BD as 13131113): the meter says that it is in error and has no value.
        if (ours === null) expect(file).to.equal('ELS_Elster-F96-Plus.hex')
        else expect(Math.abs(ours - (value as number)), `${file} ${index}`).to.be.at.most(1e-6 + Math.abs(ours) * 1e-7)
      }
    }
  })

  it('every malformed one is refused, or is the error that the meter reports', async () => {
    for (const file of files.filter((name) => name.startsWith('error_'))) {
      const items = await itemsOf(`mbus:${dir}/${file}`)
      expect(readingsOf(items), file).to.deep.equal([])
      expect(['MBUS_APPLICATION_ERROR', 'MBUS_RECORD_MALFORMED'], file).to.include(codesOf(items)[0])
    }
  })
})
