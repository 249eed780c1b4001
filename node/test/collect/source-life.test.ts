import { join } from 'node:path'
import { expect } from 'chai'
import { parseQuantity } from '../../../protocol/decimal.ts'
import { parseObis } from '../../../protocol/obis.ts'
import type { Quality, RegisterValue } from '../../../protocol/reading.ts'
import { ClockWatch } from '../../collect/clock-watch.ts'
import { Collector } from '../../collect/collector.ts'
import { openSource } from '../../collect/formats.ts'
import { RegisterWatch } from '../../collect/register-watch.ts'
import { DEFAULT_SAMPLING, type SamplingPolicy } from '../../collect/sampling.ts'
import type { EventItem, MeterSource, ReadingItem, SourceItem } from '../../collect/source.ts'
import { SourceLife } from '../../collect/source-life.ts'
import { fileMemory } from '../../collect/source-memory.ts'
import type { SourceEvent } from '../../collect/source-watch.ts'
import type { TakenItem } from '../../collect/take-queue.ts'
import type { Clock } from '../../platform.ts'
import { sleep, systemPlatform } from '../../platform.ts'
import { seededRandom } from '../harness/seeded-random.ts'
import { VirtualTime } from '../harness/virtual-time.ts'
import { itemsOf, readingsOf, shown, withFiles } from './inputs.ts'
import { telegram } from './p1-made.ts'

const QUARTER = 900_000
const START = Date.UTC(2026, 0, 15, 12)

function value(text: string, quality: Quality = 'good'): RegisterValue {
  const [code, number, unit = ''] = text.split(' ') as [string, string, string?]
  const { value: found, unit: unitCode, scaler } = parseQuantity(number, unit)
  return { register: { obis: parseObis(code), unit: unitCode, scaler }, value: found, quality }
}

function row(time: number, texts: readonly string[], more: Partial<ReadingItem> = {}): ReadingItem {
  const reading = { time, intervalMs: 0, timeSource: 'meter-clock' as const, values: texts.map((text) => value(text)) }
  return { type: 'reading', reading, frame: Uint8Array.of(1), ...more }
}

/** Rows a quarter of an hour apart: what is told of each, and the qualities of its values. */
function watched(rows: readonly (readonly string[])[], watch = new RegisterWatch()): string[] {
  return rows.map((texts, index) => {
    const [item, ...events] = watch.take(row(START + index * QUARTER, texts)) as readonly [ReadingItem, ...EventItem[]]
    const qualities = item.reading.values.map(({ quality }) => quality).filter((quality) => quality !== 'good')
    expect(item.reading.values.map(({ value: number }) => number)).to.deep.equal(texts.map((text) => value(text).value))
    return [...events.map(({ event }) => event), ...qualities].join(' ')
  })
}

