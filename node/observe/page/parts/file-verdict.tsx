import type { JSX } from 'preact'
import { toHex } from '../../../../protocol/index.ts'
import type { FileReport } from '../check/file-check.ts'
import { usePage, useStatus } from '../page-context.tsx'
import { BlockContent } from './block-content.tsx'
import { Notice } from './notice.tsx'

/** What a file proves, in the reader's language; the words of `wattness check` below. */
export function FileVerdict({ report }: { readonly report: FileReport }): JSX.Element {
  const { t, formats } = usePage()
  const here = useStatus()?.network.id
  if (report.type === 'too-large') return <Notice tone="bad" title={t('fileTooLarge', { n: report.bytes })} />
  const isOther = report.network !== undefined && here !== undefined && report.network.id !== here
  return (
    <div class="stack" data-verdict={report.report.ok ? 'proven' : 'refused'}>
      {report.report.ok ? (
        <Notice tone="good" title={t(report.type === 'proof' ? 'proven' : 'evidenceProven')}>
          <p>{t(report.type === 'proof' ? 'provenWhy' : 'evidenceProvenWhy')}</p>
        </Notice>
      ) : (
        <Notice tone="bad" title={t('notProven')}>
          <p>
            {t('wrongParts', { parts: report.report.parts.join(', ') })} <span class="hash">{report.report.code}</span>
          </p>
        </Notice>
      )}
      {isOther ? <Notice tone="warn" title={t('otherNetwork', { name: report.network?.name ?? '' })} /> : null}
      {report.type === 'proof' && report.report.ok ? (
        <div class="columns even">
          <dl class="facts">
            <dt>{t('network')}</dt>
            <dd>
              {report.report.proven.genesis.name} <span class="hash muted">{report.network?.id.slice(0, 16)}…</span>
            </dd>
            <dt>{t('member')}</dt>
            <dd>
              {report.report.proven.member.label ?? t('memberNumber', { index: report.report.proven.member.index })}{' '}
              <span class="hash muted">{toHex(report.report.proven.header.member).slice(0, 16)}…</span>
            </dd>
            <dt>{t('height')}</dt>
            <dd>{formats.count(report.report.proven.header.height)}</dd>
            <dt>{t('sealedAt')}</dt>
            <dd>{formats.exact(report.report.proven.header.sealedAt)}</dd>
            <dt>{t('existedBy')}</dt>
            <dd>{formats.exact(report.report.proven.existedByS * 1_000)}</dd>
            <dt>{t('cosigned')}</dt>
            <dd>
              {t('cosignedCount', {
                n: report.report.proven.cosignatures.length,
                witnesses: report.report.proven.epoch.witnesses.length,
                quorum: report.report.proven.epoch.quorum ?? 0,
              })}
              {report.report.proven.epoch.tolerated === 0 ? <p class="small muted">{t('noLiarShort')}</p> : null}
            </dd>
          </dl>
          <BlockContent block={{ readings: [...report.report.proven.readings] }} />
        </div>
      ) : null}
      <details>
        <summary>{t('plainWords')}</summary>
        <pre lang="en">{report.words}</pre>
      </details>
    </div>
  )
}
