import type { JSX } from 'preact'
import type { BlockAnswer, BlockHead } from '../../schemas/index.ts'
import { checkBlock } from '../check/block-check.ts'
import { chainFault, entryTiles, splitEntries } from '../check/chain-check.ts'
import { type Page, useLater, usePage, useStatus } from '../page-context.tsx'
import { Icon } from './icon.tsx'
import { Notice } from './notice.tsx'

type Verdict = { readonly type: 'checked' } | { readonly type: 'refused' | 'unchecked'; readonly why: string }

/** The topmost block is checked as any; the ones below hang on it by their hashes. */
export function ChainVerdict({ blocks }: { readonly blocks: readonly BlockHead[] }): JSX.Element | null {
  const { t, ...page } = usePage()
  const networkId = useStatus()?.network.id
  const hashes = blocks.map(({ hash }) => hash).join()
  const verdict = useLater(async () => {
    if (networkId === undefined) return new Promise<never>(() => undefined)
    return verdictOf({ t, ...page }, networkId, blocks)
  }, [hashes, networkId])
  if (verdict === undefined) return <p class="muted small">{t('checking')}</p>
  if (verdict.type === 'unchecked') return <p class="muted small">{t('chainUnchecked')}</p>
  if (verdict.type === 'refused') {
    return (
      <Notice tone="bad" title={t('chainRefused')}>
        <p class="hash">{verdict.why}</p>
      </Notice>
    )
  }
  return (
    <p class="chain-checked small">
      <Icon name="check" />
      {t('chainChecked', { n: blocks.length })}
    </p>
  )
}

async function verdictOf(page: Page, networkId: string, blocks: readonly BlockHead[]): Promise<Verdict> {
  const [top] = blocks
  const bottom = blocks.at(-1)
  if (top === undefined || bottom === undefined) return { type: 'unchecked', why: '' }
  try {
    const answer = await page.ask.json<BlockAnswer>(`v1/blocks/${top.hash}`)
    const { key } = top
    const report = await checkBlock(answer, {
      checker: await page.checker,
      networkId,
      wanted: top.hash,
      memberKey: key,
      seen: page.seen,
    })
    const [fault] = report.refused
    if (fault !== undefined) return { type: 'refused', why: fault.detail }
    if (!report.ok) return { type: 'unchecked', why: '' }
    const headers = new Map<number, Uint8Array>()
    for (const { path, first } of entryTiles(bottom.height, top.height)) {
      const entries = splitEntries(await page.ask.bytes(`tlog/${key}/tile/${path}`)) ?? []
      for (const [at, entry] of entries.entries()) headers.set(first + at, entry)
    }
    const broken = chainFault(blocks, headers)
    return broken === undefined ? { type: 'checked' } : { type: 'refused', why: broken }
  } catch (error) {
    return { type: 'unchecked', why: String(error) }
  }
}
