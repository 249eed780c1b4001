import type { JSX } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import type { BlockAnswer } from '../../schemas/index.ts'
import { type BlockReport, checkBlock } from '../check/block-check.ts'
import { useAnswer, useLater, usePage, useStatus } from '../page-context.tsx'
import { BlockContent } from '../parts/block-content.tsx'
import { FinalChip, Hash, KindText, Name, nameText } from '../parts/block-facts.tsx'
import { CheckList, TrustList } from '../parts/check-list.tsx'
import { Icon } from '../parts/icon.tsx'
import { LabelCheck } from '../parts/label-check.tsx'
import { Loaded, Skeleton } from '../parts/loaded.tsx'
import { Notice } from '../parts/notice.tsx'
import { ProofPanel } from '../parts/proof-panel.tsx'
import { blockPath, memberPath } from '../routes.ts'

const ZEROS = /^0+$/

/** One block: what it says, what it hangs on, who signed it, and what of that this page has checked. */
export function BlockView({ hash }: { readonly hash: string }): JSX.Element {
  const answer = useAnswer<BlockAnswer>(`v1/blocks/${hash}`)
  return (
    <Loaded answer={answer} rows={12}>
      {(block) => <Block block={block} wanted={hash} />}
    </Loaded>
  )
}

function Block({ block, wanted }: { readonly block: BlockAnswer; readonly wanted: string }): JSX.Element {
  const { t, formats, announce } = usePage()
  const report = useReport(block, wanted)
  const [isShownAnyway, showAnyway] = useState(false)
  useKeys(block)
  const isRefused = report !== undefined && report.refused.length > 0
  useEffect(() => {
    if (report !== undefined) announce(t(isRefused ? 'refusedTitle' : report.ok ? 'checkedTitle' : 'halfChecked'))
  }, [report])
  const { member, label, key, height, sealedAt } = block
  const name = nameText({ index: member, label }, t)
  return (
    <div class="stack">
      <header class="stack tight">
        <nav class="row spread" aria-label={t('chain')}>
          <a href={memberPath(member)} class="over">
            <Name index={member} label={label} keyHex={key} />
          </a>
          <Steps block={block} />
        </nav>
        <div class="row">
          <h1>{t('blockNumber', { n: height })}</h1>
          <FinalChip {...block} />
        </div>
        <p class="muted">
          <KindText kind={block.kind} /> · {t('sealedAt')} <time dateTime={sealedAt}>{formats.exact(sealedAt)}</time> · {name}
        </p>
      </header>
      <Verdict report={report} />
      <div class="columns even">
        <section class="card" aria-labelledby="content-title">
          <h2 id="content-title">{t('whatItSays')}</h2>
          {isRefused && !isShownAnyway ? (
            <div class="withheld">
              <p>{t('withheld')}</p>
              <button type="button" class="button" onClick={() => showAnyway(true)}>
                {t('showAnyway')}
              </button>
            </div>
          ) : (
            <div class={isRefused ? 'doubtful' : ''}>
              <BlockContent block={block} />
            </div>
          )}
        </section>
        <section class="card" aria-labelledby="checks-title">
          <h2 id="checks-title">{t('checkedHere')}</h2>
          {report === undefined ? <Skeleton rows={8} /> : <CheckList report={report} />}
          <LabelCheck memberKey={key} label={label} />
        </section>
        <Facts block={block} />
        <section class="card" aria-labelledby="trust-title">
          <h2 id="trust-title">{t('onTrust')}</h2>
          <TrustList />
        </section>
      </div>
      <ProofPanel block={block} />
    </div>
  )
}

/** Checks the block, with the header of the one before fetched for it. */
function useReport(block: BlockAnswer, wanted: string): BlockReport | undefined {
  const { ask, checker, seen } = usePage()
  const networkId = useStatus()?.network.id
  return useLater(async () => {
    if (networkId === undefined) return new Promise<never>(() => undefined)
    const before = ZEROS.test(block.previous) ? undefined : await headerOf(ask, block.previous)
    return checkBlock(block, { checker: await checker, networkId, wanted, before, seen })
  }, [block, networkId])
}

