import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromHex } from '../bytes.ts'
import { EMPTY_ROOT } from '../hash.ts'
import {
  type Admit,
  type ChangeRoles,
  decodeMembershipBody,
  encodeMembershipBody,
  type MembershipOperation,
  type ReplaceKey,
  type Revoke,
} from '../membership-body.ts'
import { survive } from './made-up-bytes.ts'
import { keyOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { membershipBodyVectors, readMembershipBodyCase } from './vectors/make-membership-body.ts'

const hash = new Uint8Array(32).fill(9)
const admit: Admit = { type: 'admit', key: keyOf(2), roles: 6, labelHash: hash }
const invited: Admit = { ...admit, invitationKey: keyOf(3) }
const revoke: Revoke = { type: 'revoke', key: keyOf(2), endSize: 300, endRoot: hash }
const change: ChangeRoles = { type: 'change-roles', key: keyOf(2), roles: 8 }
const replace: ReplaceKey = { ...revoke, type: 'replace-key', newKey: keyOf(3), labelHash: hash }

const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const anyKey = fc.integer({ min: 1, max: 40 }).map(keyOf)
const anyRoles = fc.constantFrom(2, 4, 6, 8, 10, 12, 14)
const anyOperation = fc.oneof(
  fc.record({ type: fc.constant('admit' as const), key: anyKey, roles: anyRoles, labelHash: anyHash }),
  fc.record({ type: fc.constant('admit' as const), key: anyKey, roles: anyRoles, labelHash: anyHash, invitationKey: anyHash }),
  fc.record({
    type: fc.constant('revoke' as const),
    key: anyKey,
    endSize: fc.integer({ min: 1, max: 2 ** 50 }),
    endRoot: anyHash,
  }),
  fc.record({ type: fc.constant('change-roles' as const), key: anyKey, roles: anyRoles }),
  fc.record({
    type: fc.constant('replace-key' as const),
    key: anyKey,
    newKey: anyKey,
    endSize: fc.integer({ min: 1, max: 2 ** 50 }),
    endRoot: anyHash,
    labelHash: anyHash,
  }),
)

describe('membership body', () => {
  it('M3: any list of operations comes back as it went', () => {
    fc.assert(
      fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 64 }), (operations: MembershipOperation[]) => {
        expect(decodeMembershipBody(encodeMembershipBody(operations))).to.deep.equal(operations)
      }),
      { numRuns: 50 },
    )
  })

  it('M3: what decodes encodes to the same bytes', () => {
    const bytes = encodeMembershipBody([admit, invited, revoke, change, replace])
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const mutated = bytes.slice()
        mutated[at] = byte
        survive(() => expect(encodeMembershipBody(decodeMembershipBody(mutated))).to.deep.equal(mutated))
      }),
      { numRuns: 500 },
    )
  })

  it('M3: 1 to 64 operations', () => {
    expectRefusal('LIMIT_EXCEEDED', () => encodeMembershipBody([]))
    expectRefusal('LIMIT_EXCEEDED', () => decodeMembershipBody(Uint8Array.of(0)))
    const most = Array.from({ length: 64 }, () => revoke)
    expect(decodeMembershipBody(encodeMembershipBody(most))).to.have.length(64)
    expectRefusal('LIMIT_EXCEEDED', () => encodeMembershipBody([...most, revoke]))
    expectRefusal('LIMIT_EXCEEDED', () => decodeMembershipBody(Uint8Array.of(65)))
  })

  it('M3: nothing may be missing, nothing may follow', () => {
    const bytes = encodeMembershipBody([invited, revoke, change, replace])
    for (let length = 0; length < bytes.length; length++) {
      expectRefusal('TRUNCATED', () => decodeMembershipBody(bytes.subarray(0, length)))
    }
    expectRefusal('TRAILING_BYTES', () => decodeMembershipBody(concat(bytes, Uint8Array.of(0))))
  })

  for (const code of [0, 5, 255]) {
    it(`M4: UNKNOWN_OPERATION for code ${code}`, () => {
      const error = expectRefusal('UNKNOWN_OPERATION', () => decodeMembershipBody(Uint8Array.of(1, code)))
      expect(error.data).to.deep.equal({ code, position: 0 })
    })
  }

  it('M5: roles that cannot be given are refused both ways', () => {
    for (const roles of [0, 1, 3, 16, 255]) {
      expectRefusal('OUT_OF_RANGE', () => encodeMembershipBody([{ ...admit, roles }]))
      const bytes = encodeMembershipBody([admit])
      bytes[34] = roles
      expectRefusal('OUT_OF_RANGE', () => decodeMembershipBody(bytes))
    }
  })

  it('M5: UNACCEPTABLE_KEY for keys on which libraries disagree', () => {
    for (const key of [new Uint8Array(32), new Uint8Array(32).fill(255)]) {
      expectRefusal('UNACCEPTABLE_KEY', () => encodeMembershipBody([{ ...admit, key }]))
      const bytes = encodeMembershipBody([admit])
      bytes.set(key, 2)
      expectRefusal('UNACCEPTABLE_KEY', () => decodeMembershipBody(bytes))
    }
  })

  it('M5: the invitation flag is 0 or 1', () => {
    const bytes = encodeMembershipBody([admit])
    bytes[67] = 2
    expectRefusal('NON_CANONICAL', () => decodeMembershipBody(bytes))
  })

  it('M6: the end at size 0 has the root of the empty tree', () => {
    const empty = { ...revoke, endSize: 0, endRoot: EMPTY_ROOT }
    expect(decodeMembershipBody(encodeMembershipBody([empty]))).to.deep.equal([empty])
    expectRefusal('NON_CANONICAL', () => encodeMembershipBody([{ ...revoke, endSize: 0 }]))
    const bytes = encodeMembershipBody([empty])
    bytes[40] = (bytes[40] as number) ^ 1
    expectRefusal('NON_CANONICAL', () => decodeMembershipBody(bytes))
  })

  it('M15: a change to roles that cannot be given is refused both ways', () => {
    for (const roles of [0, 1, 3, 16, 255]) {
      expectRefusal('OUT_OF_RANGE', () => encodeMembershipBody([{ ...change, roles }]))
      const bytes = encodeMembershipBody([change])
      bytes[34] = roles
      expectRefusal('OUT_OF_RANGE', () => decodeMembershipBody(bytes))
    }
  })

  it('M16: UNACCEPTABLE_KEY for a new key on which libraries disagree', () => {
    for (const newKey of [new Uint8Array(32), new Uint8Array(32).fill(255)]) {
      expectRefusal('UNACCEPTABLE_KEY', () => encodeMembershipBody([{ ...replace, newKey }]))
      const bytes = encodeMembershipBody([replace])
      bytes.set(newKey, 34)
      expectRefusal('UNACCEPTABLE_KEY', () => decodeMembershipBody(bytes))
    }
  })

  it('M16: the end at size 0 has the root of the empty tree', () => {
    const empty = { ...replace, endSize: 0, endRoot: EMPTY_ROOT }
    expect(decodeMembershipBody(encodeMembershipBody([empty]))).to.deep.equal([empty])
    expectRefusal('NON_CANONICAL', () => encodeMembershipBody([{ ...replace, endSize: 0 }]))
    const bytes = encodeMembershipBody([empty])
    bytes[70] = (bytes[70] as number) ^ 1
    expectRefusal('NON_CANONICAL', () => decodeMembershipBody(bytes))
  })

  it('M5, M6, M15, M16: fields of another length are never written', () => {
    const short = new Uint8Array(31)
    for (const operation of [
      { ...admit, key: short },
      { ...admit, labelHash: short },
      { ...admit, invitationKey: short },
      { ...revoke, key: short },
      { ...revoke, endRoot: short },
      { ...change, key: short },
      { ...replace, key: short },
      { ...replace, newKey: short },
      { ...replace, endRoot: short },
      { ...replace, labelHash: short },
    ]) {
      expectRefusal('OUT_OF_RANGE', () => encodeMembershipBody([operation]))
    }
  })

  it('what is decoded does not hold on to the bytes', () => {
    const operations = [admit, invited, revoke, change, replace]
    const bytes = Buffer.from(encodeMembershipBody(operations))
    const decoded = decodeMembershipBody(bytes)
    bytes.fill(0)
    expect(decoded).to.deep.equal(operations)
  })

  it('made-up bytes are refused with a WattnessError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survive(() => decodeMembershipBody(bytes))))
  })

  it('vectors: regenerating gives the same file, and each case reads as it says', () => {
    const file = readFileSync(new URL('vectors/membership-body.json', import.meta.url), 'utf8')
    expect(`${JSON.stringify(membershipBodyVectors, null, 2)}\n`).to.equal(file)
    for (const { bytes, name, ...expected } of JSON.parse(file).cases) {
      expect(readMembershipBodyCase(fromHex(bytes)), name).to.deep.equal(expected)
    }
  })
})
