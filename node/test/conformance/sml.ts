import { readFile } from 'node:fs/promises'
import { formatObis } from '../../../protocol/obis.ts'
import { formatUnit } from '../../../protocol/units.ts'
import { exact, type Outcome, sameTexts } from './outcome.ts'
import { readCapture, refusalOf } from './read-capture.ts'

/** `sml_server` of libsml: one line `OBIS*F#value#unit` an entry. Entries without a unit are identifiers and signatures. */
export async function compareObisLines(capture: string, expected: string): Promise<Outcome> {
  const text = await readFile(expected, 'latin1')
  const values = text.split('\n').flatMap((line) => {
    const [code = '', value = '', unit = ''] = line.trim().split('#')
    return unit === '' ? [] : [`${code.replace(/\*255$/, '')} ${exact(value, unit)}`]
  })
  return compareValues(capture, values)
}

const ENTRY = /ListEntry \{\s*obj_name: \[([\d, ]+)\],(.*?)\n {20}\}/gs

/** The whole message tree as sml-rs prints it: of each list entry code, unit, scaler and integer. */
export async function compareSnapshot(capture: string, expected: string): Promise<Outcome> {
  const text = await readFile(expected, 'utf8')
  const values = Array.from(text.matchAll(ENTRY)).flatMap(([, name, body]) => {
    const unit = /\n\s+unit: (\d+)/.exec(body as string)?.[1]
    const value = /\n\s+value: (-?\d+)[iu]\d+/.exec(body as string)?.[1]
    if (unit === undefined || value === undefined || unit === '255') return []
    const scaler = /\n\s+scaler: (-?\d+)/.exec(body as string)?.[1] ?? '0'
    const [a, b, c, d, e, f] = (name as string).split(',').map(Number) as [number, number, number, number, number, number]
    return [`${formatObis({ a, b, c, d, e, f })} ${exact(`${value}e${scaler}`, formatUnit(Number(unit)))}`]
  })
  return compareValues(capture, values)
}

async function compareValues(path: string, expected: readonly string[]): Promise<Outcome> {
  const capture = await readCapture(path)
  const found = capture.lines.flatMap(({ register, value, unit }) =>
    value === null || unit === '' ? [] : [`${register} ${exact(value, unit)}`],
  )
  if (found.length === 0 && expected.length > 0) return { state: 'refused', reason: refusalOf(capture) }
  return sameTexts(expected, found)
}
