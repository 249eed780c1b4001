import { parseUnit } from '../../../protocol/units.ts'

/** What came of one expected file: what another tool, or the source's own tests, read from a capture beside it. */
export type Outcome =
  /** Every value of it is ours, and we read none beside. */
  | { readonly state: 'matched'; readonly values: number }
  /** We read something else. */
  | { readonly state: 'differs'; readonly reason: string }
  /** We read nothing, and say why. */
  | { readonly state: 'refused'; readonly reason: string }

export interface Case {
  readonly kind: string
  /** Path below the data directory, `sml/expected/…`. */
  readonly file: string
  readonly compare: () => Promise<Outcome>
}

/** A number in its unit without prefix, as `12345e-2 Wh`: equal texts are equal quantities, whatever their decimals. */
export function exact(text: string, unitText: string): string {
  const isTherm = unitText === 'therm'
  const { unit, exponent } = isTherm ? { unit: '25', exponent: 2 } : unitOf(unitText)
  const match = /^([+-]?)0*(\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text.trim())
  if (match === null) return `${text} ${unitText}`
  const decimals = match[3] ?? ''
  const digits = BigInt(`${match[2] ?? ''}${decimals}` || '0') * (isTherm ? THERM : 1n)
  if (digits === 0n) return `0 ${unit}`
  const short = digits.toString().replace(/0+$/, '')
  const power = exponent + Number(match[4] ?? 0) - decimals.length + digits.toString().length - short.length
  return `${match[1] === '-' ? '-' : ''}${short}e${power} ${unit}`
}

/** The digits alone, where a list says no scaler. */
export function digitsOf(text: string): string {
  const match = /^([+-]?)(\d*)\.?(\d*)$/.exec(text)
  const digits = `${match?.[2] ?? text}${match?.[3] ?? ''}`.replace(/^0+|0+$/g, '')
  return digits === '' ? '0' : `${match?.[1] === '-' ? '-' : ''}${digits}`
}

/** The therm of US law, in joules: 105,480,400. */
const THERM = 1_054_804n

function unitOf(text: string): { unit: string; exponent: number } {
  try {
    const { unit, exponent } = parseUnit(text)
    return { unit: String(unit), exponent }
  } catch {
    return { unit: text, exponent: 0 }
  }
}

/** Matched where the two hold the same texts, each as often. */
export function sameTexts(expected: readonly string[], found: readonly string[]): Outcome {
  const counts = new Map<string, number>()
  for (const text of expected) counts.set(text, (counts.get(text) ?? 0) + 1)
  for (const text of found) counts.set(text, (counts.get(text) ?? 0) - 1)
  const lacking = Array.from(counts).filter(([, count]) => count > 0)
  const beside = Array.from(counts).filter(([, count]) => count < 0)
  if (lacking.length === 0 && beside.length === 0) return { state: 'matched', values: expected.length }
  const shown = (list: readonly (readonly [string, number])[]): string =>
    list
      .slice(0, 3)
      .map(([text]) => text)
      .join(', ')
  const parts = [
    lacking.length === 0 ? '' : `${lacking.length} expected and not read (${shown(lacking)})`,
    beside.length === 0 ? '' : `${beside.length} read and not expected (${shown(beside)})`,
  ]
  return { state: 'differs', reason: `of ${expected.length}: ${parts.filter((part) => part !== '').join('; ')}` }
}
