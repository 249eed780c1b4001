import { expect } from 'chai'
import { bodyContent, decodeReadings, KIND_READINGS, WattnessError } from '../../../protocol/index.ts'
import { type HttpServer, startHttp } from '../../observe/index.ts'
import { MAX_POST_BYTES } from '../../observe/ingest.ts'
import { TakenAnswer } from '../../observe/schemas/index.ts'
import { Tokens } from '../../observe/tokens.ts'
import { OBSERVER, ObservedStreet, schemaFaults } from './observed-street.ts'

const TOKEN = 'w'.repeat(40)
const READER = 'r'.repeat(40)
const tokens = Tokens.parse(`write ${TOKEN}\nread ${READER}\n`, 'http-tokens')
const TIME = '2024-05-01T00:15:00Z'

interface Answer {
  readonly status: number
  readonly body: { readonly code?: string; readonly detail?: string; readonly taken?: number; readonly duplicates?: number }
  readonly headers: Readonly<Record<string, unknown>>
}

describe('readings posted', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>

  before(async () => {
    street = await ObservedStreet.create({ meters: 2, witnesses: 0, rounds: 1 })
    app = street.app('meter-1', { tokens })
  })
  after(() => street.stop())

  const post = async (
    payload: unknown,
    { token = TOKEN, to = app, type = 'application/json' }: { token?: string; to?: typeof app; type?: string } = {},
  ): Promise<Answer> => {
    const headers = { 'content-type': type, ...(token === '' ? {} : { authorization: `Bearer ${token}` }) }
    const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
    const answer = await to.inject({ method: 'POST', url: '/v1/readings', headers, payload: body })
    return { status: answer.statusCode, body: answer.json<Answer['body']>(), headers: answer.headers }
  }
  const one = (more: object = {}): object => ({ source: 'roof', time: TIME, values: { '1-0:2.8.0': '12.345 kWh' }, ...more })
  const waiting = (): number => street.node('meter-1').store.spool.size

  it('are on the disk with 202, and are taken once by source, time and register, whatever their value', async () => {
    const before = waiting()
    const first = await post({ readings: [one(), one({ source: 'cellar' })] })
    expect([first.status, first.body]).to.deep.equal([202, { taken: 2, duplicates: 0 }])
    expect(schemaFaults(TakenAnswer, first.body)).to.deep.equal([])
    expect(waiting()).to.equal(before + 2)
    expect((await post({ readings: [one()] })).body).to.deep.equal({ taken: 0, duplicates: 1 })
    expect((await post({ readings: [one({ values: { '1-0:2.8.0': '99.9 kWh' } })] })).body).to.deep.equal({
      taken: 0,
      duplicates: 1,
    })
    expect(waiting()).to.equal(before + 2)
    const more = one({ values: { '1-0:2.8.0': '1 kWh', '1-0:32.7.0': { value: '230.1', unit: 'V', quality: 'estimated' } } })
    expect((await post({ readings: [more, more] })).body).to.deep.equal({ taken: 1, duplicates: 3 })
    expect(
      (
        await post({
          readings: [one({ time: '2024-05-01T00:30:00+00:00', values: { '1-0:2.8.0': { value: null, unit: 'kWh' } } })],
        })
      ).body.taken,
    ).to.equal(1)
  })

  it('are sealed as they were said', async () => {
    const before = street.blocks
    await street.all.time.advance(60_000)
    await street.all.untilAgreed(before + 1)
    const { store, signer } = street.node('meter-1')
    const size = store.head(signer.publicKey)?.size ?? 0
    const block = await store.readBlock(signer.publicKey, size - 1)
    expect(block?.header.kind).to.equal(KIND_READINGS)
    const values = decodeReadings(bodyContent(block?.body as Uint8Array)).readings.flatMap((each) => each.values)
    expect(values.map(({ value, quality, register: { unit, scaler } }) => [value, quality, unit, scaler])).to.have.deep.members([
      [12_345, 'good', 30, 0],
      [12_345, 'good', 30, 0],
      [2_301, 'estimated', 35, -1],
      [null, 'missing', 30, 3],
    ])
  })

  it('TOKEN_MISSING, TOKEN_UNKNOWN, TOKEN_INSUFFICIENT: without the right nothing is read', async () => {
    const huge = ' '.repeat(MAX_POST_BYTES + 1)
    for (const [token, status, code] of [
      ['', 401, 'TOKEN_MISSING'],
      ['x'.repeat(40), 401, 'TOKEN_UNKNOWN'],
      [READER, 403, 'TOKEN_INSUFFICIENT'],
    ] as const) {
      const answer = await post(huge, { token })
      expect([answer.status, answer.body.code]).to.deep.equal([status, code])
    }
    const closed = street.app('meter-2')
    expect((await post({ readings: [one()] }, { to: closed })).body.code).to.equal('TOKEN_UNKNOWN')
  })

  it('NOT_A_METER: an observer says so', async () => {
    const answer = await post({ readings: [one()] }, { to: street.app(OBSERVER, { tokens }) })
    expect([answer.status, answer.body.code]).to.deep.equal([403, 'NOT_A_METER'])
    expect(answer.body.detail).to.match(/is no member/)
  })

  it('READINGS_MALFORMED, QUERY_INVALID: what is wrong is said with where, and none of the post is taken', async () => {
    const before = waiting()
    const wrong: [object, RegExp][] = [
      [{ values: { 'not a code': '1 kWh' } }, /readings\[1\].*OBIS/],
      [{ values: { '1-0:1.8.0': '1 furlong' } }, /readings\[1\].*unit/],
      [{ values: { '1-0:1.8.0': '1e3 kWh' } }, /readings\[1\].*decimal/],
      [{ values: { '1-0:1.8.0': '99999999999999999999 kWh' } }, /2\^53/],
      [{ values: { '1-0:1.8.0': '1 kWh', '01-0:1.8.0': '1 kWh' } }, /twice/],
      [{ values: { '1-0:1.8.0': { value: null, unit: 'kWh', quality: 'good' } } }, /missing/],
      [{ values: { '1-0:1.8.0': { value: '1', unit: 'kWh', quality: 'missing' } } }, /missing/],
    ]
    for (const [more, detail] of wrong) {
      const answer = await post({ readings: [one({ source: 'never' }), one(more)] })
      expect([answer.status, answer.body.code], JSON.stringify(more)).to.deep.equal([400, 'READINGS_MALFORMED'])
      expect(answer.body.detail).to.match(detail)
    }
    for (const payload of [
      {},
      { readings: [] },
      { readings: [one({ source: '' })] },
      { readings: [one({ values: {} })] },
      { readings: [one({ color: 'red' })] },
      { readings: [one({ time: 'noon' })] },
      { readings: [one({ intervalMs: -1 })] },
      { readings: Array.from({ length: 1_001 }, () => one()) },
    ]) {
      const answer = await post(payload)
      expect([answer.status, answer.body.code], JSON.stringify(payload).slice(0, 80)).to.deep.equal([400, 'QUERY_INVALID'])
    }
    expect((await post('{"readings":')).body.code).to.equal('REQUEST_MALFORMED')
    expect((await post('{}', { type: 'text/csv' })).body.code).to.equal('TYPE_UNSUPPORTED')
    const large = await post(' '.repeat(MAX_POST_BYTES + 1))
    expect([large.status, large.body.code]).to.deep.equal([413, 'BODY_TOO_LARGE'])
    expect(waiting()).to.equal(before)
  })

  describe('where the node cannot take them', () => {
    const refusing = (error: Error): ReturnType<ObservedStreet['app']> => {
      const { node } = street.node('meter-1')
      const refuse = async (): Promise<never> => {
        throw error
      }
      const proxy = new Proxy(node, {
        get: (target, name) => {
          if (name === 'take') return refuse
          const value = Reflect.get(target, name, target) as unknown
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      return street.app('meter-1', { tokens, node: proxy })
    }

    it('SPOOL_FULL: 429, and when to try again', async () => {
      const answer = await post(
        { readings: [one()] },
        { to: refusing(new WattnessError('SPOOL_FULL', 'spool: 9 readings wait')) },
      )
      expect([answer.status, answer.body.code, answer.headers['retry-after']]).to.deep.equal([429, 'SPOOL_FULL', '60'])
    })

    it('DISK_FULL: 503, with the reason', async () => {
      const answer = await post({ readings: [one()] }, { to: refusing(new WattnessError('DISK_FULL', 'no room on the disk')) })
      expect([answer.status, answer.body.code, answer.body.detail]).to.deep.equal([503, 'DISK_FULL', 'no room on the disk'])
      expect(answer.headers['retry-after']).to.match(/^\d+$/)
      street.errors.length = 0
    })
  })

  it('many clients post side by side while blocks come: nothing is lost, nothing is taken twice', async () => {
    const CLIENTS = 24
    const POSTS = 8
    const servers: HttpServer[] = [await startHttp({ ...street.init('meter-1', { tokens }) })]
    const { address } = servers[0] as HttpServer
    const send = async (client: number, count: number): Promise<Answer['body']> => {
      const readings = [0, 1].map((row) =>
        one({ source: `client ${client}`, time: new Date(Date.UTC(2024, 5, 1, count, row)).toISOString() }),
      )
      const answer = await fetch(`${address}/v1/readings`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
        body: JSON.stringify({ readings }),
      })
      expect(answer.status).to.equal(202)
      return (await answer.json()) as Answer['body']
    }
    let taken = 0
    let duplicates = 0
    const client = async (number: number): Promise<void> => {
      for (let count = 0; count < POSTS; count++) {
        // Each sends everything twice, as one does who got no answer.
        for (const body of await Promise.all([send(number, count), send(number, count)])) {
          taken += body.taken ?? 0
          duplicates += body.duplicates ?? 0
        }
      }
    }
    try {
      const { node, store, signer } = street.node('meter-1')
      const rowsBefore = await rowsIn()
      const all = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)))
      for (let round = 0; round < 4; round++) {
        await street.all.take('meter-2')
        await street.all.time.advance(60_000)
      }
      await all
      expect([taken, duplicates]).to.deep.equal([2 * CLIENTS * POSTS, 2 * CLIENTS * POSTS])
      await street.all.time.until(() => store.spool.size === 0, 600_000, 'everything sealed')
      expect((await rowsIn()) - rowsBefore).to.equal(taken)
      expect(node.heldBack()).to.equal(undefined)
      async function rowsIn(): Promise<number> {
        const blocks = await store.readBlocks(signer.publicKey, 0, 1_000)
        return blocks.reduce(
          (sum, { body, header }) =>
            sum + (header.kind === KIND_READINGS ? decodeReadings(bodyContent(body)).readings.length : 0),
          store.spool.size,
        )
      }
    } finally {
      for (const server of servers) await server.close()
    }
  })
})
