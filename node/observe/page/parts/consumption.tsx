import type { JSX } from 'preact'
import { useMemo, useRef, useState } from 'preact/hooks'
import type { MemberAnswer, ReadingsAnswer } from '../../schemas/index.ts'
import { now } from '../browser.ts'
import { type Bar, barAt, barsOf, gapsOf, sumOf } from '../data/bars.ts'
import { formatDay, isSpan, parseDay, type Range, rangeOf, resolutionOf, SPANS, type Span, widened } from '../data/spans.ts'
import { useAnswer, usePage } from '../page-context.tsx'
import { memberPath } from '../routes.ts'
import type { WordName } from '../words/language.ts'
import { energyDirection, registerName } from '../words/registers.ts'
import { BarsTable } from './bars-table.tsx'
import { Chart } from './chart.tsx'
import { Icon } from './icon.tsx'
import { Loaded } from './loaded.tsx'
import { Empty } from './notice.tsx'

const SPAN_WORDS: Readonly<Record<Span, WordName>> = {
  hour: 'spanHour',
  day: 'spanDay',
  week: 'spanWeek',
  month: 'spanMonth',
  year: 'spanYear',
}

interface ConsumptionProps {
  readonly member: MemberAnswer
  readonly query: URLSearchParams
}

/** What a member took and gave, by any stretch of time. */
export function Consumption({ member, query }: ConsumptionProps): JSX.Element {
  const { t } = usePage()
  const registers = [...new Set(member.registers.filter(({ unit }) => unit.endsWith('Wh')).map(({ register }) => register))]
  const taken = registers.find((register) => energyDirection(register) === 'import') ?? registers[0]
  const given = registers.find((register) => energyDirection(register) === 'export')
  if (taken === undefined) {
    return (
      <section class="card">
        <Empty title={t('noEnergy')}>
          <p>{t('noEnergyWhy')}</p>
        </Empty>
      </section>
    )
  }
  return <Energy member={member} query={query} taken={taken} given={given} />
}

interface EnergyProps extends ConsumptionProps {
  readonly taken: string
  readonly given: string | undefined
}

function Energy({ member, query, taken, given }: EnergyProps): JSX.Element {
  const { t, formats } = usePage()
  const lastMs = member.lastReadingAt === null ? now() : Date.parse(member.lastReadingAt) - 1
  const asked = query.get('span')
  const span: Span = isSpan(asked) ? asked : 'day'
  const atMs = parseDay(query.get('at') ?? '') ?? lastMs
  const whole = useMemo(() => rangeOf(span, atMs), [span, atMs])
  const [seen, setSeen] = useState<{ readonly whole: Range; readonly range: Range }>({ whole, range: whole })
  const range = seen.whole === whole ? seen.range : whole
  const isWhole = range.fromMs === whole.fromMs && range.toMs === whole.toMs
  const go = (to: Span, ms: number): void => {
    location.hash = memberPath(member.index, `span=${to}&at=${formatDay(ms)}${to === 'hour' ? `T${hourOf(ms)}` : ''}`)
  }
  return (
    <section class="card stack" aria-labelledby="energy-title">
      <header class="row spread">
        <h2 id="energy-title">{t('consumption')}</h2>
        <div class="segments" role="group" aria-label={t('spanLabel')}>
          {SPANS.map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={each === span}
              onClick={() => go(each, span === 'year' ? Math.min(lastMs, whole.toMs - 1) : atMs)}
            >
              {t(SPAN_WORDS[each])}
            </button>
          ))}
        </div>
      </header>
      <div class="row spread">
        <div class="row">
          <button
            type="button"
            class="icon-button"
            aria-label={t('earlier')}
            onClick={() => go(span, rangeOf(span, whole.fromMs, -1).fromMs)}
          >
            <Icon name="left" />
          </button>
          <strong>{rangeText(range, formats)}</strong>
          <button
            type="button"
            class="icon-button"
            aria-label={t('later')}
            onClick={() => go(span, rangeOf(span, whole.fromMs, 1).fromMs)}
          >
            <Icon name="right" />
          </button>
        </div>
        <div class="row">
          {isWhole ? null : (
            <button type="button" class="button" onClick={() => setSeen({ whole, range: whole })}>
              {t('zoomReset')}
            </button>
          )}
          <button type="button" class="button" onClick={() => go(span, lastMs)}>
            {t('newest')}
          </button>
        </div>
      </div>
      <EnergyChart
        member={member}
        span={span}
        range={range}
        taken={taken}
        given={given}
        onRange={(next) => setSeen({ whole, range: next })}
      />
    </section>
  )
}

interface EnergyChartProps extends Omit<EnergyProps, 'query'> {
  readonly span: Span
  readonly range: Range
  readonly onRange: (range: Range) => void
}

