import { fromUtf8, Reader, toUtf8, Writer } from './bytes.ts'
import { KEY_BYTES, SIGNATURE_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { MAX_ADDRESS_BYTES } from './frames.ts'
import { type Genesis, parseGenesis } from './genesis.ts'
import { expectLength, type HeldInvitation, readInvitation, SEED_BYTES, writeInvitation } from './invitation.ts'
import { MAX_GENESIS_BYTES, MAX_TICKET_ADDRESSES } from './limits.ts'
import { formatPasted, type PastedKind, parsePasted, pastedLength } from './pasted-text.ts'
import { plainTextFault } from './plain-text.ts'

/** Rules G9 to G11: all that a new node needs, in one string that can be pasted. */
export interface Ticket {
  readonly genesis: Genesis
  /** Multiaddrs of nodes of the network; not checked here beyond being plain text. */
  readonly addresses: readonly string[]
  /** Secret: whoever has the ticket may join once. */
  readonly held?: HeldInvitation
}

const MAX_TICKET_BYTES =
  MAX_GENESIS_BYTES + 3 + 1 + MAX_TICKET_ADDRESSES * (MAX_ADDRESS_BYTES + 2) + 1 + KEY_BYTES + 9 + SIGNATURE_BYTES + SEED_BYTES

const TICKET_TEXT: PastedKind = {
  name: 'wattness-ticket',
  code: 'TICKET_INVALID',
  maxLength: pastedLength('wattness-ticket', MAX_TICKET_BYTES),
}

/** Throws LIMIT_EXCEEDED and NON_CANONICAL for addresses that no ticket may carry. */
export function formatTicket(ticket: Ticket): string {
  return formatPasted(TICKET_TEXT, encodeTicket(ticket))
}

/**
 * Throws TICKET_INVALID; `data.fault` is 'name', 'version', 'length', 'alphabet', 'checksum' or 'content'. White space in
 * the text is passed over. The invitation's signature is not checked here (verifyInvitation).
 */
export function parseTicket(text: string): Ticket {
  return parsePasted(TICKET_TEXT, text, decodeTicket)
}

/** Rule G10. */
function encodeTicket({ genesis, addresses, held }: Ticket): Uint8Array {
  const writer = new Writer(1_024)
  writer.varint(genesis.bytes.length).bytes(genesis.bytes)
  assertAddressCount(addresses.length)
  writer.varint(addresses.length)
  for (const address of addresses) {
    assertAddress(address)
    const bytes = toUtf8(address)
    writer.varint(bytes.length).bytes(bytes)
  }
  writer.u8(held === undefined ? 0 : 1)
  if (held !== undefined) {
    writeInvitation(writer, held.invitation)
    writer.bytes(expectLength(held.seed, SEED_BYTES, 'invitation seed'))
  }
  return writer.finish()
}

function decodeTicket(bytes: Uint8Array): Ticket {
  const reader = new Reader(bytes, 'ticket')
  const genesis = parseGenesis(reader.bytes(reader.varint(MAX_GENESIS_BYTES)))
  const count = reader.varint()
  assertAddressCount(count)
  const addresses: string[] = []
  for (let i = 0; i < count; i++) {
    const address = fromUtf8(reader.bytes(reader.varint(MAX_ADDRESS_BYTES)), `ticket: address ${i}`)
    assertAddress(address)
    addresses.push(address)
  }
  const flag = reader.u8()
  if (flag > 1) reader.fail('NON_CANONICAL', `invitation flag ${flag}, 0 or 1 expected`)
  const open = { genesis, addresses }
  const invitation = flag === 0 ? undefined : readInvitation(reader)
  const ticket =
    invitation === undefined ? open : { ...open, held: { invitation, seed: new Uint8Array(reader.bytes(SEED_BYTES)) } }
  reader.done()
  return ticket
}

function assertAddressCount(count: number): void {
  if (count <= MAX_TICKET_ADDRESSES) return
  throw new WattnessError('LIMIT_EXCEEDED', `ticket: ${count} addresses, ${MAX_TICKET_ADDRESSES} allowed`, { count })
}

function assertAddress(address: string): void {
  const fault = plainTextFault(address, MAX_ADDRESS_BYTES)
  if (fault !== undefined) throw new WattnessError('NON_CANONICAL', `ticket: the address ${JSON.stringify(address)} ${fault}`)
}
