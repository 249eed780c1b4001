import type { JSX } from 'preact'
import { usePage } from '../page-context.tsx'
import type { Route } from '../routes.ts'
import type { Theme } from '../settings.tsx'
import { LANGUAGE_NAMES, LANGUAGES, type Language, type WordName } from '../words/language.ts'
import { Icon, type IconName } from './icon.tsx'
import { SearchField } from './search-field.tsx'

interface TopBarProps {
  readonly route: Route
  readonly theme: Theme
  readonly onTheme: () => void
  readonly onLanguage: (language: Language) => void
}

const PLACES: readonly {
  readonly href: string
  readonly word: WordName
  readonly icon: IconName
  readonly views: readonly Route['view'][]
}[] = [
  { href: '#/', word: 'navNeighbourhood', icon: 'homes', views: ['neighbourhood', 'member'] },
  { href: '#/ledger', word: 'navLedger', icon: 'ledger', views: ['ledger', 'block', 'search'] },
  { href: '#/balance', word: 'navBalance', icon: 'balance', views: ['balance'] },
  { href: '#/check', word: 'navCheck', icon: 'file', views: ['check'] },
]

const THEME_ICONS: Readonly<Record<Theme, IconName>> = { auto: 'auto', light: 'sun', dark: 'moon' }
const THEME_WORDS: Readonly<Record<Theme, WordName>> = { auto: 'themeAuto', light: 'themeLight', dark: 'themeDark' }

export function TopBar({ route, theme, onTheme, onLanguage }: TopBarProps): JSX.Element {
  const { t, live, language } = usePage()
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label={`Wattness, ${t('navNeighbourhood')}`}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path
            d="M3 9l7 15 6-12 6 12 7-15"
            fill="none"
            stroke="currentColor"
            stroke-width="3.4"
            stroke-linecap="round"
            stroke-linejoin="round"
          />
        </svg>
        Wattness
      </a>
      <nav class="nav" aria-label={t('views')}>
        {PLACES.map(({ href, word, icon, views }) => (
          <a key={href} href={href} aria-current={views.includes(route.view) ? 'page' : undefined}>
            <Icon name={icon} />
            <span>{t(word)}</span>
          </a>
        ))}
      </nav>
      <div class="tools">
        <SearchField />
        <span class="pulse" data-state={live.type} role="status">
          <i />
          <span>{t(live.type === 'live' ? 'live' : live.type === 'lost' ? 'lost' : 'connecting')}</span>
        </span>
        <select
          class="pick"
          aria-label={t('language')}
          value={language}
          onChange={(event) => onLanguage(event.currentTarget.value as Language)}
        >
          {LANGUAGES.map((each) => (
            <option key={each} value={each} lang={each}>
              {LANGUAGE_NAMES[each]}
            </option>
          ))}
        </select>
        <button
          type="button"
          class="icon-button"
          onClick={onTheme}
          aria-label={t(THEME_WORDS[theme])}
          title={t(THEME_WORDS[theme])}
        >
          <Icon name={THEME_ICONS[theme]} />
        </button>
      </div>
    </header>
  )
}
