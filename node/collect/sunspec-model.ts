import { parseObis } from '../../protocol/obis.ts'
import type { Obis, RegisterValue } from '../../protocol/reading.ts'
import { UNIT } from '../../protocol/units.ts'
import { ScalerMemory } from './scaler-memory.ts'

/**
 * SunSpec meter models 201 (one phase), 202 (split phase), 203 (wye) and 204 (delta), integers with scale factors. All four have
 * the same places, counted here from the model's own identifier; what a meter does not have says so by a value of its own.
 */
export const METER_MODELS: ReadonlySet<number> = new Set([201, 202, 203, 204])

/** Identifier, length, and 105 registers. */
export const METER_REGISTERS = 107
export const METER_LENGTH = 105

type Kind = 'int16' | 'acc32'

interface Point {
  readonly at: number
  readonly kind: Kind
  /** Where its scale factor stands. */
  readonly scaleAt: number
  readonly obis: Obis
  readonly unit: number
}

const A_SF = 6
const V_SF = 15
const HZ_SF = 17
const W_SF = 22
const VA_SF = 27
const WH_SF = 54
const VAH_SF = 71
const VARH_SF = 104

const point = (at: number, kind: Kind, scaleAt: number, code: string, unit: number): Point => ({
  at,
  kind,
  scaleAt,
  obis: parseObis(code),
  unit,
})

/** Total and the three phases: value group C of the total, and of the phases 20, 40 and 60 further. */
const energy = (at: number, c: number, scaleAt: number, unit: number): Point[] =>
  [0, 20, 40, 60].map((phase, index) => point(at + 2 * index, 'acc32', scaleAt, `1-0:${c + phase}.8.0`, unit))
const phases = (at: number, codes: readonly number[], scaleAt: number, unit: number): Point[] =>
  codes.map((c, index) => point(at + index, 'int16', scaleAt, `1-0:${c}.7.0`, unit))

const POINTS: readonly Point[] = [
  ...energy(46, 1, WH_SF, UNIT.wattHour),
  ...energy(38, 2, WH_SF, UNIT.wattHour),
  ...phases(18, [16, 36, 56, 76], W_SF, UNIT.watt),
  ...phases(23, [9, 29, 49, 69], VA_SF, UNIT.va),
  ...phases(3, [31, 51, 71], A_SF, UNIT.ampere),
  ...phases(8, [32, 52, 72], V_SF, UNIT.volt),
  ...phases(16, [14], HZ_SF, UNIT.hertz),
  ...energy(63, 9, VAH_SF, UNIT.vaHour),
  ...energy(55, 10, VAH_SF, UNIT.vaHour),
  ...[5, 6, 7, 8].flatMap((c, quadrant) => energy(72 + 8 * quadrant, c, VARH_SF, UNIT.varHour)).filter(({ obis }) => obis.c < 20),
]

/** Not implemented, as each type says it. */
const NO_INT16 = 0x8000
const NO_ACC32 = new Set([0, 0xffff_ffff])
const MOST_SCALE = 10

export interface MeterValues {
  readonly values: readonly RegisterValue[]
  /** Places whose scale factor is none or beyond −10 to 10: their values mean nothing. */
  readonly unscaled: readonly number[]
}

/** The values of one meter over time: scale factors change, registers do not. */
export class SunSpecMeter {
  readonly #memory = new ScalerMemory()

  /** `registers`: the model with identifier and length. */
  decode(registers: readonly number[]): MeterValues {
    const values: RegisterValue[] = []
    const unscaled = new Set<number>()
    for (const { at, kind, scaleAt, obis, unit } of POINTS) {
      const raw = kind === 'int16' ? int16(registers, at) : acc32(registers, at)
      if (raw === undefined) continue
      const scale = int16(registers, scaleAt)
      if (scale === undefined || Math.abs(scale) > MOST_SCALE) unscaled.add(scaleAt)
      else values.push({ ...this.#memory.settle(obis, unit, raw, scale), quality: 'good' })
    }
    return { values, unscaled: [...unscaled] }
  }
}

function int16(registers: readonly number[], at: number): number | undefined {
  const raw = registers[at]
  if (raw === undefined || raw === NO_INT16) return undefined
  return raw > NO_INT16 ? raw - 0x1_0000 : raw
}

function acc32(registers: readonly number[], at: number): number | undefined {
  const [high, low] = [registers[at], registers[at + 1]]
  if (high === undefined || low === undefined) return undefined
  const raw = high * 0x1_0000 + low
  return NO_ACC32.has(raw) ? undefined : raw
}

/** Text of the common model: two characters a register, ended by a zero. */
export function sunSpecText(registers: readonly number[]): string {
  const text = registers.flatMap((register) => [register >> 8, register & 0xff]).map((byte) => String.fromCharCode(byte))
  return text.join('').split('\0')[0]?.trim() ?? ''
}