async function headerOf(ask: ReturnType<typeof usePage>['ask'], hash: string): Promise<string | undefined> {
  try {
    return (await ask.json<BlockAnswer>(`v1/blocks/${hash}`)).header
  } catch {
    // Said in the list as what could not be checked.
    return undefined
  }
}

function Steps({ block }: { readonly block: BlockAnswer }): JSX.Element {
  const { t } = usePage()
  const isFirst = ZEROS.test(block.previous)
  return (
    <div class="row">
      {isFirst ? null : (
        <a class="button" href={blockPath(block.previous)} rel="prev">
          <Icon name="left" />
          {t('before')}
        </a>
      )}
      {block.next === null ? null : (
        <a class="button" href={blockPath(block.next)} rel="next">
          {t('after')}
          <Icon name="right" />
        </a>
      )}
    </div>
  )
}

/** The arrow keys walk the chain. */
function useKeys({ previous, next }: BlockAnswer): void {
  // Before the block is painted: whoever holds a key down is faster than an effect.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)
      if (isTyping || event.altKey || event.ctrlKey || event.metaKey) return
      if (event.key === 'ArrowLeft' && !ZEROS.test(previous)) location.hash = blockPath(previous)
      if (event.key === 'ArrowRight' && next !== null) location.hash = blockPath(next)
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [previous, next])
}

function Verdict({ report }: { readonly report: BlockReport | undefined }): JSX.Element {
  const { t } = usePage()
  if (report === undefined) return <Notice tone="plain" title={t('checking')} />
  const [first] = report.refused
  if (first !== undefined) {
    return (
      <Notice tone="bad" title={t('refusedTitle')}>
        <p>{t('refusedWhy')}</p>
        <p class="hash">{first.detail}</p>
      </Notice>
    )
  }
  if (!report.ok) {
    return (
      <Notice tone="warn" title={t('halfChecked')}>
        <p>{t('halfCheckedWhy')}</p>
      </Notice>
    )
  }
  return (
    <Notice tone="good" title={t('checkedTitle')}>
      <p>{t('checkedWhy')}</p>
    </Notice>
  )
}

function Facts({ block }: { readonly block: BlockAnswer }): JSX.Element {
  const { t, formats } = usePage()
  const { hash, previous, checkpoint, signature, final, finalSince, attestedBy, witnesses, quorum, epoch, bytes } = block
  const signed = signature ?? checkpoint?.signature ?? null
  return (
    <section class="card" aria-labelledby="facts-title">
      <h2 id="facts-title">{t('facts')}</h2>
      <dl class="facts">
        <dt>{t('hash')}</dt>
        <dd class="hash">{hash}</dd>
        <dt>{t('previous')}</dt>
        <dd class="hash">{ZEROS.test(previous) ? t('firstOfChain') : <a href={blockPath(previous)}>{previous}</a>}</dd>
        <dt>{t('signature')}</dt>
        <dd class="hash">{signed ?? t('none')}</dd>
        <dt>{t('signedOver')}</dt>
        <dd>{checkpoint === null ? t('none') : t('blocksOf', { n: checkpoint.size })}</dd>
        <dt>{t('bytes')}</dt>
        <dd>{formats.count(bytes)}</dd>
        <dt>{t('finality')}</dt>
        <dd>
          {final
            ? finalSince === null
              ? t('finalSinceUnknown')
              : t('since', { time: formats.exact(finalSince) })
            : t('notFinal')}
        </dd>
        <dt>{t('attestedBy')}</dt>
        <dd>
          {witnesses === 0
            ? t('noWitnesses')
            : t('attestedCount', { n: attestedBy.length, witnesses, quorum: quorum ?? 0, epoch })}
          <ul class="plain">
            {attestedBy.map(({ index, key, label, attestedAt }) => (
              <li key={key}>
                <Name index={index} label={label} keyHex={key} /> <span class="muted small">{formats.moment(attestedAt)}</span>
              </li>
            ))}
          </ul>
        </dd>
        {block.next === null ? null : (
          <>
            <dt>{t('nextBlock')}</dt>
            <dd>
              <Hash value={block.next} link />
            </dd>
          </>
        )}
      </dl>
    </section>
  )
}