describe('registers over a meter’s life', () => {
  it('a register that runs as it should is nobody’s business', () => {
    const rows = ['1000.000', '1000.100', '1000.100', '1025.000'].map((kwh) => [`1-0:1.8.0 ${kwh} kWh`])
    expect(watched(rows)).to.deep.equal(['', '', '', ''])
  })

  it('a register that goes back is stored as read, with an event', () => {
    expect(watched([['1-0:1.8.0 1000.000 kWh'], ['1-0:1.8.0 999.999 kWh'], ['1-0:1.8.0 1000.001 kWh']])).to.deep.equal([
      '',
      'register-back',
      '',
    ])
    const watch = new RegisterWatch()
    watch.take(row(START, ['1-0:1.8.0 1000.000 kWh']))
    const [, event] = watch.take(row(START + QUARTER, ['1-0:1.8.0 3.000 kWh']))
    expect(event).to.have.property('detail', '1-0:1.8.0 1000.000 kWh to 3.000 kWh')
  })

  it('a jump beyond what the meter can measure is stored as read, with an event', () => {
    const rows = (kwh: string): string[][] => [['1-0:1.8.0 1000.000 kWh'], [`1-0:1.8.0 ${kwh} kWh`]]
    expect(watched(rows('1027.000'))).to.deep.equal(['', ''])
    expect(watched(rows('1028.000'))).to.deep.equal(['', 'register-jump'])
    expect(watched(rows('1028.000'), new RegisterWatch(1_000_000))).to.deep.equal(['', ''])
    expect(watched([['7-0:3.0.0 10.000 m3'], ['7-0:3.0.0 50.000 m3']])).to.deep.equal(['', 'register-jump'])
  })

  it('a register that begins anew at its end has quality overflow and an event', () => {
    const ends: readonly (readonly [string, string])[] = [
      ['1-0:1.8.0 99999.9 kWh', '1-0:1.8.0 00000.2 kWh'],
      ['1-0:1.8.0 999999.999 kWh', '1-0:1.8.0 000001.000 kWh'],
      ['1-0:1.8.0 4294967.290 kWh', '1-0:1.8.0 0.010 kWh'],
      ['8-0:1.0.0 99999.999 m3', '8-0:1.0.0 0.100 m3'],
    ]
    for (const [before, behind] of ends)
      expect(watched([[before], [behind]]), before).to.deep.equal(['', 'register-overflow overflow'])
    // A new meter's zero is far from any end.
    expect(watched([['1-0:1.8.0 90.000 kWh'], ['1-0:1.8.0 0.500 kWh']])).to.deep.equal(['', 'register-back'])
  })

  it('what may run both ways, or is no register, is not watched', () => {
    const free = ['1-0:16.8.0 5.000 kWh', '1-0:1.7.0 5.000 kW', '1-0:1.6.0 5.000 kW', '1-0:32.7.0 230 V', '0-0:96.14.0 2']
    const lower = ['1-0:16.8.0 1.000 kWh', '1-0:1.7.0 1.000 kW', '1-0:1.6.0 1.000 kW', '1-0:32.7.0 1 V', '0-0:96.14.0 1']
    expect(watched([free, lower])).to.deep.equal(['', ''])
  })

  it('another meter: an event, and first values that do not go on from the old one’s', () => {
    const watch = new RegisterWatch()
    const take = (at: number, kwh: string, meter: string): readonly (ReadingItem | EventItem)[] =>
      watch.take(row(START + at * QUARTER, [`1-0:1.8.0 ${kwh} kWh`], { meter }))
    expect(take(0, '81234.000', 'A')).to.have.length(1)
    const [item, event] = take(1, '0.100', 'B') as [ReadingItem, EventItem]
    expect(item.reading.values[0]).to.include({ value: 100, quality: 'overflow' })
    expect([event.event, event.detail]).to.deep.equal(['meter-replaced', 'A was here before, now B'])
    expect(take(2, '0.200', 'B')).to.have.length(1)
    // A used one with a higher register makes no jump either.
    expect((take(3, '90000.000', 'C') as [ReadingItem])[0].reading.values[0]?.quality).to.equal('overflow')
    expect(take(4, '90000.100', 'C')).to.have.length(1)
  })

  it('rows of earlier, filled in later, and rows of intervals are not compared', () => {
    const watch = new RegisterWatch()
    watch.take(row(START, ['1-0:1.8.0 1000.000 kWh']))
    expect(watch.take(row(START - QUARTER, ['1-0:1.8.0 999.000 kWh']))).to.have.length(1)
    expect(watch.take(row(START, ['1-0:1.8.0 999.000 kWh']))).to.have.length(1)
    const interval = row(START + QUARTER, ['1-0:1.8.0 1.000 kWh'])
    expect(watch.take({ ...interval, reading: { ...interval.reading, intervalMs: QUARTER } })).to.have.length(1)
  })

  it('a register that flaps is told once a minute, and 256 registers are watched', () => {
    const watch = new RegisterWatch()
    const flap = (second: number): number => watch.take(row(START + second * 1_000, [`1-0:1.8.0 ${second % 2} kWh`])).length - 1
    expect(Array.from({ length: 120 }, (_, second) => flap(second)).reduce((a, b) => a + b)).to.equal(2)
    for (let f = 0; f < 300; f++) watch.take(row(START + QUARTER, [`1-0:1.8.${f % 250}*${f < 250 ? 255 : 1} 1 kWh`]))
    expect(watch.known.last).to.have.length(256)
  })
})

