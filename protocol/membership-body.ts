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

/** Gives a member other roles than it has (rule M15). */
export interface ChangeRoles {
  readonly type: 'change-roles'
  readonly key: Uint8Array
  readonly roles: Roles
}

/** Ends a member's chain as a revocation does and lets `newKey` in with the same roles, to go on where it ends (rule M16). */
export interface ReplaceKey {
  readonly type: 'replace-key'
  readonly key: Uint8Array
  readonly newKey: Uint8Array
  readonly endSize: number
  readonly endRoot: Uint8Array
  /** Of the new key's label record, which may hold the old one's text. */
  readonly labelHash: Uint8Array
}

export type MembershipOperation = Admit | Revoke | ChangeRoles | ReplaceKey

const ADMIT = 1
const REVOKE = 2
const CHANGE_ROLES = 3
const REPLACE_KEY = 4

/** Content of a membership body, without the salt (rules M3 to M6, M15 and M16). */
export function encodeMembershipBody(operations: readonly MembershipOperation[]): Uint8Array {
  assertCount(operations.length)
  const writer = new Writer().varint(operations.length)
  for (const operation of operations) {
    assertOperation(operation)
    writeOperation(writer, operation)
  }
  return writer.finish()
}

function writeOperation(writer: Writer, operation: MembershipOperation): void {
  switch (operation.type) {
    case 'admit':
      writer.u8(ADMIT).bytes(operation.key).u8(operation.roles).bytes(operation.labelHash)
      writer.u8(operation.invitationKey === undefined ? 0 : 1)
      if (operation.invitationKey !== undefined) writer.bytes(operation.invitationKey)
      return
    case 'revoke':
      writer.u8(REVOKE).bytes(operation.key).varint(operation.endSize).bytes(operation.endRoot)
      return
    case 'change-roles':
      writer.u8(CHANGE_ROLES).bytes(operation.key).u8(operation.roles)
      return
    case 'replace-key':
      writer.u8(REPLACE_KEY).bytes(operation.key).bytes(operation.newKey)
      writer.varint(operation.endSize).bytes(operation.endRoot).bytes(operation.labelHash)
  }
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
  const operation = readFields(reader, reader.u8(), position)
  assertOperation(operation)
  return operation
}

/** Fields in the order of their bytes: an object literal is evaluated from the top. */
function readFields(reader: Reader, code: number, position: number): MembershipOperation {
  switch (code) {
    case ADMIT:
      return readAdmit(reader)
    case REVOKE:
      return { type: 'revoke', key: own(reader, KEY_BYTES), endSize: reader.varint(), endRoot: own(reader, HASH_BYTES) }
    case CHANGE_ROLES:
      return { type: 'change-roles', key: own(reader, KEY_BYTES), roles: reader.u8() }
    case REPLACE_KEY:
      return {
        type: 'replace-key',
        key: own(reader, KEY_BYTES),
        newKey: own(reader, KEY_BYTES),
        endSize: reader.varint(),
        endRoot: own(reader, HASH_BYTES),
        labelHash: own(reader, HASH_BYTES),
      }
    default:
      throw new WattnessError('UNKNOWN_OPERATION', `membership operation ${position} has code ${code}, 1 to 4 expected`, {
        code,
        position,
      })
  }
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
  const { type } = operation
  assertLength(operation.key, KEY_BYTES, 'key')
  if (type === 'admit' || type === 'replace-key') assertLength(operation.labelHash, HASH_BYTES, 'label hash')
  if (type === 'admit' || type === 'change-roles') assertGrantable(operation.roles, type)
  if (type === 'revoke' || type === 'replace-key') assertEnd(operation)
  if (type === 'admit') {
    if (operation.invitationKey !== undefined) assertLength(operation.invitationKey, KEY_BYTES, 'invitation key')
    assertAcceptable(operation.key, type)
  }
  if (type === 'replace-key') {
    assertLength(operation.newKey, KEY_BYTES, 'new key')
    assertAcceptable(operation.newKey, type)
  }
}

/** Rules M6 and M16: an empty chain has one root. */
function assertEnd({ type, endSize, endRoot }: Revoke | ReplaceKey): void {
  assertLength(endRoot, HASH_BYTES, 'end root')
  if (endSize === 0 && endRoot.some((byte, i) => byte !== EMPTY_ROOT[i])) {
    throw new WattnessError('NON_CANONICAL', `${type} at size 0: end root is not the root of the empty tree`)
  }
}

/** Rules M5 and M16: a key on which Ed25519 libraries disagree must never become a member. */
function assertAcceptable(key: Uint8Array, what: string): void {
  if (isAcceptableKey(key)) return
  throw new WattnessError('UNACCEPTABLE_KEY', `${what}: key is not canonical or of small order`)
}

function assertLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length === length) return
  throw new WattnessError('OUT_OF_RANGE', `membership: ${what} of ${bytes.length} bytes, ${length} expected`, { what })
}
