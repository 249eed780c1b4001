import type { JSX } from 'preact'
import type { BlockLine } from '../../schemas/index.ts'
import { usePage } from '../page-context.tsx'
import { registerName } from '../words/registers.ts'
import { Chip } from './notice.tsx'

type Content = Pick<BlockLine, 'readings' | 'events' | 'operations' | 'pruned'>

/** Rows shown at once: a block holds up to 65,536 values. */
const MOST_ROWS = 200

export function BlockContent({ block }: { readonly block: Content }): JSX.Element {
  const { t, formats } = usePage()
  const { readings = [], events = [], operations = [], pruned = false } = block
  if (pruned) return <p class="muted">{t('pruned')}</p>
  if (readings.length > 0) return <Readings readings={readings} />
  if (events.length > 0) {
    return (
      <ul class="lines">
        {events.map(({ time, event, detail }, at) => (
          <li key={at}>
            <time dateTime={time} class="muted">
              {formats.moment(time)}
            </time>
            <span>
              <strong>{event}</strong>
              {detail === '' ? '' : ` ${detail}`}
            </span>
          </li>
        ))}
      </ul>
    )
  }
  if (operations.length > 0) {
    return (
      <ul class="lines">
        {operations.map(({ operation, key, roles, endSize, newKey }, at) => (
          <li key={at}>
            <strong>{operation}</strong>
            <span>
              <span class="hash">{key}</span> {roles ?? ''} {endSize === undefined ? '' : t('blocksOf', { n: endSize })}
              {newKey === undefined ? null : <span class="hash"> → {newKey}</span>}
            </span>
          </li>
        ))}
      </ul>
    )
  }
  return <p class="muted">{t('nothingReadable')}</p>
}

type ReadingLine = NonNullable<BlockLine['readings']>[number]

interface Row {
  readonly time: string
  readonly intervalMs: number | undefined
  readonly cells: Map<string, ReadingLine>
}

/** A row for each reading, a column for each register: as a meter's list is read. */
function Readings({ readings }: { readonly readings: readonly ReadingLine[] }): JSX.Element {
  const { t, formats } = usePage()
  const columns = [...new Map(readings.map((line) => [columnOf(line), line])).entries()]
  const rows = rowsOf(readings)
  return (
    <div class="scroll tall" tabIndex={0} role="region" aria-label={t('values', { n: readings.length })}>
      <table class="readings" data-figure="readings">
        <caption>{t('values', { n: readings.length })}</caption>
        <thead>
          <tr>
            <th scope="col">{t('time')}</th>
            {columns.map(([column, { register, unit }]) => (
              <th key={column} scope="col" class="number">
                {registerName(register, t)}, {unit}
                <span class="hash">{register}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map(({ time, intervalMs, cells }, at) => (
            <tr key={at}>
              <th scope="row">
                <time dateTime={time} title={formats.exact(time)}>
                  {formats.moment(time)}
                </time>
                {intervalMs === undefined ? null : (
                  <span class="muted small over-minutes">{t('overMinutes', { n: Math.round(intervalMs / 600) / 100 })}</span>
                )}
              </th>
              {columns.map(([column]) => (
                <Cell key={column} line={cells.get(column)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS ? <p class="muted small">{t('moreRows', { n: rows.length - MOST_ROWS })}</p> : null}
    </div>
  )
}

function Cell({ line }: { readonly line: ReadingLine | undefined }): JSX.Element {
  const { formats } = usePage()
  if (line === undefined) return <td />
  const { value, quality, register } = line
  return (
    <td class="number" data-register={register} data-value={value ?? ''}>
      {quality === 'good' ? null : <QualityChip quality={quality} />} {value === null ? '–' : formats.decimal(value)}
    </td>
  )
}

const columnOf = ({ register, unit }: ReadingLine): string => `${register} ${unit}`

function rowsOf(readings: readonly ReadingLine[]): Row[] {
  const rows: Row[] = []
  for (const line of readings) {
    const { time, intervalMs } = line
    let row = rows.at(-1)
    if (row === undefined || row.time !== time || row.intervalMs !== intervalMs || row.cells.has(columnOf(line))) {
      row = { time, intervalMs, cells: new Map() }
      rows.push(row)
    }
    row.cells.set(columnOf(line), line)
  }
  return rows
}

const QUALITY_WORDS = {
  good: 'qualityGood',
  estimated: 'qualityEstimated',
  missing: 'qualityMissing',
  partial: 'qualityPartial',
  'clock-doubtful': 'qualityClock',
  overflow: 'qualityOverflow',
} as const

export function QualityChip({ quality }: { readonly quality: keyof typeof QUALITY_WORDS }): JSX.Element {
  const { t } = usePage()
  return <Chip tone={quality === 'good' ? 'plain' : 'warn'}>{t(QUALITY_WORDS[quality])}</Chip>
}
