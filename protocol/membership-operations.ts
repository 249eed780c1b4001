import { toHex } from './bytes.ts'
import { MAX_MEMBERS, MAX_WITNESSES } from './limits.ts'
import type { Member, Revocation, VoidReason } from './membership.ts'
import type { Admit, ChangeRoles, MembershipOperation, ReplaceKey, Revoke } from './membership-body.ts'
import { hasRoles, ROLE_METER, ROLE_WITNESS } from './roles.ts'

/** A state of membership while the operations of one block apply to it. */
export interface Draft {
  readonly size: number
  readonly members: Member[]
  readonly indexOf: Map<string, number>
  readonly used: Set<string>
  /** Members with the role of a witness that are not revoked. */
  witnesses: number
}

export function isWitness({ roles, revoked }: Member): boolean {
  return revoked === undefined && hasRoles(roles, ROLE_WITNESS)
}

/** The reason why the operation changed nothing (rule M9); undefined where it counts. */
export function applyOperation(draft: Draft, operation: MembershipOperation): VoidReason | undefined {
  switch (operation.type) {
    case 'admit':
      return admit(draft, operation)
    case 'revoke':
      return revoke(draft, operation)
    case 'change-roles':
      return changeRoles(draft, operation)
    case 'replace-key':
      return replaceKey(draft, operation)
  }
}

/** Rule M10. A key that was revoked stays taken: its owner comes back under a new one. */
function admit(draft: Draft, { key, roles, labelHash, invitationKey }: Admit): VoidReason | undefined {
  const keyHex = toHex(key)
  const taken = draft.indexOf.get(keyHex)
  if (taken !== undefined) return taken === 0 ? 'registrar-key' : 'already-member'
  if (draft.members.length >= MAX_MEMBERS) return 'members-full'
  if (hasRoles(roles, ROLE_WITNESS) && draft.witnesses >= MAX_WITNESSES) return 'witnesses-full'
  if (invitationKey !== undefined) {
    const invitationHex = toHex(invitationKey)
    if (draft.used.has(invitationHex)) return 'invitation-used'
    draft.used.add(invitationHex)
  }
  add(draft, { index: draft.members.length, key, keyHex, roles, labelHash, admittedAt: draft.size })
  return undefined
}

/** Rule M11. */
function revoke(draft: Draft, { key, endSize, endRoot }: Revoke): VoidReason | undefined {
  const found = present(draft, key)
  if (typeof found === 'string') return found
  end(draft, found, { atSize: draft.size, endSize, endRoot })
  return undefined
}

/** Rule M17. */
function changeRoles(draft: Draft, { key, roles }: ChangeRoles): VoidReason | undefined {
  const found = present(draft, key)
  if (typeof found === 'string') return found
  if (found.roles === roles) return 'same-roles'
  const isNewWitness = hasRoles(roles, ROLE_WITNESS) && !isWitness(found)
  if (isNewWitness && draft.witnesses >= MAX_WITNESSES) return 'witnesses-full'
  const losesMeter = hasRoles(found.roles, ROLE_METER) && !hasRoles(roles, ROLE_METER)
  put(draft, { ...found, roles, ...(losesMeter ? { meterUntil: draft.size } : {}) })
  return undefined
}

/** Rule M18. As many witnesses as before: the new key takes the old one's place among them. */
function replaceKey(draft: Draft, { key, newKey, endSize, endRoot, labelHash }: ReplaceKey): VoidReason | undefined {
  const found = present(draft, key)
  if (typeof found === 'string') return found
  const newKeyHex = toHex(newKey)
  const taken = draft.indexOf.get(newKeyHex)
  if (taken !== undefined) return taken === 0 ? 'registrar-key' : 'already-member'
  const index = draft.members.length
  if (index >= MAX_MEMBERS) return 'members-full'
  end(draft, found, { atSize: draft.size, endSize, endRoot, replacedBy: index })
  const { roles, index: replaces } = found
  add(draft, { index, key: newKey, keyHex: newKeyHex, roles, labelHash, admittedAt: draft.size, replaces })
  return undefined
}

/** The member of `key`, where there is one that an operation may change. */
function present(draft: Draft, key: Uint8Array): Member | VoidReason {
  const index = draft.indexOf.get(toHex(key))
  if (index === undefined) return 'unknown-member'
  if (index === 0) return 'registrar-key'
  const member = draft.members[index] as Member
  return member.revoked === undefined ? member : 'already-revoked'
}

function end(draft: Draft, member: Member, revoked: Revocation): void {
  put(draft, { ...member, revoked })
}

function add(draft: Draft, member: Member): void {
  draft.indexOf.set(member.keyHex, member.index)
  put(draft, member)
}

function put(draft: Draft, member: Member): void {
  const before = draft.members[member.index]
  if (before !== undefined && isWitness(before)) draft.witnesses--
  if (isWitness(member)) draft.witnesses++
  draft.members[member.index] = member
}
