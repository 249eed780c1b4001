/** JSON whose numbers keep the digits they were sent with: a float would lose the last of a long register, and trailing zeros. */

/** A number as it was written. */
export class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/** Throws SyntaxError for what is no JSON, RangeError for what is nested beyond any sense. */
export function parseExactJson(text: string): unknown {
  const keep: Reviver = (_key, value, { source }) => (typeof value === 'number' ? new NumberText(source ?? String(value)) : value)
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown)
}

/** `SML.E_in`, `meters[0].total`; `*` is whichever member has the rest; the empty path is the whole. */
export function atPath(value: unknown, path: string): unknown {
  return descend(
    value,
    path.split(/[.[\]]+/).filter((step) => step !== ''),
  )
}

function descend(value: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return value
  if (typeof value !== 'object' || value === null || value instanceof NumberText) return undefined
  if (step !== '*')
    return Object.prototype.propertyIsEnumerable.call(value, step)
      ? descend((value as Readonly<Record<string, unknown>>)[step], rest)
      : undefined
  for (const member of Object.values(value)) {
    const found = descend(member, rest)
    if (found !== undefined) return found
  }
  return undefined
}

const EXPONENT = /^([+-]?)(\d+)(?:\.(\d+))?[eE]([+-]?\d{1,3})$/

/** A scalar as decimal text, exponents written out; undefined for what is no number. */
export function decimalText(value: unknown): string | undefined {
  const text = value instanceof NumberText ? value.text : typeof value === 'string' ? value.trim() : undefined
  if (text === undefined) return undefined
  const match = EXPONENT.exec(text)
  if (match === null) return /^[+-]?\d+(\.\d+)?$/.test(text) ? text : undefined
  const [, sign = '', whole = '', part = '', power] = match
  const point = whole.length + Number(power)
  const digits = whole + part
  if (point >= digits.length) return sign + digits.padEnd(point, '0')
  const before = point > 0 ? digits.slice(0, point) : '0'
  const behind = point > 0 ? digits.slice(point) : digits.padStart(digits.length - point, '0')
  return `${sign}${before}.${behind}`
}
