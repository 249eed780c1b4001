import { once } from 'node:events'
import { connect } from 'node:net'
import { expect } from 'chai'
import type { Static, TSchema } from 'typebox'
import { startHttp } from '../../observe/index.ts'
import { BalanceAnswer, ReadingsAnswer } from '../../observe/schemas/index.ts'
import { StreamGate } from '../../observe/streams.ts'
import type { GroupLine, RawLine } from '../../query/index.ts'
import { reading, register } from '../query/made-home.ts'
import { ObservedStreet, schemaFaults } from './observed-street.ts'

const COUNTER = register('1-0:1.8.0')
const QUARTER_MS = 900_000
const DAY_FROM = Date.UTC(2024, 4, 1)

describe('readings and the balance over HTTP', () => {
  let street: ObservedStreet
  let app: ReturnType<ObservedStreet['app']>

  before(async () => {
    street = await ObservedStreet.create({ meters: 2, witnesses: 0, rounds: 1 })
    for (const [at, name] of ['meter-1', 'meter-2'].entries()) {
      const { node } = street.node(name)
      const items = Array.from({ length: 97 }, (_, i) => ({
        source: 'day',
        reading: reading(COUNTER, { time: DAY_FROM + i * QUARTER_MS, value: i === 50 ? null : 1_000 + i * (10 + at) }),
      }))
      const before = street.blocks
      await street.all.time.wait(node.take(items))
      await street.all.time.advance(60_000)
      await street.all.untilAgreed(before + 2)
    }
    app = street.app()
  })
  after(async () => {
    expect(street.errors).to.deep.equal([])
    await street.stop()
  })

  const ask = async <S extends TSchema>(url: string, schema: S): Promise<Static<S>> => {
    const answer = await app.inject({ url })
    expect(answer.statusCode, `${url}: ${answer.body}`).to.equal(200)
    const value = answer.json<Static<S>>()
    expect(schemaFaults(schema, value), url).to.deep.equal([])
    return value
  }
  const DAY = 'from=2024-05-01&to=2024-05-02'
  const READINGS = `/v1/members/meter-1/readings?register=1-0:1.8.0&${DAY}`

  it('every resolution is as its schema says, and adds up to the same', async () => {
    for (const resolution of ['15m', '1h', '1d', '1mo']) {
      const answer = await ask(`${READINGS}&resolution=${resolution}`, ReadingsAnswer)
      expect(answer).to.deep.include({ unit: 'kWh', kind: 'counter', resolution, tz: 'UTC', total: '0.960' })
      expect(answer.member).to.include({ label: 'meter-1' })
    }
    const raw = await ask(`${READINGS}&resolution=raw`, ReadingsAnswer)
    expect([raw.values.length, raw.count, raw.quality]).to.deep.equal([96, 96, { good: 95, missing: 1 }])
    expect(raw.values[50]).to.include({ value: null, quality: 'missing' })
    const hours = await ask(READINGS, ReadingsAnswer)
    expect((hours.values as GroupLine[])[12]).to.deep.include({ value: '0.040', missing: 1, first: '1.480', last: '1.520' })
  })

  it('csv and ndjson say the same as json, line by line', async () => {
    const { values, total } = await ask(READINGS, ReadingsAnswer)
    const csv = await app.inject({ url: `${READINGS}&format=csv` })
    expect(csv.headers['content-type']).to.match(/^text\/csv/)
    const [head, ...rows] = csv.body.trimEnd().split('\n')
    expect(head).to.equal('from,to,register,value,unit,quality,values,missing,estimated,coveredMs')
    expect(rows[1]).to.equal('2024-05-01T01:00:00Z,2024-05-01T02:00:00Z,1-0:1.8.0,0.040,kWh,good,4,0,0,3600000')
    expect(rows.map((row) => row.split(',')[3])).to.deep.equal(values.map(({ value }) => value))
    const ndjson = await app.inject({ url: `${READINGS}&format=ndjson` })
    const lines = ndjson.body.trimEnd().split('\n')
    const parsed = lines.map((line) => JSON.parse(line) as GroupLine & { end?: { total: string } })
    expect(parsed.at(-1)?.end).to.include({ total })
    expect(parsed.slice(0, -1).map(({ value }) => value)).to.deep.equal(values.map(({ value }) => value))
    const raw = await app.inject({ url: `${READINGS}&resolution=raw&format=csv` })
    expect(raw.body.split('\n')[1]).to.equal('2024-05-01T00:00:00Z,1-0:1.8.0,1.000,kWh,good,meter-clock,')
  })

  it('Green Button says the readings as they were sealed, to whoever reads ESPI', async () => {
    const feed = await app.inject({ url: `${READINGS}&resolution=raw&format=green-button` })
    expect(feed.headers['content-type']).to.match(/^application\/atom\+xml/)
    const raw = await ask(`${READINGS}&resolution=raw`, ReadingsAnswer)
    const kept = Array.from(feed.body.matchAll(/<value>(-?\d+)<\/value>/g), ([, value]) => Number(value))
    const said = (raw.values as RawLine[]).flatMap(({ value }) => (value === null ? [] : [Math.round(Number(value) * 1_000)]))
    expect(kept).to.deep.equal(said)
    expect(feed.body).to.contain('<title>meter-1</title>').and.contain('<uom>72</uom>')
  })

  it('the balance of all meters, and of one behind another', async () => {
    const answer = await ask(`/v1/balance?${DAY}&resolution=1d`, BalanceAnswer)
    expect(answer.members.map(({ label }) => label)).to.deep.equal(['meter-1', 'meter-2'])
    expect(answer.total).to.deep.include({ import: '2.016', missing: [], feeder: null })
    const fed = await ask(`/v1/balance?${DAY}&members=meter-1,1&feeder=meter-2`, BalanceAnswer)
    expect([fed.members.length, fed.feeder?.label, fed.intervals.length]).to.deep.equal([1, 'meter-2', 24])
    expect(fed.total).to.include({ import: '0.960', feeder: '1.056', loss: '0.096' })
    for (const format of ['csv', 'ndjson']) {
      const { body } = await app.inject({ url: `/v1/balance?${DAY}&format=${format}` })
      expect(body.trimEnd().split('\n'), format).to.have.length(25)
    }
  })

  it('what is wrong with a question is said with its code, and costs nothing', async () => {
    const wrong: [string, number, string][] = [
      ['/v1/members/nobody/readings?from=2024-05-01&to=2024-05-02', 404, 'MEMBER_UNKNOWN'],
      [`/v1/members/meter-1/readings?${DAY}&register=1-0:2.8.0`, 404, 'REGISTER_UNKNOWN'],
      [`/v1/members/meter-1/readings?${DAY}&register=kWh`, 400, 'MALFORMED_OBIS'],
      [`${READINGS}&tz=Mars/Olympus`, 400, 'ZONE_UNKNOWN'],
      [`${READINGS}&resolution=5m`, 400, 'QUERY_INVALID'],
      [`${READINGS}&format=xml`, 400, 'QUERY_INVALID'],
      [`${READINGS}&format=green-button`, 400, 'QUERY_INVALID'],
      [`${READINGS}&fromm=1`, 400, 'QUERY_INVALID'],
      ['/v1/members/meter-1/readings', 400, 'QUERY_INVALID'],
      ['/v1/members/meter-1/readings?from=tomorrow&to=2024-05-02', 400, 'QUERY_INVALID'],
      ['/v1/members/meter-1/readings?from=2024-05-02&to=2024-05-01', 400, 'QUERY_INVALID'],
      ['/v1/members/meter-1/readings?from=1990-01-01&to=2024-05-01&resolution=15m', 400, 'QUERY_TOO_LARGE'],
      ['/v1/members/meter-1/readings?from=1990-01-01&to=2024-05-01&resolution=raw', 400, 'QUERY_TOO_LARGE'],
      [`/v1/balance?${DAY}&members=meter-1,nobody`, 404, 'MEMBER_UNKNOWN'],
      [`/v1/balance?${DAY}&members=${Array.from({ length: 257 }, () => '1').join(',')}`, 400, 'QUERY_INVALID'],
      [`/v1/balance?${DAY}&resolution=raw`, 400, 'QUERY_INVALID'],
      ['/v1/balance?from=1990-01-01&to=2024-05-01', 400, 'QUERY_TOO_LARGE'],
    ]
    for (const [url, status, code] of wrong) {
      const answer = await app.inject({ url })
      expect([answer.statusCode, answer.json<{ readonly code: string }>().code], url).to.deep.equal([status, code])
      expect(answer.headers['content-type'], url).to.equal('application/problem+json')
    }
  })

  it('whoever goes away in the middle leaves nothing behind', async () => {
    const server = await startHttp(street.init())
    try {
      const { port } = new URL(server.address)
      for (let i = 0; i < 40; i++) {
        const socket = connect(Number(port), '127.0.0.1')
        await once(socket, 'connect')
        socket.write(`GET ${READINGS}&resolution=raw&format=ndjson HTTP/1.1\r\nhost: x\r\n\r\n`)
        await once(socket, 'data')
        socket.destroy()
      }
      expect((await fetch(`${server.address}${READINGS}`)).status).to.equal(200)
    } finally {
      await server.close()
    }
  })

  it('whoever asks for the head alone holds nothing up', async () => {
    for (let i = 0; i < 20; i++) {
      for (const url of [READINGS, `/v1/balance?${DAY}`])
        expect((await app.inject({ method: 'HEAD', url })).statusCode).to.equal(200)
    }
    await ask(READINGS, ReadingsAnswer)
  })

  it('SERVER_BUSY: more long answers than may be made at once; each that ends makes room', async () => {
    const gate = new StreamGate(2)
    const held = Promise.withResolvers<void>()
    const { default: fastify } = await import('fastify')
    const small = fastify()
    small.get('/', (_request, reply) =>
      gate.send(reply, 'text/plain', async () => {
        await held.promise
        return letters()
      }),
    )
    small.setErrorHandler((error: { code?: string }, _request, reply) => reply.code(503).send({ code: error.code }))
    const asked = [small.inject('/'), small.inject('/')]
    while (gate.open < 2) await new Promise((resolve) => setImmediate(resolve))
    expect((await small.inject('/')).json()).to.deep.equal({ code: 'SERVER_BUSY' })
    held.resolve()
    expect((await Promise.all(asked)).map(({ body }) => body)).to.deep.equal(['abc', 'abc'])
    while (gate.open > 0) await new Promise((resolve) => setImmediate(resolve))
    await small.close()
  })
})

function* letters(): Generator<string> {
  yield* ['a', 'b', 'c']
}
