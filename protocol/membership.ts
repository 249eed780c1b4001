import { equalBytes, toHex } from './bytes.ts'
import { WattnessError } from './errors.ts'
import type { Genesis } from './genesis.ts'
import { type LabelRecord, labelOf } from './label.ts'
import type { MembershipOperation } from './membership-body.ts'
import { applyOperation, type Draft, isWitness } from './membership-operations.ts'
import { hasRoles, ROLE_METER, ROLE_REGISTRAR, type Roles } from './roles.ts'

/** One admitted key. */
export interface Member {
  /** Place in the order of admission: never changed, never given again (rule M8). */
  readonly index: number
  readonly key: Uint8Array
  readonly keyHex: string
  readonly roles: Roles
  /** Absent for the members of genesis, whose labels stand there in the open. */
  readonly labelHash?: Uint8Array
  /** Known from genesis, or once the record with this hash has come. */
  readonly label?: string
  /** Size of the registrar's chain from which this member counts; 0 for those of genesis. */
  readonly admittedAt: number
  /** Size of the registrar's chain from which the role of a meter was last taken away; absent where it never was (rule M12). */
  readonly meterUntil?: number
  /** Index of the member whose chain this one goes on with under a new key (rule M18). */
  readonly replaces?: number
  readonly revoked?: Revocation
}

export interface Revocation {
  /** Size of the registrar's chain from which the revocation counts. */
  readonly atSize: number
  /** Blocks of the member's chain that stay, and the root over them. */
  readonly endSize: number
  readonly endRoot: Uint8Array
  /** Index of the member that goes on in this one's place; absent where nobody does. */
  readonly replacedBy?: number
}

export type VoidReason =
  | 'already-member'
  | 'members-full'
  | 'invitation-used'
  | 'registrar-key'
  | 'unknown-member'
  | 'already-revoked'
  | 'same-roles'
  | 'witnesses-full'

/** An operation that changed nothing, by its position in its block (rule M9). */
export interface VoidOperation {
  readonly position: number
  readonly operation: MembershipOperation
  readonly reason: VoidReason
}

/** Why a member may not write a block (rule M12). */
export type WriteRefusal = 'NOT_A_MEMBER' | 'REVOKED' | 'REGISTRAR_AHEAD' | 'ROLE_MISSING'

/** Who belongs to the network after `size` blocks of the registrar's chain. Never changed: `apply` makes a new one. */
export class Membership {
  readonly size: number
  /** In order of index; the registrar is the first. */
  readonly members: readonly Member[]
  readonly #byKey: ReadonlyMap<number, readonly Member[]>
  readonly #usedInvitations: ReadonlySet<string>
  /** Indices of the witnesses in force, ascending (rule M19). */
  readonly witnesses: readonly number[]

  /** `before`: a state of the same members, whose order by key and witnesses are taken over. */
  constructor(size: number, members: readonly Member[], usedInvitations: ReadonlySet<string>, before?: Membership) {
    this.size = size
    this.members = members
    this.#byKey = before === undefined ? bucketsOf(members) : before.#byKey
    this.#usedInvitations = usedInvitations
    this.witnesses = before?.witnesses ?? members.filter(isWitness).map(({ index }) => index)
  }

  get registrar(): Member {
    return this.members[0] as Member
  }

  /** Once or more a block: hex text as map key would cost more than this. */
  member(key: Uint8Array): Member | undefined {
    const bucket = this.#byKey.get(bucketOf(key))
    if (bucket === undefined) return undefined
    for (const member of bucket) if (equalBytes(member.key, key)) return member
    return undefined
  }

  at(index: number): Member | undefined {
    return this.members[index]
  }

  isInvitationUsed(invitationKey: Uint8Array): boolean {
    return this.#usedInvitations.has(toHex(invitationKey))
  }

