import { expect } from 'chai'
import fc from 'fast-check'
import { Problem } from '../../observe/schemas/index.ts'
import { ObservedStreet, schemaFaults } from './observed-street.ts'

const CYRILLIC = 'Улица Вязов дом двенадцать кв 15'
const ODD = 'a/b c?d#e%f'

const ROUTES = [
  '/v1/status',
  '/v1/members',
  '/v1/members/{}',
  '/v1/members/{}/blocks',
  '/v1/members/{}/readings',
  '/v1/members/{}/proof',
  '/v1/balance',
  '/v1/blocks/{}',
  '/v1/ledger',
  '/v1/evidence',
  '/v1/peers',
  '/docs/{}',
  '/assets/{}',
  '/tlog/{}/checkpoint',
  '/{}',
]
const NAMES = [
  'from',
  'to',
  'limit',
  'order',
  'cursor',
  'time',
  'height',
  'content',
  'register',
  'resolution',
  'tz',
  'format',
  'members',
]

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '0',
    '1',
    '-1',
    '1e9',
    '99999999999999999999',
    'null',
    '../../etc/passwd',
    '2024-01-01',
    '1-0:1.8.0',
    'desc',
  ),
)

describe('questions that nobody would ask', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>

  before(async () => {
    street = await ObservedStreet.create({ meters: 1, witnesses: 0, rounds: 1, absent: [CYRILLIC, ODD] })
    app = street.app()
  })
  after(() => street.stop())

  it('are answered or refused, and are never the fault of this node', async () => {
    const query = fc.array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...ROUTES), value, query, async (route, place, pairs) => {
        const search = pairs.map(([name, text]) => `${name}=${encodeURIComponent(text.toWellFormed())}`).join('&')
        const url = `${route.replace('{}', encodeURIComponent(place.toWellFormed()))}?${search}`
        const answer = await app.inject({ url })
        expect(answer.statusCode, `${url}: ${answer.body}`).to.be.below(500)
        if (answer.statusCode < 400) return
        expect(answer.headers['content-type'], url).to.equal('application/problem+json')
        expect(schemaFaults(Problem, answer.json()), url).to.deep.equal([])
      }),
      { numRuns: 200 },
    )
    expect(street.errors).to.deep.equal([])
  })

  it('labels may be of any alphabet, and hold what else separates paths', async () => {
    for (const [label, index] of [
      [CYRILLIC, 2],
      [ODD, 3],
    ] as const) {
      for (const rest of ['', '/blocks']) {
        const answer = await app.inject({ url: `/v1/members/${encodeURIComponent(label)}${rest}` })
        const found = answer.json<{ index?: number; member?: { index: number } }>()
        expect(found.index ?? found.member?.index, `${label}${rest}`).to.equal(index)
      }
    }
  })
})
