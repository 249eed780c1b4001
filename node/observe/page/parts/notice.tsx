import type { ComponentChildren, JSX } from 'preact'
import { Icon, type IconName } from './icon.tsx'

export type Tone = 'good' | 'warn' | 'bad' | 'plain'

const ICONS: Readonly<Record<Tone, IconName>> = { good: 'check', warn: 'alert', bad: 'cross', plain: 'eye' }

interface NoticeProps {
  readonly tone: Tone
  readonly title: string
  readonly children?: ComponentChildren
  readonly action?: ComponentChildren
}

/** A sentence that stands out. Bad ones are told to screen readers at once. */
export function Notice({ tone, title, children, action }: NoticeProps): JSX.Element {
  return (
    <div class={`notice ${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon name={ICONS[tone]} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
      {action}
    </div>
  )
}

export function Chip({
  tone,
  children,
  title,
}: {
  tone: Tone
  children: ComponentChildren
  title?: string | undefined
}): JSX.Element {
  return (
    <span class={`chip ${tone}`} title={title}>
      {children}
    </span>
  )
}

export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <svg viewBox="0 0 120 44" aria-hidden="true">
        <path d="M2 30c12 0 12-18 24-18s12 18 24 18" />
        <path class="dotted" d="M50 30h20" />
        <path d="M70 30c12 0 12-18 24-18s12 18 24 18" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  )
}
