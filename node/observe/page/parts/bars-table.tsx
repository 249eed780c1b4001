import type { JSX } from 'preact'
import { type Bar, barAt } from '../data/bars.ts'
import { usePage } from '../page-context.tsx'
import { QualityChip } from './block-content.tsx'
import { NumbersTable } from './numbers-table.tsx'

interface BarsTableProps {
  readonly above: readonly Bar[]
  readonly below: readonly Bar[]
  readonly unit: string
}

export function BarsTable({ above, below, unit }: BarsTableProps): JSX.Element {
  const { t, formats } = usePage()
  const isTwofold = below.length > 0
  const shown = (text: string | null): string => (text === null ? '–' : formats.decimal(text))
  const heads = [{ name: t('regImport') }, ...(isTwofold ? [{ name: t('regExport') }] : []), { name: t('quality'), isText: true }]
  const row = (at: number) => {
    const { fromMs, text, quality } = above[at] as Bar
    const other = below[barAt(below, fromMs)]
    const exported = isTwofold ? [shown(other?.fromMs === fromMs ? other.text : null)] : []
    return { from: fromMs, cells: [shown(text), ...exported, <QualityChip key="quality" quality={quality} />] }
  }
  return <NumbersTable unit={unit} heads={heads} count={above.length} row={row} />
}
