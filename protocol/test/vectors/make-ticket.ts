import { writeFileSync } from 'node:fs'
import { toHex } from '../../bytes.ts'
import { isWattnessError } from '../../errors.ts'
import { formatTicket, parseTicket, type Ticket } from '../../ticket.ts'
import { SAMPLE_GENESIS, SAMPLE_HELD } from './make-join.ts'

const genesis = SAMPLE_GENESIS

export const SAMPLE_TICKETS: readonly (readonly [string, Ticket])[] = [
  ['genesis alone', { genesis, addresses: [] }],
  ['two addresses', { genesis, addresses: ['/ip4/192.0.2.7/tcp/4001', '/dns4/meter.example/tcp/4001'] }],
  ['an invitation', { genesis, addresses: ['/ip4/192.0.2.7/tcp/4001'], held: SAMPLE_HELD }],
]

const [, invited] = SAMPLE_TICKETS[2] as readonly [string, Ticket]
const whole = formatTicket(invited)

const cases: readonly (readonly [string, string])[] = [
  ...SAMPLE_TICKETS.map(([name, ticket]) => [name, formatTicket(ticket)] as const),
  ['wrapped by a mail program', whole.replace(/(.{76})/g, '$1\r\n')],
  ['cut off', whole.slice(0, 400)],
  ['one character changed', `${whole.slice(0, 99)}${whole[99] === 'A' ? 'B' : 'A'}${whole.slice(100)}`],
  ['another version', whole.replace(':1:', ':2:')],
  ['a request instead', whole.replace('ticket', 'request')],
]

/** What a reader must find in `text`: the parts in hex, or what is wrong. */
export function readTicketCase(text: string): object {
  try {
    const { genesis, addresses, held } = parseTicket(text)
    const open = { networkId: toHex(genesis.networkId), addresses }
    if (held === undefined) return { ticket: open }
    const { key, roles, expiresAt, signature } = held.invitation
    const invitation = { key: toHex(key), roles, expiresAt, signature: toHex(signature) }
    return { ticket: { ...open, invitation, seed: toHex(held.seed) } }
  } catch (error) {
    if (!isWattnessError(error, 'TICKET_INVALID')) throw error
    return { fault: error.data.fault }
  }
}

export const ticketVectors = {
  comment: 'Tickets (rules G9 to G11), all of one genesis; registrar seed 01…, invitation seed 04…. Made by make-ticket.ts.',
  genesis: toHex(genesis.bytes),
  cases: cases.map(([name, text]) => ({ name, text, ...readTicketCase(text) })),
}

if (import.meta.main) {
  writeFileSync(new URL('ticket.json', import.meta.url), `${JSON.stringify(ticketVectors, null, 2)}\n`)
}
