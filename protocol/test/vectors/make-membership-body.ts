import { writeFileSync } from 'node:fs'
import { concat, toHex } from '../../bytes.ts'
import { isWattnessError } from '../../errors.ts'
import { EMPTY_ROOT } from '../../hash.ts'
import { decodeMembershipBody, encodeMembershipBody, type MembershipOperation } from '../../membership-body.ts'
import { keyOf } from '../numbered-keys.ts'

const labelHash = new Uint8Array(32).fill(0x11)
const endRoot = new Uint8Array(32).fill(0x22)

const admit: MembershipOperation = { type: 'admit', key: keyOf(2), roles: 6, labelHash }
const invited: MembershipOperation = { ...admit, key: keyOf(3), roles: 8, invitationKey: keyOf(4) }
const revoke: MembershipOperation = { type: 'revoke', key: keyOf(2), endSize: 300, endRoot }
const revokeEmpty: MembershipOperation = { type: 'revoke', key: keyOf(3), endSize: 0, endRoot: EMPTY_ROOT }
const change: MembershipOperation = { type: 'change-roles', key: keyOf(2), roles: 4 }
const replace: MembershipOperation = { type: 'replace-key', key: keyOf(2), newKey: keyOf(5), endSize: 300, endRoot, labelHash }
const replaceEmpty: MembershipOperation = { ...replace, endSize: 0, endRoot: EMPTY_ROOT }

function patched(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const out = bytes.slice()
  out[at] = byte
  return out
}

const one = encodeMembershipBody([admit])
const changed = encodeMembershipBody([change])
const replaced = encodeMembershipBody([replace])
const cases: readonly (readonly [string, Uint8Array])[] = [
  ['admit', one],
  ['admit by invitation', encodeMembershipBody([invited])],
  ['revoke', encodeMembershipBody([revoke])],
  ['revoke a chain without blocks', encodeMembershipBody([revokeEmpty])],
  ['change of roles', changed],
  ['replaced key', replaced],
  ['replaced key of a chain without blocks', encodeMembershipBody([replaceEmpty])],
  ['several', encodeMembershipBody([admit, invited, revoke, revokeEmpty, change, replace])],
  ['no operation', Uint8Array.of(0)],
  ['65 operations', Uint8Array.of(65)],
  ['operation 5 of a later version', patched(one, 1, 5)],
  ['roles with an unknown bit', patched(one, 34, 18)],
  ['the role of the registrar', patched(one, 34, 1)],
  ['invitation flag 2', patched(one, 67, 2)],
  ['a key of small order', concat(one.subarray(0, 2), new Uint8Array(32), one.subarray(34))],
  ['an empty chain with another root', concat(Uint8Array.of(1, 2), keyOf(3), Uint8Array.of(0), endRoot)],
  ['change to the role of the registrar', patched(changed, 34, 1)],
  ['replaced by a key of small order', concat(replaced.subarray(0, 34), new Uint8Array(32), replaced.subarray(66))],
  ['an empty chain with another root, replaced', concat(replaced.subarray(0, 66), Uint8Array.of(0), replaced.subarray(68))],
  ['one byte too many', concat(one, Uint8Array.of(0))],
  ['one byte too few', one.subarray(0, one.length - 1)],
]

/** What a reader must find in `bytes`: operations in hex, or the code with which they are refused. */
export function readMembershipBodyCase(bytes: Uint8Array): object {
  try {
    const operations = decodeMembershipBody(bytes).map((operation) =>
      Object.fromEntries(
        Object.entries(operation).map(([name, value]) => [name, value instanceof Uint8Array ? toHex(value) : value]),
      ),
    )
    return { operations }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return { refused: error.code }
  }
}

export const membershipBodyVectors = {
  comment: 'Contents of membership bodies, without the salt (rules M3 to M6, M15, M16). Made by make-membership-body.ts.',
  cases: cases.map(([name, bytes]) => ({ name, bytes: toHex(bytes), ...readMembershipBodyCase(bytes) })),
}

if (import.meta.main) {
  writeFileSync(new URL('membership-body.json', import.meta.url), `${JSON.stringify(membershipBodyVectors, null, 2)}\n`)
}
