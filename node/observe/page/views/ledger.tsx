import type { JSX } from 'preact'
import { formatDay, parseDay, rangeOf } from '../data/spans.ts'
import { usePage, useStatus } from '../page-context.tsx'
import { LedgerTable } from '../parts/ledger-table.tsx'
import { SearchField } from '../parts/search-field.tsx'

/** All chains as one list by time. */
export function LedgerView({ query }: { readonly query: URLSearchParams }): JSX.Element {
  const { t } = usePage()
  const day = parseDay(query.get('until') ?? '')
  const status = useStatus()
  const go = (text: string): void => {
    location.hash = text === '' ? '#/ledger' : `#/ledger?until=${text}`
  }
  return (
    <div class="stack">
      <header class="stack tight">
        <p class="over">{t('navLedger')}</p>
        <h1>{t('ledgerTitle')}</h1>
        <p class="muted">
          {status === undefined ? ' ' : t('ledgerWhy', { n: status.blocks, final: status.final, members: status.members })}
        </p>
      </header>
      <div class="row">
        <SearchField />
        <label class="field inline">
          <span>{t('until')}</span>
          <input
            type="date"
            value={day === undefined ? '' : formatDay(day)}
            onChange={(event) => go(event.currentTarget.value)}
          />
        </label>
        {day === undefined ? null : (
          <button type="button" class="button" onClick={() => go('')}>
            {t('newest')}
          </button>
        )}
      </div>
      <section class="card" aria-label={t('navLedger')}>
        <LedgerTable order="desc" toMs={day === undefined ? undefined : rangeOf('day', day).toMs} />
      </section>
    </div>
  )
}
