import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { BlockAnswer, BlockHead, BlocksAnswer, Member, MembersAnswer } from '../../schemas/index.ts'
import { meaningOf } from '../data/search.ts'
import { useAnswer, usePage } from '../page-context.tsx'
import { Name } from '../parts/block-facts.tsx'
import { LedgerTable } from '../parts/ledger-table.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Health, RoleText } from '../parts/members-table.tsx'
import { Empty } from '../parts/notice.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { memberPath } from '../routes.ts'

/** Members asked for their block of a height. */
const MOST_CHAINS = 12

/** By label, key, hash, height or date. */
export function SearchView({ text }: { readonly text: string }): JSX.Element {
  const { t } = usePage()
  const members = useAnswer<MembersAnswer>('v1/members')
  return (
    <div class="stack">
      <header class="stack tight">
        <p class="over">{t('search')}</p>
        <h1>{text}</h1>
        <SearchField text={text} />
      </header>
      <Loaded answer={members}>{({ members: all }) => <Found text={text} members={all} />}</Loaded>
    </div>
  )
}

function Found({ text, members }: { readonly text: string; readonly members: readonly Member[] }): JSX.Element {
  const { t, announce, formats } = usePage()
  const { members: found, hash, height, time } = meaningOf(text, members)
  const tall = height === undefined ? [] : members.filter(({ size }) => size > height)
  const nothing = found.length === 0 && hash === undefined && time === undefined && tall.length === 0
  useEffect(() => announce(nothing ? t('foundNothing') : t('membersFound', { n: found.length })), [text])
  if (nothing) {
    return (
      <Empty title={t('foundNothing')}>
        <p>{t('searchHelp')}</p>
      </Empty>
    )
  }
  return (
    <>
      {found.length === 0 ? null : (
        <section class="card" aria-labelledby="found-members">
          <h2 id="found-members">{t('membersFound', { n: found.length })}</h2>
          <ul class="lines">
            {found.map((member) => (
              <li key={member.key}>
                <a href={memberPath(member.index)}>
                  <Name index={member.index} label={member.label} keyHex={member.key} />
                </a>
                <RoleText roles={member.roles} />
                <Health member={member} isLate={false} witness={undefined} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {hash === undefined ? null : <ByHash hash={hash} />}
      {time === undefined ? null : (
        <section class="card" aria-labelledby="found-time">
          <h2 id="found-time">{t('blocksOn', { time: formats.day(time.fromMs) })}</h2>
          <LedgerTable fromMs={time.fromMs} toMs={time.toMs} order="asc" />
        </section>
      )}
      {height === undefined || tall.length === 0 ? null : (
        <section class="card" aria-labelledby="found-height">
          <h2 id="found-height">{t('blocksAt', { n: height })}</h2>
          <ul class="lines">
            {tall.slice(0, MOST_CHAINS).map((member) => (
              <AtHeight key={member.key} member={member} height={height} />
            ))}
          </ul>
          {tall.length > MOST_CHAINS ? <p class="muted small">{t('moreRows', { n: tall.length - MOST_CHAINS })}</p> : null}
        </section>
      )}
    </>
  )
}

function ByHash({ hash }: { readonly hash: string }): JSX.Element {
  const { t } = usePage()
  const answer = useAnswer<BlockAnswer>(`v1/blocks/${hash}`)
  return (
    <section class="card" aria-labelledby="found-hash">
      <h2 id="found-hash">{t('blockByHash')}</h2>
      <Loaded answer={answer} rows={2}>
        {(block) => (
          <ul class="lines">
            <BlockItem block={block} />
          </ul>
        )}
      </Loaded>
    </section>
  )
}

function AtHeight({ member, height }: { readonly member: Member; readonly height: number }): JSX.Element {
  const answer = useAnswer<BlocksAnswer>(`v1/members/${member.index}/blocks?from=${height}&limit=1&content=no`)
  const block = answer.data?.blocks[0]
  return block === undefined ? <li class="muted">…</li> : <BlockItem block={block} />
}

function BlockItem({
  block,
}: {
  readonly block: Omit<BlockHead, 'finalSince'> & { readonly finalSince: string | null }
}): JSX.Element {
  const { t, formats } = usePage()
  return (
    <li>
      <a href={`#/block/${block.hash}`}>
        <Name index={block.member} label={block.label} keyHex={block.key} />, {t('blockNumber', { n: block.height })}
      </a>
      <span class="muted small">{formats.exact(block.sealedAt)}</span>
      <span class="hash muted">{block.hash.slice(0, 16)}…</span>
    </li>
  )
}
