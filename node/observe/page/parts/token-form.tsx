import type { JSX } from 'preact'
import { useToken } from '../browser-token.tsx'
import { usePage } from '../page-context.tsx'

/** Where the observer answers only whoever has a token. It is kept until the tab is closed. */
export function TokenForm(): JSX.Element {
  const { t } = usePage()
  const { setToken } = useToken()
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const field = new FormData(event.currentTarget as HTMLFormElement).get('token')
    if (typeof field === 'string') setToken(field.trim())
  }
  return (
    <form class="empty" onSubmit={submit}>
      <h2>{t('closed')}</h2>
      <p>{t('closedWhy')}</p>
      <label class="field">
        <span>{t('token')}</span>
        <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit" class="button">
        {t('open')}
      </button>
    </form>
  )
}
