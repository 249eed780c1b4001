import { expect } from 'chai'
import fc from 'fast-check'
import { equalBytes, toHex } from '../bytes.ts'
import { formatGenesis, parseGenesis } from '../genesis.ts'
import { encodeLabelRecord, labelHash } from '../label.ts'
import { MAX_MEMBERS } from '../limits.ts'
import { agreesWithEnd, applyMembership, headLeafSize, initialMembership, type Membership, mayWrite } from '../membership.ts'
import type { Admit, MembershipOperation, Revoke } from '../membership-body.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_REGISTRAR, ROLE_WITNESS } from '../roles.ts'
import { keyOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'

const hash = new Uint8Array(32).fill(9)
const record = encodeLabelRecord(new Uint8Array(16), 'Elm Street 14')

const genesis = parseGenesis(
  formatGenesis({
    name: 'Elm Street',
    registrar: keyOf(1),
    members: [
      { key: keyOf(2), roles: ROLE_METER | ROLE_WITNESS, label: 'Elm Street 12' },
      { key: keyOf(3), roles: ROLE_OBSERVER, label: 'grid' },
    ],
  }),
)
const start = initialMembership(genesis)

const admit = (n: number, more: Partial<Admit> = {}): Admit => ({
  type: 'admit',
  key: keyOf(n),
  roles: ROLE_METER,
  labelHash: labelHash(record),
  ...more,
})
const revoke = (n: number, endSize = 5): Revoke => ({ type: 'revoke', key: keyOf(n), endSize, endRoot: hash })

const after = (membership: Membership, ...operations: MembershipOperation[]): Membership =>
  applyMembership(membership, operations).membership

const reasons = (membership: Membership, ...operations: MembershipOperation[]): unknown =>
  applyMembership(membership, operations).voided.map(({ position, reason }) => [position, reason])

/** A key of which only one byte is set to `i`: many share their first four bytes. */
function nearKey(i: number): Uint8Array {
  const key = keyOf(9)
  key[20] = i & 255
  key[21] = i >> 8
  return key
}

describe('membership', () => {
  it('M7: genesis gives the registrar index 0 and its members 1, 2, … at registrar size 0', () => {
    expect(start.size).to.equal(0)
    expect(start.members.map(({ index, roles, label, admittedAt }) => [index, roles, label, admittedAt])).to.deep.equal([
      [0, ROLE_REGISTRAR, 'registrar', 0],
      [1, ROLE_METER | ROLE_WITNESS, 'Elm Street 12', 0],
      [2, ROLE_OBSERVER, 'grid', 0],
    ])
    expect(start.registrar.key).to.deep.equal(genesis.registrar)
    expect(start.at(1)?.keyHex).to.equal(toHex(keyOf(2)))
    expect(start.at(3)).to.equal(undefined)
  })

  it('M8: an admission takes the next index and counts from the size after its block', () => {
    const next = after(after(start), admit(4), admit(5, { roles: ROLE_WITNESS }))
    expect(next.size).to.equal(2)
    expect(next.members.slice(3)).to.deep.equal([
      { index: 3, key: keyOf(4), keyHex: toHex(keyOf(4)), roles: ROLE_METER, labelHash: labelHash(record), admittedAt: 2 },
      { index: 4, key: keyOf(5), keyHex: toHex(keyOf(5)), roles: ROLE_WITNESS, labelHash: labelHash(record), admittedAt: 2 },
    ])
  })

  it('M8: a revoked member keeps its index, and nobody gets it again', () => {
    const next = after(start, revoke(2), admit(4))
    expect(next.at(1)?.revoked).to.deep.equal({ atSize: 1, endSize: 5, endRoot: hash })
    expect(next.member(keyOf(4))?.index).to.equal(3)
  })

  it('M8: a state never changes', () => {
    const before = JSON.stringify(start.members)
    after(start, revoke(2), admit(4, { invitationKey: keyOf(8) }))
    expect([start.size, JSON.stringify(start.members), start.member(keyOf(4)), start.isInvitationUsed(keyOf(8))]).to.deep.equal([
      0,
      before,
      undefined,
      false,
    ])
  })

  it('M9: a block without operations only counts', () => {
    const { membership, voided } = applyMembership(start, [])
    expect([membership.size, membership.members, voided]).to.deep.equal([1, start.members, []])
  })

  it('M9: a void operation is reported and the others of its block count', () => {
    const { membership, voided } = applyMembership(start, [admit(2), admit(4), revoke(7)])
    expect(voided).to.deep.equal([
      { position: 0, operation: admit(2), reason: 'already-member' },
      { position: 2, operation: revoke(7), reason: 'unknown-member' },
    ])
    expect(membership.members).to.have.length(4)
  })

  it('M10: admitting a member, a revoked one or the registrar is void', () => {
    expect(reasons(start, admit(2), admit(1))).to.deep.equal([
      [0, 'already-member'],
      [1, 'registrar-key'],
    ])
    expect(reasons(start, admit(4), admit(4))).to.deep.equal([[1, 'already-member']])
    expect(reasons(after(start, revoke(2)), admit(2))).to.deep.equal([[0, 'already-member']])
  })

  it('M10: an invitation admits once, also within one block', () => {
    const invitationKey = keyOf(8)
    const used = after(start, admit(4, { invitationKey }))
    expect(used.isInvitationUsed(invitationKey)).to.equal(true)
    expect(used.isInvitationUsed(keyOf(9))).to.equal(false)
    expect(reasons(used, admit(5, { invitationKey }))).to.deep.equal([[0, 'invitation-used']])
    expect(reasons(start, admit(4, { invitationKey }), admit(5, { invitationKey }))).to.deep.equal([[1, 'invitation-used']])
  })

  it('M10: a void admission does not spend its invitation', () => {
    const invitationKey = keyOf(8)
    const next = after(start, admit(2, { invitationKey }))
    expect(next.isInvitationUsed(invitationKey)).to.equal(false)
    expect(reasons(next, admit(4, { invitationKey }))).to.deep.equal([])
  })

  it('M10: 256 members, revoked ones included, and no more', () => {
    let membership = start
    for (let i = 0; membership.members.length < MAX_MEMBERS; i++) membership = after(membership, admit(0, { key: nearKey(i) }))
    const full = after(membership, revoke(2))
    expect(reasons(full, admit(4))).to.deep.equal([[0, 'members-full']])
    expect(after(full, admit(4)).members).to.have.length(MAX_MEMBERS)
  })

  it('M11: revoking a stranger, a revoked member or the registrar is void', () => {
    expect(reasons(start, revoke(4), revoke(1))).to.deep.equal([
      [0, 'unknown-member'],
      [1, 'registrar-key'],
    ])
    expect(reasons(start, revoke(2), revoke(2, 9))).to.deep.equal([[1, 'already-revoked']])
    expect(after(start, revoke(2), revoke(2, 9)).at(1)?.revoked?.endSize).to.equal(5)
  })

  it('M11: who was admitted in a block may be revoked in it', () => {
    expect(after(start, admit(4), revoke(4)).at(3)?.revoked?.atSize).to.equal(1)
  })

  it('keys that share their first bytes are told apart', () => {
    let membership = start
    for (let i = 0; i < 50; i++) membership = after(membership, admit(0, { key: nearKey(i) }))
    for (let i = 0; i < 50; i++) expect(membership.member(nearKey(i))?.index).to.equal(3 + i)
    expect(membership.member(nearKey(50))).to.equal(undefined)
  })

  it('M12: NOT_A_MEMBER for a stranger', () => {
    expect(mayWrite(start, keyOf(4), 0, 0)).to.equal('NOT_A_MEMBER')
  })

  it('M12: NOT_A_MEMBER for a block that names a registrar size before its admission', () => {
    const next = after(after(start), admit(4))
    expect(mayWrite(next, keyOf(4), 1, 0)).to.equal('NOT_A_MEMBER')
    expect(mayWrite(next, keyOf(4), 2, 0)).to.equal(undefined)
  })

  it('M12: REGISTRAR_AHEAD for a size above the one held, for strangers too', () => {
    expect(mayWrite(start, keyOf(2), 1, 0)).to.equal('REGISTRAR_AHEAD')
    expect(mayWrite(start, keyOf(4), 1, 0)).to.equal('REGISTRAR_AHEAD')
    expect(mayWrite(after(start), keyOf(2), 1, 0)).to.equal(undefined)
  })

  it('M12: REVOKED from the end on, whatever size the block names', () => {
    const next = after(start, revoke(2, 5))
    expect(mayWrite(next, keyOf(2), 0, 4)).to.equal(undefined)
    expect(mayWrite(next, keyOf(2), 0, 5)).to.equal('REVOKED')
    expect(mayWrite(next, keyOf(2), 9, 5)).to.equal('REVOKED')
  })

  it('M12: ROLE_MISSING without the role of a meter', () => {
    expect(mayWrite(start, keyOf(3), 0, 0)).to.equal('ROLE_MISSING')
  })

  it('M12: the registrar may always write, its own chain being the one that counts', () => {
    expect(mayWrite(start, keyOf(1), 7, 7)).to.equal(undefined)
  })

  it('M13: a revoked chain counts up to its end, and has the named root there', () => {
    const member = after(start, revoke(2, 5)).at(1)
    if (member === undefined) throw new Error('member 1 expected')
    expect([3, 5, 8].map((size) => headLeafSize(member, size))).to.deep.equal([3, 5, 5])
    const other = new Uint8Array(32)
    expect([agreesWithEnd(member, 5, hash), agreesWithEnd(member, 5, other), agreesWithEnd(member, 4, other)]).to.deep.equal([
      true,
      false,
      true,
    ])
    expect(headLeafSize(start.registrar, 8)).to.equal(8)
    expect(agreesWithEnd(start.registrar, 8, other)).to.equal(true)
  })

  it('M14: a label is learnt from the record that the chain names', () => {
    const next = after(start, admit(4))
    expect(next.withLabel(keyOf(4), record).at(3)?.label).to.equal('Elm Street 14')
    expect(next.at(3)?.label).to.equal(undefined)
    const kept = after(next.withLabel(keyOf(4), record), admit(5, { invitationKey: keyOf(8) }))
    expect(kept.at(3)?.label).to.equal('Elm Street 14')
    expect(kept.withLabel(keyOf(5), record).isInvitationUsed(keyOf(8))).to.equal(true)
  })

  it('M14: a label of a stranger, of a member of genesis, or of another hash is refused', () => {
    const next = after(start, admit(4))
    expectRefusal('NOT_A_MEMBER', () => next.withLabel(keyOf(5), record))
    expectRefusal('LABEL_MISMATCH', () => next.withLabel(keyOf(2), record))
    expectRefusal('LABEL_MISMATCH', () => next.withLabel(keyOf(4), encodeLabelRecord(new Uint8Array(16), 'x')))
    expectRefusal('LABEL_INVALID', () => next.withLabel(keyOf(4), new Uint8Array(16)))
  })

  it('whatever the operations: sizes count, indices stay, keys are unique, one block at a time or replayed', () => {
    const anyOperation = fc.oneof(
      fc.record({ n: fc.integer({ min: 1, max: 8 }), invitation: fc.integer({ min: 0, max: 2 }) }).map(({ n, invitation }) => {
        return invitation === 0 ? admit(n) : admit(n, { invitationKey: keyOf(20 + invitation) })
      }),
      fc.integer({ min: 1, max: 8 }).map((n) => revoke(n)),
      fc
        .record({ n: fc.integer({ min: 1, max: 8 }), roles: fc.constantFrom(2, 4, 6, 8) })
        .map(({ n, roles }): MembershipOperation => ({ type: 'change-roles', key: keyOf(n), roles })),
      fc
        .record({ n: fc.integer({ min: 1, max: 8 }), by: fc.integer({ min: 1, max: 8 }) })
        .map(({ n, by }): MembershipOperation => ({ ...revoke(n), type: 'replace-key', newKey: keyOf(by), labelHash: hash })),
    )
    fc.assert(
      fc.property(fc.array(fc.array(anyOperation, { maxLength: 4 }), { maxLength: 8 }), (blocks) => {
        let membership = start
        const used: string[] = []
        for (const operations of blocks) {
          const { membership: next, voided } = applyMembership(membership, operations)
          const valid = operations.filter((_, position) => !voided.some((one) => one.position === position))
          for (const one of valid) if (one.type === 'admit' && one.invitationKey) used.push(toHex(one.invitationKey))
          expect(next.size).to.equal(membership.size + 1)
          for (const member of membership.members) {
            const same = next.at(member.index)
            expect(same !== undefined && equalBytes(same.key, member.key) && same.admittedAt === member.admittedAt).to.equal(true)
            if (member.revoked !== undefined) expect(same?.revoked).to.deep.equal(member.revoked)
          }
          membership = next
        }
        expect(new Set(used).size).to.equal(used.length)
        expect(new Set(membership.members.map(({ keyHex }) => keyHex)).size).to.equal(membership.members.length)
        membership.members.forEach(({ index, key }, at) => {
          expect(index).to.equal(at)
          expect(membership.member(key)?.index).to.equal(at)
        })
        for (const { index, replaces, roles } of membership.members) {
          if (replaces !== undefined) expect(membership.at(replaces)?.revoked?.replacedBy).to.equal(index)
          const isWitness = membership.at(index)?.revoked === undefined && (roles & ROLE_WITNESS) !== 0
          expect(membership.witnesses.includes(index)).to.equal(isWitness)
        }
        const replayed = blocks.reduce((state, operations) => after(state, ...operations), start)
        expect(replayed.members).to.deep.equal(membership.members)
      }),
      { numRuns: 100 },
    )
  })
})