describe('a meter’s clock', () => {
  /** A telegram every ten seconds; `meterMs` says what the meter's clock shows beyond the node's. */
  function run(count: number, meterMs: (index: number) => number, nodeMs: (index: number) => number = () => 0): string[] {
    let index = 0
    const clock: Clock = { now: () => START + index * 10_000 + nodeMs(index), monotonicMs: () => index * 10_000 }
    const watch = new ClockWatch(clock)
    const told: string[] = []
    for (; index < count; index++) {
      const time = START + index * 10_000 + meterMs(index)
      told.push(...watch.take(row(time, ['1-0:1.8.0 1 kWh'])).map(({ event, detail }) => `${event}: ${detail}`))
    }
    return told
  }

  it('one that is right, and one that jitters, are told nothing of', () => {
    expect(run(100, () => 0)).to.deep.equal([])
    expect(run(100, (index) => ((index * 7) % 10) * 1_000)).to.deep.equal([])
  })

  it('a clock that is set is an event, once, with how far', () => {
    expect(run(100, (index) => (index < 50 ? 0 : -30_000))).to.deep.equal(["clock-set: the meter's clock was set 30 s back"])
    expect(run(100, (index) => (index < 50 ? 0 : 20_000))).to.deep.equal(["clock-set: the meter's clock was set 20 s forward"])
  })

  it('telegrams that come late, in a burst, are no set clock', () => {
    expect(run(100, (index) => (index >= 50 && index < 52 ? -60_000 : 0))).to.deep.equal([])
  })

  it('the node’s clock that is set is no step of the meter’s', () => {
    expect(
      run(
        100,
        () => 0,
        (index) => (index < 50 ? 0 : 40_000),
      ),
    ).to.deep.equal([])
  })

  it('drift is an event where it passes a minute, where it has doubled, and where it has gone', () => {
    const slow = run(2_000, (index) => Math.max(-130_000, -100 * index) + (index > 1_800 ? 130_000 : 0))
    expect(slow.map((each) => each.replace(/\d+ s/, 'N s'))).to.deep.equal([
      "clock-drift: the meter's clock is N s behind this node's",
      "clock-drift: the meter's clock is N s behind this node's",
      "clock-set: the meter's clock was set N s forward",
      "clock-drift: the meter's clock and this node's agree again",
    ])
    expect(run(10, () => 90_000)).to.deep.equal(["clock-drift: the meter's clock is 90 s ahead of this node's"])
  })

  it('times that are not the telegram’s own are left aside', () => {
    const watch = new ClockWatch(systemPlatform.clock)
    const { frame: _, ...subMeter } = row(START, ['0-1:24.2.1 1 m3'])
    expect(watch.take(subMeter)).to.deep.equal([])
  })
})

