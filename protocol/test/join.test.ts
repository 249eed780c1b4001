import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { concat, fromHex } from '../bytes.ts'
import { signInvitation } from '../invitation.ts'
import {
  admissionOf,
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeJoinAnswer,
  encodeJoinRequest,
  formatJoinRequest,
  JOIN_REFUSALS,
  type JoinContext,
  type JoinRefusal,
  type JoinRequest,
  type JoinRequestInit,
  makeJoinRequest,
  parseJoinRequest,
  validateJoinRequest,
} from '../join.ts'
import { encodeLabelRecord, labelHash } from '../label.ts'
import { MAX_MEMBERS, MAX_WITNESSES } from '../limits.ts'
import { applyMembership, initialMembership, type Membership } from '../membership.ts'
import type { MembershipOperation } from '../membership-body.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_WITNESS } from '../roles.ts'
import { signStatement } from '../statement.ts'
import { survive } from './made-up-bytes.ts'
import { keyOf, seedOf, signerOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { signerFromSeed, testVerify } from './signing.ts'
import { INVITED_REQUEST, joinVectors, OPEN_REQUEST, SAMPLE_GENESIS, SAMPLE_HELD } from './vectors/make-join.ts'

const { networkId } = SAMPLE_GENESIS
const membership = initialMembership(SAMPLE_GENESIS)
const label = OPEN_REQUEST.label
const { expiresAt } = SAMPLE_HELD.invitation

const make = (init: Partial<JoinRequestInit>): JoinRequest =>
  makeJoinRequest({ networkId, member: signerOf(2), roles: ROLE_METER, label, ...init }, signerFromSeed)

const after = (...operations: MembershipOperation[]): Membership => applyMembership(membership, operations).membership

function validate(request: JoinRequest, context: Partial<JoinContext> = {}): JoinRefusal | undefined {
  return validateJoinRequest(request, { membership, networkId, nowMs: 0, verify: testVerify, invitation: 'required', ...context })
}

describe('join', () => {
  for (const request of [OPEN_REQUEST, INVITED_REQUEST]) {
    const kind = request.invited === undefined ? 'without' : 'with'

    it(`G15: a request ${kind} invitation comes back as it went, as bytes and as text`, () => {
      expect(decodeJoinRequest(encodeJoinRequest(request))).to.deep.equal(request)
      expect(formatJoinRequest(request)).to.match(/^wattness-request:1:/)
      expect(parseJoinRequest(formatJoinRequest(request))).to.deep.equal(request)
    })

    it(`G15: a request ${kind} invitation: nothing may be missing, nothing may follow`, () => {
      const bytes = encodeJoinRequest(request)
      for (let length = 0; length < bytes.length; length++) {
        expectRefusal('TRUNCATED', () => decodeJoinRequest(bytes.subarray(0, length)))
      }
      expectRefusal('TRAILING_BYTES', () => decodeJoinRequest(concat(bytes, Uint8Array.of(0))))
    })

    it(`G14, G15: a request ${kind} invitation: no changed byte passes`, () => {
      const bytes = encodeJoinRequest(request)
      const context = { invitation: request.invited === undefined ? 'optional' : 'required' } as const
      expect(validate(request, context)).to.equal(undefined)
      for (let at = 0; at < bytes.length; at++) {
        const mutated = bytes.slice()
        mutated[at] = (mutated[at] as number) ^ 1
        survive(() => expect(validate(decodeJoinRequest(mutated), context), `byte ${at}`).not.to.equal(undefined))
      }
    })
  }

  it('G15: the longest request fits its text', () => {
    const longest = make({ label: encodeLabelRecord(new Uint8Array(16), 'x'.repeat(64)), held: SAMPLE_HELD })
    expect(parseJoinRequest(formatJoinRequest(longest))).to.deep.equal(longest)
  })

  it('G15: roles that cannot be given are refused both ways', () => {
    for (const roles of [0, 1, 16]) {
      expectRefusal('OUT_OF_RANGE', () => make({ roles }))
      const bytes = encodeJoinRequest(OPEN_REQUEST)
      bytes[64] = roles
      expectRefusal('OUT_OF_RANGE', () => decodeJoinRequest(bytes))
    }
  })

  it('G15: a label that is none is refused both ways', () => {
    expectRefusal('LABEL_INVALID', () => make({ label: new Uint8Array(16) }))
    const bytes = encodeJoinRequest(OPEN_REQUEST)
    bytes[66 + 16] = 0x07
    expectRefusal('LABEL_INVALID', () => decodeJoinRequest(bytes))
    bytes[65] = 81
    expectRefusal('OUT_OF_RANGE', () => decodeJoinRequest(bytes))
  })

  it('G15: the invitation flag is 0 or 1', () => {
    const bytes = encodeJoinRequest(OPEN_REQUEST)
    bytes[66 + label.length] = 2
    expectRefusal('NON_CANONICAL', () => decodeJoinRequest(bytes))
  })

  it('REQUEST_INVALID: text that is no request', () => {
    expectRefusal('REQUEST_INVALID', () => parseJoinRequest('wattness-ticket:1:AAAA'))
    expectRefusal('REQUEST_INVALID', () => parseJoinRequest(formatJoinRequest(OPEN_REQUEST).slice(0, -3)))
  })

  it('INVITATION_INVALID: a seed that is not the invitation’s', () => {
    expectRefusal('INVITATION_INVALID', () => make({ held: { ...SAMPLE_HELD, seed: seedOf(5) } }))
  })

  it('G16: a request with a genuine invitation is admitted, with what it asked for', () => {
    expect(validate(INVITED_REQUEST)).to.equal(undefined)
    const admit = { type: 'admit', key: keyOf(2), roles: ROLE_METER, labelHash: labelHash(label) } as const
    expect(admissionOf(INVITED_REQUEST)).to.deep.equal({ ...admit, invitationKey: keyOf(4) })
    expect(admissionOf(OPEN_REQUEST)).to.deep.equal(admit)
  })

  it('G16: WRONG_NETWORK', () => {
    expect(validate(INVITED_REQUEST, { networkId: new Uint8Array(32) })).to.equal('WRONG_NETWORK')
  })

  it('G16: UNACCEPTABLE_KEY', () => {
    expect(validate({ ...INVITED_REQUEST, member: new Uint8Array(32) })).to.equal('UNACCEPTABLE_KEY')
  })

  it('G16: BAD_SIGNATURE where the member did not sign, so that nobody is asked in against his will', () => {
    expect(validate({ ...INVITED_REQUEST, member: keyOf(3) })).to.equal('BAD_SIGNATURE')
    expect(validate({ ...INVITED_REQUEST, roles: ROLE_OBSERVER })).to.equal('BAD_SIGNATURE')
  })

  it('G16: ALREADY_MEMBER and REVOKED', () => {
    const admit = admissionOf(INVITED_REQUEST)
    expect(validate(INVITED_REQUEST, { membership: after(admit) })).to.equal('ALREADY_MEMBER')
    const revoke = { type: 'revoke', key: keyOf(2), endSize: 1, endRoot: new Uint8Array(32) } as const
    expect(validate(INVITED_REQUEST, { membership: after(admit, revoke) })).to.equal('REVOKED')
  })

  it('G16: MEMBERS_FULL', () => {
    let full = membership
    for (let i = 0; full.members.length < MAX_MEMBERS; i++) {
      const key = keyOf(9)
      key[5] = i & 255
      key[6] = i >> 8
      full = applyMembership(full, [{ ...admissionOf(OPEN_REQUEST), key }]).membership
    }
    expect(validate(INVITED_REQUEST, { membership: full })).to.equal('MEMBERS_FULL')
  })

  it('G16: WITNESSES_FULL for one who would be the 23rd witness', () => {
    const admits = Array.from({ length: MAX_WITNESSES }, (_, i) => {
      const key = keyOf(9)
      key[5] = i
      return { ...admissionOf(OPEN_REQUEST), key, roles: ROLE_WITNESS }
    })
    const full = after(...admits)
    expect(validate(make({ roles: ROLE_METER | ROLE_WITNESS }), { membership: full })).to.equal('WITNESSES_FULL')
    expect(validate(make({ roles: ROLE_METER }), { membership: full, invitation: 'optional' })).to.equal(undefined)
    expect(validate(make({ roles: ROLE_WITNESS }), { membership: after(...admits.slice(1)), invitation: 'optional' })).to.equal(
      undefined,
    )
  })

  it('G16: INVITATION_REQUIRED, unless the operator pastes the request in', () => {
    expect(validate(OPEN_REQUEST)).to.equal('INVITATION_REQUIRED')
    expect(validate(OPEN_REQUEST, { invitation: 'optional' })).to.equal(undefined)
  })

  it('G16: INVITATION_INVALID where the registrar did not sign it', () => {
    const forged = signInvitation(signerOf(3), networkId, SAMPLE_HELD.invitation)
    expect(validate(make({ held: { invitation: forged, seed: seedOf(4) } }))).to.equal('INVITATION_INVALID')
    expect(validate(make({ held: { invitation: forged, seed: seedOf(4) } }), { invitation: 'optional' })).to.equal(
      'INVITATION_INVALID',
    )
  })

  it('G14: INVITATION_INVALID where the seed signed for another key or another label', () => {
    const spent = INVITED_REQUEST.invited
    if (spent === undefined) throw new Error('invited request expected')
    const stolen = (init: Partial<JoinRequestInit>): JoinRequest => {
      const taken = { ...make({ held: SAMPLE_HELD, ...init }), invited: spent }
      const signed = encodeJoinRequest(taken).subarray(0, -64)
      return { ...taken, signature: signStatement(init.member ?? signerOf(2), 'request', networkId, signed) }
    }
    expect(validate(stolen({ member: signerOf(3) }))).to.equal('INVITATION_INVALID')
    expect(validate(stolen({ label: encodeLabelRecord(new Uint8Array(16), 'x') }))).to.equal('INVITATION_INVALID')
    expect(validate(stolen({}))).to.equal(undefined)
  })

  it('G16: INVITATION_EXPIRED from its last moment on', () => {
    expect(validate(INVITED_REQUEST, { nowMs: expiresAt - 1 })).to.equal(undefined)
    expect(validate(INVITED_REQUEST, { nowMs: expiresAt })).to.equal('INVITATION_EXPIRED')
  })

  it('G16: INVITATION_USED', () => {
    const used = after({ ...admissionOf(INVITED_REQUEST), key: keyOf(3) })
    expect(validate(INVITED_REQUEST, { membership: used })).to.equal('INVITATION_USED')
  })

  it('G16: ROLES_NOT_GRANTED for more than the invitation says', () => {
    expect(validate(make({ held: SAMPLE_HELD, roles: ROLE_METER | ROLE_OBSERVER }))).to.equal('ROLES_NOT_GRANTED')
  })

  it('G17: answers come back as they went', () => {
    for (const code of JOIN_REFUSALS) {
      expect(decodeJoinAnswer(encodeJoinAnswer({ type: 'refused', code }))).to.deep.equal({ type: 'refused', code })
    }
    fc.assert(
      fc.property(fc.maxSafeNat(), (registrarSize) => {
        const answer = { type: 'accepted', registrarSize } as const
        expect(decodeJoinAnswer(encodeJoinAnswer(answer))).to.deep.equal(answer)
      }),
    )
  })

  it('G17: other answers are refused', () => {
    for (const bytes of [[0], [3], [2, 0], [2, JOIN_REFUSALS.length + 1]]) {
      expectRefusal('OUT_OF_RANGE', () => decodeJoinAnswer(Uint8Array.from(bytes)))
    }
    expectRefusal('TRUNCATED', () => decodeJoinAnswer(new Uint8Array(0)))
    expectRefusal('TRAILING_BYTES', () => decodeJoinAnswer(Uint8Array.of(1, 2, 3)))
  })

  it('made-up bytes are refused with a WattnessError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => survive(() => decodeJoinRequest(bytes))))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => survive(() => decodeJoinAnswer(bytes))))
    fc.assert(fc.property(fc.string(), (text) => survive(() => parseJoinRequest(`wattness-request:1:${text}`))))
  })

  it('vectors: regenerating gives the same file, and its requests are genuine', () => {
    const file = readFileSync(new URL('vectors/join.json', import.meta.url), 'utf8')
    expect(`${JSON.stringify(joinVectors, null, 2)}\n`).to.equal(file)
    for (const { name, text, bytes } of JSON.parse(file).cases) {
      const request = decodeJoinRequest(fromHex(bytes))
      expect(parseJoinRequest(text), name).to.deep.equal(request)
      expect(validate(request, { invitation: 'optional' }), name).to.equal(undefined)
    }
    for (const { bytes, ...answer } of JSON.parse(file).answers) expect(decodeJoinAnswer(fromHex(bytes))).to.deep.equal(answer)
  })
})
