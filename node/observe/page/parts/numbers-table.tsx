import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { usePage } from '../page-context.tsx'

const MOST_ROWS = 400

interface NumbersTableProps {
  readonly unit: string
  /** Of the columns behind that of the time; numbers unless said otherwise. */
  readonly heads: readonly { readonly name: string; readonly isText?: boolean }[]
  readonly count: number
  /** When a row begins, and its cells in the order of the heads. */
  readonly row: (at: number) => { readonly from: string | number; readonly cells: readonly (JSX.Element | string)[] }
}

/** A chart in numbers, exactly as they were answered; folded away until somebody asks for it. */
export function NumbersTable({ unit, heads, count, row }: NumbersTableProps): JSX.Element {
  const { t, formats } = usePage()
  const [isOpen, setOpen] = useState(false)
  const classOf = (at: number): string | undefined => (heads[at]?.isText === true ? undefined : 'number')
  // Hundreds of rows that nobody sees would be made anew with every move of the chart.
  const rows = Array.from({ length: isOpen ? Math.min(count, MOST_ROWS) : 0 }, (_, at) => row(at))
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('asTable')}</summary>
      <div class="scroll">
        <table>
          <caption>{t('tableCaption', { unit })}</caption>
          <thead>
            <tr>
              <th scope="col">{t('from')}</th>
              {heads.map(({ name }, at) => (
                <th key={name} scope="col" class={classOf(at)}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ from, cells }) => (
              <tr key={from}>
                <th scope="row">{formats.moment(from)}</th>
                {cells.map((cell, at) => (
                  <td key={at} class={classOf(at)}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {count > MOST_ROWS ? <p class="muted small">{t('moreRows', { n: count - MOST_ROWS })}</p> : null}
      </div>
    </details>
  )
}
