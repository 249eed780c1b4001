import { expect } from 'chai'
import fc from 'fast-check'
import { Reader, Writer } from '../bytes.ts'
import { type Invitation, readInvitation, signInvitation, verifyInvitation, writeInvitation } from '../invitation.ts'
import { survive } from './made-up-bytes.ts'
import { keyOf, signerOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'

const networkId = new Uint8Array(32).fill(5)
const terms = { key: keyOf(4), roles: 6, expiresAt: 1_800_000_000_000 }
const invitation = signInvitation(signerOf(1), networkId, terms)

const isGenuine = (changed: Partial<Invitation>, network = networkId, registrar = keyOf(1)): boolean =>
  verifyInvitation(testVerify, network, registrar, { ...invitation, ...changed })

const encoded = (one: Invitation): Uint8Array => {
  const writer = new Writer()
  writeInvitation(writer, one)
  return writer.finish()
}

describe('invitation', () => {
  it('G12: comes back as it went', () => {
    const reader = new Reader(encoded(invitation), 'invitation')
    expect(readInvitation(reader)).to.deep.equal(invitation)
    reader.done()
  })

  it('G12: roles that cannot be given are refused both ways', () => {
    for (const roles of [0, 1, 16]) {
      expectRefusal('OUT_OF_RANGE', () => signInvitation(signerOf(1), networkId, { ...terms, roles }))
      const bytes = encoded(invitation)
      bytes[32] = roles
      expectRefusal('OUT_OF_RANGE', () => readInvitation(new Reader(bytes, 'invitation')))
    }
  })

  it('G12: key and signature have their length', () => {
    expectRefusal('OUT_OF_RANGE', () => encoded({ ...invitation, key: new Uint8Array(31) }))
    expectRefusal('OUT_OF_RANGE', () => encoded({ ...invitation, signature: new Uint8Array(63) }))
  })

  it('G12: truncated bytes are refused', () => {
    const bytes = encoded(invitation)
    for (let length = 0; length < bytes.length; length++) {
      expectRefusal('TRUNCATED', () => readInvitation(new Reader(bytes, 'invitation', 0, length)))
    }
  })

  it('G13: the registrar’s signature covers network, key, roles and expiry', () => {
    expect(isGenuine({})).to.equal(true)
    expect(isGenuine({ key: keyOf(5) })).to.equal(false)
    expect(isGenuine({ roles: 14 })).to.equal(false)
    expect(isGenuine({ expiresAt: terms.expiresAt + 1 })).to.equal(false)
    expect(isGenuine({}, new Uint8Array(32))).to.equal(false)
    expect(isGenuine({}, networkId, keyOf(2))).to.equal(false)
  })

  it('made-up bytes are refused with a WattnessError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => survive(() => readInvitation(new Reader(bytes, 'invitation')))),
    )
  })
})
