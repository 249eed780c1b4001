import type { JSX } from 'preact'
import { usePage } from '../page-context.tsx'
import { searchPath } from '../routes.ts'
import { Icon } from './icon.tsx'

export function SearchField({ text = '' }: { readonly text?: string }): JSX.Element {
  const { t } = usePage()
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const found = new FormData(event.currentTarget as HTMLFormElement).get('text')
    if (typeof found === 'string' && found.trim() !== '') location.hash = searchPath(found.trim())
  }
  return (
    <form class="search" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        name="text"
        type="search"
        key={text}
        defaultValue={text}
        placeholder={t('searchHint')}
        aria-label={t('search')}
        autocomplete="off"
      />
    </form>
  )
}
