import { Reader, Writer } from './bytes.ts'
import { isAcceptableKey, KEY_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES } from './hash.ts'
import { MAX_MEMBERSHIP_OPERATIONS } from './limits.ts'
import { assertGrantable, type Roles } from './roles.ts'

/** Lets a key in (rule M5). `invitationKey` is the key of the single-use invitation that this admission spends. */
export interface Admit {
  readonly type: 'admit'
  readonly key: Uint8Array
  readonly roles: Roles
  /** SHA-256 of the label record; the record itself travels beside the chain. */
  readonly labelHash: Uint8Array
  readonly invitationKey?: Uint8Array
}

/** Ends a member's chain (rule M6): its blocks below `endSize`, under the root `endRoot`, stay; what lies beyond is refused. */
export interface Revoke {
  readonly type: 'revoke'
  readonly key: Uint8Array
  readonly endSize: number
  readonly endRoot: Uint8Array
}

export type MembershipOperation = Admit | Revoke

/** Codes 3 (change roles) and 4 (replace key) are kept for later. */
const ADMIT = 1
const REVOKE = 2

/** Content of a membership body, without the salt (rules M3 to M6). */
export function encodeMembershipBody(operations: readonly MembershipOperation[]): Uint8Array {
  assertCount(operations.length)
  const writer = new Writer().varint(operations.length)
  for (const operation of operations) {
    assertOperation(operation)
    if (operation.type === 'admit') {
      writer.u8(ADMIT).bytes(operation.key).u8(operation.roles).bytes(operation.labelHash)
      writer.u8(operation.invitationKey === undefined ? 0 : 1)
      if (operation.invitationKey !== undefined) writer.bytes(operation.invitationKey)
    } else {
      writer.u8(REVOKE).bytes(operation.key).varint(operation.endSize).bytes(operation.endRoot)
    }
  }
  return writer.finish()
}

/**
 * The operations of one membership body, in its order, in bytes of their own. Throws UNKNOWN_OPERATION for operations of
 * later versions, UNACCEPTABLE_KEY, and the codes of Reader.
 */
export function decodeMembershipBody(content: Uint8Array): MembershipOperation[] {
  const reader = new Reader(content, 'membership body')
  const count = reader.varint()
  assertCount(count)
  const operations: MembershipOperation[] = []
  for (let i = 0; i < count; i++) operations.push(readOperation(reader, i))
  reader.done()
  return operations
}

function readOperation(reader: Reader, position: number): MembershipOperation {
  const code = reader.u8()
  let operation: MembershipOperation
  if (code === ADMIT) operation = readAdmit(reader)
  else if (code === REVOKE) {
    operation = { type: 'revoke', key: own(reader, KEY_BYTES), endSize: reader.varint(), endRoot: own(reader, HASH_BYTES) }
  } else {
    throw new WattnessError('UNKNOWN_OPERATION', `membership operation ${position} has code ${code}, 1 or 2 expected`, {
      code,
      position,
    })
  }
  assertOperation(operation)
  return operation
}

function readAdmit(reader: Reader): Admit {
  const fixed = { type: 'admit', key: own(reader, KEY_BYTES), roles: reader.u8(), labelHash: own(reader, HASH_BYTES) } as const
  const flag = reader.u8()
  if (flag > 1) reader.fail('NON_CANONICAL', `invitation flag ${flag}, 0 or 1 expected`)
  return flag === 0 ? fixed : { ...fixed, invitationKey: own(reader, KEY_BYTES) }
}

/** A copy that no Buffer semantics can turn back into a view. */
function own(reader: Reader, count: number): Uint8Array {
  return new Uint8Array(reader.bytes(count))
}

function assertCount(count: number): void {
  if (count >= 1 && count <= MAX_MEMBERSHIP_OPERATIONS) return
  throw new WattnessError(
    'LIMIT_EXCEEDED',
    `membership body of ${count} operations, 1 to ${MAX_MEMBERSHIP_OPERATIONS} expected`,
    { count },
  )
}

/** Both ways: what would be refused on arrival is never written. */
function assertOperation(operation: MembershipOperation): void {
  assertLength(operation.key, KEY_BYTES, 'key')
  if (operation.type === 'revoke') {
    assertLength(operation.endRoot, HASH_BYTES, 'end root')
    // Rule M6: an empty chain has one root.
    if (operation.endSize === 0 && operation.endRoot.some((byte, i) => byte !== EMPTY_ROOT[i])) {
      throw new WattnessError('NON_CANONICAL', 'revoke at size 0: end root is not the root of the empty tree')
    }
    return
  }
  assertLength(operation.labelHash, HASH_BYTES, 'label hash')
  if (operation.invitationKey !== undefined) assertLength(operation.invitationKey, KEY_BYTES, 'invitation key')
  assertGrantable(operation.roles, 'admit')
  // Rule M5: a key on which Ed25519 libraries disagree must never become a member.
  if (!isAcceptableKey(operation.key)) {
    throw new WattnessError('UNACCEPTABLE_KEY', 'admit: key is not canonical or of small order')
  }
}

function assertLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length === length) return
  throw new WattnessError('OUT_OF_RANGE', `membership: ${what} of ${bytes.length} bytes, ${length} expected`, { what })
}
