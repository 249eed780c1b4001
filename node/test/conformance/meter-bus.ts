import { readFile } from 'node:fs/promises'
import { exact, type Outcome, sameTexts } from './outcome.ts'
import { readCapture, refusalOf } from './read-capture.ts'

/** libmbus prints doubles with six decimals; units that it and DLMS share. Dates, texts and states carry others. */
const UNITS: Readonly<Record<string, string>> = {
  Wh: 'Wh',
  J: 'J',
  'm^3': 'm3',
  'm^3/h': 'm3/h',
  W: 'W',
  V: 'V',
  A: 'A',
  K: 'K',
  s: 's',
  '°C': '°C',
}
/** How a meter is set is no measured value. */
const SETTINGS = new Set(['Averaging Duration', 'Actuality Duration'])
const RECORD = /<DataRecord id="\d+">(.*?)<\/DataRecord>/gs

/** libmbus, normalised: every record with value and unit. */
export async function compareMeterBus(path: string, expected: string): Promise<Outcome> {
  const text = await readFile(expected, 'utf8')
  const values = Array.from(text.matchAll(RECORD), ([, record = '']) => record).flatMap((record) => {
    const field = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(record)?.[1] ?? ''
    const unit = UNITS[field('Unit')]
    return unit === undefined || SETTINGS.has(field('Quantity')) ? [] : [rounded(field('Value'), unit)]
  })
  const capture = await readCapture(path)
  const units = new Set(Object.values(UNITS).map((unit) => exact('1', unit).split(' ')[1]))
  const found = capture.lines.flatMap(({ value, unit }) => {
    if (value !== null && SECONDS[unit] !== undefined) return [inPlainUnit(value, unit)]
    return value !== null && units.has(exact('1', unit).split(' ')[1] ?? '') ? [inPlainUnit(value, unit)] : []
  })
  if (found.length === 0 && values.length > 0) return { state: 'refused', reason: refusalOf(capture) }
  return sameTexts(values, sameFloats(values, found))
}

/** libmbus prints a 32-bit float with more digits than it has; where ours is the same float, its writing is taken. */
function sameFloats(expected: readonly string[], found: readonly string[]): string[] {
  const known = new Set(expected)
  const floats = new Map(expected.map((text) => [asFloat(text), text]))
  return found.map((text) => (known.has(text) ? text : (floats.get(asFloat(text)) ?? text)))
}

function asFloat(text: string): string {
  const [number, unit] = text.split(' ')
  return `${Math.fround(Number(number))} ${unit}`
}

/** libmbus counts every duration in seconds. */
const SECONDS: Readonly<Record<string, bigint>> = { min: 60n, h: 3_600n, day: 86_400n }

function inPlainUnit(value: string, unit: string): string {
  const seconds = SECONDS[unit]
  if (seconds !== undefined) return exact(String(BigInt(value) * seconds), 's')
  const plain = unit.startsWith('k') ? unit.slice(1) : unit
  return rounded(plain === unit ? value : moved(value, 3), plain)
}

/** The decimal point so many places to the right. */
function moved(value: string, places: number): string {
  const [whole = '', decimals = ''] = value.split('.')
  const padded = decimals.padEnd(places, '0')
  return `${whole}${padded.slice(0, places)}.${padded.slice(places)}`
}

/** To six decimals, half away from zero, as decimal text. */
function rounded(value: string, unit: string): string {
  const match = /^(-?)(\d+)(?:\.(\d*))?$/.exec(value)
  if (match === null) return exact(value, unit)
  const decimals = (match[3] ?? '').padEnd(7, '0')
  const millionths = BigInt(`${match[2]}${decimals.slice(0, 6)}`) + (Number(decimals[6]) >= 5 ? 1n : 0n)
  return exact(`${match[1]}${millionths}e-6`, unit)
}
