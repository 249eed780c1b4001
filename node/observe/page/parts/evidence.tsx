import type { JSX } from 'preact'
import type { EvidenceAnswer } from '../../schemas/index.ts'
import { usePage } from '../page-context.tsx'
import { memberPath } from '../routes.ts'
import { nameText } from './block-facts.tsx'
import { Notice } from './notice.tsx'

/** In red, above everything: a signature under two stories. */
export function EvidenceNotices({ evidence }: { readonly evidence: EvidenceAnswer['evidence'] }): JSX.Element | null {
  const { t } = usePage()
  if (evidence.length === 0) return null
  return (
    <section class="stack" aria-label={t('evidence')}>
      {evidence.map((line) => (
        <Notice
          key={`${line.kind} ${line.key}`}
          tone="bad"
          title={t(line.kind === 'author' ? 'evidenceAuthor' : 'evidenceWitness', { name: nameText(line, t) })}
          action={
            <a class="button" href={memberPath(line.index)}>
              {t('showMember')}
            </a>
          }
        >
          <p>{t(line.kind === 'author' ? 'evidenceAuthorWhy' : 'evidenceWitnessWhy')}</p>
          <details>
            <summary>{t('details')}</summary>
            <p class="small">{line.words}</p>
          </details>
        </Notice>
      ))}
    </section>
  )
}
