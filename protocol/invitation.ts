import { type Reader, Writer } from './bytes.ts'
import { KEY_BYTES, SIGNATURE_BYTES, type Signer, type VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { assertGrantable, type Roles } from './roles.ts'
import { signStatement, verifyStatement } from './statement.ts'

/**
 * A single-use right to be admitted (rules G12 and G13). The registrar signs a key made for this invitation alone; whoever
 * holds that key's seed may join once. The seed never travels: a request to join carries a signature by it.
 */
export interface Invitation {
  /** The key made for this invitation. */
  readonly key: Uint8Array
  /** The most that it may be used for. */
  readonly roles: Roles
  /** UTC milliseconds; not valid from then on. */
  readonly expiresAt: number
  /** By the registrar, over the rest. */
  readonly signature: Uint8Array
}

/** An invitation as its holder has it. */
export interface HeldInvitation {
  readonly invitation: Invitation
  /** Ed25519 seed of the invitation's key: 32 secret bytes. */
  readonly seed: Uint8Array
}

/** Key derivation is injected, as signing and verifying are. `seed` is 32 bytes. */
export type SignerFromSeed = (seed: Uint8Array) => Signer

export const SEED_BYTES = 32

const STATEMENT = 'invitation'

type InvitationTerms = Omit<Invitation, 'signature'>

/** Throws OUT_OF_RANGE for roles that cannot be given. */
export function signInvitation(registrar: Signer, networkId: Uint8Array, terms: InvitationTerms): Invitation {
  assertGrantable(terms.roles, 'invitation')
  const { key, roles, expiresAt } = terms
  return { key, roles, expiresAt, signature: signStatement(registrar, STATEMENT, networkId, encodeTerms(terms)) }
}

/** True where the registrar with the key `registrar` made this invitation for this network. */
export function verifyInvitation(
  verify: VerifySignature,
  networkId: Uint8Array,
  registrar: Uint8Array,
  invitation: Invitation,
): boolean {
  return verifyStatement(verify, STATEMENT, networkId, encodeTerms(invitation), invitation.signature, registrar)
}

/** Rule G12: terms, then signature. */
export function writeInvitation(writer: Writer, invitation: Invitation): void {
  writer.bytes(encodeTerms(invitation)).bytes(expectLength(invitation.signature, SIGNATURE_BYTES, 'invitation signature'))
}

/** Copies; the signature is not checked here. */
export function readInvitation(reader: Reader): Invitation {
  const key = new Uint8Array(reader.bytes(KEY_BYTES))
  const roles = reader.u8()
  assertGrantable(roles, 'invitation')
  return { key, roles, expiresAt: reader.varint(), signature: new Uint8Array(reader.bytes(SIGNATURE_BYTES)) }
}

/** `bytes`, or OUT_OF_RANGE where they are not `length` long. */
export function expectLength(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length === length) return bytes
  throw new WattnessError('OUT_OF_RANGE', `${what} of ${bytes.length} bytes, ${length} expected`, { what })
}

function encodeTerms({ key, roles, expiresAt }: InvitationTerms): Uint8Array {
  const writer = new Writer(KEY_BYTES + 1 + 8)
  return writer
    .bytes(expectLength(key, KEY_BYTES, 'invitation key'))
    .u8(roles)
    .varint(expiresAt)
    .finish()
}
