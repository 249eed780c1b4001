import { expect } from 'chai'
import { FORMATS, openSource, parseSpec } from '../../collect/formats.ts'
import { MAX_SOURCE_NAME_BYTES, sourceName } from '../../collect/source-name.ts'
import { parseDuration, parseInstant, redactSpec } from '../../collect/source-spec.ts'
import { systemPlatform } from '../../platform.ts'
import { thrownCode } from './inputs.ts'

describe('source specs', () => {
  const parts = (text: string): unknown => {
    const { kind, target, options, home } = parseSpec(text)
    return [kind, target, Object.fromEntries(options), home]
  }

  it('kind, target, options and home', () => {
    expect(parts('p1:tcp://10.0.0.7:23')).to.deep.equal(['p1', 'tcp://10.0.0.7:23', {}, undefined])
    expect(parts('csv:data/a.csv?map=m.json')).to.deep.equal(['csv', 'data/a.csv', { map: 'm.json' }, undefined])
    expect(parts('csv:a.csv.gz?map=m.json#MAC1')).to.deep.equal(
      ['csv', 'a.csv.gz?map=m.json', {}, 'MAC1'].with(1, 'a.csv.gz').with(2, { map: 'm.json' }),
    )
    expect(parts('household:Ann?solar=3.6kWp&heating=heat-pump')).to.deep.equal([
      'household',
      'Ann',
      { solar: '3.6kWp', heating: 'heat-pump' },
      undefined,
    ])
  })

  it('a file name may hold ?, # and : where they are no options and no home', () => {
    expect(parts('p1:/a#b/what?.txt')).to.deep.equal(['p1', '/a#b/what?.txt', {}, undefined])
    expect(parts('csv:/a#b/c.csv')).to.deep.equal(['csv', '/a#b/c.csv', {}, undefined])
    expect(parts('p1:C:/x')).to.deep.equal(['p1', 'C:/x', {}, undefined])
  })

  it('SOURCE_SPEC_MALFORMED: no kind, no target, no address, far too long', async () => {
    for (const text of [
      '',
      'p1',
      ':x',
      'P1:x',
      'p1:',
      'csv:a.csv#',
      'p1:tcp://host',
      'p1:tcp://:1',
      'p1:tcp://h:0',
      'p1:tcp://h:1/x',
    ]) {
      expect(await thrownCode(() => openSource(text, systemPlatform)), text).to.equal('SOURCE_SPEC_MALFORMED')
    }
    expect(await thrownCode(() => parseSpec(`p1:${'x'.repeat(10_000)}`))).to.equal('SOURCE_SPEC_MALFORMED')
  })

  it('SOURCE_KIND_UNKNOWN: names the kinds that exist', () => {
    expect(() => openSource('morse:x', systemPlatform)).to.throw(/"morse" is unknown; there are .*p1, .*household/)
  })

  it('SOURCE_OPTION_INVALID: an option that a kind does not have', async () => {
    for (const text of ['p1:f?map=x', 'csv:f?zone=UTC', 'jsonl:f?map=x', 'household:a?colour=red']) {
      expect(await thrownCode(() => openSource(text, systemPlatform)), text).to.equal('SOURCE_OPTION_INVALID')
    }
  })

  it('keys and passwords are in no text that a spec gives, and in no error', () => {
    const text = 'p1:tcp://10.0.0.7:23?zone=UTC&key=00112233&auth=445566'
    const { text: shown, options } = parseSpec(text)
    expect(shown).to.equal('p1:tcp://10.0.0.7:23?zone=UTC&key=…&auth=…')
    expect(options.get('key')).to.equal('00112233')
    expect(redactSpec('mqtt://user:pass@host/topic?password=secret')).to.equal('mqtt://user:…@host/topic?password=…')
    expect(redactSpec('csv:/a/b?map=m.json#HOME')).to.equal('csv:/a/b?map=m.json#HOME')
    for (const wrong of ['csv:a?key=00112233', 'csv:a?nothing=1&key=00112233', 'P1:a?key=00112233', 'csv:?key=00112233']) {
      expect(() => openSource(wrong, systemPlatform))
        .to.throw(/…/)
        .with.property('message')
        .that.does.not.contain('00112233')
    }
  })

  it('every format says its name once, what it reads and how it is written', () => {
    expect(new Set(FORMATS.map(({ name }) => name)).size).to.equal(FORMATS.length)
    for (const { name, describe, usage } of FORMATS) {
      expect(describe).to.not.equal('')
      expect(usage.every((line) => line.startsWith(`${name}:`))).to.equal(true)
    }
  })

  it('durations and instants', () => {
    expect(['15m', '2s', '1h', '500ms', '1d', '5min'].map(parseDuration)).to.deep.equal([
      900_000, 2_000, 3_600_000, 500, 86_400_000, 300_000,
    ])
    expect(['', '15', 'm', '1.5h', '-1s', '1w'].map(parseDuration)).to.deep.equal(Array(6).fill(undefined))
    expect(parseInstant('2025-01-01')).to.equal(Date.UTC(2025, 0, 1))
    expect(parseInstant('2025-01-01T12:00:00.250+01:00')).to.equal(Date.UTC(2025, 0, 1, 11, 0, 0, 250))
    expect(['2025-01-01T12:00', '2025-13-01', 'yesterday', '2025'].map(parseInstant)).to.deep.equal(Array(4).fill(undefined))
  })
})

describe('the name of a source in the spool', () => {
  it('is its spec, and of a long one its beginning and a hash', () => {
    expect(sourceName('p1:/dev/ttyUSB0')).to.equal('p1:/dev/ttyUSB0')
    const long = `mqtt:mqtts://broker?topic=${'ä'.repeat(4_000)}`
    expect(Buffer.byteLength(sourceName(long))).to.be.at.most(MAX_SOURCE_NAME_BYTES)
    expect(sourceName(long)).to.equal(sourceName(long))
    expect(sourceName(long)).to.not.equal(sourceName(`${long}b`))
    expect(sourceName('x'.repeat(MAX_SOURCE_NAME_BYTES))).to.have.length(MAX_SOURCE_NAME_BYTES)
    expect(sourceName('😀'.repeat(100)).isWellFormed()).to.equal(true)
  })
})
