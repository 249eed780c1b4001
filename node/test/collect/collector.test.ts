import { createServer, type Server, type Socket } from 'node:net'
import { expect } from 'chai'
import { backOffMs, DEFAULT_BACK_OFF } from '../../collect/back-off.ts'
import { Collector, type CollectorInit } from '../../collect/collector.ts'
import { openSource } from '../../collect/formats.ts'
import { DEFAULT_SAMPLING } from '../../collect/sampling.ts'
import { fault, type MeterSource, type SourceItem } from '../../collect/source.ts'
import type { SourceEvent, SourceFault } from '../../collect/source-watch.ts'
import type { TakenItem } from '../../collect/take-queue.ts'
import { systemPlatform } from '../../platform.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { bytes } from './inputs.ts'

const REGISTER = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }

function reading(time: number): SourceItem {
  const values = [{ register: REGISTER, value: time, quality: 'good' as const }]
  return { type: 'reading', reading: { time, intervalMs: 0, timeSource: 'meter-clock', values } }
}

/** A source whose openings are given one by one: items, then an end or an error. */
function source(
  openings: readonly ((signal: AbortSignal) => AsyncIterable<SourceItem>)[],
  live = true,
): MeterSource & { opened: number } {
  const made = {
    spec: 'test:source',
    kind: 'test',
    live,
    intervalData: true,
    opened: 0,
    items: (signal: AbortSignal) => {
      const next = openings[made.opened] ?? never
      made.opened++
      return next(signal)
    },
  }
  return made
}

/** A connection that stays open and says nothing. */
async function* never(signal: AbortSignal): AsyncGenerator<SourceItem> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  yield* []
}

function of(...items: readonly SourceItem[]): () => AsyncIterable<SourceItem> {
  return async function* () {
    yield* items
  }
}

interface Run {
  readonly time: VirtualTime
  readonly taken: TakenItem[]
  readonly faults: SourceFault[]
  readonly events: SourceEvent[]
  readonly collector: Collector
}

function run(sources: readonly MeterSource[], more: Partial<CollectorInit> = {}): Run {
  const time = new VirtualTime({ turns: 3 })
  const taken: TakenItem[] = []
  const faults: SourceFault[] = []
  const events: SourceEvent[] = []
  const collector = new Collector({
    sources,
    clock: time.clock,
    timers: time.timers,
    random: seededRandom(7),
    take: async (items) => void taken.push(...items),
    onFault: (one) => void faults.push(one),
    onEvent: (one) => void events.push(one),
    ...more,
  })
  collector.start()
  return { time, taken, faults, events, collector }
}

const told = (events: readonly SourceEvent[]): string[] => events.map(({ event }) => event)

