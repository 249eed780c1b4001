import { WattnessError } from './errors.ts'
import { equalObis, formatObis, isObis } from './obis.ts'
import type { Register } from './reading.ts'

/**
 * Registers compared and named. Two registers are one only if code, unit and scaler all agree: the same code with another
 * scaler holds other integers. Rule R3.
 */
export function equalRegisters(x: Register, y: Register): boolean {
  return x === y || (equalObis(x.obis, y.obis) && x.unit === y.unit && x.scaler === y.scaler)
}

/** A text that is equal exactly where two registers are: a key for maps and stores. */
export function registerKey(register: Register): string {
  return `${formatObis(register.obis)}/${register.unit}/${register.scaler}`
}

/** Throws OUT_OF_RANGE unless the code's numbers and the unit are 0 to 255 and the scaler −128 to 127. */
export function assertRegister(register: Register): void {
  const { obis, unit, scaler } = register
  const unitFits = Number.isInteger(unit) && unit >= 0 && unit <= 255
  const scalerFits = Number.isInteger(scaler) && scaler >= -128 && scaler <= 127
  if (isObis(obis) && unitFits && scalerFits) return
  throw new WattnessError(
    'OUT_OF_RANGE',
    `register ${registerKey(register)}: expected code and unit of 0 to 255 and a scaler of -128 to 127`,
    { obis: formatObis(obis), unit, scaler },
  )
}
