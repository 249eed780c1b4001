import { expect } from 'chai'
import { KIND_EVENT, KIND_READINGS } from '../block.ts'
import { type Bytes, toHex } from '../bytes.ts'
import { continuationOf, formatContinuation } from '../continuation.ts'
import { EVENT_CODES, encodeEvents, type MeterEvent } from '../event-body.ts'
import { MAX_EVENT_DETAIL_BYTES, MAX_MEMBERS, MAX_WITNESSES } from '../limits.ts'
import { agreesWithEnd, applyMembership, headLeafSize, type Membership, mayWrite, witnessesOf } from '../membership.ts'
import type { Admit, ChangeRoles, MembershipOperation, ReplaceKey, Revoke } from '../membership-body.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_WITNESS } from '../roles.ts'
import type { ChainAuthor } from './chain-author.ts'
import { FIRST_SEALED_MS } from './chain-author.ts'
import { after, author, expectAccepted, expectIgnored, expectRejected, meter, show, start } from './door-setting.ts'
import { keyOf } from './numbered-keys.ts'

const hash = new Uint8Array(32).fill(9)
const METER_AND_WITNESS = ROLE_METER | ROLE_WITNESS

const admit = (key: Bytes, roles: number): Admit => ({ type: 'admit', key, roles, labelHash: hash })
const revoke = (n: number): Revoke => ({ type: 'revoke', key: keyOf(n), endSize: 3, endRoot: hash })
const change = (n: number, roles: number): ChangeRoles => ({ type: 'change-roles', key: keyOf(n), roles })
const replace = (n: number, by: number, more: Partial<ReplaceKey> = {}): ReplaceKey => ({
  type: 'replace-key',
  key: keyOf(n),
  newKey: keyOf(by),
  endSize: 3,
  endRoot: meter.state(3).root,
  labelHash: hash,
  ...more,
})

const reasons = (membership: Membership, ...operations: MembershipOperation[]): unknown =>
  applyMembership(membership, operations).voided.map(({ position, reason }) => [position, reason])

function nearKey(i: number): Bytes {
  const key = keyOf(9)
  key[20] = i & 255
  key[21] = i >> 8
  return key
}

/** Key 2 is a witness by genesis; others join it until there are `count`. */
function withWitnesses(count: number): Membership {
  return after(start, ...Array.from({ length: count - 1 }, (_, i) => admit(nearKey(i), ROLE_WITNESS)))
}