  /** The same state after one more block of the registrar's chain; blocks without operations only count. */
  apply(operations: readonly MembershipOperation[]): AppliedMembership {
    if (operations.length === 0) {
      return { membership: new Membership(this.size + 1, this.members, this.#usedInvitations, this), voided: [] }
    }
    const draft: Draft = {
      size: this.size + 1,
      members: [...this.members],
      indexOf: new Map(this.members.map(({ keyHex, index }) => [keyHex, index])),
      used: new Set(this.#usedInvitations),
      witnesses: this.witnesses.length,
    }
    const voided: VoidOperation[] = []
    operations.forEach((operation, position) => {
      const reason = applyOperation(draft, operation)
      if (reason !== undefined) voided.push({ position, operation, reason })
    })
    return { membership: new Membership(draft.size, draft.members, draft.used), voided }
  }

  /** The same state with one label's text known. Throws NOT_A_MEMBER, LABEL_INVALID, LABEL_MISMATCH. */
  withLabel(key: Uint8Array, record: LabelRecord): Membership {
    const member = this.member(key)
    if (member === undefined) throw new WattnessError('NOT_A_MEMBER', `label for ${toHex(key)}, which is no member`)
    if (member.labelHash === undefined) {
      throw new WattnessError('LABEL_MISMATCH', `label for member ${member.index}, whose label stands in genesis`)
    }
    const members = [...this.members]
    members[member.index] = { ...member, label: labelOf(record, member.labelHash) }
    return new Membership(this.size, members, this.#usedInvitations)
  }
}

export interface AppliedMembership {
  readonly membership: Membership
  readonly voided: readonly VoidOperation[]
}

/** Rule M7: the registrar, then the members of genesis in their order, at registrar size 0. */
export function initialMembership(genesis: Genesis): Membership {
  const first: Member = {
    index: 0,
    key: genesis.registrar,
    keyHex: toHex(genesis.registrar),
    roles: ROLE_REGISTRAR,
    label: 'registrar',
    admittedAt: 0,
  }
  const others = genesis.members.map(
    ({ key, roles, label }, at): Member => ({ index: at + 1, key, keyHex: toHex(key), roles, label, admittedAt: 0 }),
  )
  return new Membership(0, [first, ...others], new Set())
}

/** Membership after one more block of the registrar's chain (rules M8 to M11 and M17 to M19). */
export function applyMembership(membership: Membership, operations: readonly MembershipOperation[]): AppliedMembership {
  return membership.apply(operations)
}

/** Rule M12: undefined where `key` may write the block `height` that names `registrarSize`. */
export function mayWrite(
  membership: Membership,
  key: Uint8Array,
  registrarSize: number,
  height: number,
): WriteRefusal | undefined {
  const member = membership.member(key)
  const ahead = registrarSize > membership.size
  // A registrar's chain longer than the one held here may have admitted this key since.
  if (member === undefined) return ahead ? 'REGISTRAR_AHEAD' : 'NOT_A_MEMBER'
  if (member.index === 0) return undefined
  if (member.revoked !== undefined && height >= member.revoked.endSize) return 'REVOKED'
  if (ahead) return 'REGISTRAR_AHEAD'
  if (registrarSize < member.admittedAt) return 'NOT_A_MEMBER'
  if (hasRoles(member.roles, ROLE_METER)) return undefined
  // What it sealed while it had the role stays right, whenever it comes: who must not write even that is revoked.
  return member.meterUntil !== undefined && registrarSize < member.meterUntil ? undefined : 'ROLE_MISSING'
}

/** Rule M19: indices of the members with the role of a witness that are not revoked, ascending. */
export function witnessesOf(membership: Membership): readonly number[] {
  return membership.witnesses
}

/** Rule M13: how many of a chain's `size` blocks count; what a revocation cuts off is in no frontier and no heads root. */
export function headLeafSize(member: Member, size: number): number {
  return member.revoked === undefined ? size : Math.min(size, member.revoked.endSize)
}

/** Rule M13: false where a chain of exactly the revoked end's size has another root than the revocation names. */
export function agreesWithEnd(member: Member, size: number, root: Uint8Array): boolean {
  const { revoked } = member
  return revoked === undefined || size !== revoked.endSize || equalBytes(root, revoked.endRoot)
}

/** First four bytes of a key as a number; keys that share them sit in one bucket of at most MAX_MEMBERS. */
function bucketOf(key: Uint8Array): number {
  return (((key[0] as number) << 24) | ((key[1] as number) << 16) | ((key[2] as number) << 8) | (key[3] as number)) >>> 0
}

function bucketsOf(members: readonly Member[]): Map<number, Member[]> {
  const buckets = new Map<number, Member[]>()
  for (const member of members) {
    const at = bucketOf(member.key)
    const bucket = buckets.get(at)
    if (bucket === undefined) buckets.set(at, [member])
    else bucket.push(member)
  }
  return buckets
}
