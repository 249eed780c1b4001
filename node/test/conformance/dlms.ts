import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { formatObis, parseObis } from '../../../protocol/obis.ts'
import { formatUnit } from '../../../protocol/units.ts'
import { digitsOf, exact, type Outcome, sameTexts } from './outcome.ts'
import { type Capture, readCapture, refusalOf } from './read-capture.ts'

/** One value of a decoded push: with scaler and unit where the meter sends them, else its digits alone. */
interface Decoded {
  readonly code: string | undefined
  readonly value: string
  readonly scaler?: number
  readonly unit?: number
}

/** esphome's dlms_parser: the A-XDR tree as XML, or as an annotated dump. */
export async function compareDecoded(path: string, expected: string): Promise<Outcome> {
  const text = await readFile(expected, 'utf8')
  const tokens = Array.from(expected.endsWith('.xml') ? xmlTokens(text) : logTokens(text))
  // Integers before the first code are class ids and counts, unless no code comes at all.
  const named = tokens.some((one) => 'obis' in one)
  const list = Array.from(decoded(tokens)).filter(({ code }) => !named || code !== undefined)
  return compare(await captureOf(path), list)
}

/** @athombv/dsmr-parser: `code(value)`, values without their scaler. */
export async function compareObjects(path: string, expected: string): Promise<Outcome> {
  const { cosem, crcValid } = JSON.parse(await readFile(expected, 'utf8')) as {
    cosem: { knownObjects: string[]; unknownObjects: string[] }
    crcValid?: boolean
  }
  const capture = await captureOf(path)
  if (crcValid === false && capture.lines.length === 0 && capture.faults.some(({ code }) => code === 'DLMS_FCS_MISMATCH')) {
    return { state: 'matched', values: 1 }
  }
  const list = [...cosem.knownObjects, ...cosem.unknownObjects].flatMap((text): Decoded[] => {
    const match = /^([^(]+)\((-?\d{1,10})(?:\*.*)?\)$/.exec(text)
    if (match === null) return []
    const obis = parseObis(match[1] as string)
    return isMeasured(obis.a, obis.c) ? [{ code: formatObis(obis), value: match[2] as string }] : []
  })
  return compare(capture, list)
}

/** Keys lie beside the captures that need them. */
async function captureOf(path: string): Promise<Capture> {
  const beside = async (ending: string): Promise<string | undefined> => {
    const file = path.replace(/\.[a-z]+$/, ending)
    return existsSync(file) ? (await readFile(file, 'utf8')).replace(/\s+/g, '') : undefined
  }
  const [key, authKey] = [await beside('.key'), await beside('.gak')]
  return readCapture(path, { ...(key === undefined ? {} : { key }), ...(authKey === undefined ? {} : { authKey }) })
}

/** Identifiers, times and states are no measurements. */
function isMeasured(a: number, c: number): boolean {
  return a === 1 ? c > 0 && c < 96 : a === 0 ? c === 24 : true
}

function compare(capture: Capture, expected: readonly Decoded[]): Outcome {
  if (capture.lines.length === 0 && expected.length > 0) return { state: 'refused', reason: refusalOf(capture) }
  const measured = capture.lines.filter(({ value }) => value !== null)
  const byScale = expected.filter(({ scaler }) => scaler !== undefined)
  if (byScale.length > 0) {
    const texts = byScale.map(
      ({ code = '', value, scaler = 0, unit = 255 }) => `${code} ${exact(`${value}e${scaler}`, formatUnit(unit))}`,
    )
    const known = new Set(byScale.map(({ code }) => code))
    const found = measured
      .filter(({ register }) => known.has(register))
      .map(({ register, value, unit }) => `${register} ${exact(value as string, unit)}`)
    return sameTexts(texts, found)
  }
  const named = expected.some(({ code }) => code !== undefined)
  const texts = expected.map(({ code, value }) => (named ? `${code ?? ''} ${digitsOf(value)}` : digitsOf(value)))
  const codes = new Set(expected.map(({ code }) => code))
  const found = measured
    .filter(({ register, unit }) => (named ? codes.has(register) : unit !== ''))
    .map(({ register, value }) => (named ? `${register} ${digitsOf(value as string)}` : digitsOf(value as string)))
  return sameTexts(texts, found)
}

type Token = { readonly obis: string } | { readonly integer: string } | { readonly scaler: number } | { readonly unit: number }

function* xmlTokens(text: string): Generator<Token> {
  for (const [, tag, value] of text.matchAll(/<(\w+) Value="([^"]*)"/g)) {
    yield* token(tag === 'InstanceId' ? 'OCTETSTRING' : (tag as string), value as string)
  }
}

function* logTokens(text: string): Generator<Token> {
  for (const line of text.split('\n')) {
    const obis = /<-- OBIS ([\d.]+)/.exec(line)
    if (obis !== null) yield* token('OCTETSTRING', obis[1] as string)
    const number = /<-- (U?INT\d+|ENUM) = (-?\d+)/.exec(line)
    if (number !== null) yield* token(number[1] as string, number[2] as string)
  }
}

function* token(tag: string, value: string): Generator<Token> {
  if (tag === 'OCTETSTRING' && /^\d+(?:\.\d+){5}$/.test(value)) yield { obis: value }
  else if (tag === 'INT8') yield { scaler: Number(value) }
  else if (tag === 'ENUM') yield { unit: Number(value) }
  else if (/^U?INT/.test(tag)) yield { integer: value }
}

/** A code, the integer behind it, and the pair of scaler and unit behind that. */
function* decoded(tokens: Iterable<Token>): Generator<Decoded> {
  let code: string | undefined
  let open: { code: string | undefined; value: string; scaler?: number } | undefined
  for (const one of tokens) {
    if ('unit' in one) {
      if (open?.scaler !== undefined) {
        yield { ...open, unit: one.unit }
        open = undefined
      }
      continue
    }
    if ('scaler' in one) {
      if (open !== undefined) open.scaler = one.scaler
      continue
    }
    if (open !== undefined) yield { code: open.code, value: open.value }
    open = undefined
    if ('obis' in one) {
      const [a, b, c, d, e, f] = one.obis.split('.').map(Number) as [number, number, number, number, number, number]
      code = isMeasured(a, c) ? formatObis({ a, b, c, d, e, f }) : ''
    } else {
      if (code !== '') open = { code, value: one.integer }
      if (code !== undefined) code = ''
    }
  }
  if (open !== undefined) yield { code: open.code, value: open.value }
}
