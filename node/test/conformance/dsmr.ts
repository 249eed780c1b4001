import { readFile } from 'node:fs/promises'
import { formatObis, parseObis } from '../../../protocol/obis.ts'
import { exact, type Outcome, sameTexts } from './outcome.ts'
import { type Capture, readCapture, refusalOf } from './read-capture.ts'

type P1Object = readonly [code: string, values: readonly string[]]

/** Derived from the telegram by a few lines of another language: every object with its values, the CRC, the time in UTC. */
export async function compareValues(path: string, expected: string): Promise<Outcome> {
  const { objects, crc, timestampUtcIfCentralEurope } = JSON.parse(await readFile(expected, 'utf8')) as {
    objects: P1Object[]
    crc: string
    timestampUtcIfCentralEurope?: string
  }
  const capture = await readCapture(path)
  const cut = capture.lines.length === 0 && capture.faults.some(({ code }) => code === 'P1_TELEGRAM_TRUNCATED')
  if (crc === 'no complete telegram' && cut) return { state: 'matched', values: 1 }
  const outcome = compareObjects(capture, objects, crc.startsWith('CRC bad'))
  if (outcome.state !== 'matched' || timestampUtcIfCentralEurope === undefined || crc.startsWith('CRC bad')) return outcome
  if (capture.lines.some(({ time }) => time === timestampUtcIfCentralEurope)) return outcome
  return { state: 'differs', reason: `no reading of ${timestampUtcIfCentralEurope}, but of ${String(capture.lines[0]?.time)}` }
}

/**
 * What @athombv/dsmr-parser makes of it: each object as it stands in the telegram, and whether the CRC is right. Its
 * `timestamp` is the wall clock printed as if it were UTC, one or two hours off; the other expected file of each telegram has
 * the right one.
 */
export async function compareUpstream(path: string, expected: string): Promise<Outcome> {
  const { cosem, crcValid } = JSON.parse(await readFile(expected, 'utf8')) as {
    cosem: { knownObjects: string[]; unknownObjects: string[] }
    crcValid?: boolean
  }
  const objects = [...cosem.knownObjects, ...cosem.unknownObjects].map((text): P1Object => {
    const at = text.indexOf('(')
    return [text.slice(0, at), Array.from(text.slice(at).matchAll(/\(([^)]*)\)/g), ([, value]) => value as string)]
  })
  return compareObjects(await readCapture(path), objects, crcValid === false)
}

const QUANTITY = /^([+-]?[\d.]+)\*(.+)$/
/** Histories (monthly peaks, power failures) are no readings of now. */
const HISTORIES = new Set([98, 99])

function compareObjects(capture: Capture, objects: readonly P1Object[], crcBad: boolean): Outcome {
  if (crcBad) {
    const refused = capture.lines.length === 0 && capture.faults.some(({ code }) => code.startsWith('P1_CRC_'))
    if (refused) return { state: 'matched', values: 1 }
    return { state: 'differs', reason: 'the CRC is wrong, and the telegram was read' }
  }
  const expected = objects.flatMap(([code, values]) => expectedValue(code, values))
  const found = capture.lines.flatMap(({ register, value, unit }) =>
    value === null || unit === '' ? [] : [`${register} ${exact(value, unit)}`],
  )
  if (found.length === 0 && expected.length > 0) return { state: 'refused', reason: refusalOf(capture) }
  return sameTexts(expected, found)
}

function expectedValue(code: string, values: readonly string[]): string[] {
  const obis = parseObis(code.replace(/^([^.]*\.\d+\.\d+)[.&]/, '$1*'))
  if (HISTORIES.has(obis.c)) return []
  // Version 3: (time)(…)(…)(1)(0-1:24.2.1)(m3) and the value on the next line.
  if (obis.c === 24 && obis.d === 3 && values.length === 7) {
    return [`${values[4] as string} ${exact(values[6] as string, values[5] as string)}`]
  }
  const match = values.length > 2 ? null : QUANTITY.exec(values.at(-1) ?? '')
  return match === null ? [] : [`${formatObis(obis)} ${exact(match[1] as string, match[2] as string)}`]
}
