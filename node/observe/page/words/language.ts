import { de } from './de.ts'
import { en, type Words } from './en.ts'
import { fill, type Parameters } from './phrase.ts'
import { ru } from './ru.ts'

export const LANGUAGES = ['en', 'de', 'ru'] as const
export type Language = (typeof LANGUAGES)[number]

/** As the speakers call them. */
export const LANGUAGE_NAMES: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch', ru: 'Русский' }

const WORDS: Readonly<Record<Language, Words>> = { en, de, ru }

export type WordName = keyof Words

/** The first of the reader's languages that the page speaks; English else. */
export function languageOf(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const found = LANGUAGES.find((language) => tag.toLowerCase().split('-')[0] === language)
    if (found !== undefined) return found
  }
  return 'en'
}

/** The reader's own variant of the language, for numbers and dates: `en-GB` writes the day first. */
export function localeOf(language: Language, preferred: readonly string[]): string {
  return preferred.find((tag) => tag.toLowerCase().split('-')[0] === language && isLocale(tag)) ?? language
}

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0
  } catch {
    return false
  }
}

export type Translate = (name: WordName, parameters?: Parameters) => string

export function translator(language: Language, locale: string): Translate {
  const words = WORDS[language]
  return (name, parameters = {}) => fill(words[name], parameters, locale)
}
