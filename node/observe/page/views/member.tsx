import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { BlocksAnswer, EvidenceAnswer, MemberAnswer, StatusAnswer } from '../../schemas/index.ts'
import { useAnswer, useNow, usePage } from '../page-context.tsx'
import { FinalChip, Hash, KindText, Name } from '../parts/block-facts.tsx'
import { ChainVerdict } from '../parts/chain-verdict.tsx'
import { Consumption } from '../parts/consumption.tsx'
import { EvidenceNotices } from '../parts/evidence.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Health, RoleText } from '../parts/members-table.tsx'
import { Empty, Notice } from '../parts/notice.tsx'
import { blockPath } from '../routes.ts'
import { registerName } from '../words/registers.ts'

const PAGE_BLOCKS = 12

interface MemberProps {
  readonly id: string
  readonly query: URLSearchParams
}

export function MemberView({ id, query }: MemberProps): JSX.Element {
  const answer = useAnswer<MemberAnswer>(`v1/members/${id}`)
  return (
    <Loaded answer={answer} rows={12}>
      {(member) => <MemberPage key={member.key} member={member} query={query} />}
    </Loaded>
  )
}

function MemberPage({ member, query }: { readonly member: MemberAnswer; readonly query: URLSearchParams }): JSX.Element {
  const { t, formats } = usePage()
  const evidence = useAnswer<EvidenceAnswer>('v1/evidence')
  const status = useAnswer<StatusAnswer>('v1/status').data
  const clock = useNow(10_000)
  const { index, key, label, size, final, lastReadingAt, lateAfter, sealedAt, revoked } = member
  const isLate = lateAfter !== null && Date.parse(lateAfter) < clock
  const witness = status?.finality.attestations.find((each) => each.index === index)
  return (
    <div class="stack">
      <header class="stack tight">
        <p class="over">
          {t('memberNumber', { index })} · <RoleText roles={member.roles} />
        </p>
        <div class="row">
          <h1>
            <Name index={index} label={label} keyHex={key} />
          </h1>
          <Health member={member} isLate={isLate} witness={witness} />
        </div>
        <p class="hash muted break">{key}</p>
      </header>
      <EvidenceNotices evidence={(evidence.data?.evidence ?? []).filter((line) => line.key === key)} />
      {revoked === null ? null : (
        <Notice tone="warn" title={t('endedAt', { n: revoked.endSize })}>
          {revoked.replacedBy === null ? null : (
            <p>
              <a href={`#/member/${revoked.replacedBy}`}>{t('replacedBy', { index: revoked.replacedBy })}</a>
            </p>
          )}
        </Notice>
      )}
      {isLate ? (
        <Notice tone="warn" title={t('lateTitle')}>
          <p>{t('lateWhy', { time: sealedAt === null ? '' : formats.exact(sealedAt) })}</p>
        </Notice>
      ) : null}
      <dl class="figures wide">
        <div>
          <dt>{t('blocks')}</dt>
          <dd data-figure="size">{formats.count(size)}</dd>
        </div>
        <div>
          <dt>{t('finalBlocks')}</dt>
          <dd class="good" data-figure="final">
            {formats.count(final)}
          </dd>
        </div>
        <div>
          <dt>{t('lastReading')}</dt>
          <dd class="text">{lastReadingAt === null ? t('none') : formats.moment(lastReadingAt, clock)}</dd>
        </div>
        {member.lastReadings.slice(0, 3).map(({ register, value, unit }) => (
          <div key={register}>
            <dt>
              {registerName(register, t)} <span class="hash">{register}</span>
            </dt>
            <dd class="text" data-register={register}>
              {value === null ? '–' : formats.decimal(value)} <small>{unit}</small>
            </dd>
          </div>
        ))}
      </dl>
      {member.registers.length === 0 ? null : <Consumption member={member} query={query} />}
      <Chain id={String(index)} size={size} />
    </div>
  )
}

/** Blocks as links of a chain, newest first. */
function Chain({ id, size }: { readonly id: string; readonly size: number }): JSX.Element {
  const { t, formats } = usePage()
  const clock = useNow(10_000)
  const [from, setFrom] = useState<number | undefined>(undefined)
  const path = `v1/members/${id}/blocks?order=desc&content=no&limit=${PAGE_BLOCKS}${from === undefined ? '' : `&from=${from}`}`
  const answer = useAnswer<BlocksAnswer>(path)
  const highest = from ?? size - 1
  return (
    <section class="card" aria-labelledby="chain-title">
      <header class="row spread">
        <h2 id="chain-title">{t('chain')}</h2>
        <div class="row">
          <button
            type="button"
            class="button"
            disabled={from === undefined}
            onClick={() => setFrom(highest + PAGE_BLOCKS >= size - 1 ? undefined : highest + PAGE_BLOCKS)}
          >
            <Icon name="left" />
            {t('newer')}
          </button>
          <button type="button" class="button" disabled={highest < PAGE_BLOCKS} onClick={() => setFrom(highest - PAGE_BLOCKS)}>
            {t('older')}
            <Icon name="right" />
          </button>
        </div>
      </header>
      <Loaded answer={answer}>
        {({ blocks }) =>
          blocks.length === 0 ? (
            <Empty title={t('noBlocks')}>
              <p>{t('noBlocksWhy')}</p>
            </Empty>
          ) : (
            <>
              <ChainVerdict blocks={blocks} />
              <ol class="chain" aria-label={t('chain')}>
                {blocks.map((block) => (
                  <li key={block.hash} data-final={block.final}>
                    <a href={blockPath(block.hash)} class="bead-link" aria-label={t('blockNumber', { n: block.height })}>
                      {formats.count(block.height)}
                    </a>
                    <div class="link-words">
                      <span>
                        <KindText kind={block.kind} />
                        <span class="muted small"> · {t('bytesCount', { n: block.bytes })}</span>
                      </span>
                      <span class="small">
                        <span class="muted">{t('hash')}</span> <Hash value={block.hash} link />
                        <span class="muted"> ← {t('previous')}</span> <Hash value={block.previous} link={block.height > 0} />
                      </span>
                    </div>
                    <div class="end">
                      <time dateTime={block.sealedAt} title={formats.exact(block.sealedAt)} class="small muted">
                        {formats.moment(block.sealedAt, clock)}
                      </time>
                      <FinalChip {...block} since />
                    </div>
                  </li>
                ))}
              </ol>
            </>
          )
        }
      </Loaded>
    </section>
  )
}
