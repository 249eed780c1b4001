import type { JSX } from 'preact'
import { useRef } from 'preact/hooks'
import type { DroppedFile } from '../dropped-file.tsx'
import { usePage } from '../page-context.tsx'
import { TrustList } from '../parts/check-list.tsx'
import { FileVerdict } from '../parts/file-verdict.tsx'
import { Icon } from '../parts/icon.tsx'
import { Skeleton } from '../parts/loaded.tsx'

interface CheckProps {
  readonly dropped: DroppedFile | undefined
  readonly onFile: (file: File) => void
}

/** A proof or evidence file, checked in this page and sent nowhere. */
export function CheckView({ dropped, onFile }: CheckProps): JSX.Element {
  const { t } = usePage()
  const input = useRef<HTMLInputElement>(null)
  return (
    <div class="stack">
      <header class="stack tight">
        <p class="over">{t('navCheck')}</p>
        <h1>{t('checkTitle')}</h1>
        <p class="muted">{t('checkWhy')}</p>
      </header>
      <div class="drop-zone">
        <Icon name="file" />
        <p>{t('dropHere')}</p>
        <button type="button" class="button main" onClick={() => input.current?.click()}>
          {t('chooseFile')}
        </button>
        <input
          ref={input}
          type="file"
          accept=".json,application/json"
          class="unseen"
          tabIndex={-1}
          aria-label={t('chooseFile')}
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? []
            if (file !== undefined) onFile(file)
            event.currentTarget.value = ''
          }}
        />
      </div>
      {dropped === undefined ? null : (
        <section class="card stack" aria-live="polite">
          <h2>{dropped.name}</h2>
          {dropped.report === undefined ? <Skeleton rows={4} /> : <FileVerdict report={dropped.report} />}
        </section>
      )}
      <section class="card" aria-labelledby="trust-title">
        <h2 id="trust-title">{t('onTrustFile')}</h2>
        <TrustList without={['trustFinal', 'trustMember']} />
      </section>
    </div>
  )
}
