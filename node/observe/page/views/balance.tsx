import type { JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import type { BalanceAnswer, LedgerAnswer, MembersAnswer } from '../../schemas/index.ts'
import { now } from '../browser.ts'
import type { Bar } from '../data/bars.ts'
import { barAt } from '../data/bars.ts'
import { formatDay, isSpan, parseDay, type Range, rangeOf, resolutionOf, type Span } from '../data/spans.ts'
import { useAnswer, usePage } from '../page-context.tsx'
import { nameText } from '../parts/block-facts.tsx'
import { Chart } from '../parts/chart.tsx'
import { Icon } from '../parts/icon.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Notice } from '../parts/notice.tsx'
import { NumbersTable } from '../parts/numbers-table.tsx'
import type { WordName } from '../words/language.ts'

const BALANCE_SPANS = ['day', 'week', 'month', 'year'] as const
const WORDS: Readonly<Record<(typeof BALANCE_SPANS)[number], WordName>> = {
  day: 'spanDay',
  week: 'spanWeek',
  month: 'spanMonth',
  year: 'spanYear',
}

/** What the neighbourhood took, gave, and used of its own. */
export function BalanceView({ query }: { readonly query: URLSearchParams }): JSX.Element {
  const { t } = usePage()
  const newest = useAnswer<LedgerAnswer>('v1/ledger?limit=1&order=desc')
  const members = useAnswer<MembersAnswer>('v1/members')
  return (
    <div class="stack">
      <header class="stack tight">
        <p class="over">{t('navBalance')}</p>
        <h1>{t('balanceTitle')}</h1>
        <p class="muted">{t('balanceWhy')}</p>
      </header>
      <Loaded answer={newest}>
        {() => (
          <Loaded answer={members}>
            {({ members: all }) => {
              const last = Math.max(
                0,
                ...all.map(({ lastReadingAt }) => (lastReadingAt === null ? 0 : Date.parse(lastReadingAt))),
              )
              return <Balance query={query} lastMs={last === 0 ? now() : last - 1} members={all} />
            }}
          </Loaded>
        )}
      </Loaded>
    </div>
  )
}

interface BalanceProps {
  readonly query: URLSearchParams
  readonly lastMs: number
  readonly members: MembersAnswer['members']
}

function Balance({ query, lastMs, members }: BalanceProps): JSX.Element {
  const { t, formats, timeZone } = usePage()
  const asked = query.get('span')
  const span: Span = isSpan(asked) && asked !== 'hour' ? asked : 'day'
  const atMs = parseDay(query.get('at') ?? '') ?? lastMs
  const range = useMemo(() => rangeOf(span, atMs), [span, atMs])
  const feeder = query.get('feeder') ?? ''
  const go = (to: Span, ms: number, by = feeder): void => {
    location.hash = `#/balance?span=${to}&at=${formatDay(ms)}${by === '' ? '' : `&feeder=${by}`}`
  }
  const path = `v1/balance?${new URLSearchParams({
    from: new Date(range.fromMs).toISOString(),
    to: new Date(range.toMs).toISOString(),
    resolution: resolutionOf(range, 1_800_000),
    tz: timeZone,
    ...(feeder === '' ? {} : { feeder }),
  })}`
  const answer = useAnswer<BalanceAnswer>(path)
  return (
    <section class="card stack" aria-label={t('navBalance')}>
      <header class="row spread">
        <div class="row">
          <button
            type="button"
            class="icon-button"
            aria-label={t('earlier')}
            onClick={() => go(span, rangeOf(span, range.fromMs, -1).fromMs)}
          >
            <Icon name="left" />
          </button>
          <strong>
            {span === 'day' ? formats.day(range.fromMs) : `${formats.day(range.fromMs)} – ${formats.day(range.toMs - 1)}`}
          </strong>
          <button
            type="button"
            class="icon-button"
            aria-label={t('later')}
            onClick={() => go(span, rangeOf(span, range.fromMs, 1).fromMs)}
          >
            <Icon name="right" />
          </button>
        </div>
        <div class="segments" role="group" aria-label={t('spanLabel')}>
          {BALANCE_SPANS.map((each) => (
            <button key={each} type="button" aria-pressed={each === span} onClick={() => go(each, atMs)}>
              {t(WORDS[each])}
            </button>
          ))}
        </div>
      </header>
      <Loaded answer={answer} rows={9}>
        {(data) => <Shown data={data} range={range} />}
      </Loaded>
      <label class="field inline">
        <span>{t('feeder')}</span>
        <select value={feeder} onChange={(event) => go(span, atMs, event.currentTarget.value)}>
          <option value="">{t('noFeeder')}</option>
          {members
            .filter(({ index }) => index > 0)
            .map((member) => (
              <option key={member.key} value={String(member.index)}>
                {nameText(member, t)}
              </option>
            ))}
        </select>
      </label>
    </section>
  )
}

function Shown({ data, range }: { readonly data: BalanceAnswer; readonly range: Range }): JSX.Element {
  const { t } = usePage()
  const pointer = useRef<(ms: number | undefined) => void>(() => undefined)
  const [seen, setSeen] = useState({ range, now: range })
  const { unit, intervals } = data
  const above = useMemo(() => barsOf(intervals, 'import'), [intervals])
  const below = useMemo(() => barsOf(intervals, 'export'), [intervals])
  const missing = new Set(intervals.flatMap((each) => (each.import === null ? [] : each.missing)))
  return (
    <>
      <Readout
        data={data}
        bars={above}
        listen={(listener) => {
          pointer.current = listener
        }}
      />
      <Chart
        above={above}
        below={below}
        range={seen.range === range ? seen.now : range}
        unit={unit}
        label={t('balanceChart')}
        onRange={(next) => setSeen({ range, now: next })}
        onPoint={(ms) => pointer.current(ms)}
      />
      <div class="legend small">
        <span>
          <i class="key-import" />
          {t('sumImport')}
        </span>
        <span>
          <i class="key-export" />
          {t('sumExport')}
        </span>
        <span>
          <i class="key-doubt" />
          {t('missingMembers', { n: missing.size })}
        </span>
      </div>
      {missing.size === 0 ? null : (
        <Notice tone="warn" title={t('balancePartial')}>
          <p>{t('balancePartialWhy')}</p>
        </Notice>
      )}
      <Table data={data} />
    </>
  )
}

interface ReadoutProps {
  readonly data: BalanceAnswer
  readonly bars: readonly Bar[]
  readonly listen: (listener: (ms: number | undefined) => void) => void
}

/** The totals; of the interval under the pointer while there is one. */
function Readout({ data, bars, listen }: ReadoutProps): JSX.Element {
  const { t, formats } = usePage()
  const [pointed, setPointed] = useState<number | undefined>(undefined)
  listen(setPointed)
  const { total, unit, intervals, members, feeder } = data
  const bar = pointed === undefined ? undefined : intervals[barAt(bars, pointed)]
  const shown = bar ?? total
  return (
    <>
      <div class="readout" data-figure="balance">
        <Figure name={t('sumImport')} value={shown.import} unit={unit} side="import" />
        <Figure name={t('sumExport')} value={shown.export} unit={unit} side="export" />
        <Figure name={t('sumSelf')} value={shown.selfConsumption} unit={unit} side="own" />
        <Figure name={t('sumNet')} value={shown.net} unit={unit} side="net" />
        {feeder === null ? null : <Figure name={t('sumFeeder')} value={shown.feeder} unit={unit} side="net" />}
        {feeder === null ? null : <Figure name={t('sumLoss')} value={shown.loss} unit={unit} side="net" />}
      </div>
      <p class="muted small">
        {bar === undefined ? t('balanceOf', { n: members.length }) : `${formats.moment(bar.from)} – ${formats.moment(bar.to)}`}
      </p>
    </>
  )
}

interface FigureProps {
  readonly name: string
  readonly value: string | null
  readonly unit: string
  readonly side: string
}

function Figure({ name, value, unit, side }: FigureProps): JSX.Element {
  const { formats } = usePage()
  return (
    <div class={`sum ${side}`}>
      <span class="small">{name}</span>
      <strong>
        {value === null ? '–' : formats.decimal(value)} <small>{unit}</small>
      </strong>
    </div>
  )
}

function barsOf(intervals: BalanceAnswer['intervals'], side: 'import' | 'export'): Bar[] {
  return intervals.map(({ from, to, missing, ...values }) => {
    const text = values[side]
    const quality = missing.length === 0 ? ('good' as const) : ('partial' as const)
    return { fromMs: Date.parse(from), toMs: Date.parse(to), value: text === null ? null : Number(text), text, quality }
  })
}

function Table({ data }: { readonly data: BalanceAnswer }): JSX.Element {
  const { t, formats } = usePage()
  const { intervals, unit, feeder } = data
  const shown = (text: string | null): string => (text === null ? '–' : formats.decimal(text))
  const names = [t('sumImport'), t('sumExport'), t('sumSelf'), ...(feeder === null ? [] : [t('sumLoss')]), t('missing')]
  const row = (at: number) => {
    const each = intervals[at] as BalanceAnswer['intervals'][number]
    const lost = feeder === null ? [] : [shown(each.loss)]
    const sums = [shown(each.import), shown(each.export), shown(each.selfConsumption), ...lost]
    return { from: each.from, cells: [...sums, formats.count(each.missing.length)] }
  }
  return <NumbersTable unit={unit} heads={names.map((name) => ({ name }))} count={intervals.length} row={row} />
}
