import { expect } from 'chai'
import { de } from '../../observe/page/words/de.ts'
import { en } from '../../observe/page/words/en.ts'
import { formatsOf } from '../../observe/page/words/formats.ts'
import { languageOf, localeOf, translator } from '../../observe/page/words/language.ts'
import type { Phrase } from '../../observe/page/words/phrase.ts'
import { energyDirection, registerName } from '../../observe/page/words/registers.ts'
import { ru } from '../../observe/page/words/ru.ts'

const texts = (phrase: Phrase): string[] => (typeof phrase === 'string' ? [phrase] : Object.values(phrase))
const named = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string)

describe('observe: the words of the page', () => {
  for (const [language, words] of Object.entries({ de, ru })) {
    it(`${language} says everything that English says, with the same parameters`, () => {
      for (const [name, phrase] of Object.entries(en) as [keyof typeof en, Phrase][]) {
        const wanted = new Set(texts(phrase).flatMap(named))
        for (const text of texts(words[name])) {
          expect(text.trim(), name).to.have.length.above(0)
          for (const parameter of named(text)) expect([...wanted], `${name}: {${parameter}}`).to.include(parameter)
        }
        const found = new Set(texts(words[name]).flatMap(named))
        expect([...found].sort(), name).to.deep.equal([...wanted].sort())
      }
    })
  }

  it('Russian has a phrase for each of its plurals', () => {
    for (const [name, phrase] of Object.entries(ru)) {
      if (typeof phrase !== 'string') expect(Object.keys(phrase), name).to.have.members(['one', 'few', 'many', 'other'])
    }
  })

  it('plurals are those of the language', () => {
    const say = (language: 'en' | 'de' | 'ru', n: number): string => translator(language, language)('blocksOf', { n })
    expect([0, 1, 2].map((n) => say('en', n))).to.deep.equal(['0 blocks', '1 block', '2 blocks'])
    expect([0, 1, 2].map((n) => say('de', n))).to.deep.equal(['0 Blöcke', '1 Block', '2 Blöcke'])
    const russian = [1, 2, 5, 11, 21, 22, 25].map((n) => say('ru', n))
    expect(russian).to.deep.equal(['1 блок', '2 блока', '5 блоков', '11 блоков', '21 блок', '22 блока', '25 блоков'])
  })

  it('a parameter that is not given is left as it stands, and numbers are grouped', () => {
    expect(translator('en', 'en')('blocksOn')).to.equal('Blocks of {time}')
    expect(translator('de', 'de')('blockNumber', { n: 35_040 })).to.equal('Block 35.040')
  })

  it('the language is the first of the reader that the page speaks', () => {
    expect(languageOf(['fr-FR', 'ru-RU', 'en'])).to.equal('ru')
    expect(languageOf(['fr'])).to.equal('en')
    expect(localeOf('en', ['fr', 'en-GB', 'en-US'])).to.equal('en-GB')
    expect(localeOf('de', ['en'])).to.equal('de')
    expect(localeOf('de', ['de-@'])).to.equal('de')
  })

  it('decimal text keeps every digit, in the locale’s spelling', () => {
    const [english, german] = ['en', 'de'].map((locale) => formatsOf(locale, 'UTC'))
    expect(english?.decimal('1234567.890')).to.equal('1,234,567.890')
    expect(german?.decimal('-1234567.890')).to.equal('−1.234.567,890')
    expect(english?.decimal('12345678901234567890.1')).to.equal('12,345,678,901,234,567,890.1')
    expect(english?.decimal('12')).to.equal('12')
    expect(english?.decimal('a lot')).to.equal('a lot')
  })

  it('times are in the reader’s zone, short where the day says itself', () => {
    const formats = formatsOf('en-GB', 'Europe/Moscow')
    const now = Date.UTC(2026, 4, 1, 12)
    expect(formats.moment('2026-05-01T10:15:00Z', now)).to.equal('13:15')
    expect(formats.moment('2026-04-30T10:15:00Z', now)).to.equal('30 Apr, 13:15')
    expect(formats.moment(Date.UTC(2024, 3, 30, 10, 15), now)).to.equal('30 Apr 2024, 13:15')
    expect(formats.moment('2026-04-30T10:15:00Z')).to.equal('30 Apr 2026, 13:15')
    expect(formats.exact(Date.UTC(2026, 4, 1))).to.include('03:00:00')
    expect([formats.clock(now), formats.clock('2026-05-01T12:00:00Z')]).to.deep.equal(['15:00', '15:00'])
    expect([formats.second(now), formats.second('2026-05-01T12:00:00Z')]).to.deep.equal(['15:00:00', '15:00:00'])
    expect([formats.day(now), formats.day('2026-05-01T12:00:00Z')]).to.deep.equal(['1 May 2026', '1 May 2026'])
    expect(formats.count(1_234_567)).to.equal('1,234,567')
    expect(formats.exact('2026-05-01T00:00:00Z')).to.equal(formats.exact(Date.UTC(2026, 4, 1)))
  })

  it('registers are called by what they measure', () => {
    const t = translator('en', 'en')
    const codes = ['1-0:1.8.0', '1-0:2.8.1', '1-0:1.27.0', '1-0:32.7.0', '1-0:14.7.0', '7-0:3.0.0', '1-0:16.7.0', '1-0:31.7.0']
    const expected = ['Import', 'Export', 'Imported power', 'Voltage', 'Frequency', '7-0:3.0.0', 'Net power', 'Current']
    expect(codes.map((code) => registerName(code, t))).to.deep.equal(expected)
    expect(['1-0:1.8.0', '1-0:2.29.0', '1-0:21.8.0'].map(energyDirection)).to.deep.equal(['import', 'export', undefined])
  })
})
