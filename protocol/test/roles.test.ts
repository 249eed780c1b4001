import { expect } from 'chai'
import fc from 'fast-check'
import {
  formatRoles,
  hasRoles,
  isGrantable,
  parseRoles,
  ROLE_METER,
  ROLE_OBSERVER,
  ROLE_REGISTRAR,
  ROLE_WITNESS,
} from '../roles.ts'
import { expectRefusal } from './refusal.ts'

describe('roles', () => {
  it('M1: bits are 1 registrar, 2 meter, 4 witness, 8 observer', () => {
    expect([ROLE_REGISTRAR, ROLE_METER, ROLE_WITNESS, ROLE_OBSERVER]).to.deep.equal([1, 2, 4, 8])
    expect(formatRoles(15)).to.equal('registrar,meter,witness,observer')
  })

  it('M1: text names each role once, in any order', () => {
    expect(parseRoles('witness,meter')).to.equal(ROLE_METER | ROLE_WITNESS)
    fc.assert(fc.property(fc.integer({ min: 1, max: 15 }), (roles) => parseRoles(formatRoles(roles)) === roles))
  })

  for (const text of ['', 'meter,', 'Meter', 'meter, witness', 'meter,meter', 'toString']) {
    it(`ROLES_INVALID: ${JSON.stringify(text)}`, () => {
      expectRefusal('ROLES_INVALID', () => parseRoles(text))
    })
  }

  it('M2: one to three of meter, witness, observer can be given, the registrar never', () => {
    const grantable = Array.from({ length: 256 }, (_, roles) => roles).filter(isGrantable)
    expect(grantable).to.deep.equal([2, 4, 6, 8, 10, 12, 14])
    expect(isGrantable(2.5)).to.equal(false)
  })

  it('hasRoles wants all of them', () => {
    expect(hasRoles(ROLE_METER, ROLE_METER | ROLE_WITNESS)).to.equal(false)
    expect(hasRoles(ROLE_METER | ROLE_WITNESS, ROLE_METER)).to.equal(true)
  })
})
