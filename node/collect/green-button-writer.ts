import { createHash } from 'node:crypto'
import { parseDecimal } from '../../protocol/decimal.ts'
import { formatObis, parseObis } from '../../protocol/obis.ts'
import type { Quality, Reading, Register, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { registerKey } from '../../protocol/register.ts'
import { parseUnit } from '../../protocol/units.ts'
import { CUMULATIVE, DELTA, ESPI_UNITS, espiRegister, FLOW_FORWARD, FLOW_REVERSE } from './espi-register.ts'

/**
 * Readings as a Green Button file (NAESB ESPI, Atom XML), piece by piece, so that years of them need no memory. What is written
 * is read back to the same registers and integers by green-button.ts.
 */

export interface GreenButtonExport {
  /** What people read above it. */
  readonly title: string
  /** UTC milliseconds that the feed says it was made at. */
  readonly updatedMs: number
  /** Told once of each register that ESPI has no words for; its values are not written. */
  onLeftOut?(register: Register): void
}

export interface GreenButtonLine {
  readonly register: string
  readonly unit: string
  /** ISO 8601 with `Z`. */
  readonly time: string
  readonly value: string | null
  readonly quality: Quality
  readonly timeSource: TimeSource
  readonly intervalMs?: number
}

/** Readings of one block: a day of 15-minute values is 96. */
const BLOCK_READINGS = 1_000

/** Registers of one export: each needs a block that is open. */
export const MAX_EXPORTED_REGISTERS = 256

interface Series {
  /** Link of its MeterReading. */
  readonly self: string
  readings: string[]
  blocks: number
}

/** Pieces of text, in order; the whole is one UTF-8 document. Registers beyond MAX_EXPORTED_REGISTERS are left out. */
export async function* greenButtonFeed(
  readings: AsyncIterable<Reading> | Iterable<Reading>,
  init: GreenButtonExport & { readonly usagePoint: string },
): AsyncGenerator<string> {
  const writer = new GreenButtonWriter(init)
  yield writer.head()
  yield writer.usagePoint(init.usagePoint, init.title)
  for await (const reading of readings) {
    const text = writer.add(init.usagePoint, reading)
    if (text !== '') yield text
  }
  yield writer.end()
}

/** A feed piece by piece: the head, what each reading completes, the end. */
export class GreenButtonWriter {
  readonly #init: GreenButtonExport
  readonly #updated: string
  readonly #points = new Map<string, string>()
  readonly #scalers = new Map<string, number>()
  readonly #series = new Map<string, Series | undefined>()

  constructor(init: GreenButtonExport) {
    this.#init = init
    this.#updated = new Date(init.updatedMs).toISOString()
  }

  head(): string {
    const id = uuid(String(this.#init.updatedMs))
    const feed = '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
    return `${feed} <id>${id}</id>\n <title>${escaped(this.#init.title)}</title>\n <updated>${this.#updated}</updated>\n`
  }

  /** A usage point before its first reading; once is enough. `name`: letters, digits, `.`, `_`, `-`; others become `_`. */
  usagePoint(name: string, title: string): string {
    if (this.#points.has(name)) return ''
    const self = `UsagePoint/${name.replace(/[^\w.-]/g, '_') || '1'}`
    this.#points.set(name, self)
    const kind = '<UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>0</kind></ServiceCategory></UsagePoint>'
    return this.#entry(self, 'UsagePoint', [`${self}/MeterReading`], title, kind)
  }

  /** What is complete with this reading; the usage point's own entry too, where there was none. */
  add(usagePoint: string, reading: Reading): string {
    let text = this.usagePoint(usagePoint, usagePoint)
    for (const value of reading.values) {
      const { series, entries } = this.#seriesOf(this.#points.get(usagePoint) as string, value.register, reading.intervalMs)
      text += entries
      if (series === undefined) continue
      series.readings.push(intervalReading(reading, value))
      if (series.readings.length >= BLOCK_READINGS) text += this.#block(series)
    }
    return text
  }

  /** A value as answers of queries print it: decimal text in a unit with its prefix. */
  addLine(usagePoint: string, { register: code, unit: unitText, value: text, ...line }: GreenButtonLine): string {
    const { unit, exponent } = parseUnit(unitText)
    const key = `${usagePoint} ${code}`
    // A missing value has no decimals of its own: it belongs to the register as it was written last.
    const number = text === null ? { value: null, scaler: this.#scalers.get(key) ?? 0 } : parseDecimal(text)
    if (this.#scalers.size < MAX_EXPORTED_REGISTERS || this.#scalers.has(key)) this.#scalers.set(key, number.scaler)
    const register = { obis: parseObis(code), unit, scaler: number.scaler + exponent }
    const { time, timeSource, intervalMs = 0, quality } = line
    const values = [{ register, value: number.value, quality }]
    return this.add(usagePoint, { time: Date.parse(time), intervalMs, timeSource, values })
  }

  end(): string {
    const open = Array.from(this.#series.values()).filter((series) => series !== undefined)
    const blocks = open.map((series) => (series.readings.length > 0 ? this.#block(series) : ''))
    return `${blocks.join('')}</feed>\n`
  }

  #seriesOf(point: string, register: Register, intervalMs: number): { series: Series | undefined; entries: string } {
    const key = `${point} ${registerKey(register)}/${intervalMs}`
    const known = this.#series.get(key)
    if (known !== undefined || this.#series.has(key)) return { series: known, entries: '' }
    const isRoom = this.#series.size < MAX_EXPORTED_REGISTERS
    const type = isRoom ? readingType(register, intervalMs) : undefined
    if (type === undefined) {
      if (isRoom) this.#series.set(key, undefined)
      this.#init.onLeftOut?.(register)
      return { series: undefined, entries: '' }
    }
    const number = this.#series.size + 1
    const self = `${point}/MeterReading/${number}`
    const series = { self, readings: [], blocks: 0 }
    this.#series.set(key, series)
    const typeLink = `ReadingType/${number}`
    const typeEntry = this.#entry(typeLink, 'ReadingType', [], formatObis(register.obis), type)
    const related = [`${self}/IntervalBlock`, typeLink]
    const meterReading = '<MeterReading xmlns="http://naesb.org/espi"/>'
    return { series, entries: typeEntry + this.#entry(self, `${point}/MeterReading`, related, '', meterReading) }
  }

  #block(series: Series): string {
    const up = `${series.self}/IntervalBlock`
    const content = `<IntervalBlock xmlns="http://naesb.org/espi">\n${series.readings.join('')}  </IntervalBlock>`
    series.readings = []
    return this.#entry(`${up}/${++series.blocks}`, up, [], '', content)
  }

  #entry(self: string, up: string, related: readonly string[], title: string, content: string): string {
    return [
      ' <entry>',
      `  <id>${uuid(`${this.#init.updatedMs}/${self}`)}</id>`,
      `  <link rel="self" href="${self}"/>`,
      `  <link rel="up" href="${up}"/>`,
      ...related.map((href) => `  <link rel="related" href="${href}"/>`),
      `  <title>${escaped(title)}</title>`,
      `  <content>${content}</content>`,
      `  <updated>${this.#updated}</updated>`,
      ' </entry>\n',
    ].join('\n')
  }
}

/** Group D of what belongs to an interval, and what ESPI calls it. */
const BEHAVIOURS: ReadonlyMap<number, { readonly accumulation: string; readonly qualifier: string }> = new Map([
  [29, { accumulation: DELTA, qualifier: '12' }],
  [27, { accumulation: DELTA, qualifier: '2' }],
  [53, { accumulation: DELTA, qualifier: '8' }],
  [8, { accumulation: CUMULATIVE, qualifier: '12' }],
  [7, { accumulation: '12', qualifier: '12' }],
])

/** The register in ESPI's words, or undefined where they would not be read back as the same register. */
function readingType({ obis, unit, scaler }: Register, intervalMs: number): string | undefined {
  const behaviour = BEHAVIOURS.get(obis.d)
  const row = ESPI_UNITS.find(
    (one) => one.unit === unit && one.factor === 1 && one.exponent === 0 && one.c?.includes(obis.c) === true,
  )
  if (behaviour === undefined || row === undefined || intervalMs % 1_000 !== 0) return undefined
  const reverse = row.c?.[0] !== obis.c
  const fields: readonly (readonly [string, string | number])[] = [
    ['accumulationBehaviour', behaviour.accumulation],
    ['commodity', 1],
    ['dataQualifier', behaviour.qualifier],
    ['flowDirection', reverse ? FLOW_REVERSE : FLOW_FORWARD],
    ['intervalLength', intervalMs / 1_000],
    ['powerOfTenMultiplier', scaler],
    ...(obis.e === 0 ? [] : [['tou', obis.e] as const]),
    ['uom', row.uom],
  ]
  try {
    const type = new Map(fields.map(([name, value]) => [name, String(value)]))
    const back = espiRegister({ home: undefined, serviceKind: '0', type }, undefined)
    if (formatObis(back.obis) !== formatObis(obis) || back.exponent !== scaler || back.interval !== intervalMs > 0)
      return undefined
  } catch {
    return undefined
  }
  const elements = fields.map(([name, value]) => `<${name}>${value}</${name}>`).join('')
  return `<ReadingType xmlns="http://naesb.org/espi">${elements}</ReadingType>`
}

/** ESPI knows no "missing": a reading without a value says it. */
const QUALITIES: Readonly<Record<Quality, string>> = {
  good: '',
  missing: '',
  estimated: '8',
  'clock-doubtful': '10',
  overflow: '10',
}

function intervalReading({ time, intervalMs }: Reading, { value, quality }: RegisterValue): string {
  const code = QUALITIES[quality]
  const said = code === '' ? '' : `<ReadingQuality><quality>${code}</quality></ReadingQuality>`
  const period = `<timePeriod><duration>${intervalMs / 1_000}</duration><start>${seconds(time - intervalMs)}</start></timePeriod>`
  return `   <IntervalReading>${said}${period}${value === null ? '' : `<value>${value}</value>`}</IntervalReading>\n`
}

/** Whole seconds as ESPI wants them; milliseconds are written as a fraction, which its readers mostly take. */
function seconds(ms: number): string {
  const fraction = ms % 1_000
  return fraction === 0 ? String(ms / 1_000) : `${Math.floor(ms / 1_000)}.${String(fraction).padStart(3, '0')}`
}

/** The same export has the same ids, so that a reader knows it again. */
function uuid(name: string): string {
  const hex = createHash('sha256').update(`wattness green-button ${name}`).digest('hex')
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  // Control characters have no place in XML 1.0.
  return Array.from(text.toWellFormed(), (letter) => (letter < ' ' ? ' ' : (ENTITIES[letter] ?? letter))).join('')
}
