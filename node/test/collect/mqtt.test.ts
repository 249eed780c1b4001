import { chmod, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { Collector } from '../../collect/collector.ts'
import { checkSource, openSource } from '../../collect/formats.ts'
import { DEFAULT_SAMPLING } from '../../collect/sampling.ts'
import type { SourceDeps } from '../../collect/source.ts'
import { fileMemory } from '../../collect/source-memory.ts'
import type { SourceEvent, SourceFault } from '../../collect/source-watch.ts'
import type { TakenItem } from '../../collect/take-queue.ts'
import { systemPlatform } from '../../platform.ts'
import { refusalCode } from '../store/temporary-directories.ts'
import { type Broker, startBroker, withPassword } from './broker.ts'
import { itemsOf, readingsOf, withFiles } from './inputs.ts'

const MINUTE = 60_000
const START = Date.UTC(2026, 0, 15, 11)
const MAPPING = JSON.stringify({
  topics: ['meter/one'],
  time: { path: 'at', format: 'epoch-ms' },
  values: [{ path: 'energy', register: '1-0:1.8.0', unit: 'Wh' }],
})

const payload = (minute: number): string => JSON.stringify({ at: START + minute * MINUTE, energy: minute })

async function untilTrue(what: string, isTrue: () => boolean): Promise<void> {
  for (let tries = 0; tries < 800 && !isTrue(); tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isTrue(), what).to.equal(true)
}

/** A node's collector on one broker; `take` is the spool. */
class Reading {
  readonly taken: TakenItem[] = []
  readonly faults: SourceFault[] = []
  readonly events: SourceEvent[] = []
  readonly collector: Collector
  /** False: the disk is full. */
  takes = true

  constructor(spec: string, deps: SourceDeps) {
    this.collector = new Collector({
      ...systemPlatform,
      sources: [openSource(spec, deps)],
      sampling: { ...DEFAULT_SAMPLING, mode: 'all' },
      take: (items) => {
        if (!this.takes) return Promise.reject(new Error('no space left'))
        this.taken.push(...items)
        return Promise.resolve()
      },
      onFault: (fault) => void this.faults.push(fault),
      onEvent: (event) => void this.events.push(event),
      backOff: { firstMs: 10, mostMs: 50 },
    })
    this.collector.start()
  }

  get minutes(): number[] {
    return this.taken.map(({ reading }) => (reading.time - START) / MINUTE)
  }

  has(count: number): Promise<void> {
    return untilTrue(`${count} readings`, () => this.taken.length >= count)
  }
}

describe('MQTT', () => {
  let broker: Broker
  const readings: Reading[] = []

  beforeEach(async () => {
    broker = await startBroker()
  })

  afterEach(async () => {
    for (const each of readings.splice(0)) await each.collector.stop()
    await broker.close()
  })

  function start(spec: string, dir: string): Reading {
    const reading = new Reading(spec, { ...systemPlatform, directory: dir, memory: fileMemory(join(dir, 'memory')) })
    readings.push(reading)
    return reading
  }

  const spec = (more = ''): string => `mqtt:mqtt://127.0.0.1:${broker.port}?map=map.json${more}`

  it('messages are readings, in order, each with its payload as frame', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      const node = start(spec(), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      for (let minute = 0; minute < 20; minute++) await broker.publish('meter/one', payload(minute))
      await node.has(20)
      expect(node.minutes).to.deep.equal(Array.from({ length: 20 }, (_, minute) => minute))
      expect(Buffer.from(node.taken[3]?.frame ?? []).toString()).to.equal(payload(3))
    }))

  it('what comes while the node is off waits at the broker', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      const before = start(spec(), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await broker.publish('meter/one', payload(0))
      await before.has(1)
      await before.collector.stop()
      await untilTrue('gone', () => broker.clients() === 0)
      for (const minute of [1, 2, 3]) await broker.publish('meter/one', payload(minute))
      const after = start(spec(), dir)
      await after.has(3)
      expect(after.minutes).to.deep.equal([1, 2, 3])
    }))

  it('a message is acknowledged when its reading is on the disk, and not before', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      const before = start(spec(), dir)
      before.takes = false
      await untilTrue('connected', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      for (const minute of [0, 1, 2]) await broker.publish('meter/one', payload(minute))
      await untilTrue('refused', () => before.faults.some(({ code }) => code === 'READINGS_NOT_TAKEN'))
      // Only the first has left the line; it is at the broker still.
      expect(before.collector.waiting).to.equal(1)
      expect(await before.collector.stop()).to.equal(1)
      const after = start(spec(), dir)
      await after.has(3)
      expect(after.minutes).to.deep.equal([0, 1, 2])
    }))

  it('a connection that breaks is made again: what was not acknowledged comes again, once', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      const node = start(spec(), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      for (let minute = 0; minute < 30; minute++) {
        await broker.publish('meter/one', payload(minute))
        if (minute % 10 === 5) broker.hangUp()
      }
      await untilTrue('all', () => new Set(node.minutes).size === 30)
      // A message whose acknowledgement was lost with the line is known by its number, or by its reading: see the spool.
      expect([...new Set(node.minutes)]).to.deep.equal(Array.from({ length: 30 }, (_, minute) => minute))
      expect(node.events.map(({ event }) => event)).to.include.members(['source-failed', 'source-back'])
    }))

  it('the broker is restarted on its port', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      const { port } = broker
      const node = start(spec(), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await broker.publish('meter/one', payload(0))
      await node.has(1)
      await broker.close()
      await untilTrue('told', () => node.faults.some(({ message }) => /cannot be read|closed/.test(message)))
      broker = await startBroker(port)
      await untilTrue('connected again', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await broker.publish('meter/one', payload(1))
      await node.has(2)
      expect(node.minutes).to.deep.equal([0, 1])
    }))

  it('QoS 0 is read too, and a retained message with a time of its own', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      await broker.publish('meter/one', payload(7), { retain: true })
      const node = start(spec(), dir)
      await node.has(1)
      await broker.publish('meter/one', payload(8), { qos: 0 })
      await node.has(2)
      expect(node.minutes).to.deep.equal([7, 8])
    }))

  it('MQTT_LOGIN_REFUSED, and let in with what the login file says', () =>
    withFiles({ 'map.json': MAPPING, 'login.json': '{"username":"node","password":"tulip-sesame"}' }, async (dir) => {
      await broker.close()
      broker = await startBroker(0, withPassword('node', 'tulip-sesame'))
      await chmod(join(dir, 'login.json'), 0o600)
      const deps = { ...systemPlatform, directory: dir }
      expect(await refusalCode(itemsOf(spec(), deps))).to.equal('MQTT_LOGIN_REFUSED')
      const node = start(spec('&login=login.json'), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
      await broker.publish('meter/one', payload(0))
      await node.has(1)
      expect(JSON.stringify([node.faults, node.taken.map(({ source }) => source)])).not.to.include('sesame')
    }))

  it('LOGIN_FILE_EXPOSED, LOGIN_FILE_INVALID: never with what stands in it', () =>
    withFiles({ 'map.json': MAPPING, 'login.json': '{"password":"tulip-sesame"' }, async (dir) => {
      const deps = { ...systemPlatform, directory: dir }
      const path = join(dir, 'login.json')
      const check = (): Promise<void> => checkSource(spec('&login=login.json'), deps)
      await chmod(path, 0o640)
      expect(await refusalCode(check())).to.equal('LOGIN_FILE_EXPOSED')
      await chmod(path, 0o600)
      const error = await check().catch((refused: Error) => refused)
      expect(error).to.have.property('code', 'LOGIN_FILE_INVALID')
      expect(String(error)).not.to.include('sesame')
      await withFiles({ 'a.json': '[]', 'b.json': '{"pass":"x"}', 'c.json': '{"password":7}' }, async (other) => {
        for (const name of ['a.json', 'b.json', 'c.json', 'd.json']) {
          if (name !== 'd.json') await chmod(join(other, name), 0o600)
          const refused = checkSource(spec(`&login=${name}`).replace('map.json', join(dir, 'map.json')), {
            ...deps,
            directory: other,
          })
          expect(await refusalCode(refused), name).to.equal('LOGIN_FILE_INVALID')
        }
      })
    }))

  it('MQTT_SUBSCRIPTION_REFUSED', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      await broker.close()
      broker = await startBroker(0, { authorizeSubscribe: (_client, _subscription, done) => done(null, null) })
      expect(await refusalCode(itemsOf(spec(), { ...systemPlatform, directory: dir }))).to.equal('MQTT_SUBSCRIPTION_REFUSED')
    }))

  it('SOURCE_UNREADABLE: nobody listens there', async () => {
    const closed = await startBroker()
    await closed.close()
    const refused = itemsOf(`mqtt:mqtt://127.0.0.1:${closed.port}?profile=tasmota&topic=tele/plug/SENSOR`)
    expect(await refusalCode(refused)).to.equal('SOURCE_UNREADABLE')
  })

  it('SOURCE_OPTION_INVALID, SOURCE_SPEC_MALFORMED: what the spec alone tells', () => {
    const openings: readonly (readonly [string, string])[] = [
      ['mqtt:mqtt://h', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=tasmota', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=tasmota&map=x', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=fridge&topic=a', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=tasmota&topic=a+', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=tasmota&topic=%E0%A4%A', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=tasmota&topic=a&zone=Moon', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?map=x&zone=UTC', 'SOURCE_OPTION_INVALID'],
      ['mqtt:mqtt://h?profile=dsmr-reader&client=with blank', 'SOURCE_OPTION_INVALID'],
      ['mqtt:http://h?profile=dsmr-reader', 'SOURCE_SPEC_MALFORMED'],
      ['mqtt:broker?profile=dsmr-reader', 'SOURCE_SPEC_MALFORMED'],
      ['mqtt:mqtt://h/path?profile=dsmr-reader', 'SOURCE_SPEC_MALFORMED'],
    ]
    for (const [text, code] of openings)
      expect(() => openSource(text, systemPlatform), text)
        .to.throw()
        .with.property('code', code)
    const withPasswordInIt = (): unknown => openSource('mqtt:mqtts://node:tulip-sesame@h?profile=dsmr-reader', systemPlatform)
    expect(withPasswordInIt)
      .to.throw(/login=FILE/)
      .with.property('code', 'SOURCE_SPEC_MALFORMED')
    expect(withPasswordInIt)
      .to.throw()
      .and.satisfy((error: Error) => !error.message.includes('sesame'))
  })

  it('a mapping without topics needs one; a mapping file that is none is refused by config check', () =>
    withFiles({ 'map.json': '{"values":[{"path":"","register":"1-0:1.8.0","unit":"Wh"}]}', 'bad.json': '{' }, async (dir) => {
      const deps = { ...systemPlatform, directory: dir }
      expect(await refusalCode(checkSource(spec(), deps))).to.equal('SOURCE_OPTION_INVALID')
      expect(await refusalCode(checkSource(spec('&topic=meter/%23'), deps))).to.equal('no error')
      expect(await refusalCode(checkSource('mqtt:mqtt://h?map=bad.json', deps))).to.equal('MQTT_MAPPING_INVALID')
      expect(await refusalCode(checkSource('mqtt:mqtt://h?map=none.json', deps))).to.equal('MQTT_MAPPING_INVALID')
    }))

  it('the name that the broker knows the node by is made once and kept', () =>
    withFiles({ 'map.json': MAPPING }, async (dir) => {
      const memory = join(dir, 'memory')
      const first = start(spec(), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await first.collector.stop()
      const [name = ''] = await readdir(memory)
      const kept = await readFile(join(memory, name), 'utf8')
      expect(JSON.parse(kept).clientId).to.match(/^wn-[0-9a-f]{16}$/)
      expect((await stat(join(memory, name))).mode & 0o077).to.equal(0)
      const second = start(spec(), dir)
      await untilTrue('connected', () => broker.clients() === 1)
      await second.collector.stop()
      expect(await readdir(memory)).to.deep.equal([name])
      expect(await readFile(join(memory, name), 'utf8')).to.equal(kept)
    }))

  it('a stopped source makes no connection', async () => {
    const stop = new AbortController()
    stop.abort()
    const items = openSource(`mqtt:mqtt://127.0.0.1:${broker.port}?profile=dsmr-reader`, systemPlatform).items(stop.signal)
    for await (const _ of items) expect.fail('read')
    expect(broker.clients()).to.equal(0)
    expect(readingsOf([])).to.deep.equal([])
  })
})
