import type { JSX } from 'preact'
import type { BlockReport, StepResult } from '../check/block-check.ts'
import { usePage } from '../page-context.tsx'
import type { WordName } from '../words/language.ts'
import { Icon } from './icon.tsx'

const MARKS = { verified: 'check', refused: 'cross', absent: 'minus' } as const

const TITLES: Readonly<Record<StepResult['step'], WordName>> = {
  hash: 'stepHash',
  header: 'stepHeader',
  body: 'stepBody',
  content: 'stepContent',
  link: 'stepLink',
  tree: 'stepTree',
  signature: 'stepSignature',
  head: 'stepHead',
}

const REASONS: Readonly<Record<StepResult['step'], WordName>> = {
  hash: 'stepHashWhy',
  header: 'stepHeaderWhy',
  body: 'stepBodyWhy',
  content: 'stepContentWhy',
  link: 'stepLinkWhy',
  tree: 'stepTreeWhy',
  signature: 'stepSignatureWhy',
  head: 'stepHeadWhy',
}

/** What this page found out by itself, step by step. */
export function CheckList({ report }: { readonly report: BlockReport }): JSX.Element {
  const { t } = usePage()
  return (
    <ol class="checks">
      {report.steps.map((each) => (
        <Step key={each.step} {...each} title={t(TITLES[each.step])} why={t(REASONS[each.step])} />
      ))}
    </ol>
  )
}

interface StepProps extends Omit<StepResult, 'step'> {
  readonly step: string
  readonly title: string
  readonly why: string
}

export function Step({ step, state, detail, title, why }: StepProps): JSX.Element {
  const { t } = usePage()
  return (
    <li class={state} data-step={step} data-state={state}>
      <span class="mark">
        <Icon name={MARKS[state]} />
      </span>
      <div>
        <strong>{title}</strong>
        <span class="unseen">: {t(state === 'verified' ? 'isVerified' : state === 'refused' ? 'isRefused' : 'isAbsent')}</span>
        <p>{state === 'verified' ? why : state === 'absent' ? t('stepAbsent') : detail}</p>
      </div>
    </li>
  )
}

const TRUST: readonly (readonly [WordName, WordName])[] = [
  ['trustNetwork', 'trustNetworkWhy'],
  ['trustMember', 'trustMemberWhy'],
  ['trustFinal', 'trustFinalWhy'],
  ['trustTime', 'trustTimeWhy'],
  ['trustMeter', 'trustMeterWhy'],
  ['trustPage', 'trustPageWhy'],
]

/** What no check of a single block can tell. */
export function TrustList({ without = [] }: { readonly without?: readonly WordName[] }): JSX.Element {
  const { t } = usePage()
  return (
    <ul class="checks">
      {TRUST.filter(([title]) => !without.includes(title)).map(([title, why]) => (
        <li key={title}>
          <span class="mark">
            <Icon name="eye" />
          </span>
          <div>
            <strong>{t(title)}</strong>
            <p>{t(why)}</p>
          </div>
        </li>
      ))}
    </ul>
  )
}
