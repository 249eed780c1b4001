import { expect } from 'chai'
import fc from 'fast-check'
import { equalBytes } from '../bytes.ts'
import { WattnessError } from '../errors.ts'
import { formatPasted, type PastedFault, type PastedKind, parsePasted, pastedLength } from '../pasted-text.ts'
import { expectRefusal } from './refusal.ts'

const kind: PastedKind = { name: 'wattness-ticket', code: 'TICKET_INVALID', maxLength: pastedLength('wattness-ticket', 60) }
const same = (bytes: Uint8Array): Uint8Array => bytes
const bytes = Uint8Array.from({ length: 20 }, (_, i) => i * 13)
const text = formatPasted(kind, bytes)

function expectFault(fault: PastedFault, pasted: string, message: RegExp): void {
  const error = expectRefusal('TICKET_INVALID', () => parsePasted(kind, pasted, same))
  expect(error.data.fault, error.message).to.equal(fault)
  expect(error.message).to.match(message)
}

describe('pasted text', () => {
  it('G9: any bytes come back as they went, in text of the length that was reckoned', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (any) => {
        const formatted = formatPasted(kind, any)
        expect(formatted).to.match(/^wattness-ticket:1:[A-Za-z0-9_-]+$/)
        expect(formatted).to.have.length(pastedLength('wattness-ticket', any.length))
        expect(equalBytes(parsePasted(kind, formatted, same), any)).to.equal(true)
      }),
    )
  })

  it('G9: white space anywhere is passed over', () => {
    const wrapped = `\n  ${text.replace(/(.{9})/g, '$1 \r\n\t')}\u00a0\n`
    expect(equalBytes(parsePasted(kind, wrapped, same), bytes)).to.equal(true)
  })

  it('G9: another name is said so', () => {
    expectFault('name', '', /begins with wattness-ticket:1: expected, found ""/)
    expectFault('name', 'wattness-ticket', /expected, found "wattness-ticket"/)
    expectFault('name', text.replace('ticket', 'request'), /expected, found "wattness-request:1:/)
    expectFault('name', text.slice(1), /expected/)
  })

  it('G9: another version is said so', () => {
    expectFault('version', text.replace(':1:', ':2:'), /version "2" found, 1 expected/)
  })

  it('G9: characters that do not belong are said so', () => {
    expectFault('alphabet', `${text}!`, /letters, digits/)
    expectFault('alphabet', `${text}=`, /letters, digits/)
    expectFault('alphabet', `${text}:a`, /letters, digits/)
    expectFault('alphabet', 'wattness-ticket:1', /letters, digits/)
  })

  it('G9: text above the bound is not looked at', () => {
    const most = formatPasted(kind, new Uint8Array(60))
    expect(parsePasted(kind, most, same)).to.have.length(60)
    expectFault('length', formatPasted(kind, new Uint8Array(61)), /at most 104 expected/)
    expectFault('length', text.padEnd(2 * kind.maxLength + 1), /at most 104 expected/)
    expect(parsePasted(kind, text.padEnd(2 * kind.maxLength), same)).to.have.length(20)
  })

  it('G9: no single changed, lost or doubled character passes', () => {
    const refused = (pasted: string): void => {
      expectRefusal('TICKET_INVALID', () => parsePasted(kind, pasted, same))
    }
    for (let at = 0; at < text.length; at++) {
      refused(text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1))
      refused(text.slice(0, at) + text.slice(at + 1))
      refused(text.slice(0, at) + text[at] + text.slice(at))
    }
    expectFault('checksum', `${text.slice(0, 30)}${text[30] === 'A' ? 'B' : 'A'}${text.slice(31)}`, /check sum does not fit/)
    expectFault('checksum', formatPasted(kind, new Uint8Array(0)).slice(0, -1), /a part was lost/)
    expectFault('checksum', 'wattness-ticket:1:', /check sum does not fit/)
  })

  it('G9: what the bytes say wrongly is wrapped, with its cause', () => {
    const cause = new WattnessError('TRUNCATED', 'inside: too short')
    const error = expectRefusal('TICKET_INVALID', () =>
      parsePasted(kind, text, () => {
        throw cause
      }),
    )
    expect([error.data.fault, error.message, error.cause]).to.deep.equal(['content', 'wattness-ticket: inside: too short', cause])
  })

  it('a fault of this code is not taken for one of the text', () => {
    const fault = new TypeError('x')
    expect(() =>
      parsePasted(kind, text, () => {
        throw fault
      }),
    ).to.throw(fault)
  })
})
