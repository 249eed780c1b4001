import { parseDecimal, parseObis, parseUnit, type Quality, type TimeSource } from '../../protocol/index.ts'
import { GreenButtonWriter } from '../collect/index.ts'
import type { ExportedLine } from '../control/index.ts'
import { type Context, usage } from './context.ts'
import type { ExportFlags, ExportFormat } from './export.ts'

/**
 * `wattness export --format green-button`: the readings as they were written, one usage point a member. What ESPI has no words
 * for is left out, and that is said once for each register. Throws USAGE: put into intervals they would say something else.
 */
export function greenButton(context: Context, { resolution = 'raw' }: ExportFlags): ExportFormat {
  if (resolution !== 'raw') throw usage('--format green-button: writes readings as they are, without --resolution')
  const writer = new GreenButtonWriter({
    title: 'Wattness',
    updatedMs: context.io.platform.clock.now(),
    onLeftOut: ({ obis }) => {
      const { a, b, c, d, e } = obis
      void context.note(`1 register is left out, since Green Button has no words for it: ${a}-${b}:${c}.${d}.${e}`)
    },
  })
  // A missing value has no decimals of its own: it belongs to the register as it was written last.
  const scalers = new Map<string, number>()
  return {
    head: () => writer.head(),
    line: (line) => writer.add(`member-${line.member}`, readingOf(line, scalers)),
    end: () => writer.end(),
  }
}

function readingOf(line: ExportedLine, scalers: Map<string, number>): Parameters<GreenButtonWriter['add']>[1] {
  const { time, timeSource, intervalMs, value, quality } = line as ExportedLine & {
    readonly time: string
    readonly timeSource: TimeSource
    readonly intervalMs?: number | null
    readonly value: string | null
    readonly quality: Quality
  }
  const { unit, exponent } = parseUnit(line.unit)
  const key = `${line.member} ${line.register}`
  const number = value === null ? { value: null, scaler: scalers.get(key) ?? 0 } : parseDecimal(value)
  scalers.set(key, number.scaler)
  const register = { obis: parseObis(line.register), unit, scaler: number.scaler + exponent }
  const values = [{ register, value: number.value, quality }]
  return { time: Date.parse(time), intervalMs: intervalMs ?? 0, timeSource, values }
}