function EnergyChart({ member, span, range, taken, given, onRange }: EnergyChartProps): JSX.Element {
  const { t, timeZone } = usePage()
  const pointer = useRef<PointListener>(() => undefined)
  const stepMs = member.lastReadings.find(({ register }) => register === taken)?.intervalMs ?? 0
  const resolution = resolutionOf(range, stepMs)
  // Loaded by whole spans, so that a chart that is dragged a little asks nothing.
  const load = useMemo(() => {
    const from = rangeOf(span, range.fromMs)
    const to = rangeOf(span, range.toMs - 1)
    return widened(span, { fromMs: from.fromMs, toMs: to.toMs })
  }, [span, rangeOf(span, range.fromMs).fromMs, rangeOf(span, range.toMs - 1).toMs])
  const path = (register: string): string =>
    `v1/members/${member.index}/readings?${new URLSearchParams({
      register,
      from: new Date(load.fromMs).toISOString(),
      to: new Date(load.toMs).toISOString(),
      resolution,
      tz: timeZone,
    })}`
  const takenAnswer = useAnswer<ReadingsAnswer>(path(taken))
  const givenAnswer = useAnswer<ReadingsAnswer>(given === undefined ? undefined : path(given))
  const takenShown = useLast(takenAnswer.data)
  const givenShown = useLast(givenAnswer.data)
  const above = useMemo(() => (takenShown === undefined ? [] : barsOf(takenShown)), [takenShown])
  const below = useMemo(() => (givenShown === undefined ? [] : barsOf(givenShown)), [givenShown])
  return (
    <Loaded answer={{ ...takenAnswer, data: takenShown }} rows={9}>
      {({ unit, quality }) => {
        const inside = (bars: readonly Bar[]): Bar[] =>
          bars.filter(({ fromMs, toMs }) => toMs > range.fromMs && fromMs < range.toMs)
        const [seenAbove, seenBelow] = [inside(above), inside(below)]
        const doubtful = seenAbove.filter(({ value, quality: each }) => value !== null && each !== 'good').length
        const holes = gapsOf(seenAbove).length
        return (
          <>
            <Readout
              sides={[
                { name: registerName(taken, t), bars: seenAbove, side: 'import' },
                ...(given === undefined ? [] : [{ name: registerName(given, t), bars: seenBelow, side: 'export' as const }]),
              ]}
              unit={unit}
              listen={(listener) => {
                pointer.current = listener
              }}
            />
            {seenAbove.some(({ value }) => value !== null) ? null : <p class="muted">{t('nothingInSpan')}</p>}
            <Chart
              above={above}
              below={below}
              range={range}
              unit={unit}
              label={t('chartLabel', { name: registerName(taken, t) })}
              onRange={onRange}
              onPoint={(ms) => pointer.current(ms)}
            />
            <div class="legend small">
              <span>
                <i class="key-import" />
                {registerName(taken, t)}
              </span>
              {given === undefined ? null : (
                <span>
                  <i class="key-export" />
                  {registerName(given, t)}
                </span>
              )}
              <span>
                <i class="key-doubt" />
                {t('doubtfulBars', { n: doubtful })}
              </span>
              <span>
                <i class="key-gap" />
                {t('gaps', { n: holes })}
              </span>
              {doubtful + holes > 0 || Object.entries(quality).some(([name, n]) => name !== 'good' && n > 0) ? null : (
                <span>{t('allGood')}</span>
              )}
            </div>
            <BarsTable above={seenAbove} below={seenBelow} unit={unit} />
          </>
        )
      }}
    </Loaded>
  )
}

type PointListener = (ms: number | undefined) => void

interface Side {
  readonly name: string
  readonly bars: readonly Bar[]
  readonly side: 'import' | 'export'
}

interface ReadoutProps {
  readonly sides: readonly Side[]
  readonly unit: string
  readonly listen: (listener: PointListener) => void
}

/** Sums of what is seen; of the bar under the pointer while there is one. Apart, so that the pointer moves nothing else. */
function Readout({ sides, unit, listen }: ReadoutProps): JSX.Element {
  const { t, formats } = usePage()
  const [pointed, setPointed] = useState<number | undefined>(undefined)
  listen(setPointed)
  const sums = useMemo(() => sides.map(({ bars }) => sumOf(bars)), [sides[0]?.bars, sides[1]?.bars])
  return (
    <div class="readout" data-figure="energy">
      {sides.map(({ name, bars, side }, at) => {
        const bar = pointed === undefined ? undefined : bars[barAt(bars, pointed)]
        const value = bar !== undefined && pointed !== undefined && pointed < bar.toMs ? bar.text : (sums[at] ?? null)
        return (
          <div key={side} class={`sum ${side}`}>
            <span class="small">{name}</span>
            <strong>
              {value === null ? '–' : formats.decimal(value)} <small>{unit}</small>
            </strong>
          </div>
        )
      })}
      <p class="muted small" aria-hidden="true">
        {pointed === undefined ? t('chartHint') : pointText(sides[0]?.bars ?? [], pointed, formats)}
      </p>
    </div>
  )
}

/** While the next stretch of time is asked for, the one before stays: a chart that vanishes cannot be dragged. */
function useLast<T>(value: T | undefined): T | undefined {
  const last = useRef<T | undefined>(undefined)
  if (value !== undefined) last.current = value
  return value ?? last.current
}

type FormatsOf = ReturnType<typeof usePage>['formats']

function pointText(bars: readonly Bar[], ms: number, formats: FormatsOf): string {
  const bar = bars[barAt(bars, ms)]
  if (bar === undefined || ms >= bar.toMs) return formats.moment(ms)
  const length = bar.toMs - bar.fromMs
  return length >= 86_400_000 ? formats.day(bar.fromMs) : `${formats.moment(bar.fromMs)} – ${formats.clock(bar.toMs)}`
}

function rangeText({ fromMs, toMs }: Range, formats: FormatsOf): string {
  const length = toMs - fromMs
  if (length <= 90_000_000 && formats.day(fromMs) === formats.day(toMs - 1)) {
    return length < 82_000_000 ? `${formats.day(fromMs)}, ${formats.clock(fromMs)} – ${formats.clock(toMs)}` : formats.day(fromMs)
  }
  return `${formats.day(fromMs)} – ${formats.day(toMs - 1)}`
}

const hourOf = (ms: number): string => String(new Date(ms).getHours()).padStart(2, '0')
