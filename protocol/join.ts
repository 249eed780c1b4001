import { concat, equalBytes, Reader, Writer } from './bytes.ts'
import { isAcceptableKey, KEY_BYTES, SIGNATURE_BYTES, type Signer, type VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import {
  expectLength,
  type HeldInvitation,
  type Invitation,
  readInvitation,
  type SignerFromSeed,
  verifyInvitation,
  writeInvitation,
} from './invitation.ts'
import { decodeLabelRecord, type LabelRecord, labelHash, MAX_LABEL_RECORD_BYTES } from './label.ts'
import { MAX_MEMBERS, MAX_WITNESSES } from './limits.ts'
import type { Membership } from './membership.ts'
import type { Admit } from './membership-body.ts'
import { formatPasted, type PastedKind, parsePasted, pastedLength } from './pasted-text.ts'
import { assertGrantable, hasRoles, ROLE_WITNESS, type Roles } from './roles.ts'
import { signStatement, verifyStatement } from './statement.ts'

/** Rules G14 to G17: how a key asks the registrar to be let in. */
export interface JoinRequest {
  readonly networkId: Uint8Array
  readonly member: Uint8Array
  readonly roles: Roles
  readonly label: LabelRecord
  readonly invited?: SpentInvitation
  /** By the member's key over all of the above: it belongs to who asks. */
  readonly signature: Uint8Array
}

/** An invitation with proof that the asker holds its seed: a signature by its key over (member key ‖ label hash). */
export interface SpentInvitation {
  readonly invitation: Invitation
  readonly signature: Uint8Array
}

export interface JoinRequestInit {
  readonly networkId: Uint8Array
  readonly member: Signer
  readonly roles: Roles
  readonly label: LabelRecord
  readonly held?: HeldInvitation
}

/** Why a request is refused, in the order of the codes on the wire, from 1 (rule G17). */
export const JOIN_REFUSALS = [
  'WRONG_NETWORK',
  'UNACCEPTABLE_KEY',
  'BAD_SIGNATURE',
  'ALREADY_MEMBER',
  'REVOKED',
  'MEMBERS_FULL',
  'INVITATION_REQUIRED',
  'INVITATION_INVALID',
  'INVITATION_EXPIRED',
  'INVITATION_USED',
  'ROLES_NOT_GRANTED',
  'NOT_THE_REGISTRAR',
  'BUSY',
  'WITNESSES_FULL',
] as const

export type JoinRefusal = (typeof JOIN_REFUSALS)[number]

/** `registrarSize`: size of the registrar's chain from which the new member counts. */
export type JoinAnswer =
  | { readonly type: 'accepted'; readonly registrarSize: number }
  | { readonly type: 'refused'; readonly code: JoinRefusal }

export interface JoinContext {
  readonly membership: Membership
  readonly networkId: Uint8Array
  readonly nowMs: number
  readonly verify: VerifySignature
  /** 'required' where nobody looks on; 'optional' where the registrar's operator has pasted the request in. */
  readonly invitation: 'required' | 'optional'
}

const SPEND_STATEMENT = 'join'
const REQUEST_STATEMENT = 'request'
const ACCEPTED = 1
const REFUSED = 2

const MAX_REQUEST_BYTES =
  HASH_BYTES + KEY_BYTES + 1 + 1 + MAX_LABEL_RECORD_BYTES + 1 + (KEY_BYTES + 1 + 8 + SIGNATURE_BYTES) + 2 * SIGNATURE_BYTES

const REQUEST_TEXT: PastedKind = {
  name: 'wattness-request',
  code: 'REQUEST_INVALID',
  maxLength: pastedLength('wattness-request', MAX_REQUEST_BYTES),
}

/** A signed request. Throws OUT_OF_RANGE for roles that cannot be given, LABEL_INVALID. */
export function makeJoinRequest(init: JoinRequestInit, signerFromSeed: SignerFromSeed): JoinRequest {
  const { networkId, member, roles, label, held } = init
  assertGrantable(roles, 'request to join')
  decodeLabelRecord(label)
  const asked = { networkId, member: member.publicKey, roles, label }
  const signed = held === undefined ? asked : { ...asked, invited: spendInvitation(asked, held, signerFromSeed) }
  return { ...signed, signature: signStatement(member, REQUEST_STATEMENT, networkId, encodeAsked(signed)) }
}

/** Rule G15. */
export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  return concat(encodeAsked(request), expectLength(request.signature, SIGNATURE_BYTES, 'request signature'))
}

/** Copies; signatures are not checked here. Throws LABEL_INVALID and the codes of Reader. */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const reader = new Reader(bytes, 'request to join')
  const own = (count: number): Uint8Array => new Uint8Array(reader.bytes(count))
  const networkId = own(HASH_BYTES)
  const member = own(KEY_BYTES)
  const roles = reader.u8()
  assertGrantable(roles, 'request to join')
  const label = own(reader.varint(MAX_LABEL_RECORD_BYTES))
  decodeLabelRecord(label)
  const flag = reader.u8()
  if (flag > 1) reader.fail('NON_CANONICAL', `invitation flag ${flag}, 0 or 1 expected`)
  const asked = { networkId, member, roles, label }
  const signed =
    flag === 0 ? asked : { ...asked, invited: { invitation: readInvitation(reader), signature: own(SIGNATURE_BYTES) } }
  const request = { ...signed, signature: own(SIGNATURE_BYTES) }
  reader.done()
  return request
}