describe('changes of membership', () => {
  it('M15: the roles given are all that a member has from the size after the block on', () => {
    const next = after(start, change(2, ROLE_OBSERVER))
    expect(next.at(1)).to.deep.include({ roles: ROLE_OBSERVER, meterUntil: 1, admittedAt: 0, label: 'meter' })
    expect(after(start, change(2, ROLE_METER)).at(1)).to.not.have.property('meterUntil')
    expect(start.at(1)?.roles).to.equal(METER_AND_WITNESS)
  })

  it('M12: what names a size below the one from which the role of a meter was taken away stays right', () => {
    const size2 = after(after(start), change(2, ROLE_WITNESS))
    expect(mayWrite(size2, keyOf(2), 1, 7)).to.equal(undefined)
    expect(mayWrite(size2, keyOf(2), 2, 7)).to.equal('ROLE_MISSING')
    expect(mayWrite(size2, keyOf(2), 3, 7)).to.equal('REGISTRAR_AHEAD')
    const kept = after(size2, change(2, ROLE_OBSERVER))
    expect([mayWrite(kept, keyOf(2), 1, 7), mayWrite(kept, keyOf(2), 2, 7)]).to.deep.equal([undefined, 'ROLE_MISSING'])
  })

  it('M12: a member that is given the role of a meter may write from then on', () => {
    expect(mayWrite(start, keyOf(3), 0, 0)).to.equal('ROLE_MISSING')
    expect(mayWrite(after(start, change(3, ROLE_METER)), keyOf(3), 1, 0)).to.equal(undefined)
  })

  it('M12: an answer "may write" stays, however often the role is taken away and given again', () => {
    let membership = start
    const allowed = new Set<number>()
    for (let size = 0; size < 12; size++) {
      for (let named = 0; named <= size; named++) {
        const isAllowed = mayWrite(membership, keyOf(4), named, 0) === undefined
        if (isAllowed) allowed.add(named)
        expect(isAllowed, `size ${named} under ${size}`).to.equal(allowed.has(named))
      }
      membership = after(membership, change(4, size % 2 === 0 ? ROLE_OBSERVER : ROLE_METER))
    }
  })

  it('M17: changing the roles of a stranger, the registrar or a revoked member, or to the same, is void', () => {
    expect(reasons(start, change(9, ROLE_METER), change(1, ROLE_METER), change(3, ROLE_OBSERVER))).to.deep.equal([
      [0, 'unknown-member'],
      [1, 'registrar-key'],
      [2, 'same-roles'],
    ])
    expect(reasons(start, revoke(2), change(2, ROLE_OBSERVER))).to.deep.equal([[1, 'already-revoked']])
  })

  it('M18: the old chain ends, and the new key is admitted with the roles of the old one', () => {
    const next = after(after(start), replace(2, 5))
    const { root } = meter.state(3)
    expect(next.at(1)?.revoked).to.deep.equal({ atSize: 2, endSize: 3, endRoot: root, replacedBy: 4 })
    expect(next.at(4)).to.deep.equal({
      index: 4,
      key: keyOf(5),
      keyHex: toHex(keyOf(5)),
      roles: METER_AND_WITNESS,
      labelHash: hash,
      admittedAt: 2,
      replaces: 1,
    })
    expect([mayWrite(next, keyOf(2), 0, 2), mayWrite(next, keyOf(2), 0, 3)]).to.deep.equal([undefined, 'REVOKED'])
    expect([mayWrite(next, keyOf(5), 1, 0), mayWrite(next, keyOf(5), 2, 0)]).to.deep.equal(['NOT_A_MEMBER', undefined])
  })

  it('M13: a replaced chain counts up to its end, and has the named root there', () => {
    const member = after(start, replace(2, 5)).at(1)
    if (member === undefined) throw new Error('member 1 expected')
    expect([headLeafSize(member, 2), headLeafSize(member, 5)]).to.deep.equal([2, 3])
    expect([agreesWithEnd(member, 3, meter.state(3).root), agreesWithEnd(member, 3, hash)]).to.deep.equal([true, false])
  })

  it('M18: a key that replaced another may be replaced too', () => {
    const next = after(start, replace(2, 5), replace(5, 6))
    expect([next.at(4)?.revoked?.replacedBy, next.at(5)?.replaces]).to.deep.equal([5, 4])
  })

  it('M18: replacing a stranger, the registrar or a revoked member is void, and so is a new key that is taken', () => {
    expect(
      reasons(start, replace(9, 5), replace(1, 5), replace(2, 1), replace(2, 3), replace(2, 2), revoke(2), replace(2, 5)),
    ).to.deep.equal([
      [0, 'unknown-member'],
      [1, 'registrar-key'],
      [2, 'registrar-key'],
      [3, 'already-member'],
      [4, 'already-member'],
      [6, 'already-revoked'],
    ])
    expect(reasons(after(start, revoke(3)), replace(2, 3))).to.deep.equal([[0, 'already-member']])
  })

  it('M18: replacing is void where there are 256 members', () => {
    let membership = start
    for (let i = 0; membership.members.length < MAX_MEMBERS; i++) membership = after(membership, admit(nearKey(i), ROLE_METER))
    expect(reasons(membership, replace(2, 5))).to.deep.equal([[0, 'members-full']])
    expect(after(membership, replace(2, 5)).at(1)?.revoked).to.equal(undefined)
  })

  it('M19: witnesses are those with the role that are not revoked, in order of index', () => {
    expect(witnessesOf(start)).to.deep.equal([1])
    const more = after(start, change(4, METER_AND_WITNESS), admit(keyOf(5), ROLE_WITNESS))
    expect(witnessesOf(more)).to.deep.equal([1, 3, 4])
    expect(witnessesOf(after(more, change(4, ROLE_METER)))).to.deep.equal([1, 4])
    expect(witnessesOf(after(more, revoke(2)))).to.deep.equal([3, 4])
    expect(witnessesOf(after(more, replace(2, 6)))).to.deep.equal([3, 4, 5])
  })

  it('M19, M10: the 23rd witness is not admitted, nor its invitation spent', () => {
    const full = withWitnesses(MAX_WITNESSES)
    expect(witnessesOf(full)).to.have.length(22)
    const invited = { ...admit(keyOf(5), METER_AND_WITNESS), invitationKey: keyOf(8) }
    expect(reasons(full, invited)).to.deep.equal([[0, 'witnesses-full']])
    expect(after(full, invited).isInvitationUsed(keyOf(8))).to.equal(false)
    expect(reasons(full, admit(keyOf(5), ROLE_METER))).to.deep.equal([])
    expect(reasons(full, revoke(2), invited)).to.deep.equal([])
    const last = withWitnesses(MAX_WITNESSES - 1)
    expect(reasons(last, invited, admit(keyOf(6), ROLE_WITNESS))).to.deep.equal([[1, 'witnesses-full']])
  })

  it('M19, M17: the 23rd witness is not made by a change of roles', () => {
    const full = withWitnesses(MAX_WITNESSES)
    expect(reasons(full, change(4, METER_AND_WITNESS))).to.deep.equal([[0, 'witnesses-full']])
    expect(reasons(full, change(2, ROLE_WITNESS))).to.deep.equal([])
    expect(reasons(full, change(2, ROLE_METER), change(4, METER_AND_WITNESS))).to.deep.equal([])
  })

  it('M19, M18: a new key takes the place of the old one among 22 witnesses', () => {
    const full = withWitnesses(MAX_WITNESSES)
    expect(reasons(full, replace(2, 5))).to.deep.equal([])
    expect(witnessesOf(after(full, replace(2, 5)))).to.have.length(22)
    expect(reasons(full, replace(2, 5), change(4, METER_AND_WITNESS))).to.deep.equal([[1, 'witnesses-full']])
  })
})

