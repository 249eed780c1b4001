import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect } from 'chai'
import { type HttpInit, type HttpLimits, type HttpServer, startHttp, type WitnessAnswer } from '../../observe/index.ts'
import { systemTimers } from '../../platform.ts'
import { refusalCode } from '../store/temporary-directories.ts'
import { ServedLog } from './served-log.ts'

interface Problem {
  readonly code: string
  readonly status: number
}

const POST = 'POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx'

/** Takes checkpoints and answers none before `release`. */
class HeldDesk {
  readonly #held = Promise.withResolvers<void>()
  readonly #arrived = Promise.withResolvers<void>()
  #missing: number
  readonly release = this.#held.resolve
  /** As many have come as were expected. */
  readonly arrived = this.#arrived.promise

  constructor(expected: number) {
    this.#missing = expected
  }

  readonly addCheckpoint = async (): Promise<WitnessAnswer> => {
    if (--this.#missing === 0) this.#arrived.resolve()
    await this.#held.promise
    return { status: 200, headers: {}, body: 'held' }
  }
}

describe('the HTTP server', () => {
  let log: ServedLog
  const servers: HttpServer[] = []
  const sockets: Socket[] = []

  const start = async (limits: Partial<HttpLimits> = {}, init: Partial<HttpInit> = {}): Promise<HttpServer> => {
    const server = await startHttp({ ...log.init, host: '127.0.0.1', port: 0, limits: { checkMs: 10, ...limits }, ...init })
    servers.push(server)
    return server
  }
  /** A connection that says and hears bytes; `said` resolves with everything once the other side has closed it. */
  const dial = async ({ address }: HttpServer): Promise<{ socket: Socket; said: Promise<string> }> => {
    const socket = connect(Number(new URL(address).port), '127.0.0.1')
    sockets.push(socket)
    let text = ''
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1')
    })
    socket.on('error', () => undefined)
    const said = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
    await once(socket, 'connect')
    return { socket, said }
  }
  const say = async (server: HttpServer, text: string): Promise<string> => {
    const { socket, said } = await dial(server)
    socket.write(text)
    return said
  }
  const problemIn = (said: string): Problem => JSON.parse(said.slice(said.indexOf('\r\n\r\n') + 4)) as Problem
  const request = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`

  before(async () => {
    log = await ServedLog.create()
    await log.hold(300)
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    for (const server of servers.splice(0)) await server.close()
  })

  it('answers over a real connection at the address that it says', async () => {
    const server = await start()
    expect(server.address).to.match(/^http:\/\/127\.0\.0\.1:\d+$/)
    const answer = await fetch(`${server.address}${log.prefix}/tile/entries/000`)
    expect([answer.status, answer.headers.get('content-encoding')]).to.deep.equal([200, 'gzip'])
    const tile = await fetch(`${server.address}${log.prefix}/tile/0/000`)
    expect((await tile.arrayBuffer()).byteLength).to.equal(8_192)
  })

  it('an IPv6 address stands in brackets', async () => {
    const server = await start({}, { host: '::1' })
    expect(server.address).to.match(/^http:\/\/\[::1\]:\d+$/)
    expect((await fetch(`${server.address}${log.prefix}/checkpoint`)).status).to.equal(200)
  })

  it('LISTEN_FAILED: a port that is taken, an address of another machine', async () => {
    const taken = Number(new URL((await start()).address).port)
    expect(await refusalCode(start({}, { port: taken }))).to.equal('LISTEN_FAILED')
    expect(await refusalCode(start({}, { host: '192.0.2.1' }))).to.equal('LISTEN_FAILED')
  })

  it('NO_SUCH_RESOURCE: whatever is not there', async () => {
    const app = log.app()
    for (const url of [
      '/',
      '/tlog',
      '/tlog/',
      log.prefix,
      `${log.prefix}/`,
      `${log.prefix}/entries/000`,
      '/checkpoint',
      '//',
      '/..',
    ]) {
      const answer = await app.inject({ url })
      expect([answer.statusCode, answer.json().code], url).to.deep.equal([404, 'NO_SUCH_RESOURCE'])
    }
    const other = await app.inject({ method: 'POST', url: '/', payload: '{', headers: { 'content-type': 'application/json' } })
    expect([other.statusCode, other.json().code]).to.deep.equal([404, 'NO_SUCH_RESOURCE'])
  })

  it('METHOD_NOT_ALLOWED: nothing is changed by these paths', async () => {
    const server = await start()
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'PURGE']) {
      const body = method === 'POST' ? '{}' : null
      const answer = await fetch(`${server.address}${log.prefix}/tile/0/000?x=1`, { method, body })
      expect([answer.status, answer.headers.get('allow')], method).to.deep.equal([405, 'GET, HEAD'])
      expect(answer.headers.get('content-type')).to.equal('application/problem+json')
      expect(await answer.json()).to.include({ code: 'METHOD_NOT_ALLOWED', status: 405 })
    }
  })

  it('BODY_TOO_LARGE: GET takes no body', async () => {
    for (const headers of [{ 'content-length': '1' }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await log.app().inject({ url: `${log.prefix}/checkpoint`, headers })
      expect([answer.statusCode, answer.json().code]).to.deep.equal([413, 'BODY_TOO_LARGE'])
      expect(answer.headers['connection']).to.equal('close')
    }
    const none = await log.app().inject({ url: `${log.prefix}/checkpoint`, headers: { 'content-length': '0' } })
    expect(none.statusCode).to.equal(200)
  })

  it('REQUEST_MALFORMED: no HTTP, and a path that cannot be decoded', async () => {
    const server = await start()
    const said = await say(server, 'wattness?\r\n\r\n')
    expect(said).to.match(/^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json\r\n/)
    expect(problemIn(said)).to.include({ code: 'REQUEST_MALFORMED', status: 400 })
    for (const url of [`${log.prefix}/tile/%zz`, `/tlog/${'ab'.repeat(60)}/checkpoint`]) {
      const answer = await log.app().inject({ url })
      expect([answer.statusCode, answer.json().code]).to.deep.equal([400, 'REQUEST_MALFORMED'])
      expect(answer.headers).to.include({ 'content-type': 'application/problem+json', 'x-content-type-options': 'nosniff' })
    }
  })

  it('a connection that breaks off costs nothing', async () => {
    const server = await start()
    const { socket, said } = await dial(server)
    socket.write(request('/').slice(0, -3))
    socket.resetAndDestroy()
    expect(await said).to.equal('')
    expect((await fetch(`${server.address}${log.prefix}/checkpoint`)).status).to.equal(200)
    expect(log.errors).to.deep.equal([])
  })

  it('HEADERS_TOO_LARGE: headers above their limit', async () => {
    const server = await start({ headerBytes: 1_000 })
    const said = await say(server, request(`${log.prefix}/checkpoint`, `x: ${'y'.repeat(1_000)}\r\n`))
    expect(problemIn(said)).to.include({ code: 'HEADERS_TOO_LARGE', status: 431 })
  })

  it('REQUEST_SLOW: headers that do not come to their end', async () => {
    const said = await say(await start({ requestMs: 50 }), request('/').slice(0, -3))
    expect(said).to.match(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect(problemIn(said)).to.include({ code: 'REQUEST_SLOW', status: 408 })
  })

  it('REQUEST_SLOW: a body that does not come to its end', async () => {
    const server = await start({ requestMs: 50 }, { addCheckpoint: () => expect.fail('there is no body yet') })
    const said = await say(server, 'POST /add-checkpoint HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nold 0')
    expect(problemIn(said)).to.include({ code: 'REQUEST_SLOW', status: 408 })
  })

  it('a connection on which nothing is asked is closed', async () => {
    const { said } = await dial(await start({ silenceMs: 50 }))
    expect(await said).to.equal('')
    const { socket, said: afterOne } = await dial(await start({ idleMs: 50 }))
    socket.write(request(`${log.prefix}/checkpoint`))
    expect(await afterOne).to.match(/^HTTP\/1\.1 200 OK/)
  })

  it('connections above their number are closed as they come', async () => {
    const server = await start({ connections: 2 })
    const first = await dial(server)
    await dial(server)
    const third = await dial(server)
    expect(await third.said).to.equal('')
    first.socket.destroy()
    await first.said
    let status = 0
    // The place is free once the server has noticed.
    while (status === 0)
      status = await fetch(`${server.address}${log.prefix}/checkpoint`).then(
        (answer) => answer.status,
        () => 0,
      )
    expect(status).to.equal(200)
  })

  it('SERVER_BUSY: more unanswered requests on one connection than may wait', async () => {
    const desk = new HeldDesk(2)
    const server = await start({ pipelined: 2 }, { addCheckpoint: desk.addCheckpoint })
    const { socket, said } = await dial(server)
    socket.write(`${POST}${POST}${request(`${log.prefix}/checkpoint`, 'connection: close\r\n')}`)
    await desk.arrived
    desk.release()
    expect((await said).match(/HTTP\/1\.1 \d+|held|"code":"\w+"/g)).to.deep.equal([
      ...['HTTP/1.1 200', 'held', 'HTTP/1.1 200', 'held', 'HTTP/1.1 503', '"code":"SERVER_BUSY"'],
    ])
  })

  it('SERVER_BUSY: more unanswered requests in all than may wait, until some are answered', async () => {
    const desk = new HeldDesk(2)
    const server = await start({ inFlight: 2 }, { addCheckpoint: desk.addCheckpoint })
    const post = (): Promise<string> =>
      fetch(`${server.address}/add-checkpoint`, { method: 'POST', body: 'x' }).then((answer) => answer.text())
    const held = [post(), post()]
    await desk.arrived
    const refused = await fetch(`${server.address}${log.prefix}/checkpoint`)
    expect([refused.status, refused.headers.get('retry-after')]).to.deep.equal([503, '1'])
    expect(await refused.json()).to.include({ code: 'SERVER_BUSY' })
    desk.release()
    expect(await Promise.all(held)).to.deep.equal(['held', 'held'])
    expect((await fetch(`${server.address}${log.prefix}/checkpoint`)).status).to.equal(200)
    expect(log.errors).to.deep.equal([])
  })

  it('a reader that does not take its answers is dropped', async () => {
    const server = await start({ answerMs: 100, silenceMs: 60_000, pipelined: 100_000, inFlight: 100_000 })
    const { socket, said } = await dial(server)
    socket.pause()
    // More than the system holds for a connection; once it is cut, a write says so.
    const many = request(`${log.prefix}/tile/entries/000`).repeat(50)
    while (!socket.destroyed) {
      socket.write(many)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await said
    expect((await fetch(`${server.address}${log.prefix}/checkpoint`)).status).to.equal(200)
  })

  it('an answer that takes too long to make costs the connection', async () => {
    const server = await start({ answerMs: 50, silenceMs: 60_000 }, { addCheckpoint: () => new Promise<never>(() => undefined) })
    const said = await say(server, POST)
    expect(said).to.equal('')
  })

  it('closes: what is under way is answered, idle connections go, and nobody is heard any more', async () => {
    const desk = new HeldDesk(1)
    // Without an end by force within the time of a test.
    const server = await start({ closeMs: 60_000 }, { addCheckpoint: desk.addCheckpoint })
    const idle = await dial(server)
    idle.socket.write(request(`${log.prefix}/checkpoint`))
    await once(idle.socket, 'data')
    const answer = fetch(`${server.address}/add-checkpoint`, { method: 'POST', body: 'x' })
    await desk.arrived
    const late = await dial(server)
    late.socket.write(request(`${log.prefix}/checkpoint`).slice(0, -3))
    await fetch(server.address)
    const closed = server.close()
    await idle.said
    late.socket.write('\n\r\n')
    expect(await late.said).to.match(/^HTTP\/1\.1 200 OK/)
    desk.release()
    expect(await (await answer).text()).to.equal('held')
    await closed
    expect(await fetch(server.address).catch(() => 'refused')).to.equal('refused')
    await server.close()
  })

  it('closes: who neither ends nor goes is cut', async () => {
    const timersMs: number[] = []
    const timers = {
      ...systemTimers,
      set(ms: number, run: () => void) {
        timersMs.push(ms)
        return systemTimers.set(ms, run)
      },
    }
    const server = await start({}, { timers, addCheckpoint: () => new Promise<never>(() => undefined) })
    const silent = await dial(server)
    const stuck = await dial(server)
    stuck.socket.write(POST)
    while (timersMs.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await server.close()
    await Promise.all([silent.said, stuck.said])
    expect(timersMs.at(-1)).to.equal(500)
  })
})
