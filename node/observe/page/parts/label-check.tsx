import type { JSX } from 'preact'
import type { MemberAnswer } from '../../schemas/index.ts'
import { checkLabel, type LabelVerdict } from '../check/label-check.ts'
import { useLater, usePage, useStatus } from '../page-context.tsx'
import { Step } from './check-list.tsx'

/** Whether the name that is shown is the one that genesis, or the registrar, gave to the key. */
export function LabelCheck({ memberKey, label }: { readonly memberKey: string; readonly label: string | null }): JSX.Element {
  const { t, ask, checker, seen } = usePage()
  const networkId = useStatus()?.network.id
  const verdict = useLater(async (): Promise<LabelVerdict> => {
    if (networkId === undefined) return new Promise<never>(() => undefined)
    const member = await ask.json<MemberAnswer>(`v1/members/${memberKey}`).catch(() => undefined)
    if (member === undefined) return { state: 'absent', detail: '' }
    return checkLabel({ ...member, key: memberKey, label }, { ask, checker: await checker, networkId, seen })
  }, [memberKey, label, networkId])
  return (
    <ol class="checks">
      {verdict === undefined ? null : <Step step="label" title={t('stepLabel')} why={t('stepLabelWhy')} {...verdict} />}
    </ol>
  )
}