describe('the first block of a key that replaces another', () => {
  const membership = after(start, replace(2, 5))
  const continuation = continuationOf(membership, keyOf(5))
  if (continuation === undefined) throw new Error('key 5 replaces key 2')
  const detail = formatContinuation(continuation)
  const event = (code: number, text: string): MeterEvent => ({ time: FIRST_SEALED_MS, code, detail: text })

  const begin = (kind: number, ...events: MeterEvent[]): ChainAuthor =>
    author(5).append({ kind, registrarSize: 1, content: encodeEvents(events) })
  const said = (chain: ChainAuthor) => show(chain.run(0, chain.size), { membership })

  it('M20: names key, size and root of the end, within the length of a detail', () => {
    expect(detail).to.equal(`${toHex(keyOf(2))} 3 ${toHex(meter.state(3).root)}`)
    const longest = formatContinuation({ ...continuation, endSize: Number.MAX_SAFE_INTEGER })
    expect(longest.length).to.be.at.most(MAX_EVENT_DETAIL_BYTES)
    expect(continuationOf(membership, keyOf(2))).to.equal(undefined)
    expect(continuationOf(membership, keyOf(9))).to.equal(undefined)
  })

  it('M20: is an event block that begins with it; anything may follow', () => {
    expectAccepted(said(begin(KIND_EVENT, event(EVENT_CODES.continues, detail))))
    expectAccepted(said(begin(KIND_EVENT, event(EVENT_CODES.continues, detail), event(5, 'firmware'))))
    expectAccepted(said(begin(KIND_EVENT, event(EVENT_CODES.continues, detail)).append({ registrarSize: 1 })))
  })

  it('M20, NOT_CONTINUED: another first block is ignored', () => {
    expectIgnored('NOT_CONTINUED', said(begin(KIND_EVENT, event(5, detail))))
    expectIgnored('NOT_CONTINUED', said(begin(KIND_EVENT, event(EVENT_CODES.continues, ''))))
    expectIgnored('NOT_CONTINUED', said(begin(KIND_EVENT, event(EVENT_CODES.continues, detail.toUpperCase()))))
    expectIgnored('NOT_CONTINUED', said(begin(KIND_EVENT, event(5, 'x'), event(EVENT_CODES.continues, detail))))
    expectIgnored('NOT_CONTINUED', said(begin(3, event(EVENT_CODES.continues, detail))))
    expectRejected('TRUNCATED', said(author(5).append({ kind: KIND_READINGS, registrarSize: 1, content: Uint8Array.of(1) })))
  })

  it('M20: keys that replace none begin as they like, with that code too', () => {
    const content = encodeEvents([event(EVENT_CODES.continues, 'free')])
    expectAccepted(show(author(4).append({ content }).run(0, 1)))
  })
})
