import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseTelegram } from '../../collect/p1-telegram.ts'
import { codesOf, itemsOf, linesOf, readingsOf, realData } from './inputs.ts'

/** Telegrams of real meters, against what an independent tool read from them. */

interface Expected {
  readonly crc: string
  readonly objects: readonly (readonly [string, readonly string[]])[]
  readonly timestampUtcIfCentralEurope?: string
}

const dsmr = realData('dsmr')
const names = dsmr === undefined ? [] : readdirSync(dsmr).filter((name) => name.endsWith('.txt'))
const HISTORY = /:9[89]\./
const QUANTITY = /^([+-]?)0*(\d+(?:\.\d+)?)\*(.+)$/
/** Units in the case that the standard prints. */
const UNITS = new Map(
  ['kWh', 'Wh', 'kW', 'W', 'kvar', 'var', 'kvarh', 'varh', 'V', 'A', 'Hz', 's', 'm3', 'GJ'].map((unit) => [
    unit.toLowerCase(),
    unit,
  ]),
)

function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(join(dsmr as string, 'expected', name.replace(/\.txt$/, '.values.json')), 'utf8'))
}

/** Every number with a unit that is no history: `code value unit`, as printed but for zeros in front and the unit's case. */
function quantities(expected: Expected): string[] {
  return expected.objects.flatMap(([code, values]) => {
    const match = HISTORY.test(code) ? null : QUANTITY.exec(values.at(-1) ?? '')
    if (match === null) return []
    const unit = UNITS.get((match[3] as string).toLowerCase()) as string
    return [`${code.replace(/[.*]255$/, '')} ${match[1]}${match[2]} ${unit}`]
  })
}

async function readQuantities(name: string): Promise<string[]> {
  const lines = linesOf(await itemsOf(`p1:${join(dsmr as string, name)}`))
  return lines.filter(({ unit }) => unit !== '').map(({ register, value, unit }) => `${register} ${value} ${unit}`)
}

describe('P1 files of real meters', () => {
  const whole = names.filter((name) => !/^(corrupt|capture|encrypted)/.test(name))

  it('a telegram with a valid CRC, or of a version without: every value with a unit equals expected/', async () => {
    let telegrams = 0
    for (const name of whole) {
      const expected = expectedOf(name)
      if (expected.crc !== 'CRC ok' && expected.crc !== 'no CRC') continue
      // A value with a time of its own is a reading of its own behind the telegram's: the order is checked on the objects.
      const hourly = expected.objects
        .filter(([code]) => code.endsWith(':24.3.0'))
        .map(([, values]) => `${values[4]} ${values[6]?.replace(/^0+(?=\d)/, '')} ${values[5]}`)
      expect((await readQuantities(name)).sort(), name).to.deep.equal([...quantities(expected), ...hourly].sort())
      telegrams++
    }
    expect(telegrams).to.equal(dsmr === undefined ? 0 : 19)
  })

  it('the objects of an accepted telegram are those of expected/, in order', async () => {
    for (const name of whole) {
      const expected = expectedOf(name)
      const [item] = readingsOf(await itemsOf(`p1:${join(dsmr as string, name)}`))
      if (item === undefined) continue
      const { objects } = parseTelegram(item.frame as Uint8Array)
      expect(
        objects.map(({ code, values }) => [code, values]),
        name,
      ).to.deep.equal(expected.objects)
    }
  })

  it('the time is expected/ UTC, and crc says whether there was one', async () => {
    for (const name of whole) {
      const expected = expectedOf(name)
      const [line] = linesOf(await itemsOf(`p1:${join(dsmr as string, name)}`))
      if (line === undefined || line.timeSource !== 'meter-clock') continue
      expect(line.time, name).to.equal(expected.timestampUtcIfCentralEurope ?? line.time)
      if (!name.includes('UNPADDED')) expect(line.crc, name).to.equal(expected.crc === 'CRC ok' ? 'ok' : 'none')
    }
  })

  it('P1_CRC_MISMATCH: a telegram whose CRC is wrong gives no value', async () => {
    const wrong = names.filter(
      (name) => /^corrupt_(crc|digit)/.test(name) || (whole.includes(name) && expectedOf(name).crc.startsWith('CRC bad')),
    )
    expect(wrong).to.have.length(dsmr === undefined ? 0 : 13)
    for (const name of wrong) {
      const items = await itemsOf(`p1:${join(dsmr as string, name)}`)
      expect(codesOf(items), name).to.deep.equal(['P1_CRC_MISMATCH'])
      expect(readingsOf(items), name).to.deep.equal([])
    }
  })

  it('P1_TELEGRAM_TRUNCATED: a telegram cut by the next one is refused, and the next one read', async () => {
    for (const name of names.filter((name) => name.startsWith('corrupt_spliced'))) {
      const items = await itemsOf(`p1:${join(dsmr as string, name)}`)
      const clean = await itemsOf(`p1:${join(dsmr as string, name.replace('corrupt_spliced_', ''))}`)
      expect(codesOf(items), name).to.deep.equal(['P1_TELEGRAM_TRUNCATED'])
      expect(linesOf(items), name).to.deep.equal(linesOf(clean))
    }
  })

  it('P1_TELEGRAM_TRUNCATED: a telegram without end gives no value', async () => {
    for (const name of names.filter((name) => name.startsWith('corrupt_truncated') || name === 'athom_iskra-mt-382-no-crc.txt')) {
      const items = await itemsOf(`p1:${join(dsmr as string, name)}`)
      expect(codesOf(items), name).to.deep.equal(['P1_TELEGRAM_TRUNCATED'])
      expect(readingsOf(items), name).to.deep.equal([])
    }
  })

  it('a capture that starts in the middle of a telegram: all whole telegrams are read, second by second', async () => {
    if (dsmr === undefined) return
    const name = join(dsmr, 'capture_iskra_m550t_part1.txt')
    const items = await itemsOf(`p1:${name}`)
    const whole = readFileSync(name, 'latin1').match(/\/ISK5/g)?.length
    expect(codesOf(items)).to.deep.equal(['P1_STREAM_MIDWAY'])
    expect(readingsOf(items)).to.have.length(whole as number)
    const times = readingsOf(items).map(({ reading }) => reading.time)
    expect(times.every((time, index) => index === 0 || time > (times[index - 1] as number))).to.equal(true)
  })
})
