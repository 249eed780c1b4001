import {
  type Bytes,
  decodeLabelRecord,
  encodeLabelRecord,
  type JoinRefusal,
  type LabelRecord,
  labelHash,
  MAX_MEMBERS,
  type Member,
  parseJoinRequest,
  SALT_BYTES,
  toHex,
  type VerifySignature,
  validateJoinRequest,
  WattnessError,
} from '../../protocol/index.ts'
import type { Clock, Random } from '../platform.ts'
import { finalEnd, heldBy, KEY_TEXT, keyOf, memberToChange, type WitnessChange, witnessChange, write } from './membership-desk.ts'
import type { ControlledNode } from './status.ts'

export interface ReplaceOrder {
  /** The member whose key is replaced: a label, the first digits of a key, or an index. */
  readonly member: string
  /** The new key: `wattness-request:1:…` or 64 hex digits. */
  readonly by: string
  /** For a bare key; unless given, the old one's. A request brings its own. */
  readonly label?: string
}

export interface ReplaceResult extends WitnessChange {
  readonly key: string
  readonly index: number
  readonly label: string | null
  /** Size of the registrar's chain from which the new key counts. */
  readonly registrarSize: number
  readonly replaces: { readonly key: string; readonly index: number; readonly endSize: number }
}

export interface ReplaceTools {
  readonly random: Random
  readonly clock: Clock
  readonly verify: VerifySignature
}

/**
 * Ends a member's chain at what is final of it and lets a new key go on, with the same roles; what a request asks for is not
 * looked at. A replacement that was made already is no error. Throws NOT_THE_REGISTRAR, MEMBER_UNKNOWN, MEMBER_AMBIGUOUS,
 * MEMBER_IS_REGISTRAR, REVOKED, REQUEST_INVALID, LABEL_INVALID, UNACCEPTABLE_KEY, JOIN_REFUSED, SEAL_HELD_BACK.
 */
export async function replaceMember(node: ControlledNode, tools: ReplaceTools, order: ReplaceOrder): Promise<ReplaceResult> {
  const before = heldBy(node)
  const old = memberToChange(node, order.member)
  const next = KEY_TEXT.test(order.by.trim()) ? newKeyOf(old, tools, order) : requestedKeyOf(node, tools, order)
  const known = heldBy(node).member(next.key)
  if (known === undefined || known.replaces !== old.index) {
    if (old.revoked !== undefined) throw new WattnessError('REVOKED', `member ${old.index} was revoked: its chain has an end`)
    const refusal = known === undefined ? (next.refusal ?? fullness(node)) : standing(known)
    if (refusal !== undefined) {
      throw new WattnessError('JOIN_REFUSED', `${toHex(next.key)} cannot replace a key: ${refusal}`, { code: refusal })
    }
    // Before the block that names it: a crash in between costs no label.
    await node.store.labels.put(next.key, next.label)
    const { size, root } = finalEnd(node, old.key)
    await write(
      node,
      [{ type: 'replace-key', key: old.key, newKey: next.key, endSize: size, endRoot: root, labelHash: labelHash(next.label) }],
      (held) => held.member(next.key)?.replaces === old.index,
    )
  }
  const held = heldBy(node)
  const member = held.member(next.key) as Member
  const replaces = { key: old.keyHex, index: old.index, endSize: held.at(old.index)?.revoked?.endSize ?? 0 }
  const { keyHex, index, admittedAt: registrarSize } = member
  return { key: keyHex, index, label: member.label ?? next.text, registrarSize, replaces, ...witnessChange(node, before) }
}

interface NewKey {
  readonly key: Bytes
  readonly label: LabelRecord
  readonly text: string
  /** Why it is not let in, whatever it is to replace. */
  readonly refusal?: JoinRefusal
}

function newKeyOf(old: Member, { random }: ReplaceTools, { by, label }: ReplaceOrder): NewKey {
  const key = keyOf(by)
  const text = label ?? old.label ?? toHex(key).slice(0, 12)
  return { key, label: encodeLabelRecord(random.bytes(SALT_BYTES), text), text }
}

function standing({ revoked }: Member): JoinRefusal {
  return revoked === undefined ? 'ALREADY_MEMBER' : 'REVOKED'
}

function fullness(node: ControlledNode): JoinRefusal | undefined {
  return heldBy(node).members.length >= MAX_MEMBERS ? 'MEMBERS_FULL' : undefined
}

/** Refusals that are about what a request asks for: a replacement gives what the old key had, on the operator's word. */
const BESIDE_THE_POINT: ReadonlySet<JoinRefusal> = new Set([
  'WITNESSES_FULL',
  'INVITATION_INVALID',
  'INVITATION_EXPIRED',
  'INVITATION_USED',
  'ROLES_NOT_GRANTED',
])

function requestedKeyOf(node: ControlledNode, { clock, verify }: ReplaceTools, { by, label }: ReplaceOrder): NewKey {
  if (label !== undefined) {
    throw new WattnessError('QUERY_INVALID', 'a request to join brings its own label: give none, or the bare key')
  }
  const request = parseJoinRequest(by)
  const refusal = validateJoinRequest(request, {
    membership: heldBy(node),
    networkId: node.genesis.networkId,
    nowMs: clock.now(),
    verify,
    invitation: 'optional',
  })
  const { text } = decodeLabelRecord(request.label)
  const next = { key: request.member, label: request.label, text }
  return refusal === undefined || BESIDE_THE_POINT.has(refusal) ? next : { ...next, refusal }
}
