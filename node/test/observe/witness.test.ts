import { expect } from 'chai'
import { toUtf8 } from '../../../protocol/index.ts'
import { MAX_ADD_CHECKPOINT_BYTES, type WitnessAnswer } from '../../observe/index.ts'
import { ServedLog } from './served-log.ts'

describe('the calls of tlog-witness', () => {
  let log: ServedLog
  const asked: Uint8Array[] = []
  const answering =
    (answer: WitnessAnswer) =>
    (body: Uint8Array): Promise<WitnessAnswer> => {
      asked.push(body)
      return Promise.resolve(answer)
    }
  const post = (answer: WitnessAnswer, payload?: string | Buffer, headers = {}): ReturnType<typeof send> =>
    send(answer, payload, headers)
  const send = async (answer: WitnessAnswer, payload?: string | Buffer, headers = {}) =>
    log.app({ addCheckpoint: answering(answer) }).inject({
      method: 'POST',
      url: '/add-checkpoint',
      headers,
      ...(payload === undefined ? {} : { payload }),
    })

  before(async () => {
    log = await ServedLog.create()
  })
  beforeEach(() => {
    asked.length = 0
  })

  it('add-checkpoint: the body reaches the handler byte by byte, of whatever type it is said to be', async () => {
    const body = Buffer.from('old 0\n\nexample.com/log\n— \xff\0', 'latin1')
    for (const type of [undefined, 'text/plain', 'application/json', 'application/octet-stream', 'nonsense'])
      await post({ status: 200, headers: {}, body: '' }, body, type === undefined ? {} : { 'content-type': type })
    expect(asked).to.have.length(5)
    for (const found of asked) expect(Buffer.from(found).equals(body)).to.equal(true)
  })

  it('add-checkpoint: the answer leaves as the handler gave it', async () => {
    const signature = await post(
      { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: '— w AAAA\n' },
      'x',
    )
    expect(signature).to.include({ statusCode: 200, body: '— w AAAA\n' })
    expect(signature.headers).to.include({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
    const conflict = await post({ status: 409, headers: { 'content-type': 'text/x.tlog.size' }, body: toUtf8('42\n') }, 'x')
    expect(conflict).to.include({ statusCode: 409, body: '42\n' })
    expect(conflict.headers['content-type']).to.equal('text/x.tlog.size')
    for (const status of [400, 403, 404, 422]) {
      const answer = await post({ status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: 'why\n' }, 'x')
      expect(answer).to.include({ statusCode: status, body: 'why\n' })
    }
  })

  it('add-checkpoint: an empty body is for the handler to refuse', async () => {
    expect((await post({ status: 400, headers: {}, body: '' })).statusCode).to.equal(400)
    expect(asked.map((body) => body.length)).to.deep.equal([0])
  })

  it('BODY_TOO_LARGE: a body above what the largest request can be', async () => {
    const fits = await post({ status: 200, headers: {}, body: '' }, Buffer.alloc(MAX_ADD_CHECKPOINT_BYTES))
    expect([fits.statusCode, asked[0]?.length]).to.deep.equal([200, MAX_ADD_CHECKPOINT_BYTES])
    const over = await post({ status: 200, headers: {}, body: '' }, Buffer.alloc(MAX_ADD_CHECKPOINT_BYTES + 1))
    expect([over.statusCode, over.json().code]).to.deep.equal([413, 'BODY_TOO_LARGE'])
    expect(over.headers).to.include({ 'content-type': 'application/problem+json', connection: 'close' })
    expect(asked).to.have.length(1)
  })

  it('UNEXPECTED: a handler that throws is a fault of this node', async () => {
    const app = log.app({ addCheckpoint: () => Promise.reject(new Error('inner')) })
    const answer = await app.inject({ method: 'POST', url: '/add-checkpoint', payload: 'x' })
    expect([answer.statusCode, answer.json().code]).to.deep.equal([500, 'UNEXPECTED'])
    expect(String(log.errors.at(-1))).to.contain('inner')
  })

  it('METHOD_NOT_ALLOWED: add-checkpoint is a POST', async () => {
    const app = log.app({ addCheckpoint: answering({ status: 200, headers: {}, body: '' }) })
    for (const method of ['GET', 'HEAD', 'PUT'] as const) {
      const answer = await app.inject({ method, url: '/add-checkpoint' })
      expect([answer.statusCode, answer.headers['allow']], method).to.deep.equal([405, 'POST'])
    }
  })

  it('NO_SUCH_RESOURCE: a node that is no witness has neither call', async () => {
    for (const [method, url] of [
      ['POST', '/add-checkpoint'],
      ['GET', `/witness/${'ab'.repeat(32)}/checkpoint`],
    ] as const) {
      const answer = await log.app().inject({ method, url })
      expect([answer.statusCode, answer.json().code]).to.deep.equal([404, 'NO_SUCH_RESOURCE'])
    }
  })

  describe('for monitors', () => {
    const origin = 'ab'.repeat(32)
    const ask = async (hash: string) =>
      log
        .app({ cosigned: (found) => Promise.resolve(found === origin ? 'the note\n' : undefined) })
        .inject({ url: `/witness/${hash}/checkpoint` })

    it('the checkpoint cosigned last is served under the hash of its origin', async () => {
      const { statusCode, body, headers } = await ask(origin)
      expect([statusCode, body]).to.deep.equal([200, 'the note\n'])
      expect(headers).to.include({ 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' })
    })

    it('CHECKPOINT_UNKNOWN: an origin of which none was cosigned', async () => {
      const answer = await ask('cd'.repeat(32))
      expect([answer.statusCode, answer.json().code]).to.deep.equal([404, 'CHECKPOINT_UNKNOWN'])
    })

    it('PATH_MALFORMED: what is no hash', async () => {
      for (const hash of ['ab', 'AB'.repeat(32), 'ab'.repeat(33)]) {
        const answer = await ask(hash)
        expect([answer.statusCode, answer.json().code], hash).to.deep.equal([400, 'PATH_MALFORMED'])
      }
    })
  })
})
