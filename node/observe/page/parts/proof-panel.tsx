import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { BlockAnswer } from '../../schemas/index.ts'
import { checkFile, type FileReport } from '../check/file-check.ts'
import { AskError } from '../data/client.ts'
import { usePage } from '../page-context.tsx'
import { FileVerdict } from './file-verdict.tsx'
import { Notice } from './notice.tsx'

type State =
  | { readonly type: 'idle' | 'asking' }
  | { readonly type: 'failed'; readonly text: string }
  | { readonly type: 'done'; readonly report: FileReport; readonly address: string }

/** Has the witnesses cosign the block, and checks what comes back: then finality is the page's own finding too. */
export function ProofPanel({ block }: { readonly block: BlockAnswer }): JSX.Element {
  const { t, ask, checker } = usePage()
  const [state, setState] = useState<State>({ type: 'idle' })
  const prove = async (): Promise<void> => {
    setState({ type: 'asking' })
    try {
      const bytes = await ask.bytes(`v1/members/${block.member}/proof?height=${block.height}`)
      const report = await checkFile(bytes, await checker)
      const address = URL.createObjectURL(new Blob([Uint8Array.from(bytes)], { type: 'application/json' }))
      setState({ type: 'done', report, address })
    } catch (error) {
      setState({ type: 'failed', text: error instanceof AskError ? `${error.code}: ${error.message}` : String(error) })
    }
  }
  return (
    <section class="card stack" aria-labelledby="proof-title">
      <header class="row spread">
        <h2 id="proof-title">{t('proofTitle')}</h2>
        <div class="row">
          {state.type === 'done' ? (
            <a class="button" href={state.address} download={`block-${block.member}-${block.height}.proof.json`}>
              {t('download')}
            </a>
          ) : null}
          <button type="button" class="button main" disabled={state.type === 'asking'} onClick={() => void prove()}>
            {t(state.type === 'asking' ? 'proving' : 'prove')}
          </button>
        </div>
      </header>
      <p class="muted">{t('proofWhy')}</p>
      {state.type === 'failed' ? (
        <Notice tone="warn" title={t('noProof')}>
          {<p>{state.text}</p>}
        </Notice>
      ) : null}
      {state.type === 'done' ? <FileVerdict report={state.report} /> : null}
    </section>
  )
}
