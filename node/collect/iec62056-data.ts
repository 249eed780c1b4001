import { OBIS_F_UNUSED } from '../../protocol/obis.ts'
import type { Obis } from '../../protocol/reading.ts'

/** Data sets of a read-out taken apart: `1-0:1.8.0*01(0007904.135*kWh)(1703010000)`, one or several on a line. */

export interface IecDataSet {
  /** As it was sent. */
  readonly code: string
  /** What stood in its parentheses, in order. */
  readonly values: readonly string[]
}

export interface IecData {
  readonly sets: readonly IecDataSet[]
  /** What stands between data sets and is none. */
  readonly malformed: readonly string[]
}

/** The standard allows 16 and 32 characters, in mode C 128. */
const DATA_SET = /([0-9A-Za-z.:*&-]{1,32})((?:\([^()\r\n]{0,256}\)(?:\r\n(?=\())?)+)/y
const VALUE = /\(([^()]*)\)/g
const SEPARATORS = /[\s!]+/y
const REST_OF_LINE = /[^\r\n]*/y

/** Data sets of one read-out: lists with two years of values of four tariffs have below 600. */
export const MAX_DATA_SETS = 4_096

export function parseDataSets(text: string): IecData {
  const sets: IecDataSet[] = []
  const malformed: string[] = []
  for (let at = skip(SEPARATORS, text, 0); at < text.length && sets.length + malformed.length < MAX_DATA_SETS; ) {
    DATA_SET.lastIndex = at
    const match = DATA_SET.exec(text)
    if (match === null) {
      const next = skip(REST_OF_LINE, text, at)
      malformed.push(text.slice(at, next))
      at = next
    } else {
      sets.push({
        code: match[1] as string,
        values: Array.from((match[2] as string).matchAll(VALUE), (value) => value[1] as string),
      })
      at += match[0].length
    }
    at = skip(SEPARATORS, text, at)
  }
  return { sets, malformed }
}

function skip(what: RegExp, text: string, at: number): number {
  what.lastIndex = at
  return at + (what.exec(text)?.[0].length ?? 0)
}

/** A code taken apart; B, E and F may be missing. */
const CODE = /^(?:(\d{1,3})-(\d{1,3}):)?(\d{1,3}|[A-Z])\.(\d{1,3}|[A-Z])(?:\.(\d{1,3}|[A-Z]))?(?:[*&](\d{1,3}))?$/
/** Letters stand for the service groups (IEC 62056-61, reduced identifiers). */
const LETTERS: Readonly<Record<string, number>> = { C: 96, F: 97, L: 98, P: 99 }
const ELECTRICITY = 1
const HEAT = 6
/** Groups that heat meters number by EN 1434, without medium and often in two parts: `6.8`, `9.4`. */
const HEAT_GROUPS = new Set([0, 6, 9])

export interface IecCode {
  readonly obis: Obis
  /** False where the code has only two parts: its values are numbered then. */
  readonly hasE: boolean
}

/** Undefined for a code that is no register's, such as `F`. */
export function parseCode(text: string, isHeat: boolean): IecCode | undefined {
  const match = CODE.exec(text)
  if (match === null) return undefined
  const part = (index: number): number | undefined => {
    const found = match[index]
    return found === undefined ? undefined : (LETTERS[found] ?? Number(found))
  }
  const c = part(3) as number
  const a = part(1) ?? (isHeat && HEAT_GROUPS.has(c) ? HEAT : ELECTRICITY)
  const obis = { a, b: part(2) ?? 0, c, d: part(4) as number, e: part(5) ?? 0, f: part(6) ?? OBIS_F_UNUSED }
  const fits = Object.values(obis).every((value) => value <= 255)
  return fits ? { obis, hasE: match[5] !== undefined } : undefined
}

/** Heat meters are told by their energy: code 6 without medium, in two parts. */
export function isHeatMeter(sets: readonly IecDataSet[]): boolean {
  return sets.some(({ code }) => /^6\.\d{1,2}(?:\*\d+)?$/.test(code))
}
