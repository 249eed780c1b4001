import { expect } from 'chai'
import pino from 'pino'
import { Meter } from '../../cli/meter.ts'
import { nodeOptionsOf, resolveConfig } from '../../config/index.ts'
import { systemPlatform } from '../../platform.ts'
import type { FrameNote } from '../../store/index.ts'
import { Neighbourhood } from '../harness/neighbourhood.ts'
import { framesOf } from '../store/frames-of.ts'

const QUARTER_HOUR_MS = 900_000
const OLD_MS = Date.UTC(2013, 0, 1)

const line = (quarters: number, wattHours = quarters): string =>
  `${JSON.stringify({ time: OLD_MS + quarters * QUARTER_HOUR_MS, values: { '1-0:1.8.0': `${wattHours} Wh` } })}\n`

/** A stream that goes on when the test says something more. */
class Typed {
  readonly #said: string[] = []
  #failure: Error | undefined
  #wake: () => void = () => undefined
  #isEnded = false

  say(...lines: readonly string[]): void {
    this.#said.push(...lines)
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  fail(message: string): void {
    this.#failure = new Error(message)
    this.#wake()
  }

  async *bytes(): AsyncGenerator<Uint8Array> {
    for (;;) {
      for (const text of this.#said.splice(0)) yield new TextEncoder().encode(text)
      if (this.#failure !== undefined) throw this.#failure
      if (this.#isEnded) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

describe('the meter of a running node', () => {
  let all: Neighbourhood
  let typed: Typed
  let meter: Meter

  beforeEach(async () => {
    all = await Neighbourhood.create({ meters: 1 })
    typed = new Typed()
    const platform = all.time.platform(systemPlatform.random)
    const options = nodeOptionsOf(resolveConfig({ flags: { sources: ['jsonl:-', 'household:7'] } }).config, 'ab'.repeat(32))
    const deps = { ...platform, standardInput: () => typed.bytes() }
    meter = new Meter(all.get('meter-1').node, options, platform, deps, pino({ level: 'silent' }))
    meter.start()
  })

  afterEach(async () => {
    typed.end()
    await all.time.wait(meter.stop())
    await all.stop()
  })

  const waiting = (): number => all.get('meter-1').store.spool.size

  it('rows of an old recording that are not in order are taken, hours after its beginning, and none twice', async () => {
    typed.say(...Array.from({ length: 10 }, (_, i) => line(i)))
    await all.time.advance(3 * 3_600_000 + 60_000)
    // Beside it a home of today, a row each quarter of an hour.
    expect(waiting()).to.equal(10 + 12)
    typed.say(line(4.5, 4), line(4), line(10))
    await all.time.advance(1_000)
    expect(waiting()).to.equal(10 + 12 + 2)
  })

  it('raw frames go a month after their block, signed records only ten years after', async () => {
    const { store } = all.get('meter-1')
    typed.say(line(0))
    await all.time.advance(1_000)
    const found = (await store.spool.peek(10)).rows.map(({ item }) => item).find((item) => 'reading' in item)
    if (found === undefined || !('reading' in found)) throw new Error('no reading waits')
    const day = 86_400_000
    const nowMs = all.time.clock.now()
    const ages = { telegram: 29, 'old telegram': 31, charge: 3_649, 'old charge': 3_651 }
    const frames = Object.entries(ages).map(([source, days]) => {
      const sealedAtMs = nowMs - days * day
      const signed = source.endsWith('charge') ? { signed: {} } : {}
      const item = { ...found, source, frame: Uint8Array.of(1), ...signed, reading: { ...found.reading, time: sealedAtMs } }
      return { item, note: { height: 0, sealedAtMs, index: 0, count: 1, proof: [], source, ...signed } }
    })
    await store.spool.append(frames.map(({ item }) => item))
    const rows = (await store.spool.peek(100)).rows.filter(({ item }) => item.source in ages)
    const framesSealed = rows.map(({ id, item }, i) => {
      expect(item.source).to.equal(frames[i]?.item.source)
      return { timeMs: frames[i]?.item.reading.time as number, id, note: frames[i]?.note as FrameNote }
    })
    await store.accept([], { spoolTaken: rows.map(({ id }) => id), framesSealed })
    await all.time.advance(3_600_000)
    expect((await framesOf(store)).map(({ note }) => note?.source)).to.have.members(['telegram', 'charge'])
  })

  it('without a source too: readings come in by import and over HTTP', async () => {
    const { node, store } = all.get('meter-1')
    const platform = all.time.platform(systemPlatform.random)
    const options = nodeOptionsOf(resolveConfig({ flags: {} }).config, 'ab'.repeat(32))
    const pruned: number[] = []
    const frames = { prune: (before: number) => Promise.resolve(void pruned.push(before)) }
    const bare = Object.create(node, { store: { value: Object.create(store, { frames: { value: frames } }) } }) as typeof node
    const sourceless = new Meter(bare, options, platform, { ...platform }, pino({ level: 'silent' }))
    const month = 30 * 86_400_000
    const startMs = all.time.clock.now()
    sourceless.start()
    await all.time.advance(3_600_000)
    await all.time.wait(sourceless.stop())
    expect(pruned).to.deep.equal([startMs - month, startMs + 3_600_000 - month])
  })

  it('that a source failed, told at the time of now, makes none of its old readings old', async () => {
    typed.say(line(0))
    await all.time.advance(1_000)
    typed.fail('the cable was pulled')
    await all.time.advance(1_000)
    const { node, store } = all.get('meter-1')
    const items = (await store.spool.peek(10)).rows.map(({ item }) => item)
    const item = items.find((each) => 'reading' in each)
    expect(items.some((each) => 'event' in each)).to.equal(true)
    if (item === undefined || !('reading' in item)) throw new Error('no reading waits')
    const at = (time: number): typeof item => ({ ...item, reading: { ...item.reading, time } })
    // What another source had taken long ago was forgotten.
    const years = 365 * 86_400_000
    const nowMs = all.time.clock.now()
    await store.spool.append([2 * years, 0].map((agoMs) => ({ ...at(nowMs - agoMs), source: 'another' })))
    expect(await store.spool.pruneSeen(nowMs - years)).to.equal(1)
    expect((await all.time.wait(node.take([at(OLD_MS + QUARTER_HOUR_MS)]))).taken).to.equal(1)
  })
})
