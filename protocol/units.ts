import { WattnessError } from './errors.ts'

/**
 * The physical units of DLMS/COSEM (IEC 62056-6-2, the enumeration of class "Register"), code and symbol. Rule R4.
 *
 * The symbols are the standard's, in plain letters (m3, not m³), with three kinds of exception so that each symbol has one
 * code: calendar units are written out (`a` for year would be taken for a lower-case ampere, which meters do print),
 * corrected volumes carry a suffix, and code 255 (a count, no unit) is the empty text.
 */
export const UNIT_SYMBOLS: ReadonlyMap<number, string> = new Map([
  [1, 'year'],
  [2, 'month'],
  [3, 'week'],
  [4, 'day'],
  [5, 'h'],
  [6, 'min'],
  [7, 's'],
  [8, '°'],
  [9, '°C'],
  [10, 'currency'],
  [11, 'm'],
  [12, 'm/s'],
  [13, 'm3'],
  [14, 'm3(corrected)'],
  [15, 'm3/h'],
  [16, 'm3/h(corrected)'],
  [17, 'm3/d'],
  [18, 'm3/d(corrected)'],
  [19, 'l'],
  [20, 'kg'],
  [21, 'N'],
  [22, 'Nm'],
  [23, 'Pa'],
  [24, 'bar'],
  [25, 'J'],
  [26, 'J/h'],
  [27, 'W'],
  [28, 'VA'],
  [29, 'var'],
  [30, 'Wh'],
  [31, 'VAh'],
  [32, 'varh'],
  [33, 'A'],
  [34, 'C'],
  [35, 'V'],
  [36, 'V/m'],
  [37, 'F'],
  [38, 'Ω'],
  [39, 'Ωm2/m'],
  [40, 'Wb'],
  [41, 'T'],
  [42, 'A/m'],
  [43, 'H'],
  [44, 'Hz'],
  [45, '1/(Wh)'],
  [46, '1/(varh)'],
  [47, '1/(VAh)'],
  [48, 'V2h'],
  [49, 'A2h'],
  [50, 'kg/s'],
  [51, 'S'],
  [52, 'K'],
  [53, '1/(V2h)'],
  [54, '1/(A2h)'],
  [55, '1/m3'],
  [56, '%'],
  [57, 'Ah'],
  [60, 'Wh/m3'],
  [61, 'J/m3'],
  [62, 'mol%'],
  [63, 'g/m3'],
  [64, 'Pa s'],
  [65, 'J/kg'],
  [66, 'g/cm2'],
  [67, 'atm'],
  [70, 'dBm'],
  [71, 'dBµV'],
  [72, 'dB'],
  [254, 'other'],
  [255, ''],
])

/** Codes that the rest of the project names. */
export const UNIT = {
  celsius: 9,
  m3: 13,
  joule: 25,
  watt: 27,
  va: 28,
  var: 29,
  wattHour: 30,
  vaHour: 31,
  varHour: 32,
  ampere: 33,
  volt: 35,
  hertz: 44,
  count: 255,
} as const

const CODES = new Map(Array.from(UNIT_SYMBOLS, ([code, symbol]) => [symbol, code] as const))

/** Other writings that meters and portals use, each for a symbol above. */
const ALIASES: ReadonlyMap<string, number> = new Map([
  ['m³', 13],
  ['m^3', 13],
  ['Nm3', 14],
  ['m³/h', 15],
  ['m3ph', 15],
  ['L', 19],
  ['dm3', 19],
  ['°c', 9],
  ['degC', 9],
  ['ohm', 38],
])

/** Units that meters also print in other case (`kVArh`, `KWH`, `v`); none of them is another unit in any case. */
const CASELESS: ReadonlyMap<string, number> = new Map(
  [25, 27, 28, 29, 30, 31, 32, 33, 35, 44].map((code) => [(UNIT_SYMBOLS.get(code) as string).toLowerCase(), code]),
)

/** Units that may carry a prefix. `kg` and `m` are units of their own. */
const KILO = new Set([22, 23, 25, 26, 27, 28, 29, 30, 31, 32, 33, 35, 38, 44, 57])
const MILLI = new Set([24, 33, 35, 57])

/** The symbol of a code, or undefined where the table leaves it open. */
export function unitSymbol(code: number): string | undefined {
  return UNIT_SYMBOLS.get(code)
}

/** The symbol, or `unit NN` where the table has none: such a register is still kept and shown. */
export function formatUnit(code: number): string {
  return UNIT_SYMBOLS.get(code) ?? `unit ${code}`
}

export interface ParsedUnit {
  /** DLMS unit code. */
  readonly unit: number
  /** Power of ten of the prefix: 3 for `kWh`, 0 for `Wh`. */
  readonly exponent: number
}

/**
 * Rule R5: a unit's text with its prefix: `kWh` → code 30, exponent 3. Prefixes: k (also K), M, G, and m for currents,
 * voltages, charges and pressures in bar. Throws UNKNOWN_UNIT.
 */
export function parseUnit(text: string): ParsedUnit {
  const plain = unitCode(text)
  if (plain !== undefined) return { unit: plain, exponent: 0 }
  const rest = text.length > 1 ? unitCode(text.slice(1)) : undefined
  const exponent = prefixExponent(text[0])
  if (rest !== undefined && exponent !== undefined && (exponent < 0 ? MILLI : KILO).has(rest)) return { unit: rest, exponent }
  const found = text.slice(0, 40)
  throw new WattnessError('UNKNOWN_UNIT', `unit: expected a DLMS unit such as kWh, V or m3, found ${JSON.stringify(found)}`, {
    found,
  })
}

function unitCode(text: string): number | undefined {
  const exact = CODES.get(text) ?? ALIASES.get(text)
  if (exact !== undefined) return exact
  return openCode(text) ?? CASELESS.get(text.toLowerCase())
}

/** `unit 58`, as formatUnit writes a code that the table leaves open. */
function openCode(text: string): number | undefined {
  const match = /^unit (\d{1,3})$/.exec(text)
  if (match === null) return undefined
  const code = Number(match[1])
  return code <= 255 && !UNIT_SYMBOLS.has(code) ? code : undefined
}

function prefixExponent(prefix: string | undefined): number | undefined {
  if (prefix === 'k' || prefix === 'K') return 3
  if (prefix === 'M') return 6
  if (prefix === 'G') return 9
  return prefix === 'm' ? -3 : undefined
}
