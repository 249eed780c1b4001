import type { Translate, WordName } from './language.ts'

/** The quantities of OBIS that meters of homes tell (IEC 62056-61), by the parts C and D of the code. */
const NAMES: readonly (readonly [RegExp, WordName])[] = [
  [/:(1|21|41|61)\.(8|9|29|30)\./, 'regImport'],
  [/:(2|22|42|62)\.(8|9|29|30)\./, 'regExport'],
  [/:(1|21|41|61)\.\d+\./, 'regImportPower'],
  [/:(2|22|42|62)\.\d+\./, 'regExportPower'],
  [/:(16|36|56|76)\.\d+\./, 'regNetPower'],
  [/:(32|52|72|12)\.\d+\./, 'regVoltage'],
  [/:(31|51|71|11)\.\d+\./, 'regCurrent'],
  [/:14\.\d+\./, 'regFrequency'],
]

/** `1-0:1.8.0` in words; the code itself where it is none of a home's. */
export function registerName(register: string, t: Translate): string {
  const found = NAMES.find(([pattern]) => pattern.test(`${register}.`))
  return found === undefined ? register : t(found[1])
}

/** Energy by part C: what came in, what went out. */
export function energyDirection(register: string): 'import' | 'export' | undefined {
  if (/:1\.(8|9|29|30)\./.test(`${register}.`)) return 'import'
  return /:2\.(8|9|29|30)\./.test(`${register}.`) ? 'export' : undefined
}
