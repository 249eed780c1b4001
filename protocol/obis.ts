import { WattnessError } from './errors.ts'
import type { Obis } from './reading.ts'

/**
 * OBIS codes as text, in the form meters and their manuals print: `A-B:C.D.E`, and `*F` only where F is not 255
 * (255 means "not used", IEC 62056-6-1). Rules R1 and R2.
 */

/** The value of group F where a code has no sixth part. */
export const OBIS_F_UNUSED = 255

const OBIS_TEXT = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\*(\d{1,3}))?$/

/** Rule R1: `1-0:1.8.0`, or `1-0:1.8.0*3` where F is not 255. */
export function formatObis(obis: Obis): string {
  const five = `${obis.a}-${obis.b}:${obis.c}.${obis.d}.${obis.e}`
  return obis.f === OBIS_F_UNUSED ? five : `${five}*${obis.f}`
}

/**
 * Rule R2: takes the form of R1, also with `*255` and with leading zeros, since meters print both. Throws MALFORMED_OBIS
 * for another form or a number above 255.
 */
export function parseObis(text: string): Obis {
  const match = OBIS_TEXT.exec(text)
  if (match === null) return refuse(text, 'expected A-B:C.D.E or A-B:C.D.E*F')
  const [, a, b, c, d, e, f] = match.map(Number) as [number, number, number, number, number, number, number]
  const obis = { a, b, c, d, e, f: match[6] === undefined ? OBIS_F_UNUSED : f }
  if (!isObis(obis)) return refuse(text, 'each number is 0 to 255')
  return obis
}

function refuse(text: string, expected: string): never {
  const found = text.slice(0, 40)
  throw new WattnessError('MALFORMED_OBIS', `OBIS code: ${expected}, found ${JSON.stringify(found)}`, { found })
}

/** True where all six numbers are integers from 0 to 255. */
export function isObis(obis: Obis): boolean {
  return isByte(obis.a) && isByte(obis.b) && isByte(obis.c) && isByte(obis.d) && isByte(obis.e) && isByte(obis.f)
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255
}

export function equalObis(x: Obis, y: Obis): boolean {
  return x.c === y.c && x.d === y.d && x.e === y.e && x.a === y.a && x.b === y.b && x.f === y.f
}
