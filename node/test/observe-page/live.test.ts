import { expect } from 'chai'
import { AskError, type Asker } from '../../observe/page/data/client.ts'
import { EventStreamParser, MAX_MESSAGE_CHARACTERS } from '../../observe/page/data/event-stream.ts'
import { Live, type LiveState } from '../../observe/page/data/live.ts'
import type { LedgerEvent } from '../../observe/schemas/index.ts'

describe('observe: the stream of events in the page', () => {
  it('messages are the same however the text is cut', () => {
    const text = ': hello\n\nid: 1\nevent: block\ndata: {"a":\ndata: 1}\n\nid: 2\r\ndata: x\r\n\r\ndata:y\n\nretry: 5\n\n'
    const expected = [
      { event: 'block', data: '{"a":\n1}' },
      { event: 'message', data: 'x' },
      { event: 'message', data: 'y' },
    ]
    for (let size = 1; size <= text.length; size++) {
      const parser = new EventStreamParser()
      const found = []
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)))
      expect(found, `pieces of ${size}`).to.deep.equal(expected)
      expect(parser.lastId).to.equal('2')
    }
  })

  it('a message without an end is refused at MAX_MESSAGE_CHARACTERS', () => {
    const endless = new EventStreamParser()
    expect(() => {
      for (let i = 0; i < MAX_MESSAGE_CHARACTERS; i++) endless.push('data: 0123456789')
    }).to.throw('without an end')
    const many = new EventStreamParser()
    expect(() => {
      for (let i = 0; i < MAX_MESSAGE_CHARACTERS; i++) many.push('data: 0123456789\n')
    }).to.throw('without an end')
  })

  /** A connection whose text the test sends. */
  class Stand {
    readonly events: LedgerEvent[] = []
    readonly states: LiveState[] = []
    readonly headers: Readonly<Record<string, string>>[] = []
    readonly timers: { ms: number; run: () => void; isOff: boolean }[] = []
    time = 1_000
    failure: AskError | undefined
    #controller: ReadableStreamDefaultController<Uint8Array> | undefined
    readonly live = new Live({
      ask: { open: (_path, headers) => this.#open(headers) } as Pick<Asker, 'open'> as Asker,
      now: () => this.time,
      after: (ms, run) => {
        const timer = { ms, run, isOff: false }
        this.timers.push(timer)
        return () => {
          timer.isOff = true
        }
      },
      onEvent: (event) => this.events.push(event),
      onState: (state) => this.states.push(state),
    })

    #open(headers: Readonly<Record<string, string>>): Promise<Response> {
      this.headers.push(headers)
      if (this.failure !== undefined) return Promise.reject(this.failure)
      return Promise.resolve(
        new Response(
          new ReadableStream<Uint8Array>({
            start: (controller) => {
              this.#controller = controller
            },
          }),
        ),
      )
    }

    send = (text: string): void => this.#controller?.enqueue(new TextEncoder().encode(text))
    end = (): void => this.#controller?.close()
    /** What waits longest is not the one for silence. */
    fire(ms: number): void {
      const timer = this.timers.find((each) => each.ms === ms && !each.isOff)
      if (timer === undefined) throw new Error(`no timer of ${ms} ms among ${this.timers.map((each) => each.ms).join()}`)
      timer.isOff = true
      timer.run()
    }
  }

  const settled = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('goes on after the last event heard when the connection comes back', async () => {
    const stand = new Stand()
    stand.live.start()
    await settled()
    expect(stand.states.map(({ type }) => type)).to.deep.equal(['connecting', 'live'])
    stand.send('id: 7\nevent: reset\ndata: {"type":"reset"}\n\n')
    await settled()
    expect(stand.events).to.deep.equal([{ type: 'reset' }])
    stand.end()
    await settled()
    expect(stand.states.at(-1)).to.deep.include({ type: 'lost', sinceMs: 1_000, againAtMs: 2_000, code: 'OFFLINE' })
    stand.fire(1_000)
    await settled()
    expect(stand.headers[1]?.['last-event-id']).to.equal('7')
    expect(stand.states.at(-1)?.type).to.equal('live')
    expect(stand.events).to.have.length(1)
    stand.live.stop()
  })

  it('waits longer each time, half a minute at most, and keeps since when it is lost', async () => {
    const stand = new Stand()
    stand.failure = new AskError('TOO_MANY_LISTENERS', 'full', 429)
    stand.live.start()
    for (const ms of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      await settled()
      stand.time += ms
      stand.fire(ms)
    }
    await settled()
    expect(stand.states.at(-1)).to.deep.include({ type: 'lost', sinceMs: 1_000, code: 'TOO_MANY_LISTENERS' })
    stand.failure = undefined
    stand.live.retry()
    await settled()
    expect(stand.states.at(-1)?.type).to.equal('live')
    // Nothing to go on after: what came meanwhile is not known.
    expect(stand.events).to.deep.equal([{ type: 'reset' }])
    stand.live.retry()
    stand.live.stop()
  })

  it('a connection that is silent for too long is given up', async () => {
    const stand = new Stand()
    stand.live.start()
    await settled()
    stand.live.stop()
    await settled()
    expect(stand.states.at(-1)?.type).to.equal('live')
    expect(stand.timers.some(({ ms }) => ms === 90_000)).to.equal(true)
  })
})