/** `wattness-request:1:…`, for pasting into `member admit`. */
export function formatJoinRequest(request: JoinRequest): string {
  return formatPasted(REQUEST_TEXT, encodeJoinRequest(request))
}

/** Throws REQUEST_INVALID; white space in the text is passed over. */
export function parseJoinRequest(text: string): JoinRequest {
  return parsePasted(REQUEST_TEXT, text, decodeJoinRequest)
}

/**
 * Rule G16, in its order: undefined where the registrar may admit. ALREADY_MEMBER comes only for a request that its member
 * signed: who lost the answer and asks again can be told from when on it counts.
 */
export function validateJoinRequest(request: JoinRequest, context: JoinContext): JoinRefusal | undefined {
  const { membership, networkId, verify } = context
  if (!equalBytes(request.networkId, networkId)) return 'WRONG_NETWORK'
  if (!isAcceptableKey(request.member)) return 'UNACCEPTABLE_KEY'
  if (!verifyStatement(verify, REQUEST_STATEMENT, networkId, encodeAsked(request), request.signature, request.member)) {
    return 'BAD_SIGNATURE'
  }
  const present = membership.member(request.member)
  if (present !== undefined) return present.revoked === undefined ? 'ALREADY_MEMBER' : 'REVOKED'
  if (membership.members.length >= MAX_MEMBERS) return 'MEMBERS_FULL'
  if (hasRoles(request.roles, ROLE_WITNESS) && membership.witnesses.length >= MAX_WITNESSES) return 'WITNESSES_FULL'
  if (request.invited === undefined) return context.invitation === 'required' ? 'INVITATION_REQUIRED' : undefined
  return validateInvitation(request, request.invited, context)
}

/** The operation that admits who asked; the request was validated. */
export function admissionOf({ member, roles, label, invited }: JoinRequest): Admit {
  const admit: Admit = { type: 'admit', key: member, roles, labelHash: labelHash(label) }
  return invited === undefined ? admit : { ...admit, invitationKey: invited.invitation.key }
}

/** Rule G17. */
export function encodeJoinAnswer(answer: JoinAnswer): Uint8Array {
  const writer = new Writer(9)
  if (answer.type === 'accepted') return writer.u8(ACCEPTED).varint(answer.registrarSize).finish()
  return writer
    .u8(REFUSED)
    .u8(JOIN_REFUSALS.indexOf(answer.code) + 1)
    .finish()
}

export function decodeJoinAnswer(bytes: Uint8Array): JoinAnswer {
  const reader = new Reader(bytes, 'answer to a request to join')
  const answer = readAnswer(reader)
  reader.done()
  return answer
}

function readAnswer(reader: Reader): JoinAnswer {
  const type = reader.u8()
  if (type === ACCEPTED) return { type: 'accepted', registrarSize: reader.varint() }
  if (type !== REFUSED) return reader.fail('OUT_OF_RANGE', `answer ${type}, 1 or 2 expected`)
  const number = reader.u8()
  const code = JOIN_REFUSALS[number - 1]
  if (code === undefined) return reader.fail('OUT_OF_RANGE', `refusal ${number}, 1 to ${JOIN_REFUSALS.length} expected`)
  return { type: 'refused', code }
}

function validateInvitation(request: JoinRequest, invited: SpentInvitation, context: JoinContext): JoinRefusal | undefined {
  const { invitation, signature } = invited
  const { membership, networkId, verify, nowMs } = context
  if (!verifyInvitation(verify, networkId, membership.registrar.key, invitation)) return 'INVITATION_INVALID'
  if (!verifyStatement(verify, SPEND_STATEMENT, networkId, spendPayload(request), signature, invitation.key)) {
    return 'INVITATION_INVALID'
  }
  if (nowMs >= invitation.expiresAt) return 'INVITATION_EXPIRED'
  if (membership.isInvitationUsed(invitation.key)) return 'INVITATION_USED'
  return hasRoles(invitation.roles, request.roles) ? undefined : 'ROLES_NOT_GRANTED'
}

function spendInvitation(asked: Asked, { invitation, seed }: HeldInvitation, signerFromSeed: SignerFromSeed): SpentInvitation {
  const signer = signerFromSeed(seed)
  if (!equalBytes(signer.publicKey, invitation.key)) {
    throw new WattnessError('INVITATION_INVALID', 'invitation: the seed is not that of the invited key')
  }
  return { invitation, signature: signStatement(signer, SPEND_STATEMENT, asked.networkId, spendPayload(asked)) }
}

type Asked = Omit<JoinRequest, 'signature'>

function spendPayload({ member, label }: Pick<Asked, 'member' | 'label'>): Uint8Array {
  return concat(member, labelHash(label))
}

/** Everything that the member's own signature covers. */
function encodeAsked({ networkId, member, roles, label, invited }: Asked): Uint8Array {
  const writer = new Writer(MAX_REQUEST_BYTES)
  writer.bytes(expectLength(networkId, HASH_BYTES, 'network id')).bytes(expectLength(member, KEY_BYTES, 'member key'))
  writer.u8(roles).varint(label.length).bytes(label)
  writer.u8(invited === undefined ? 0 : 1)
  if (invited !== undefined) {
    writeInvitation(writer, invited.invitation)
    writer.bytes(expectLength(invited.signature, SIGNATURE_BYTES, 'invitation spending signature'))
  }
  return writer.finish()
}
