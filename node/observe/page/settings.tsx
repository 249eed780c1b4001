import { useEffect, useMemo, useState } from 'preact/hooks'
import { recall, remember } from './browser.ts'
import { type Formats, formatsOf } from './words/formats.ts'
import { LANGUAGES, type Language, languageOf, localeOf, type Translate, translator } from './words/language.ts'

export type Theme = 'auto' | 'light' | 'dark'
const THEMES: readonly Theme[] = ['auto', 'light', 'dark']

export interface Tongue {
  readonly language: Language
  readonly locale: string
  readonly t: Translate
  readonly formats: Formats
  readonly timeZone: string
  readonly speak: (language: Language) => void
}

/** The reader's choice, else the browser's. */
export function useTongue(): Tongue {
  const [chosen, choose] = useState<Language | undefined>(() => LANGUAGES.find((each) => each === recall('language')))
  const language = chosen ?? languageOf(navigator.languages)
  const tongue = useMemo(() => {
    const locale = localeOf(language, navigator.languages)
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
    return { language, locale, timeZone, t: translator(language, locale), formats: formatsOf(locale, timeZone) }
  }, [language])
  useEffect(() => {
    document.documentElement.lang = language
  }, [language])
  const speak = (next: Language): void => {
    remember('language', next)
    choose(next)
  }
  return { ...tongue, speak }
}

/** As the machine has it, unless the reader chose. */
export function useTheme(): readonly [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => THEMES.find((each) => each === recall('theme')) ?? 'auto')
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
    remember('theme', theme === 'auto' ? undefined : theme)
  }, [theme])
  return [theme, () => setTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme)]
}