describe('collector', () => {
  it('a file is read to its end, in order, and everything is durable when it is finished', async () => {
    const { collector, taken } = run([source([of(...Array.from({ length: 3_000 }, (_, n) => reading(n)))], false)])
    await collector.finished()
    expect(taken.map(({ reading }) => reading.time)).to.deep.equal(Array.from({ length: 3_000 }, (_, n) => n))
    expect(collector.states.get('test:source')).to.equal('ended')
    expect(collector.waiting).to.equal(0)
  })

  it('sources wait while the spool is slow: what is held is bounded', async () => {
    let produced = 0
    let release: () => void = () => undefined
    const endless = async function* (): AsyncGenerator<SourceItem> {
      for (;;) yield reading(produced++)
    }
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const batches: number[] = []
    const { collector, time } = run([source([endless], false)], {
      batchSize: 10,
      take: async (items) => {
        batches.push(items.length)
        await held
      },
    })
    await time.settle()
    expect(produced).to.be.at.most(41)
    const stopped = collector.stop()
    release()
    await stopped
    expect(Math.max(...batches)).to.equal(10)
  })

  it('READINGS_NOT_TAKEN: a full disk loses nothing; the same readings are offered until they are taken', async () => {
    let full = true
    const taken: number[] = []
    const { collector, faults, time } = run([source([of(reading(1), reading(2), reading(3))], false)], {
      take: async (items) => {
        if (full) throw new Error('no space left')
        taken.push(...items.map(({ reading }) => reading.time))
      },
    })
    await time.advance(300_000)
    expect(taken).to.deep.equal([])
    expect(faults.every(({ code, message }) => code === 'READINGS_NOT_TAKEN' && message === 'no space left')).to.equal(true)
    expect(faults.length).to.be.within(2, 6)
    full = false
    await time.wait(collector.finished())
    expect(taken).to.deep.equal([1, 2, 3])
  })

  it('a mark is told when all before it is durable, and not before', async () => {
    const told: number[] = []
    const mark = (number: number): SourceItem => ({ type: 'mark', durable: () => void told.push(number) })
    let full = true
    const { collector, time } = run(
      [source([of(mark(0), reading(1), reading(2), mark(2), mark(3), reading(4), mark(4))], false)],
      {
        batchSize: 1,
        take: (items) => (full || items[0]?.reading.time === 4 ? Promise.reject(new Error('no space left')) : Promise.resolve()),
      },
    )
    await time.advance(60_000)
    expect(told).to.deep.equal([0])
    full = false
    await time.advance(120_000)
    expect(told).to.deep.equal([0, 2, 3])
    expect(await time.wait(collector.stop())).to.equal(1)
    expect(told).to.deep.equal([0, 2, 3])
  })

  for (const end of ['finished', 'stop'] as const) {
    it(`what a mark begins has come to its end with ${end}()`, async () => {
      const written = Promise.withResolvers<void>()
      let begun = 0
      const mark = (durable: () => Promise<void> | void): SourceItem => ({ type: 'mark', durable })
      const slow = mark(() => {
        begun++
        return written.promise
      })
      const { collector, time } = run([
        source(
          [
            of(
              reading(1),
              slow,
              mark(() => Promise.resolve()),
            ),
          ],
          false,
        ),
      ])
      await time.settle()
      let isOver = false
      const over = collector[end]().then(() => void (isOver = true))
      await time.settle()
      expect([begun, isOver]).to.deep.equal([1, false])
      written.resolve()
      await time.wait(over)
    })
  }

  it('marks are bounded as readings are: a source waits', async () => {
    let made = 0
    const endless = async function* (): AsyncGenerator<SourceItem> {
      yield reading(1)
      for (;;) yield { type: 'mark', durable: () => void made++ }
    }
    let marks = 0
    const counted = async function* (): AsyncGenerator<SourceItem> {
      for await (const item of endless()) {
        marks++
        yield item
      }
    }
    const { collector, time } = run([source([counted], false)], { batchSize: 10, take: () => Promise.reject(new Error('full')) })
    await time.settle()
    expect(marks).to.be.at.most(43)
    await time.wait(collector.stop())
    expect(made).to.equal(0)
  })

  it('what a source did is counted: readings, faults, outages', async () => {
    const { collector, time } = run([
      source([of(reading(1), fault('P1_CRC_MISMATCH', 'wrong', 'byte 0')), of(reading(2)), never]),
    ])
    await time.advance(5_000)
    const { lastReadingMs, ...counts } = collector.counts.get('test:source') ?? { lastReadingMs: undefined }
    expect(counts).to.deep.equal({ readings: 2, faults: 3, outages: 2 })
    expect(lastReadingMs).to.be.a('number')
    await time.wait(collector.stop())
  })

  it('stop says how many readings could not be made durable', async () => {
    const { collector, time } = run([source([of(reading(1), reading(2)), never])], {
      take: () => Promise.reject(new Error('no space')),
    })
    await time.settle()
    expect(await time.wait(collector.stop())).to.equal(2)
  })

  it('a live source is opened again for ever, with growing pauses; failed and back are events', async () => {
    const broken = (): AsyncIterable<SourceItem> => {
      throw new Error('connection refused')
    }
    const meter = source([of(reading(1)), ...Array(20).fill(broken), of(reading(2)), never])
    const { collector, events, faults, taken, time } = run([meter])
    await time.advance(2 * 3_600_000)
    expect(meter.opened).to.be.at.least(23)
    expect(taken.map(({ reading }) => reading.time)).to.deep.equal([1, 2])
    expect(told(events).slice(0, 2)).to.deep.equal(['source-failed', 'source-back'])
    expect(faults.find(({ message }) => message === 'connection refused')).to.include({ code: 'SOURCE_FAILED' })
    await time.wait(collector.stop())
  })

  it('back-off doubles from a second to a minute, with jitter', () => {
    const waits = Array.from({ length: 12 }, (_, attempt) => backOffMs(attempt, DEFAULT_BACK_OFF, seededRandom(attempt)))
    for (const [attempt, wait] of waits.entries()) {
      const full = Math.min(60_000, 1_000 * 2 ** attempt)
      expect(wait).to.be.within(full / 2, full)
    }
  })

  it('SOURCE_SILENT: a connection that says nothing is told, hung up and opened again', async () => {
    let hungUp = 0
    const meter: MeterSource = {
      ...source([]),
      items: async function* (signal) {
        if (hungUp === 2) yield reading(5)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        hungUp++
      },
    }
    const { collector, events, faults, time } = run([meter], { silentAfterMs: 30_000 })
    await time.advance(30_000)
    expect(collector.states.get('test:source')).to.be.oneOf(['silent', 'failed'])
    await time.advance(60_000)
    expect(faults[0]).to.include({ code: 'SOURCE_SILENT', message: 'no reading for 30 s' })
    expect(told(events)).to.deep.equal(['source-silent', 'source-back'])
    await time.wait(collector.stop())
    expect(time.pending).to.equal(0)
  })

  it('a file that cannot be read has failed and is not tried again', async () => {
    const meter = source(
      [
        () => {
          throw new Error('no such file')
        },
      ],
      false,
    )
    const { collector, faults, time } = run([meter])
    await time.wait(collector.finished())
    expect(faults).to.deep.equal([
      { source: 'test:source', code: 'SOURCE_FAILED', message: 'no such file', where: 'test:source', count: 1 },
    ])
    expect(collector.states.get('test:source')).to.equal('failed')
  })

  it('a fault that comes again and again is told once a minute, with its count', async () => {
    const faulty = async function* (): AsyncGenerator<SourceItem> {
      for (let n = 0; n < 121; n++) {
        yield fault('P1_CRC_MISMATCH', 'x', `byte ${n}`)
        await new Promise<void>((resolve) => void time.timers.set(1_000, resolve))
      }
    }
    const { time, faults } = run([source([faulty], false)], {})
    await time.advance(130_000)
    expect(faults.map(({ count }) => count)).to.deep.equal([1, 60, 60])
  })

  it('sampling applies to meters, and to interval data where asked for', async () => {
    const hour = [0, 60_000, 900_000].map(reading)
    const plain = run([source([of(...hour)], false)])
    await plain.collector.finished()
    expect(plain.taken).to.have.length(3)
    const sampled = run([{ ...source([of(...hour)], false), intervalData: false }])
    await sampled.collector.finished()
    expect(sampled.taken).to.have.length(2)
    const asked = run([source([of(...hour)], false)], { sampling: { ...DEFAULT_SAMPLING, intervalData: true } })
    await asked.collector.finished()
    expect(asked.taken).to.have.length(2)
  })

  it('the detail of an event fits what a block stores', async () => {
    const long: SourceItem = { type: 'event', time: 1, event: 'firmware', detail: 'ü€'.repeat(300) }
    const { collector, events } = run([source([of(long)], false)])
    await collector.finished()
    expect(Buffer.byteLength(events[0]?.detail ?? '')).to.be.within(50, 200)
  })
})

