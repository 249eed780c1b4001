import { expect } from 'chai'
import fc from 'fast-check'
import { atPath, decimalText, NumberText, parseExactJson } from '../../collect/exact-json.ts'
import { isTopicFilter, type MqttMapping, takesTopic, validateMqttMapping } from '../../collect/mqtt-mapping.ts'
import { MAX_PAYLOAD_BYTES, MqttReader } from '../../collect/mqtt-message.ts'
import { MQTT_PROFILES } from '../../collect/mqtt-profiles.ts'
import type { SourceItem } from '../../collect/source.ts'
import { codesOf, readingsOf, shown } from './inputs.ts'

const NOW = Date.UTC(2026, 0, 15, 11)

interface Sent {
  readonly topic?: string
  readonly isRetained?: boolean
  readonly isLate?: boolean
}

function read(
  mapping: MqttMapping,
  payload: string,
  { topic = 'meter', isRetained = false, isLate = false }: Sent = {},
): SourceItem[] {
  return new MqttReader(mapping, () => NOW).read({ topic, payload: Buffer.from(payload), isRetained, isLate })
}

function profile(name: string, zone?: string): MqttMapping {
  const found = MQTT_PROFILES.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no profile ${name}`)
  return found.mapping(zone)
}

const ENERGY: MqttMapping = { values: [{ path: 'energy', register: '1-0:1.8.0', unit: 'kWh' }] }

describe('MQTT messages', () => {
  it('numbers keep the digits they were sent with', () => {
    const parsed = parseExactJson('{"a":12345678901234.567,"b":[1.50,{"c":-0.0}]}')
    expect(decimalText(atPath(parsed, 'a'))).to.equal('12345678901234.567')
    expect(decimalText(atPath(parsed, 'b[0]'))).to.equal('1.50')
    expect(decimalText(atPath(parsed, 'b[1].c'))).to.equal('-0.0')
    expect(decimalText(atPath(parsed, '*.1.c'))).to.equal('-0.0')
    for (const path of ['x', 'a.text', 'b.length', '*.x', 'constructor']) expect(atPath(parsed, path), path).to.equal(undefined)
  })

  it('exponents are written out', () => {
    const said = (text: string): string | undefined => decimalText(new NumberText(text))
    expect(['1.5e3', '1.5E1', '15e-1', '1e-5', '-2.25e0', '12.345e+1'].map(said)).to.deep.equal([
      '1500',
      '15',
      '1.5',
      '0.00001',
      '-2.25',
      '123.45',
    ])
    expect(said('1e1000')).to.equal(undefined)
    expect(decimalText('12.5 kWh')).to.equal(undefined)
    expect(decimalText(true)).to.equal(undefined)
  })

  it('exponents written out are the same number', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -20, max: 15 }), (mantissa, power) => {
        expect(Number(decimalText(new NumberText(`${mantissa}e${power}`)))).to.equal(Number(`${mantissa}e${power}`))
      }),
    )
  })

  it('a declared path is a value, exact, with the payload as its frame', () => {
    const items = read(ENERGY, '{"energy":1234.5670}')
    expect(shown(items)).to.deep.equal(['2026-01-15T11:00:00Z 1-0:1.8.0 1234.5670 kWh'])
    const [item] = readingsOf(items)
    expect(Buffer.from(item?.frame ?? []).toString()).to.equal('{"energy":1234.5670}')
    expect(item?.reading.timeSource).to.equal('node-clock')
  })

  it('decimals that are declared pad and refuse, or round where the numbers are floats', () => {
    const declared = (floats: boolean): MqttMapping => ({
      floats,
      values: [{ path: 'e', register: '1-0:1.8.0', unit: 'kWh', decimals: 2 }],
    })
    expect(shown(read(declared(false), '{"e":1.5}'))).to.deep.equal(['2026-01-15T11:00:00Z 1-0:1.8.0 1.50 kWh'])
    expect(shown(read(declared(false), '{"e":1.5000}'))).to.deep.equal(['2026-01-15T11:00:00Z 1-0:1.8.0 1.50 kWh'])
    expect(codesOf(read(declared(false), '{"e":1.505}'))).to.deep.equal(['MQTT_VALUE_MALFORMED'])
    const rounded = ['0.30000000000000004', '0.005', '-0.005', '9.995', '7'].map(
      (e) => shown(read(declared(true), `{"e":${e}}`))[0],
    )
    expect(rounded.map((line) => line?.split(' ')[2])).to.deep.equal(['0.30', '0.01', '-0.01', '10.00', '7.00'])
    const whole: MqttMapping = { floats: true, values: [{ path: 'e', register: '1-0:1.7.0', unit: 'W', decimals: 0 }] }
    expect(['-0.5', '12.49', '12'].map((e) => shown(read(whole, `{"e":${e}}`))[0]?.split(' ')[2])).to.deep.equal([
      '-1',
      '12',
      '12',
    ])
  })

  it('MQTT_PAYLOAD_TOO_LONG, MQTT_PAYLOAD_MALFORMED, MQTT_VALUE_MALFORMED', () => {
    expect(codesOf(read(ENERGY, 'x'.repeat(MAX_PAYLOAD_BYTES + 1)))).to.deep.equal(['MQTT_PAYLOAD_TOO_LONG'])
    expect(codesOf(read(ENERGY, '{"energy":'))).to.deep.equal(['MQTT_PAYLOAD_MALFORMED'])
    expect(codesOf(read(ENERGY, '['.repeat(60_000)))).to.deep.equal(['MQTT_PAYLOAD_MALFORMED'])
    expect(codesOf(read(ENERGY, '{"energy":"lots"}'))).to.deep.equal(['MQTT_VALUE_MALFORMED'])
    expect(codesOf(read(ENERGY, '{"energy":{}}'))).to.deep.equal(['MQTT_VALUE_MALFORMED'])
    expect(codesOf(read(ENERGY, '{"energy":99999999999999999999}'))).to.deep.equal(['MQTT_VALUE_MALFORMED'])
    for (const nothing of ['', '{}', '{"energy":null}', '[]', '7', 'null'])
      expect(read(ENERGY, nothing), nothing).to.deep.equal([])
  })

  it('nothing that is sent makes it throw', () => {
    const reader = new MqttReader(profile('tasmota', 'Europe/Berlin'), () => NOW)
    const flags = { topic: 'meter', isRetained: false, isLate: false }
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), (text) => void reader.read({ ...flags, payload: Buffer.from(text) })))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => void reader.read({ ...flags, payload })))
  })

  it('MQTT_TIME_INVALID: a clock that was never set, or a time that is none; the node’s clock is taken', () => {
    const mapping: MqttMapping = { ...ENERGY, time: { path: 'at', format: ['iso', 'epoch-ms'] } }
    for (const at of ['"1970-01-01T00:00:08Z"', '"soon"', '12']) {
      const items = read(mapping, `{"at":${at},"energy":1}`)
      expect(codesOf(items), at).to.deep.equal(['MQTT_TIME_INVALID'])
      expect(readingsOf(items)[0]?.reading.timeSource, at).to.equal('node-clock')
    }
    expect(shown(read(mapping, '{"at":1768474800000,"energy":1}'))).to.deep.equal(['2026-01-15T11:00:00Z 1-0:1.8.0 1 kWh'])
  })

  it('the doubled autumn hour is taken nearest to now, and as doubtful', () => {
    const mapping: MqttMapping = { ...ENERGY, time: { path: 'at', format: 'YYYY-MM-DDTHH:mm:ss', zone: 'Europe/Berlin' } }
    const reader = new MqttReader(mapping, () => Date.UTC(2025, 9, 26, 1, 31))
    const payload = Buffer.from('{"at":"2025-10-26T02:30:00","energy":1}')
    const items = reader.read({ topic: 'meter', payload, isRetained: false, isLate: false })
    expect(shown(items)).to.deep.equal(['2025-10-26T01:30:00Z 1-0:1.8.0 1 kWh clock-doubtful'])
  })

  it('without a time of its own what is retained is left out, and what waited is doubtful', () => {
    expect(read(ENERGY, '{"energy":1}', { isRetained: true })).to.deep.equal([])
    expect(shown(read(ENERGY, '{"energy":1}', { isLate: true }))[0]).to.match(/clock-doubtful$/)
    const timed: MqttMapping = { ...ENERGY, time: { path: 'at', format: 'iso' } }
    const payload = '{"at":"2026-01-15T10:00:00Z","energy":1}'
    expect(shown(read(timed, payload, { isRetained: true, isLate: true }))).to.deep.equal([
      '2026-01-15T10:00:00Z 1-0:1.8.0 1 kWh',
    ])
  })

  it('topic filters', () => {
    for (const good of ['a', 'a/b', '+/b', 'a/#', '#', '/a', 'a//b']) expect(isTopicFilter(good), good).to.equal(true)
    for (const bad of ['', 'a/#/b', 'a+', 'a/b#', 'a\0']) expect(isTopicFilter(bad), bad).to.equal(false)
    const takes: readonly (readonly [string, string, boolean])[] = [
      ['sensor/+/state', 'home/sensor/power/state', true],
      ['power', 'dsmr/reading/power', true],
      ['dsmr/#', 'dsmr/reading/power', true],
      ['dsmr/#', 'other/dsmr/power', false],
      ['a/b/c', 'b/c', false],
      ['power', 'dsmr/reading/power2', false],
    ]
    for (const [filter, topic, taken] of takes) expect(takesTopic(filter, topic), `${filter} ${topic}`).to.equal(taken)
  })

  it('MQTT_MAPPING_INVALID: each wrong place is named', () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{}, /values/],
      [{ values: [] }, /\/values/],
      [{ values: [{ path: 'a', register: '1-0:1.8.0', unit: 'kWh', extra: 1 }] }, /extra/],
      [{ values: [{ path: 'a', register: 'energy', unit: 'kWh' }] }, /\/values\/0\/register/],
      [{ values: [{ path: 'a', register: '1-0:1.8.0', unit: 'furlong' }] }, /\/values\/0\/unit/],
      [{ floats: true, ...ENERGY }, /decimals is needed with floats/],
      [{ ...ENERGY, time: { path: 'at', format: 'HH:mm' } }, /\/time/],
      [{ ...ENERGY, time: { path: 'at', format: 'YYYY-MM-DD', zone: 'Moon/Base' } }, /\/time/],
      [{ ...ENERGY, topics: ['a/#/b'] }, /\/topics/],
    ]
    for (const [mapping, place] of wrong) {
      expect(() => validateMqttMapping(mapping, 'meter.json'))
        .to.throw(place)
        .with.property('code', 'MQTT_MAPPING_INVALID')
    }
  })

  describe('profiles', () => {
    const PLUG =
      '{"Time":"2026-01-15T12:00:00","ENERGY":{"TotalStartTime":"2023-04-01T10:11:12","Total":123.456,"Yesterday":1.2,' +
      '"Today":0.3,"Period":1,"Power":57,"ApparentPower":64,"ReactivePower":30,"Factor":0.88,"Voltage":231,"Current":0.279}}'

    it('Tasmota plug: with a zone by its own clock, without one by the node’s', () => {
      expect(shown(read(profile('tasmota', 'Europe/Berlin'), PLUG))).to.deep.equal([
        '2026-01-15T11:00:00Z 1-0:1.8.0 123.45600 kWh',
        '2026-01-15T11:00:00Z 1-0:1.7.0 57.000 W',
        '2026-01-15T11:00:00Z 1-0:32.7.0 231.000 V',
        '2026-01-15T11:00:00Z 1-0:31.7.0 0.279 A',
      ])
      const items = read(profile('tasmota'), PLUG)
      expect(codesOf(items)).to.deep.equal([])
      expect(readingsOf(items)[0]?.reading.timeSource).to.equal('node-clock')
    })

    it('Tasmota optical head: whatever its meter is called', () => {
      const payload =
        '{"Time":"2026-01-15T12:00:00","MT175":{"E_in":4321.1234,"E_out":0.5,"Power_curr":-123.4,"Meter_Number":"0a01"}}'
      const items = read(profile('tasmota', 'Europe/Berlin'), payload)
      expect(shown(items)).to.deep.equal([
        '2026-01-15T11:00:00Z 1-0:1.8.0 4321.1234 kWh',
        '2026-01-15T11:00:00Z 1-0:2.8.0 0.5000 kWh',
        '2026-01-15T11:00:00Z 1-0:16.7.0 -123.40 W',
      ])
      expect(readingsOf(items)[0]?.meter).to.equal('0a01')
    })

    it('ESPHome: each value has a topic', () => {
      const topic = 'meter/sensor/energy_consumed_tariff_1/state'
      expect(shown(read(profile('esphome'), '1234.567', { topic }))).to.deep.equal([
        '2026-01-15T11:00:00Z 1-0:1.8.1 1234.567 kWh',
      ])
      expect(codesOf(read(profile('esphome'), 'nan', { topic }))).to.deep.equal(['MQTT_VALUE_MALFORMED'])
      expect(read(profile('esphome'), '7', { topic: 'meter/sensor/wifi/state' })).to.deep.equal([])
    })

    it('DSMR-reader: its JSON, and a topic for each value', () => {
      const json =
        '{"timestamp":"2026-01-15T12:00:00+01:00","electricity_delivered_1":"1234.567","electricity_currently_delivered":"0.512"}'
      expect(shown(read(profile('dsmr-reader'), json, { topic: 'dsmr/json' }))).to.deep.equal([
        '2026-01-15T11:00:00Z 1-0:1.8.1 1234.567 kWh',
        '2026-01-15T11:00:00Z 1-0:1.7.0 0.512 kW',
      ])
      const topic = 'dsmr/reading/electricity_returned_2'
      expect(shown(read(profile('dsmr-reader'), '0.100', { topic }))).to.deep.equal(['2026-01-15T11:00:00Z 1-0:2.8.2 0.100 kWh'])
      expect(read(profile('dsmr-reader'), '2026-01-15T12:00:00+01:00', { topic: 'dsmr/reading/timestamp' })).to.deep.equal([])
    })

    it('Zigbee2MQTT: last_seen in either form', () => {
      for (const seen of ['"2026-01-15T12:00:00+01:00"', '1768474800000']) {
        expect(shown(read(profile('zigbee2mqtt'), `{"energy":12.34,"power":56,"last_seen":${seen}}`))).to.deep.equal([
          '2026-01-15T11:00:00Z 1-0:1.8.0 12.3400 kWh',
          '2026-01-15T11:00:00Z 1-0:16.7.0 56.00 W',
        ])
      }
    })
  })
})
