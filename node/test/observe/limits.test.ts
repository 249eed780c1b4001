import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import fastify from 'fastify'
import { CachedAnswer } from '../../observe/answers.ts'
import { FinalTimes, MAX_FINAL_TIMES } from '../../observe/final-times.ts'
import { type HttpServer, startHttp } from '../../observe/index.ts'
import { HTTP_LIMITS, type HttpLimits } from '../../observe/limits.ts'
import { limitTraffic } from '../../observe/traffic.ts'
import { systemTimers } from '../../platform.ts'
import { ObservedStreet } from './observed-street.ts'

describe('limits of the API', () => {
  let street: ObservedStreet
  const servers: HttpServer[] = []

  before(async () => {
    street = await ObservedStreet.create({ meters: 1, witnesses: 1, rounds: 1 })
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close()
  })
  after(() => street.stop())

  const appWith = (limits: Partial<HttpLimits>) => street.app(undefined, {}, { limits: { freshMs: 0, ...limits } })

  it('RATE_LIMITED: one address asks more often than it may; others and this machine do not feel it', async () => {
    const app = appWith({ rate: 3 })
    const ask = (remoteAddress: string) => app.inject({ url: '/v1/status', remoteAddress })
    for (let i = 0; i < 3; i++) expect((await ask('192.0.2.7')).statusCode).to.equal(200)
    const refused = await ask('192.0.2.7')
    expect([refused.statusCode, refused.json<{ code: string }>().code]).to.deep.equal([429, 'RATE_LIMITED'])
    expect(Number(refused.headers['retry-after'])).to.be.within(1, 10)
    expect(refused.headers['content-type']).to.equal('application/problem+json')
    expect((await ask('192.0.2.8')).statusCode).to.equal(200)
    for (let i = 0; i < 10; i++) expect((await ask(i % 2 === 0 ? '127.0.0.1' : '::1')).statusCode).to.equal(200)
  })

  it('a proxy on this machine says whom it asks for; nobody else is believed', async () => {
    const app = appWith({ rate: 1 })
    const ask = (remoteAddress: string, client: string) =>
      app.inject({ url: '/v1/peers', remoteAddress, headers: { 'x-forwarded-for': client } })
    expect((await ask('127.0.0.1', '192.0.2.7')).statusCode).to.equal(200)
    expect((await ask('127.0.0.1', '192.0.2.7')).statusCode).to.equal(429)
    expect((await ask('127.0.0.1', '192.0.2.8')).statusCode).to.equal(200)
    expect((await ask('192.0.2.9', '198.51.100.1')).statusCode).to.equal(200)
    expect((await ask('192.0.2.9', '127.0.0.1')).statusCode).to.equal(429)
  })

  it('RATE_LIMITED: what costs much may be asked for less often', async () => {
    const app = appWith({ costlyRate: 1 })
    const check = () => app.inject({ method: 'POST', url: '/v1/check', payload: '{}', remoteAddress: '192.0.2.7' })
    expect([(await check()).statusCode, (await check()).statusCode]).to.deep.equal([200, 429])
    expect((await app.inject({ url: '/v1/status', remoteAddress: '192.0.2.7' })).statusCode).to.equal(200)
  })

  it('addresses that are counted are bounded: the one unheard for longest is forgotten', async () => {
    const app = appWith({ rate: 1, rateAddresses: 2 })
    const ask = async (remoteAddress: string) => (await app.inject({ url: '/v1/peers', remoteAddress })).statusCode
    expect([await ask('192.0.2.1'), await ask('192.0.2.1')]).to.deep.equal([200, 429])
    expect([await ask('192.0.2.2'), await ask('192.0.2.3'), await ask('192.0.2.1')]).to.deep.equal([200, 200, 200])
  })

  it('SERVER_BUSY: more files on their way to be checked than may be', async () => {
    const server = await startHttp({ ...street.init(), limits: { costlyRate: 1_000 } })
    servers.push(server)
    const { port } = new URL(server.address)
    const sockets = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const socket = connect(Number(port), '127.0.0.1')
        socket.on('error', () => undefined)
        await once(socket, 'connect')
        socket.write('POST /v1/check HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n')
        return socket
      }),
    )
    let answer = await fetch(`${server.address}/v1/check`, { method: 'POST', body: '{}' })
    while (answer.status === 200) answer = await fetch(`${server.address}/v1/check`, { method: 'POST', body: '{}' })
    expect([answer.status, ((await answer.json()) as { code: string }).code]).to.deep.equal([503, 'SERVER_BUSY'])
    for (const socket of sockets) socket.destroy()
    while (answer.status !== 200) answer = await fetch(`${server.address}/v1/check`, { method: 'POST', body: '{}' })
  })

  it('a long answer may take as long as it does, unless its reader takes next to nothing', async () => {
    const app = fastify()
    limitTraffic(app, systemTimers, { ...HTTP_LIMITS, answerMs: 40, streamBytes: 1_000 })
    app.get('/slow', { config: { answer: 'long' } }, async (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200)
      // Of this side's own slowness nobody is to blame.
      for (let i = 0; i < 5; i++) {
        reply.raw.write('x')
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
      reply.raw.end('done')
    })
    app.get('/large', { config: { answer: 'long' } }, (_request, reply) => {
      reply.hijack()
      reply.raw.writeHead(200)
      reply.raw.write(Buffer.alloc(64 * 1_048_576))
      return reply
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as { port: number }
    expect(await (await fetch(`http://127.0.0.1:${port}/slow`)).text()).to.equal('xxxxxdone')
    const connection = once(app.server, 'connection') as Promise<[Socket]>
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    const [served] = await connection
    const cut = once(served, 'close')
    socket.pause()
    socket.write('GET /large HTTP/1.1\r\nhost: x\r\n\r\n')
    await cut
    socket.destroy()
    await app.close()
  })

  it('what many ask for is made once, anew when something has changed, and then not too often', async () => {
    let made = 0
    let version = 0
    let nowMs = 0
    const clock = { now: () => 0, monotonicMs: () => nowMs }
    const make = async (): Promise<object> => {
      await Promise.resolve()
      return { made: ++made }
    }
    const cached = new CachedAnswer({ make, version: () => version, clock, limits: { freshMs: 100, staleMs: 1_000 } })
    const text = async (): Promise<string> => (await cached.get()).body.toString()
    expect(new Set(await Promise.all([text(), text(), text()]))).to.deep.equal(new Set(['{"made":1}\n']))
    nowMs = 999
    expect(await text()).to.equal('{"made":1}\n')
    version++
    expect(await text()).to.equal('{"made":2}\n')
    version++
    nowMs += 99
    expect(await text(), 'too soon').to.equal('{"made":2}\n')
    nowMs += 1
    expect(await text()).to.equal('{"made":3}\n')
    nowMs += 1_000
    expect(await text(), 'nothing was told, and yet').to.equal('{"made":4}\n')
  })

  it('of each chain so many times of becoming final are kept', () => {
    let told: (event: { member: string; size: number }) => void = () => undefined
    let nowMs = 0
    const node = {
      on: (_: string, listener: typeof told) => {
        told = listener
        return () => undefined
      },
      store: { witness: { finals: () => [{ member: Uint8Array.of(0xab), size: 5 }] } },
    }
    const times = new FinalTimes(node as never, { now: () => nowMs, monotonicMs: () => 0 })
    for (let size = 6; size < 6 + MAX_FINAL_TIMES + 10; size++) {
      nowMs = size * 1_000
      told({ member: 'ab', size })
    }
    expect([times.since('ab', 4), times.since('ab', 5), times.since('ab', 14)]).to.deep.equal([undefined, undefined, undefined])
    expect([times.since('ab', 15), times.since('ab', 100)]).to.deep.equal([16_000, 101_000])
    expect([times.since('ab', 1e6), times.since('cd', 0)]).to.deep.equal([undefined, undefined])
  })
})
