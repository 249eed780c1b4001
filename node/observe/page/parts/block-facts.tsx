import type { JSX } from 'preact'
import type { BlockHead } from '../../schemas/index.ts'
import { usePage } from '../page-context.tsx'
import { blockPath } from '../routes.ts'
import { Chip } from './notice.tsx'

/** The first and last digits, all of them on demand and for who copies. */
export function Hash({ value, link = false }: { readonly value: string; readonly link?: boolean }): JSX.Element {
  const text = (
    <span class="hash" title={value}>
      {value.slice(0, 8)}…{value.slice(-4)}
    </span>
  )
  return link ? <a href={blockPath(value)}>{text}</a> : text
}

export function Name({ index, label, keyHex }: { index: number; label: string | null; keyHex: string }): JSX.Element {
  const { t } = usePage()
  if (label !== null) return <>{label}</>
  return (
    <>
      {index === 0 ? t('registrar') : t('memberNumber', { index })} <span class="hash muted">{keyHex.slice(0, 6)}</span>
    </>
  )
}

export function nameText(member: { index: number; label: string | null }, t: ReturnType<typeof usePage>['t']): string {
  return member.label ?? (member.index === 0 ? t('registrar') : t('memberNumber', { index: member.index }))
}

export function KindText({ kind }: { readonly kind: BlockHead['kind'] }): JSX.Element {
  const { t } = usePage()
  if (kind === 'readings') return <>{t('kindReadings')}</>
  if (kind === 'event') return <>{t('kindEvent')}</>
  if (kind === 'membership') return <>{t('kindMembership')}</>
  return <>{t('kindOther', { kind: String(kind) })}</>
}

interface FinalChipProps extends Pick<BlockHead, 'final' | 'finalSince'> {
  /** Says since when, where that is known. */
  readonly since?: boolean
}

export function FinalChip({ final, finalSince, since = false }: FinalChipProps): JSX.Element {
  const { t, formats } = usePage()
  if (!final) return <Chip tone="plain">{t('notFinal')}</Chip>
  return (
    <Chip tone="good" title={finalSince === null ? t('finalSinceUnknown') : formats.exact(finalSince)}>
      {t('final')}
      {since && finalSince !== null ? ` ${t('since', { time: formats.second(finalSince) })}` : ''}
    </Chip>
  )
}
