import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { type Bar, barAt } from '../data/bars.ts'
import { usePage } from '../page-context.tsx'
import { QualityChip } from './block-content.tsx'

const MOST_ROWS = 400

interface BarsTableProps {
  readonly above: readonly Bar[]
  readonly below: readonly Bar[]
  readonly unit: string
}

/** The chart in numbers, exactly as they were answered. */
export function BarsTable({ above, below, unit }: BarsTableProps): JSX.Element {
  const { t, formats } = usePage()
  const [isOpen, setOpen] = useState(false)
  // Hundreds of rows that nobody sees would be made anew with every move of the chart.
  const rows = isOpen ? above.slice(0, MOST_ROWS) : []
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('asTable')}</summary>
      <div class="scroll">
        <table>
          <caption>{t('tableCaption', { unit })}</caption>
          <thead>
            <tr>
              <th scope="col">{t('from')}</th>
              <th scope="col" class="number">
                {t('regImport')}
              </th>
              {below.length === 0 ? null : (
                <th scope="col" class="number">
                  {t('regExport')}
                </th>
              )}
              <th scope="col">{t('quality')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ fromMs, text, quality }) => {
              const other = below[barAt(below, fromMs)]
              return (
                <tr key={fromMs}>
                  <th scope="row">{formats.moment(fromMs)}</th>
                  <td class="number">{text === null ? '–' : formats.decimal(text)}</td>
                  {below.length === 0 ? null : (
                    <td class="number">
                      {other === undefined || other.text === null || other.fromMs !== fromMs ? '–' : formats.decimal(other.text)}
                    </td>
                  )}
                  <td>
                    <QualityChip quality={quality} />
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
        {above.length > MOST_ROWS ? <p class="muted small">{t('moreRows', { n: above.length - MOST_ROWS })}</p> : null}
      </div>
    </details>
  )
}
