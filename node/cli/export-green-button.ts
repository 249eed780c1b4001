import { type GreenButtonLine, GreenButtonWriter } from '../collect/index.ts'
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
  return {
    head: () => writer.head(),
    line: (line) => writer.addLine(`member-${line.member}`, line as ExportedLine & GreenButtonLine),
    end: () => writer.end(),
  }
}
