import {
  EMPTY_CHAIN,
  encodeLabelRecord,
  fromHex,
  isAcceptableKey,
  type LabelRecord,
  type Member,
  parseJoinRequest,
  parseRoles,
  SALT_BYTES,
  toHex,
  WattnessError,
} from '../../protocol/index.ts'
import type { Random } from '../platform.ts'
import { findMember } from './member-name.ts'
import type { ControlledNode } from './status.ts'

/** What the registrar's operator orders: a pasted request, or a bare key with what it is to be called. */
export interface AdmitOrder {
  /** `wattness-request:1:…` or 64 hex digits. */
  readonly who: string
  /** For a bare key; a request brings its own. */
  readonly label?: string
  readonly roles?: string
}

export interface AdmitResult {
  readonly key: string
  readonly index: number
  readonly label: string | null
  /** Size of the registrar's chain from which the member counts. */
  readonly registrarSize: number
}

const KEY_TEXT = /^[0-9a-f]{64}$/i

/**
 * Writes an admission into the registrar's chain. A member that belongs already is no error. Throws NOT_THE_REGISTRAR,
 * REQUEST_INVALID, LABEL_INVALID, ROLES_INVALID, UNACCEPTABLE_KEY, JOIN_REFUSED, SEAL_HELD_BACK.
 */
export async function admitMember(node: ControlledNode, random: Random, order: AdmitOrder): Promise<AdmitResult> {
  assertRegistrar(node)
  const key = KEY_TEXT.test(order.who.trim()) ? await admitKey(node, random, order) : await admitRequest(node, order)
  const member = node.membership.member(key) as Member
  return { key: member.keyHex, index: member.index, label: member.label ?? null, registrarSize: member.admittedAt }
}

async function admitRequest(node: ControlledNode, { who, label, roles }: AdmitOrder): Promise<Uint8Array> {
  if (label !== undefined || roles !== undefined) {
    throw new WattnessError('QUERY_INVALID', 'a request to join brings its own label and roles: give none, or the bare key')
  }
  const request = parseJoinRequest(who)
  const answer = await node.admit(request)
  if (answer.type === 'accepted') return request.member
  throw new WattnessError('JOIN_REFUSED', `the request was refused: ${answer.code}`, { code: answer.code })
}

async function admitKey(node: ControlledNode, random: Random, { who, label, roles }: AdmitOrder): Promise<Uint8Array> {
  const key = fromHex(who.trim().toLowerCase())
  if (!isAcceptableKey(key)) {
    throw new WattnessError(
      'UNACCEPTABLE_KEY',
      `${who} is no Ed25519 key that is safe to admit (not canonical, or of small order)`,
    )
  }
  const known = node.membership.member(key)
  if (known !== undefined && known.revoked === undefined) return key
  if (known !== undefined)
    throw new WattnessError('JOIN_REFUSED', `${who} was revoked: its owner needs a new key`, { code: 'REVOKED' })
  const record: LabelRecord = encodeLabelRecord(random.bytes(SALT_BYTES), label ?? toHex(key).slice(0, 12))
  await node.admitKey(key, parseRoles(roles ?? 'meter,witness'), record)
  return key
}

export interface RevokeResult {
  readonly key: string
  readonly index: number
  /** Blocks of the revoked chain that stay. */
  readonly endSize: number
}

/** Ends a member's chain at what the registrar holds of it. Throws NOT_THE_REGISTRAR, MEMBER_UNKNOWN, MEMBER_AMBIGUOUS. */
export async function revokeMember(node: ControlledNode, name: string): Promise<RevokeResult> {
  assertRegistrar(node)
  const { key, keyHex, index, revoked } = findMember(node.membership, name)
  if (index === 0) throw new WattnessError('MEMBER_IS_REGISTRAR', 'the registrar cannot be revoked: genesis names it')
  if (revoked !== undefined) return { key: keyHex, index, endSize: revoked.endSize }
  const { size, root } = node.store.head(key) ?? EMPTY_CHAIN
  await node.changeMembership([{ type: 'revoke', key, endSize: size, endRoot: root }])
  return { key: keyHex, index, endSize: size }
}

function assertRegistrar({ key, genesis }: ControlledNode): void {
  if (toHex(key) === toHex(genesis.registrar)) return
  const expected = toHex(genesis.registrar).slice(0, 16)
  throw new WattnessError(
    'NOT_THE_REGISTRAR',
    `only the registrar (${expected}…) admits and revokes; this is ${toHex(key).slice(0, 16)}…`,
  )
}
