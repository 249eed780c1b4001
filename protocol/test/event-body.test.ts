import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, toHex, toUtf8 } from '../bytes.ts'
import { WattnessError } from '../errors.ts'
import { decodeEvents, EVENT_CODES, encodeEvents, formatEventCode, type MeterEvent } from '../event-body.ts'
import { MAX_EVENTS } from '../limits.ts'
import { MAX_TIME_MS } from '../row-times.ts'
import { expectRefusal } from './refusal.ts'
import { eventBodyVectors } from './vectors/make-event-body.ts'

const event: MeterEvent = { time: 1_356_998_400_000, code: EVENT_CODES['power-fail'], detail: '' }

const anyEvent: fc.Arbitrary<MeterEvent> = fc.record({
  time: fc.integer({ min: 0, max: MAX_TIME_MS }),
  code: fc.integer({ min: 0, max: 255 }),
  detail: fc.string({ unit: 'binary', maxLength: 50 }).filter((text) => toUtf8(text).length <= 200),
})
const anyEvents = fc.array(anyEvent, { minLength: 1, maxLength: 8 })

describe('event body', () => {
  it('R30 to R34: the vectors hold, and are what their script makes', () => {
    const file = JSON.parse(readFileSync(new URL('vectors/event-body.json', import.meta.url), 'utf8')) as typeof eventBodyVectors
    expect(JSON.parse(JSON.stringify(eventBodyVectors))).to.deep.equal(file)
    for (const { events, hex, name } of file.cases) expect(decodeEvents(fromHex(hex)), name).to.deep.equal(events)
    for (const { hex, refused } of file.refused) expectRefusal(refused, () => decodeEvents(fromHex(hex)))
  })

  it('R30: any events come back, in their order', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        expect(decodeEvents(encodeEvents(events))).to.deep.equal(events)
      }),
    )
  })

  it('R31: 1 to 256 events', () => {
    const many = Array.from({ length: MAX_EVENTS + 1 }, () => event)
    expect(decodeEvents(encodeEvents(many.slice(1))).length).to.equal(MAX_EVENTS)
    expectRefusal('LIMIT_EXCEEDED', () => encodeEvents(many))
    expectRefusal('LIMIT_EXCEEDED', () => decodeEvents(fromHex('8201')))
    expectRefusal('OUT_OF_RANGE', () => encodeEvents([]))
    expectRefusal('OUT_OF_RANGE', () => decodeEvents(fromHex('00')))
  })

  it('R32: VALUE_OUT_OF_RANGE for a time outside the range, OUT_OF_RANGE where bytes hold one', () => {
    for (const time of [-1, 0.5, MAX_TIME_MS + 1]) expectRefusal('VALUE_OUT_OF_RANGE', () => encodeEvents([{ ...event, time }]))
    expectRefusal('OUT_OF_RANGE', () => decodeEvents(fromHex('0188808080808080000000')))
  })

  it('R33: codes have names where they are known, and are kept where not', () => {
    expect(formatEventCode(5)).to.equal('firmware')
    expect(formatEventCode(200)).to.equal('event 200')
    expect(decodeEvents(encodeEvents([{ ...event, code: 200 }]))[0]?.code).to.equal(200)
    for (const code of [-1, 256, 1.5]) expectRefusal('OUT_OF_RANGE', () => encodeEvents([{ ...event, code }]))
  })

  it('R34: detail of at most 200 bytes of UTF-8', () => {
    const detail = 'é'.repeat(100)
    expect(decodeEvents(encodeEvents([{ ...event, detail }]))[0]?.detail).to.equal(detail)
    expectRefusal('LIMIT_EXCEEDED', () => encodeEvents([{ ...event, detail: `${detail}.` }]))
    expectRefusal('LIMIT_EXCEEDED', () => decodeEvents(fromHex(`010001c9${'61'.repeat(201)}`)))
  })

  it('R34: OUT_OF_RANGE for text with a lone surrogate, NON_CANONICAL for bytes that are no UTF-8', () => {
    expectRefusal('OUT_OF_RANGE', () => encodeEvents([{ ...event, detail: '\ud800' }]))
    expectRefusal('NON_CANONICAL', () => decodeEvents(fromHex('01000101ff')))
  })

  it('TRUNCATED at each byte, TRAILING_BYTES after the last', () => {
    const content = encodeEvents([{ ...event, detail: 'ab' }])
    for (let length = 0; length < content.length; length++) {
      expectRefusal('TRUNCATED', () => decodeEvents(content.subarray(0, length)))
    }
    expectRefusal('TRAILING_BYTES', () => decodeEvents(Uint8Array.of(...content, 0)))
  })

  it('changed and random bytes are refused, or are the one encoding of what they say', () => {
    const edits = fc.array(fc.record({ at: fc.nat(), cut: fc.nat(2), put: fc.uint8Array({ maxLength: 3 }) }), { maxLength: 3 })
    const changed = fc.tuple(anyEvents, edits).map(([events, changes]) => {
      let bytes = [...encodeEvents(events)]
      for (const { at, cut, put } of changes) bytes = bytes.toSpliced(at % (bytes.length + 1), cut, ...put)
      return Uint8Array.from(bytes)
    })
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 40 })), (bytes) => {
        try {
          expect(toHex(encodeEvents(decodeEvents(bytes)))).to.equal(toHex(bytes))
        } catch (error) {
          if (!(error instanceof WattnessError)) throw error
        }
      }),
      { numRuns: 3_000 },
    )
  })
})
