import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_RUN_BLOCKS, MAX_RUN_BYTES } from '../limits.ts'
import { VERDICTS } from '../verdict.ts'

/** Holds the specification and the code together: rules that one names and the other does not have, either way. */
const folder = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', folder), 'utf8')

/** Section N is about what carries the frames: the code and the tests that keep it are not in this folder. */
const ELSEWHERE = /^N/

const filesIn = (url: URL, ending: string): { name: string; text: string }[] =>
  readdirSync(url)
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ name, text: readFileSync(new URL(name, url), 'utf8') }))

const sources = filesIn(folder, '.ts')
const tests = filesIn(new URL('test/', folder), '.test.ts')

/** Letters that begin a rule: those of the sections. */
const letters = [...readme.matchAll(/^## ([A-Z])\. /gm)].map(([, letter]) => letter as string)
const RULE = new RegExp(`\\b[${letters.join('')}]\\d{1,2}\\b`, 'g')

const rulesIn = (text: string): string[] => text.match(RULE) ?? []
const commentsOf = (source: string): string => (source.match(/\/\*[\s\S]*?\*\/|\/\/.*$/gm) ?? []).join('\n')
const titlesOf = (test: string): string =>
  [...test.matchAll(/\b(?:it|describe)\(\s*(['"`])([\s\S]*?)\1/g)].map(([, , title]) => title as string).join('\n')

/** `**V6. Held.**`, `**E7. Hexadecimal text**`, `**S7**`: where a rule is stated. */
const stated = [...readme.matchAll(/\*\*([A-Z]\d{1,2})(?:\.|\*\*)/g)].map(([, rule]) => rule as string)

describe('rules', () => {
  it('the readers of this test find what they look for', () => {
    expect(letters.join('')).to.equal('ERBTHCGMVSNFAWP')
    expect(stated).to.include.members(['E1', 'R27', 'B12', 'V21', 'S7', 'N4', 'F8'])
    expect(rulesIn(commentsOf('const B1 = 1 // rule V2\n/* B3\n to B4 */'))).to.deep.equal(['V2', 'B3', 'B4'])
    expect(rulesIn(titlesOf("it('V6, CONFLICT: x', () => {})\nfoo('V7')\n  it(`B1: ${name}`, f)"))).to.deep.equal(['V6', 'B1'])
  })

  it('each rule is stated once', () => {
    expect(stated.filter((rule, at) => stated.indexOf(rule) !== at)).to.deep.equal([])
  })

  it('every rule that a comment of the code cites is stated', () => {
    for (const { name, text } of sources) {
      for (const rule of rulesIn(commentsOf(text))) expect(stated, `${name} cites ${rule}`).to.include(rule)
    }
  })

  it('every rule that a title of a test cites is stated', () => {
    for (const { name, text } of tests) {
      for (const rule of rulesIn(titlesOf(text))) expect(stated, `${name} cites ${rule}`).to.include(rule)
    }
  })

  it('every rule that the text refers to is stated', () => {
    for (const rule of rulesIn(readme)) expect(stated, `the text refers to ${rule}`).to.include(rule)
  })

  it('every rule that is stated is cited by a comment of the code or a title of a test', () => {
    const texts = [...sources.map(({ text }) => commentsOf(text)), ...tests.map(({ text }) => titlesOf(text))]
    const cited = new Set(rulesIn(texts.join('\n')))
    expect(stated.filter((rule) => !cited.has(rule) && !ELSEWHERE.test(rule))).to.deep.equal([])
  })

  it('every rule of the door has a test of its own', () => {
    const titled = new Set(rulesIn(tests.map(({ text }) => titlesOf(text)).join('\n')))
    expect(stated.filter((rule) => /^[BV]/.test(rule) && !titled.has(rule))).to.deep.equal([])
  })

  it('V1: the table of verdicts is the one of the code', () => {
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (reject|ignore) \|/gm)].map(([, code, verdict]) => [code, verdict])
    expect(Object.fromEntries(rows)).to.deep.equal(VERDICTS)
    expect(rows.map(([code]) => code)).to.deep.equal(Object.keys(VERDICTS))
  })

  it('the files that the text names are there', () => {
    const names = new Set(readme.match(/test\/vectors\/[a-z0-9-]+\.json/g))
    const written = filesIn(new URL('test/vectors/', folder), '.json').map(({ name }) => `test/vectors/${name}`)
    expect([...names].filter((name) => !written.includes(name))).to.deep.equal([])
    expect(written.filter((name) => !readme.includes(name.slice('test/vectors/'.length)))).to.deep.equal([])
    const named = [...readme.matchAll(/^(?:.*[ (])?Code: ([^.]*\.ts[^\n]*)/gm)].flatMap(
      ([, list]) => list?.match(/[a-z0-9-]+\.ts/g) ?? [],
    )
    const missing = named.filter((name) => !sources.some((source) => source.name === name))
    expect(named.length).to.be.above(20)
    expect(missing).to.deep.equal([])
  })

  it('limits stand in the text as they are in the code', () => {
    const text = (limit: number): string => limit.toLocaleString('en-US')
    for (const limit of [MAX_BODY_BYTES, MAX_RUN_BLOCKS, MAX_RUN_BYTES]) expect(readme).to.include(text(limit))
    expect(readme).to.include(`At most ${MAX_HEADER_BYTES} bytes.`)
  })
})
