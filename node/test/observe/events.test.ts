import { expect } from 'chai'
import { encodeEvidence, orderEvidence } from '../../../protocol/index.ts'
import { readEvidenceLines } from '../../control/index.ts'
import { EventRing } from '../../observe/event-ring.ts'
import { type HttpLimits, type HttpServer, startHttp } from '../../observe/index.ts'
import { Listener } from '../../observe/listener.ts'
import { EvidenceAnswer, LedgerEvent } from '../../observe/schemas/index.ts'
import { verifySignature } from '../../signature.ts'
import { LiarPeer } from '../harness/liar-peer.ts'
import { signerOf } from '../harness/neighbourhood.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { TestAuthor } from '../harness/test-author.ts'
import { OBSERVER, ObservedStreet, schemaFaults } from './observed-street.ts'

interface Heard {
  readonly id: string
  readonly event: string
  readonly data: LedgerEvent | undefined
}

/** One who listens, and what he has heard. */
class Ear {
  readonly heard: Heard[] = []
  beats = 0
  ended = false
  readonly #abort = new AbortController()
  #wake: () => void = () => undefined

  static async open(url: string, headers: Record<string, string> = {}): Promise<Ear> {
    const ear = new Ear()
    const answer = await fetch(url, { headers, signal: ear.#abort.signal })
    expect(answer.status).to.equal(200)
    expect(answer.headers.get('content-type')).to.equal('text/event-stream; charset=utf-8')
    void ear.#listen(answer).catch(() => {
      ear.ended = true
      ear.#wake()
    })
    return ear
  }

  async #listen(answer: Response): Promise<void> {
    let text = ''
    for await (const part of answer.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(part).toString('utf8')
      for (let at = text.indexOf('\n\n'); at !== -1; at = text.indexOf('\n\n')) {
        this.#take(text.slice(0, at))
        text = text.slice(at + 2)
      }
      this.#wake()
    }
    this.ended = true
    this.#wake()
  }

  #take(block: string): void {
    const of = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? ''
    if (block.startsWith(': all is well')) this.beats++
    else
      this.heard.push({
        id: of('id'),
        event: of('event'),
        data: of('data') === '' ? undefined : (JSON.parse(of('data')) as LedgerEvent),
      })
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  close(): void {
    this.#abort.abort()
  }
}

