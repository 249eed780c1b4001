import {
  assertGrantable,
  type Bytes,
  EMPTY_CHAIN,
  encodeLabelRecord,
  equalBytes,
  formatRoles,
  fromHex,
  isAcceptableKey,
  isWattnessError,
  type LabelRecord,
  MAX_WITNESSES,
  type Member,
  type Membership,
  type MembershipOperation,
  parseJoinRequest,
  parseRoles,
  ROLE_METER,
  ROLE_WITNESS,
  SALT_BYTES,
  toHex,
  WattnessError,
  witnessesOf,
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

export interface AdmitResult extends WitnessChange {
  readonly key: string
  readonly index: number
  readonly label: string | null
  /** Size of the registrar's chain from which the member counts. */
  readonly registrarSize: number
}

/** Where an order changed how many witnesses there are: how many there are then. */
export interface WitnessChange {
  readonly witnesses?: number
}

export const KEY_TEXT = /^[0-9a-f]{64}$/i

/**
 * Writes an admission into the registrar's chain. A member that belongs already is no error. Throws NOT_THE_REGISTRAR,
 * REQUEST_INVALID, LABEL_INVALID, ROLES_INVALID, UNACCEPTABLE_KEY, JOIN_REFUSED, MEMBERS_FULL, WITNESSES_FULL, SEAL_HELD_BACK.
 */
export async function admitMember(node: ControlledNode, random: Random, order: AdmitOrder): Promise<AdmitResult> {
  assertRegistrar(node)
  const before = heldBy(node)
  const key = KEY_TEXT.test(order.who.trim()) ? await admitKey(node, random, order) : await admitRequest(node, order)
  const member = heldBy(node).member(key) as Member
  return {
    key: member.keyHex,
    index: member.index,
    label: member.label ?? null,
    registrarSize: member.admittedAt,
    ...witnessChange(node, before),
  }
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
  const key = keyOf(who)
  const known = heldBy(node).member(key)
  if (known !== undefined && known.revoked === undefined) return key
  if (known !== undefined)
    throw new WattnessError('JOIN_REFUSED', `${who} was revoked: its owner needs a new key`, { code: 'REVOKED' })
  const record: LabelRecord = encodeLabelRecord(random.bytes(SALT_BYTES), label ?? toHex(key).slice(0, 12))
  await node.admitKey(key, roles === undefined ? ROLE_METER : parseRoles(roles), record)
  return key
}

export function keyOf(text: string): Bytes {
  const key = fromHex(text.trim().toLowerCase())
  if (isAcceptableKey(key)) return key
  throw new WattnessError(
    'UNACCEPTABLE_KEY',
    `${text} is no Ed25519 key that is safe to admit (not canonical, or of small order)`,
  )
}

export interface RevokeResult extends WitnessChange {
  readonly key: string
  readonly index: number
  /** Blocks of the revoked chain that stay. */
  readonly endSize: number
}

/**
 * Ends a member's chain at what the registrar holds of it; one that told two stories, at what is final. Throws
 * NOT_THE_REGISTRAR, MEMBER_UNKNOWN, MEMBER_AMBIGUOUS, MEMBER_IS_REGISTRAR, SEAL_HELD_BACK.
 */
export async function revokeMember(node: ControlledNode, name: string): Promise<RevokeResult> {
  const before = heldBy(node)
  const { key, keyHex, index, revoked } = memberToChange(node, name)
  if (revoked !== undefined) return { key: keyHex, index, endSize: revoked.endSize }
  const { size, root } = node.store.quarantined(key) ? finalEnd(node, key) : heldEnd(node, key)
  await write(node, [{ type: 'revoke', key, endSize: size, endRoot: root }], (held) => held.at(index)?.revoked?.endSize === size)
  return { key: keyHex, index, endSize: size, ...witnessChange(node, before) }
}

export interface RolesResult extends WitnessChange {
  readonly members: readonly RolesLine[]
}

export interface RolesLine {
  readonly key: string
  readonly index: number
  readonly label: string | null
  readonly roles: string
}

/**
 * Gives members other roles, all in one block: one epoch begins, not one for each. `names`: one member, or several separated by
 * commas. Those that have just these roles are no error. Throws NOT_THE_REGISTRAR, MEMBER_UNKNOWN, MEMBER_AMBIGUOUS,
 * MEMBER_IS_REGISTRAR, REVOKED, ROLES_INVALID, OUT_OF_RANGE, WITNESSES_FULL, SEAL_HELD_BACK.
 */
export async function changeRoles(node: ControlledNode, names: string, text: string): Promise<RolesResult> {
  const before = heldBy(node)
  const roles = parseRoles(text)
  assertGrantable(roles, 'a member')
  const members = new Map(membersToChange(node, names).map((member) => [member.index, member]))
  for (const { index, revoked } of members.values()) {
    if (revoked !== undefined) throw new WattnessError('REVOKED', `member ${index} was revoked: it has no roles to change`)
  }
  const changing = [...members.values()].filter((member) => member.roles !== roles)
  assertRoomForWitnesses(heldBy(node), changing, roles)
  if (changing.length > 0) {
    const operations = changing.map(({ key }): MembershipOperation => ({ type: 'change-roles', key, roles }))
    await write(node, operations, (held) => changing.every(({ index }) => held.at(index)?.roles === roles))
  }
  const lines = [...members.values()].map(({ keyHex, index, label }) => ({
    key: keyHex,
    index,
    label: label ?? null,
    roles: formatRoles(roles),
  }))
  return { members: lines, ...witnessChange(node, before) }
}

function assertRoomForWitnesses(membership: Membership, changing: readonly Member[], roles: number): void {
  const witnesses = witnessesOf(membership)
  const more = (roles & ROLE_WITNESS) === 0 ? 0 : changing.filter(({ index }) => !witnesses.includes(index)).length
  if (more === 0 || witnesses.length + more <= MAX_WITNESSES) return
  const found = `the network has ${witnesses.length} witnesses, and can have no more than ${MAX_WITNESSES}`
  throw new WattnessError('WITNESSES_FULL', found)
}

export function witnessChange(node: ControlledNode, before: Membership): WitnessChange {
  const witnesses = witnessesOf(heldBy(node)).length
  return witnesses === witnessesOf(before).length ? {} : { witnesses }
}

/** A label may have a comma of its own: it is tried first. */
function membersToChange(node: ControlledNode, names: string): Member[] {
  try {
    return [memberToChange(node, names)]
  } catch (error) {
    if (!isWattnessError(error, 'MEMBER_UNKNOWN') || !names.includes(',')) throw error
    return names.split(',').map((name) => memberToChange(node, name))
  }
}

/** What the registrar decides by: its own blocks bind it from the moment they are on disk, whether they count yet or not. */
export function heldBy(node: ControlledNode): Membership {
  return node.heldMembership ?? node.membership
}

export function memberToChange(node: ControlledNode, name: string): Member {
  assertRegistrar(node)
  const member = findMember(heldBy(node), name)
  if (member.index !== 0) return member
  throw new WattnessError('MEMBER_IS_REGISTRAR', 'the registrar is named by genesis: it cannot be revoked or changed')
}

interface End {
  readonly size: number
  readonly root: Bytes
}

function heldEnd({ store }: ControlledNode, key: Bytes): End {
  return store.head(key) ?? EMPTY_CHAIN
}

/** Where nothing tells what is final, what is held. */
export function finalEnd(node: ControlledNode, key: Bytes): End {
  return node.finalOf?.(key) ?? heldEnd(node, key)
}

/** Throws OPERATION_VOID where another operation came first and this one had no effect. */
export async function write(
  node: ControlledNode,
  operations: readonly MembershipOperation[],
  isDone: (held: Membership) => boolean,
): Promise<void> {
  await node.changeMembership(operations)
  if (isDone(heldBy(node))) return
  const { type, key } = operations[0] as MembershipOperation
  throw new WattnessError('OPERATION_VOID', `${type} of ${toHex(key)}: another change came first`, { operation: type })
}

function assertRegistrar({ key, genesis }: ControlledNode): void {
  if (equalBytes(key, genesis.registrar)) return
  const expected = toHex(genesis.registrar).slice(0, 16)
  throw new WattnessError(
    'NOT_THE_REGISTRAR',
    `only the registrar (${expected}…) admits and revokes; this is ${toHex(key).slice(0, 16)}…`,
  )
}
