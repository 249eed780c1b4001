import type { ComponentChildren, JSX } from 'preact'
import type { Answer } from '../data/answers.ts'
import type { AskError } from '../data/client.ts'
import { usePage } from '../page-context.tsx'
import { Empty, Notice } from './notice.tsx'
import { TokenForm } from './token-form.tsx'

interface LoadedProps<T> {
  readonly answer: Answer<T> & { readonly again: () => void }
  /** About as tall as what will stand here. */
  readonly rows?: number
  readonly children: (data: T) => ComponentChildren
}

/** What was answered; the outline of it while it is awaited; what went wrong, with what can be done about it. */
export function Loaded<T>({ answer, rows = 6, children }: LoadedProps<T>): JSX.Element {
  const { t, live } = usePage()
  const { data, error, again } = answer
  if (data !== undefined) {
    return (
      <>
        {error === undefined || (live.type === 'lost' && error.code === 'OFFLINE') ? null : (
          <Notice tone="warn" title={t('oldAnswer')} action={<Again onClick={again} />}>
            <p>{wordsOf(error, t)}</p>
          </Notice>
        )}
        {children(data)}
      </>
    )
  }
  if (error === undefined) return <Skeleton rows={rows} />
  if (error.status === 401) return <TokenForm />
  if (error.status === 404) {
    return (
      <Empty title={t('notHere')}>
        <p>{t('notHereWhy')}</p>
      </Empty>
    )
  }
  return (
    <Empty title={error.code === 'OFFLINE' ? t('offline') : t('failed')}>
      <p>{wordsOf(error, t)}</p>
      <Again onClick={again} />
    </Empty>
  )
}

function wordsOf(error: AskError, t: ReturnType<typeof usePage>['t']): string {
  if (error.code === 'OFFLINE') return t('offlineWhy')
  if (error.status === 429) return t('tooMany')
  return `${error.code}: ${error.message}`
}

function Again({ onClick }: { readonly onClick: () => void }): JSX.Element {
  const { t } = usePage()
  return (
    <button type="button" class="button" onClick={onClick}>
      {t('again')}
    </button>
  )
}

export function Skeleton({ rows }: { readonly rows: number }): JSX.Element {
  const { t } = usePage()
  return (
    <div class="skeleton" role="status">
      <span class="unseen">{t('loading')}</span>
      {Array.from({ length: rows }, (_, at) => (
        <i key={at} />
      ))}
    </div>
  )
}