describe('a P1 meter over TCP', () => {
  const TELEGRAM = '/TST3\r\n\r\n0-0:1.0.0(250115120000W)\r\n1-0:1.8.1(000001.001*kWh)\r\n!\r\n'
  let server: Server
  let sockets: Socket[] = []

  async function listen(answer: (socket: Socket, number: number) => void): Promise<number> {
    let number = 0
    server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      answer(socket, number++)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as { port: number }).port
  }

  afterEach(async () => {
    for (const socket of sockets) socket.destroy()
    sockets = []
    await new Promise((resolve) => server.close(resolve))
  })

  it('is read, and connected to again when it closes in the middle of a telegram', async () => {
    const port = await listen((socket, number) => {
      if (number === 0) socket.end(bytes(TELEGRAM + TELEGRAM.slice(0, 30)))
      else socket.write(bytes(TELEGRAM.replace('120000W', '121500W')))
    })
    const spec = `p1:tcp://127.0.0.1:${port}`
    const taken: TakenItem[] = []
    const faults: SourceFault[] = []
    await new Promise<void>((resolve) => {
      const collector = new Collector({
        ...systemPlatform,
        sources: [openSource(spec, systemPlatform)],
        backOff: { firstMs: 5, mostMs: 20 },
        take: async (items) => {
          taken.push(...items)
          if (taken.length === 2) void collector.stop().then(() => resolve())
        },
        onFault: (one) => void faults.push(one),
      })
      collector.start()
    })
    expect(taken.map(({ reading, source }) => [reading.time, source])).to.deep.equal([
      [Date.UTC(2025, 0, 15, 11), spec],
      [Date.UTC(2025, 0, 15, 11, 15), spec],
    ])
    expect(faults.map(({ code }) => code)).to.include.members(['P1_TELEGRAM_TRUNCATED', 'SOURCE_FAILED'])
    expect(taken[0]?.frame).to.deep.equal(bytes(TELEGRAM))
  })

  it('SOURCE_UNREADABLE: nobody listens', async () => {
    const port = await listen(() => undefined)
    await new Promise((resolve) => server.close(resolve))
    const meter = openSource(`p1:tcp://127.0.0.1:${port}`, systemPlatform)
    let code = ''
    try {
      for await (const item of meter.items(new AbortController().signal)) expect(item).to.equal(undefined)
    } catch (error) {
      code = (error as { code: string }).code
    }
    expect(code).to.equal('SOURCE_UNREADABLE')
  })

  it('stops at once when told to', async () => {
    const port = await listen(() => undefined)
    const stop = new AbortController()
    const items = openSource(`p1:tcp://127.0.0.1:${port}`, systemPlatform).items(stop.signal)[Symbol.asyncIterator]()
    const next = items.next()
    await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    expect((await next).done).to.equal(true)
  })
})
