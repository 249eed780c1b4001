import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromUtf8, toUtf8, Writer } from '../bytes.ts'
import { formatGenesis, parseGenesis } from '../genesis.ts'
import { verifyInvitation } from '../invitation.ts'
import { MAX_GENESIS_BYTES } from '../limits.ts'
import { formatPasted, type PastedKind } from '../pasted-text.ts'
import { formatTicket, parseTicket, type Ticket } from '../ticket.ts'
import { survive } from './made-up-bytes.ts'
import { keyOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'
import { SAMPLE_GENESIS, SAMPLE_HELD } from './vectors/make-join.ts'
import { readTicketCase, SAMPLE_TICKETS, ticketVectors } from './vectors/make-ticket.ts'

const ticket: Ticket = { genesis: SAMPLE_GENESIS, addresses: ['/ip4/192.0.2.7/tcp/4001'], held: SAMPLE_HELD }
const kind: PastedKind = { name: 'wattness-ticket', code: 'TICKET_INVALID', maxLength: 0 }

/** A ticket whose check sum fits whatever bytes. */
const ticketOf = (bytes: Uint8Array): string => formatPasted(kind, bytes)

/** Genesis, then these bytes. */
const withTail = (...tail: number[]): string => {
  const { bytes } = SAMPLE_GENESIS
  return ticketOf(concat(new Writer().varint(bytes.length).bytes(bytes).finish(), Uint8Array.from(tail)))
}

function expectContent(text: string, message: RegExp): void {
  const error = expectRefusal('TICKET_INVALID', () => parseTicket(text))
  expect(error.data.fault).to.equal('content')
  expect(error.message).to.match(message)
}

describe('ticket', () => {
  for (const [name, sample] of SAMPLE_TICKETS) {
    it(`G10: ${name}: comes back as it went`, () => {
      expect(parseTicket(formatTicket(sample))).to.deep.equal(sample)
    })
  }

  it('G11: the invitation can be checked against the ticket’s own genesis', () => {
    const { genesis, held } = parseTicket(formatTicket(ticket))
    expect(held !== undefined && verifyInvitation(testVerify, genesis.networkId, genesis.registrar, held.invitation)).to.equal(
      true,
    )
  })

  it('G10: 16 addresses, no more', () => {
    const addresses = Array.from({ length: 16 }, (_, i) => `/ip4/192.0.2.${i}/tcp/4001`)
    expect(parseTicket(formatTicket({ ...ticket, addresses })).addresses).to.deep.equal(addresses)
    expectRefusal('LIMIT_EXCEEDED', () => formatTicket({ ...ticket, addresses: [...addresses, '/ip4/192.0.2.16/tcp/4001'] }))
    expectContent(withTail(17), /17 addresses, 16 allowed/)
  })

  it('G10: an address is 1 to 256 bytes of plain text', () => {
    expect(parseTicket(formatTicket({ ...ticket, addresses: ['x'.repeat(256)] })).addresses).to.have.length(1)
    for (const bad of ['', 'x'.repeat(257), 'a\nb']) {
      expectRefusal('NON_CANONICAL', () => formatTicket({ ...ticket, addresses: [bad] }))
    }
    expectContent(withTail(1, 0, 0), /address "" is empty/)
    expectContent(withTail(1, 1, 10, 0), /control character/)
    expectContent(withTail(1, 1, 255, 0), /not valid UTF-8/)
    expectContent(withTail(1, 0x82, 1), /number 257 above 256/)
  })

  it('G10: the invitation flag is 0 or 1, and nothing follows', () => {
    expectContent(withTail(0, 2), /invitation flag 2/)
    expectContent(withTail(0, 0, 0), /1 bytes too many/)
    expectContent(withTail(0, 1), /32 bytes expected/)
  })

  it('G10: the seed has 32 bytes', () => {
    expectRefusal('OUT_OF_RANGE', () => formatTicket({ ...ticket, held: { ...SAMPLE_HELD, seed: new Uint8Array(31) } }))
  })

  it('G11: a genesis that is none is said so', () => {
    expectContent(ticketOf(Uint8Array.of(2, 0x7b, 0x7d, 0, 0)), /genesis: version: missing/)
  })

  it('G10: the largest ticket fits its text, even wrapped', () => {
    const text = fromUtf8(formatGenesis({ name: 'Elm Street', registrar: keyOf(1) }))
    const genesis = parseGenesis(toUtf8(text.padEnd(MAX_GENESIS_BYTES)))
    const addresses = Array.from({ length: 16 }, () => 'x'.repeat(256))
    const largest = formatTicket({ genesis, addresses, held: { ...SAMPLE_HELD } })
    expect(parseTicket(largest.replace(/(.{76})/g, '$1\r\n')).addresses).to.have.length(16)
    expectContent(ticketOf(new Writer().varint(MAX_GENESIS_BYTES + 1).finish()), /number 65537 above 65536/)
  })

  it('G9: a mangled paste is found and said so', () => {
    const text = formatTicket(ticket)
    const faults = [text.slice(0, -5), text.slice(1), text.toLowerCase(), `${text}${text}`].map(
      (mangled) => expectRefusal('TICKET_INVALID', () => parseTicket(mangled)).data.fault,
    )
    expect(faults).to.deep.equal(['checksum', 'name', 'checksum', 'alphabet'])
  })

  it('made-up text and bytes are refused with a WattnessError', () => {
    fc.assert(fc.property(fc.string(), (text) => survive(() => parseTicket(text))))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survive(() => parseTicket(ticketOf(bytes)))))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survive(() => parseTicket(withTail(...bytes)))))
  })

  it('vectors: regenerating gives the same file, and each case reads as it says', () => {
    const file = readFileSync(new URL('vectors/ticket.json', import.meta.url), 'utf8')
    expect(`${JSON.stringify(ticketVectors, null, 2)}\n`).to.equal(file)
    for (const { text, name, ...expected } of JSON.parse(file).cases) {
      expect(readTicketCase(text), name).to.deep.equal(expected)
    }
  })
})