describe('events', () => {
  let street: ObservedStreet
  const servers: HttpServer[] = []
  const ears: Ear[] = []

  const serve = async (limits: Partial<HttpLimits> = {}): Promise<HttpServer> => {
    const server = await startHttp({ ...street.init(), limits: { freshMs: 0, ...limits } })
    servers.push(server)
    return server
  }
  const listen = async ({ address }: HttpServer, headers: Record<string, string> = {}, query = ''): Promise<Ear> => {
    const ear = await Ear.open(`${address}/v1/events${query}`, headers)
    ears.push(ear)
    await ear.until(() => ear.heard.length > 0 || ear.ended)
    return ear
  }

  beforeEach(async () => {
    street = await ObservedStreet.create({ rounds: 1, absent: ['forked', 'x'] })
  })
  afterEach(async () => {
    for (const ear of ears.splice(0)) ear.close()
    for (const server of servers.splice(0)) await server.close()
    await street.stop()
  })

  it('blocks and what becomes final are told as they come', async () => {
    const ear = await listen(await serve())
    await street.round()
    await ear.until(() => ear.heard.filter(({ event }) => event === 'final').length >= 4)
    const blocks = ear.heard.flatMap(({ data }) => (data?.type === 'block' ? [data] : []))
    expect(blocks.map(({ index, from, count, size }) => [index, from, count, size])).to.have.deep.members([
      ...[1, 2, 3, 4].map((index) => [index, 1, 1, 2]),
    ])
    const last = ear.heard.flatMap(({ data }) => (data?.type === 'final' && data.index === 1 ? [data.size] : [])).at(-1)
    expect(last).to.equal(2)
    for (const { data, event } of ear.heard.slice(1)) {
      expect(schemaFaults(LedgerEvent, data)).to.deep.equal([])
      expect(data?.type).to.equal(event)
    }
  })

  it('evidence and neighbours too', async () => {
    const liar = await LiarPeer.start(street.all, 'x')
    const ear = await listen(await serve())
    const [a, b] = [TestAuthor.of(street.all, 'forked').grow(1), TestAuthor.of(street.all, 'forked').diverge(1)].map(
      (author) => ({
        checkpoint: author.checkpoint(),
        root: author.checkpoint().root,
        proof: [],
      }),
    )
    await liar.dial(OBSERVER)
    await liar.gossip('evidence', encodeEvidence(orderEvidence(1, a as never, b as never)))
    await street.all.time.advance(100)
    await ear.until(() => ear.heard.some(({ event }) => event === 'evidence'))
    const told = ear.heard.flatMap(({ data }) => (data?.type === 'evidence' ? [data] : []))
    const key = Buffer.from(signerOf('forked').publicKey).toString('hex')
    expect(told).to.deep.equal([{ type: 'evidence', index: 5, key, label: 'forked', kind: 'author' }])
    expect(ear.heard.some(({ data }) => data?.type === 'peer' && data.name === 'x' && data.change === 'link')).to.equal(true)
    for (const { data } of ear.heard.slice(1)) expect(schemaFaults(LedgerEvent, data)).to.deep.equal([])
    const app = street.app()
    const answer = (await app.inject({ url: '/v1/evidence' })).json<EvidenceAnswer>()
    expect(schemaFaults(EvidenceAnswer, answer)).to.deep.equal([])
    expect(answer.evidence.map(({ index, kind }) => [index, kind])).to.deep.equal([[5, 'author']])
    for await (const line of readEvidenceLines(street.node().node, verifySignature))
      expect(answer.evidence[0]).to.deep.equal(line)
    const member = (await app.inject({ url: '/v1/members/forked' })).json<{ health: string; quarantined: boolean }>()
    expect(member).to.include({ health: 'quarantined', quarantined: true, lateAfter: null })
    expect((await app.inject({ url: '/v1/status' })).json<{ evidence: number }>().evidence).to.equal(1)
  })

  it('whoever comes back with the last id misses nothing', async () => {
    const server = await serve()
    const first = await listen(server)
    const { id } = first.heard[0] as Heard
    first.close()
    await street.round()
    for (const ear of [await listen(server, { 'last-event-id': id }), await listen(server, {}, `?after=${id}`)]) {
      await ear.until(() => ear.heard.filter(({ event }) => event === 'final').length >= 4)
      const missed = ear.heard.filter(({ event }) => event === 'block').map(({ data }) => data?.type === 'block' && data.index)
      expect(missed).to.have.members([1, 2, 3, 4])
      expect(ear.heard.every(({ event }) => event !== 'reset')).to.equal(true)
    }
  })

  it('an id of another run, of another observer, or too long ago: reset', async () => {
    const server = await serve({ keptEvents: 2 })
    const { id } = (await listen(server)).heard[0] as Heard
    await street.round()
    const tooLate = await listen(server, { 'last-event-id': id })
    expect(tooLate.heard[0]?.event).to.equal('reset')
    const goesOn = await listen(server, { 'last-event-id': tooLate.heard[0]?.id as string })
    expect(goesOn.heard[0]?.event).to.equal('')
    for (const other of ['0123456789ab-3', 'nonsense', `${id.split('-')[0]}-99999`, `${id.split('-')[0]}-x`]) {
      expect((await listen(server, { 'last-event-id': other })).heard[0]?.event, other).to.equal('reset')
    }
  })

  it('between events there is a word that all is well', async () => {
    const ear = await listen(await serve({ heartbeatMs: 10 }))
    await ear.until(() => ear.beats >= 2)
    expect(ear.ended).to.equal(false)
  })

  it('LISTENERS_FULL: more than may listen, in all or from one address', async () => {
    for (const limits of [{ listeners: 2 }, { listenersOfAddress: 2 }]) {
      const server = await serve(limits)
      const first = await listen(server)
      await listen(server)
      const refused = await fetch(`${server.address}/v1/events`)
      expect([refused.status, ((await refused.json()) as { code: string }).code]).to.deep.equal([503, 'LISTENERS_FULL'])
      first.close()
      let status = 503
      while (status === 503) {
        const abort = new AbortController()
        status = (await fetch(`${server.address}/v1/events`, { signal: abort.signal })).status
        abort.abort()
      }
      expect(status).to.equal(200)
    }
  })

  it('a listener that does not take what is told is let go: what waits for him is bounded', () => {
    const waiting = { writableLength: 0, destroyed: false, destroy: () => (waiting.destroyed = true) }
    const written: string[] = []
    const response = {
      socket: waiting,
      writableLength: 0,
      destroyed: false,
      once: () => response,
      write: (text: string) => written.push(text),
    }
    const timers = { set: () => ({ id: 0 }), clear: () => undefined }
    const listener = new Listener(response as never, timers, { listenerBytes: 1_000, heartbeatMs: 1 })
    waiting.writableLength = 1_000
    listener.send('one')
    expect([written, waiting.destroyed]).to.deep.equal([['one'], false])
    response.writableLength = 1
    listener.send('two')
    expect([written, waiting.destroyed]).to.deep.equal([['one'], true])
  })

  it('at the close listeners are let go at once', async () => {
    const server = await serve({ closeMs: 60_000 })
    const ear = await listen(server)
    await server.close()
    await ear.until(() => ear.ended)
  })

  it('the ring keeps no more than it may', () => {
    const ring = new EventRing(3, seededRandom(1))
    const start = ring.lastId
    for (let i = 0; i < 3; i++) ring.add('block', { i })
    expect(ring.after(start)).to.have.length(3)
    ring.add('block', { i: 3 })
    expect(ring.after(start)).to.equal(undefined)
    expect(ring.after(ring.lastId)).to.deep.equal([])
  })
})
