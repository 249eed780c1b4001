import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { BlockHead, LedgerAnswer } from '../../schemas/index.ts'
import { useAnswer, usePage } from '../page-context.tsx'
import { blockPath, memberPath } from '../routes.ts'
import { FinalChip, Hash, KindText, Name } from './block-facts.tsx'
import { Loaded } from './loaded.tsx'
import { Empty } from './notice.tsx'

const PAGE_ROWS = 40
/** Pages held at once: whoever wants to see more chooses another time. */
const MOST_PAGES = 25

interface LedgerTableProps {
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
  readonly order: 'asc' | 'desc'
}

/** Blocks of all members by time, page after page. */
export function LedgerTable({ fromMs, toMs, order }: LedgerTableProps): JSX.Element {
  const query = new URLSearchParams({ order, limit: String(PAGE_ROWS) })
  if (fromMs !== undefined) query.set('from', new Date(fromMs).toISOString())
  if (toMs !== undefined) query.set('to', new Date(toMs).toISOString())
  const first = `v1/ledger?${query}`
  return <Pages key={first} first={first} />
}

function Pages({ first }: { readonly first: string }): JSX.Element {
  const { t, ask } = usePage()
  const answer = useAnswer<LedgerAnswer>(first)
  const [more, setMore] = useState<readonly LedgerAnswer[]>([])
  const [isAsking, setAsking] = useState(false)
  // A first page with other blocks: those behind it have moved.
  useEffect(() => setMore([]), [answer.data?.next])
  return (
    <Loaded answer={answer} rows={10}>
      {(data) => {
        const pages = [data, ...more]
        const next = pages.at(-1)?.next
        const blocks = pages.flatMap((page) => page.blocks)
        if (blocks.length === 0) return <Empty title={t('noBlocksThen')} />
        const load = async (): Promise<void> => {
          if (next === undefined) return
          setAsking(true)
          try {
            const page = await ask.json<LedgerAnswer>(next)
            setMore((before) => [...before, page])
          } finally {
            setAsking(false)
          }
        }
        return (
          <>
            <Rows blocks={blocks} />
            {next === undefined || pages.length >= MOST_PAGES ? null : (
              <p class="centre">
                <button type="button" class="button" disabled={isAsking} onClick={() => void load().catch(() => answer.again())}>
                  {t('more')}
                </button>
              </p>
            )}
          </>
        )
      }}
    </Loaded>
  )
}

function Rows({ blocks }: { readonly blocks: readonly BlockHead[] }): JSX.Element {
  const { t, formats } = usePage()
  return (
    <div class="scroll">
      <table class="ledger">
        <caption class="unseen">{t('ledgerCaption')}</caption>
        <thead>
          <tr>
            <th scope="col">{t('sealedAt')}</th>
            <th scope="col">{t('member')}</th>
            <th scope="col" class="number">
              {t('height')}
            </th>
            <th scope="col">{t('kind')}</th>
            <th scope="col">{t('hash')}</th>
            <th scope="col">{t('finality')}</th>
          </tr>
        </thead>
        <tbody>
          {blocks.map((block, at) => {
            const day = formats.day(block.sealedAt)
            const isNewDay = at === 0 || formats.day((blocks[at - 1] as BlockHead).sealedAt) !== day
            return (
              <tr key={block.hash} class={isNewDay ? 'new-day' : ''}>
                <td>
                  {isNewDay ? <span class="day">{day}</span> : null}
                  <time dateTime={block.sealedAt} title={formats.exact(block.sealedAt)}>
                    {formats.second(block.sealedAt)}
                  </time>
                </td>
                <td>
                  <a href={memberPath(block.member)}>
                    <Name index={block.member} label={block.label} keyHex={block.key} />
                  </a>
                </td>
                <td class="number">
                  <a href={blockPath(block.hash)}>{formats.count(block.height)}</a>
                </td>
                <td class="kind">
                  <KindText kind={block.kind} />
                </td>
                <td class="hash-cell">
                  <Hash value={block.hash} link />
                </td>
                <td>
                  <FinalChip {...block} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