describe('a meter over restarts of the node', () => {
  interface Kept {
    readonly rows: TakenItem[]
    readonly events: SourceEvent[]
  }

  /** A collector that runs over these items and is stopped. */
  async function live(
    dir: string,
    items: readonly SourceItem[],
    more: { sampling?: Partial<SamplingPolicy>; isFull?: boolean } = {},
  ): Promise<Kept> {
    const time = new VirtualTime({ turns: 3 })
    const kept: Kept = { rows: [], events: [] }
    const source: MeterSource = {
      spec: 'test:meter',
      kind: 'test',
      live: true,
      intervalData: false,
      items: async function* (signal) {
        for (const item of items) {
          yield item
          await sleep(time.timers, 10_000, signal).catch(() => undefined)
        }
        if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      },
    }
    const collector = new Collector({
      sources: [source],
      sampling: { ...DEFAULT_SAMPLING, ...more.sampling },
      clock: time.clock,
      timers: time.timers,
      random: seededRandom(7),
      memory: fileMemory(join(dir, 'memory')),
      take: (taken) =>
        more.isFull === true ? Promise.reject(new Error('full')) : Promise.resolve(void kept.rows.push(...taken)),
      onEvent: (event) => void kept.events.push(event),
    })
    collector.start()
    // What was remembered before is read from the disk, in real time.
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 2))
    await time.advance(items.length * 10_000)
    const stopped = collector.stop()
    await time.settle()
    await stopped
    return kept
  }

  const each10s = (from: number, count: number, kwh: (index: number) => string, meter = 'A'): ReadingItem[] =>
    Array.from({ length: count }, (_, index) => row(from + index * 10_000, [`1-0:1.8.0 ${kwh(index)} kWh`], { meter }))
  const times = ({ rows }: Kept): string[] =>
    rows.map(({ reading }) => `${new Date(reading.time).toISOString().slice(11, 16)} ${reading.values[0]?.value ?? 'missing'}`)

  it('boundaries without a telegram are rows of missing values', () =>
    withFiles({}, async (dir) => {
      const items = [...each10s(START, 3, () => '5.000'), ...each10s(START + 4 * QUARTER + 5_000, 1, () => '5.100')]
      expect(times(await live(dir, items))).to.deep.equal([
        '12:00 5000',
        '12:15 missing',
        '12:30 missing',
        '12:45 missing',
        '13:00 5100',
      ])
    }))

  it('a register that comes once an interval or less is not missed', () =>
    withFiles({}, async (dir) => {
      const items = [0, 1, 2].map((hour) => row(START + hour * 3_600_000, ['0-1:24.2.1 5 m3']))
      expect(times(await live(dir, items))).to.deep.equal(['12:00 5', '13:00 5', '14:00 5'])
    }))

  it('what was missed while the node was off is told after its start; a boundary that was kept is not kept twice', () =>
    withFiles({}, async (dir) => {
      await live(
        dir,
        each10s(START, 100, () => '5.000'),
      )
      const after = await live(
        dir,
        each10s(START + 3 * QUARTER, 2, () => '5.100'),
      )
      expect(times(after)).to.deep.equal(['12:30 missing', '12:45 5100'])
      expect(
        times(
          await live(
            dir,
            each10s(START + 3 * QUARTER + 60_000, 2, () => '5.100'),
          ),
        ),
      ).to.deep.equal([])
    }))

  it('another meter, or a register that went back, is seen over a restart', () =>
    withFiles({}, async (dir) => {
      await live(
        dir,
        each10s(START, 3, () => '5.000'),
      )
      const back = await live(
        dir,
        each10s(START + QUARTER, 3, () => '4.000'),
      )
      expect(back.events.map(({ event }) => event)).to.include('register-back')
      const other = await live(
        dir,
        each10s(START + 2 * QUARTER, 3, () => '0.100', 'B'),
      )
      expect(other.events.map(({ event }) => event)).to.include('meter-replaced')
      expect(other.rows[0]?.reading.values[0]?.quality).to.equal('overflow')
    }))

  it('what was not durable is not remembered', () =>
    withFiles({}, async (dir) => {
      await live(
        dir,
        each10s(START, 3, () => '5.000'),
        { isFull: true },
      )
      expect(
        times(
          await live(
            dir,
            each10s(START, 3, () => '5.000'),
          ),
        ),
      ).to.deep.equal(['12:00 5000'])
    }))

  it('telegrams that come together have instants of their own by the node’s clock, and rows of one share theirs', () => {
    const clock: Clock = { now: () => START, monotonicMs: () => 0 }
    const source = { spec: 'x', kind: 'x', live: true, intervalData: false, items: () => expect.fail('opened') }
    const life = new SourceLife(source, { sampling: { ...DEFAULT_SAMPLING, mode: 'all' }, clock })
    const take = (timeMs: number, isFirst = true): number => {
      const { frame, reading, ...rest } = row(START + timeMs, ['1-0:1.8.0 1 kWh'])
      const item = { ...rest, reading: { ...reading, timeSource: 'node-clock' as const }, ...(isFirst && frame ? { frame } : {}) }
      const [taken] = life.take(item)
      return taken?.type === 'reading' ? taken.reading.time - START : Number.NaN
    }
    expect([take(0), take(0), take(0, false), take(1), take(500), take(-5_000)]).to.deep.equal([0, 1, 1, 2, 500, -5_000])
  })

  it('memory that is damaged is none', () =>
    withFiles({}, async (dir) => {
      const memory = fileMemory(join(dir, 'memory'))
      for (const damaged of [
        { registers: 7, sampled: 'x' },
        { registers: { last: [[1]] }, sampled: [{}], intervalMs: QUARTER },
      ]) {
        await memory.write('life of test:meter', damaged)
        expect(
          times(
            await live(
              dir,
              each10s(START, 3, () => '5.000'),
            ),
          ),
        ).to.deep.equal(['12:00 5000'])
      }
      expect(await memory.read('another')).to.equal(undefined)
    }))
})

describe('what a source says of its meter', () => {
  it('a P1 telegram names its meter', () =>
    withFiles({ 'p1.txt': telegram('260115120000', 1_000) }, async (dir) => {
      const [item] = readingsOf(await itemsOf(`p1:${join(dir, 'p1.txt')}`))
      expect(item?.meter).to.equal('4530303433303037303531323334353637')
      expect(shown(item === undefined ? [] : [item])).to.have.length(2)
    }))

  it('SOURCE_OPTION_INVALID: max= is the power that the meter can measure, for every kind', () => {
    expect(openSource('p1:tcp://h:1?max=25kW&zone=UTC', systemPlatform).maxWatts).to.equal(25_000)
    expect(openSource('household:7?max=2MW', systemPlatform).maxWatts).to.equal(2_000_000)
    expect(openSource('p1:tcp://h:1', systemPlatform).maxWatts).to.equal(undefined)
    for (const max of ['lots', '0kW', '25 kW', '-1W']) {
      expect(() => openSource(`p1:tcp://h:1?max=${max}`, systemPlatform), max)
        .to.throw()
        .with.property('code', 'SOURCE_OPTION_INVALID')
    }
  })
})
