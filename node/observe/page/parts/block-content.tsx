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

function Readings({ readings }: { readonly readings: NonNullable<BlockLine['readings']> }): JSX.Element {
  const { t, formats } = usePage()
  return (
    <div class="scroll">
      <table data-figure="readings">
        <caption>{t('values', { n: readings.length })}</caption>
        <thead>
          <tr>
            <th scope="col">{t('time')}</th>
            <th scope="col">{t('register')}</th>
            <th scope="col" class="number">
              {t('value')}
            </th>
            <th scope="col">{t('quality')}</th>
          </tr>
        </thead>
        <tbody>
          {readings.slice(0, MOST_ROWS).map(({ time, register, value, unit, quality, intervalMs }, at) => (
            <tr key={at}>
              <td>
                <time dateTime={time}>{formats.moment(time)}</time>
                {intervalMs === undefined ? null : (
                  <span class="muted small"> {t('overMinutes', { n: intervalMs / 60_000 })}</span>
                )}
              </td>
              <td>
                {registerName(register, t)} <span class="hash muted">{register}</span>
              </td>
              <td class="number" data-value={value ?? ''}>
                {value === null ? '–' : `${formats.decimal(value)} ${unit}`}
              </td>
              <td>{quality === 'good' ? <span class="muted">{t('qualityGood')}</span> : <QualityChip quality={quality} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {readings.length > MOST_ROWS ? <p class="muted small">{t('moreRows', { n: readings.length - MOST_ROWS })}</p> : null}
    </div>
  )
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
