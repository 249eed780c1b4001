/** A phrase, or one for each plural of the language; `{name}` stands for a parameter, `{n}` for the number counted. */
export type Phrase = string | Plurals

export type Plurals = { readonly other: string } & { readonly [form in 'one' | 'few' | 'many']?: string }

export type Parameters = Readonly<Record<string, string | number>>

/** Numbers among the parameters are written as the locale writes them; `n` chooses the plural. */
export function fill(phrase: Phrase, parameters: Parameters, locale: string): string {
  return chosen(phrase, parameters.n, locale).replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = parameters[name]
    if (value === undefined) return whole
    return typeof value === 'number' ? numberFormat(locale).format(value) : value
  })
}

function chosen(phrase: Phrase, n: string | number | undefined, locale: string): string {
  if (typeof phrase === 'string') return phrase
  const form = typeof n === 'number' ? pluralRules(locale).select(n) : 'other'
  return (form in phrase ? phrase[form as keyof Plurals] : undefined) ?? phrase.other
}

/** Making one costs more than all it is used for. One for each language. */
const numberFormats = new Map<string, Intl.NumberFormat>()
const plurals = new Map<string, Intl.PluralRules>()

function numberFormat(locale: string): Intl.NumberFormat {
  const known = numberFormats.get(locale) ?? new Intl.NumberFormat(locale)
  numberFormats.set(locale, known)
  return known
}

function pluralRules(locale: string): Intl.PluralRules {
  const known = plurals.get(locale) ?? new Intl.PluralRules(locale)
  plurals.set(locale, known)
  return known
}
