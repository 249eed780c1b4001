import { expect } from 'chai'
import { Answers, MAX_ANSWERS, madeOldBy } from '../../observe/page/data/answers.ts'
import { AskError, type Asker, createAsker } from '../../observe/page/data/client.ts'
import type { LedgerEvent } from '../../observe/schemas/index.ts'

/** Answers with what `reply` says, and remembers what was asked. */
class FakeAsker implements Asker {
  readonly asked: string[] = []
  reply: (path: string) => unknown = (path) => `${path} ${this.asked.length}`

  json<T>(path: string): Promise<T> {
    this.asked.push(path)
    return Promise.resolve().then(() => this.reply(path) as T)
  }
  bytes = (): Promise<Uint8Array> => Promise.reject(new Error('unused'))
  open = (): Promise<Response> => Promise.reject(new Error('unused'))
}

class FakeTimers {
  readonly #waiting: (() => void)[] = []
  readonly after = (_ms: number, run: () => void): (() => void) => {
    this.#waiting.push(run)
    return () => undefined
  }
  get count(): number {
    return this.#waiting.length
  }
  fire(): void {
    for (const run of this.#waiting.splice(0)) run()
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('observe: answers in the page', () => {
  let ask: FakeAsker
  let timers: FakeTimers
  let answers: Answers
  beforeEach(() => {
    ask = new FakeAsker()
    timers = new FakeTimers()
    answers = new Answers(ask, timers.after)
  })

  it('what is watched is asked for once, and kept', async () => {
    let changes = 0
    answers.watch('a', () => changes++)
    answers.watch('a', () => changes++)()
    expect(answers.peek('a').state).to.equal('loading')
    await settled()
    expect(answers.peek('a')).to.deep.include({ state: 'ready', data: 'a 1' })
    answers.watch('a', () => changes++)
    await settled()
    expect(ask.asked).to.deep.equal(['a'])
    expect(changes).to.be.above(0)
  })

  it('a failure keeps what was known and says why; the next one asks again', async () => {
    answers.watch('a', () => undefined)
    await settled()
    ask.reply = () => {
      throw new AskError('OFFLINE', 'gone')
    }
    await answers.load('a')
    expect(answers.peek('a')).to.deep.include({ state: 'failed', data: 'a 1' })
    expect(answers.peek('a').error?.code).to.equal('OFFLINE')
    ask.reply = () => {
      throw new TypeError('a fault of the page')
    }
    await answers.load('a')
    expect(answers.peek('a').error?.code).to.equal('PAGE_FAULT')
    ask.reply = () => 'back'
    await answers.load('a')
    expect(answers.peek('a')).to.deep.equal({ state: 'ready', data: 'back', error: undefined })
  })

  it('many events become one question; what nobody watches is forgotten', async () => {
    answers.watch('a', () => undefined)
    const end = answers.watch('b', () => undefined)
    await settled()
    end()
    const before = ask.asked.length
    for (let i = 0; i < 50; i++) answers.refresh((path) => path === (i % 2 === 0 ? 'a' : 'b'))
    expect(timers.count).to.equal(1)
    timers.fire()
    await settled()
    expect(ask.asked.slice(before)).to.deep.equal(['a'])
    expect(answers.peek('b').state).to.equal('loading')
    expect(answers.size).to.equal(1)
  })

  it('no more answers are kept than MAX_ANSWERS, those on the screen apart', async () => {
    answers.watch('shown', () => undefined)
    for (let i = 0; i < MAX_ANSWERS + 20; i++) answers.watch(String(i), () => undefined)()
    await settled()
    expect(answers.size).to.equal(MAX_ANSWERS)
    expect(answers.peek('shown').state).to.equal('ready')
  })

  it('an event makes old what it is about', () => {
    const key = 'a'.repeat(64)
    const old = (event: LedgerEvent, path: string): boolean => madeOldBy(event)(path)
    const block: LedgerEvent = {
      type: 'block',
      index: 3,
      key,
      label: null,
      from: 1,
      count: 1,
      size: 2,
      head: key,
      sealedAt: '2026-01-01T00:00:00Z',
    }
    for (const path of ['v1/members', 'v1/status', 'v1/ledger?limit=8', 'v1/members/3', 'v1/members/3/blocks', 'v1/blocks/ab']) {
      expect(old(block, path), path).to.equal(true)
    }
    for (const path of ['v1/members/33', 'v1/members/4/blocks', 'v1/peers']) expect(old(block, path), path).to.equal(false)
    const final: LedgerEvent = { type: 'final', index: 3, key, label: null, size: 2, root: key, epoch: 0 }
    expect(old(final, 'v1/members/3')).to.equal(true)
    expect(old({ type: 'reset' }, 'anything')).to.equal(true)
    expect(old({ type: 'evidence', index: 1, key, label: null, kind: 'author' }, 'v1/evidence')).to.equal(true)
    expect(old({ type: 'peer', key, name: '', index: 1, change: 'link', agreement: null }, 'v1/peers')).to.equal(true)
    expect(old({ type: 'peer', key, name: '', index: 1, change: 'link', agreement: null }, 'v1/members')).to.equal(false)
  })
})

describe('observe: the way to the observer', () => {
  const asker = (reply: () => Response | Error, token?: string): { ask: Asker; requests: Request[] } => {
    const requests: Request[] = []
    const ask = createAsker({
      base: 'http://127.0.0.1:1/below/',
      token: () => token,
      fetch: (input, init) => {
        requests.push(new Request(input, init))
        const found = reply()
        return found instanceof Error ? Promise.reject(found) : Promise.resolve(found)
      },
    })
    return { ask, requests }
  }
  const caught = async (promise: Promise<unknown>): Promise<AskError> =>
    promise.then(
      () => {
        throw new Error('answered')
      },
      (error: unknown) => error as AskError,
    )

  it('asks below where the page is, with the token where there is one', async () => {
    const { ask, requests } = asker(() => Response.json({ a: 1 }), 'secret')
    expect(await ask.json('/v1/status')).to.deep.equal({ a: 1 })
    expect(requests[0]?.url).to.equal('http://127.0.0.1:1/below/v1/status')
    expect(requests[0]?.headers.get('authorization')).to.equal('Bearer secret')
    expect(await asker(() => new Response('ab')).ask.bytes('x')).to.deep.equal(Uint8Array.of(97, 98))
  })

  it('tells apart who does not answer, a problem, and an answer that cannot be read', async () => {
    expect((await caught(asker(() => new TypeError('refused')).ask.json('x'))).code).to.equal('OFFLINE')
    const problem = Response.json({ code: 'MEMBER_UNKNOWN', detail: 'nobody' }, { status: 404 })
    expect(await caught(asker(() => problem).ask.json('x'))).to.deep.include({ code: 'MEMBER_UNKNOWN', status: 404 })
    expect((await caught(asker(() => new Response('<', { status: 502 })).ask.json('x'))).code).to.equal('HTTP_502')
    expect((await caught(asker(() => Response.json({}, { status: 500 })).ask.json('x'))).code).to.equal('HTTP_500')
    expect((await caught(asker(() => new Response('<html>')).ask.json('x'))).code).to.equal('ANSWER_UNREADABLE')
  })
})
