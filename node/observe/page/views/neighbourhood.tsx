import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { BlockHead, EvidenceAnswer, LedgerAnswer, MembersAnswer, PeersAnswer, StatusAnswer } from '../../schemas/index.ts'
import { useAnswer, useLasting, useNow, usePage } from '../page-context.tsx'
import { FinalChip, Hash, KindText, Name } from '../parts/block-facts.tsx'
import { EvidenceNotices } from '../parts/evidence.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { MembersTable } from '../parts/members-table.tsx'
import { Mesh, MeshOutline } from '../parts/mesh.tsx'
import { Empty, Notice } from '../parts/notice.tsx'
import { memberPath } from '../routes.ts'

const FRESH_MS = 4_000
/** Between a neighbour's word of a block and the block itself every observer is behind. */
const BEHIND_MS = 10_000
const RECENT = 'v1/ledger?limit=8&order=desc'

/** The neighbourhood as it stands, live. */
export function Neighbourhood(): JSX.Element {
  const { t } = usePage()
  const status = useAnswer<StatusAnswer>('v1/status')
  const members = useAnswer<MembersAnswer>('v1/members')
  const peers = useAnswer<PeersAnswer>('v1/peers')
  const evidence = useAnswer<EvidenceAnswer>('v1/evidence')
  const clock = useNow(10_000)
  const list = members.data?.members ?? []
  const late = new Set(
    list.filter(({ lateAfter }) => lateAfter !== null && Date.parse(lateAfter) < clock).map(({ index }) => index),
  )
  const fresh = useFresh(list)
  return (
    <div class="stack">
      <section class="hero">
        <div class="hero-words">
          <p class="over">{t('neighbourhoodNow')}</p>
          <h1>{status.data?.network.name ?? ' '}</h1>
          <Loaded answer={status} rows={4}>
            {(data) => <Summary status={data} meters={list.filter(({ size, index }) => size > 0 && index > 0).length} />}
          </Loaded>
        </div>
        {members.data === undefined ? <MeshOutline /> : null}
        {members.data === undefined ? null : (
          <Mesh members={list} peers={peers.data?.peers ?? []} status={status.data} fresh={fresh} late={late} />
        )}
      </section>
      {evidence.data === undefined ? null : <EvidenceNotices evidence={evidence.data.evidence} />}
      <div class="columns">
        <section class="card" aria-labelledby="members-title">
          <h2 id="members-title">{t('members')}</h2>
          <Loaded answer={members}>
            {({ members: all }) =>
              all.length === 0 ? (
                <Empty title={t('noMembers')} />
              ) : (
                <MembersTable members={all} late={late} clock={clock} fresh={fresh} />
              )
            }
          </Loaded>
        </section>
        <Recent />
      </div>
    </div>
  )
}

function Summary({ status, meters }: { readonly status: StatusAnswer; readonly meters: number }): JSX.Element {
  const { t, formats } = usePage()
  const { finality, blocks, final, running, damage } = status
  const { witnesses, quorum, tolerated } = finality
  const isBehind = useLasting(!running.caughtUp, BEHIND_MS)
  return (
    <>
      <dl class="figures">
        <div>
          <dt>{t('metersTelling', { n: meters })}</dt>
          <dd>{formats.count(meters)}</dd>
        </div>
        <div>
          <dt>{t('blocksHeld', { n: blocks })}</dt>
          <dd data-figure="blocks">{formats.count(blocks)}</dd>
        </div>
        <div>
          <dt>{t('ofThemFinal')}</dt>
          <dd data-figure="final" class="good">
            {formats.count(final)}
          </dd>
        </div>
      </dl>
      {witnesses === 0 ? (
        <Notice tone="warn" title={t('noWitnesses')}>
          <p>{t('noWitnessesWhy')}</p>
        </Notice>
      ) : tolerated === 0 ? (
        <Notice tone="warn" title={t('noLiarTolerated', { n: witnesses })}>
          <p>{t('noLiarToleratedWhy', { n: witnesses, quorum: quorum ?? 0 })}</p>
        </Notice>
      ) : (
        <Notice tone="good" title={t('quorumIs', { n: witnesses, quorum: quorum ?? 0 })}>
          <p>{t('quorumWhy', { n: tolerated })}</p>
        </Notice>
      )}
      {finality.halted === null ? null : (
        <Notice tone="bad" title={t('halted')}>
          {<p>{finality.halted}</p>}
        </Notice>
      )}
      {damage.length === 0 ? null : (
        <Notice tone="bad" title={t('damaged')}>
          {<p>{damage[0]}</p>}
        </Notice>
      )}
      {running.peers === 0 ? (
        <Notice tone="warn" title={t('alone')}>
          <p>{t('aloneWhy')}</p>
        </Notice>
      ) : !isBehind ? null : (
        <Notice tone="plain" title={t('catchingUp')} />
      )}
    </>
  )
}

function Recent(): JSX.Element {
  const { t, formats } = usePage()
  const recent = useAnswer<LedgerAnswer>(RECENT)
  const clock = useNow(10_000)
  return (
    <section class="card" aria-labelledby="recent-title">
      <header class="row spread">
        <h2 id="recent-title">{t('lastBlocks')}</h2>
        <a class="small" href="#/ledger">
          {t('wholeLedger')}
        </a>
      </header>
      <Loaded answer={recent}>
        {({ blocks }) =>
          blocks.length === 0 ? (
            <Empty title={t('noBlocks')}>
              <p>{t('noBlocksWhy')}</p>
            </Empty>
          ) : (
            <ol class="recent">
              {blocks.map((block: BlockHead) => (
                <li key={block.hash}>
                  <span class="bead" data-final={block.final} />
                  <div>
                    <a href={memberPath(block.member)}>
                      <Name index={block.member} label={block.label} keyHex={block.key} />
                    </a>
                    <span class="muted small">
                      <KindText kind={block.kind} /> · {t('height')} {formats.count(block.height)} ·{' '}
                      <Hash value={block.hash} link />
                    </span>
                  </div>
                  <div class="end">
                    <time dateTime={block.sealedAt} title={formats.exact(block.sealedAt)} class="small muted">
                      {formats.moment(block.sealedAt, clock)}
                    </time>
                    <FinalChip {...block} />
                  </div>
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
    </section>
  )
}

/** Members whose chain has grown just now. */
function useFresh(members: readonly { readonly index: number; readonly size: number }[]): ReadonlySet<number> {
  const [known] = useState(() => new Map<number, { size: number; at: number }>())
  const clock = useNow(FRESH_MS / 2)
  useEffect(() => {
    for (const { index, size } of members) {
      const before = known.get(index)
      if (before?.size !== size) known.set(index, { size, at: before === undefined ? 0 : clock })
    }
  })
  return new Set([...known].filter(([, { at }]) => clock - at < FRESH_MS).map(([index]) => index))
}
