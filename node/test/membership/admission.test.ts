import { expect } from 'chai'
import { formatGenesis, initialMembership, type Membership, parseGenesis, toHex, ZERO_HASH } from '../../../protocol/index.ts'
import { type AdmissionInit, admission, MAX_STRANGERS } from '../../membership/index.ts'
import { signerOf } from '../harness/neighbourhood.ts'

const keyOf = (name: string): Uint8Array => signerOf(name).publicKey

describe('admission', () => {
  function init(fields: Partial<AdmissionInit> = {}, observers: 'open' | 'listed' = 'listed'): AdmissionInit {
    const members = [{ key: keyOf('meter'), roles: 2, label: 'meter' }]
    const genesis = parseGenesis(formatGenesis({ name: 'gate', registrar: keyOf('registrar'), members, observers }))
    const membership = (): Membership => initialMembership(genesis)
    return { genesis, membership, isConfigured: () => false, servesJoin: false, linkedStrangers: () => 0, ...fields }
  }

  it('members are let in, whoever dials', () => {
    for (const direction of ['inbound', 'outbound'] as const) {
      expect(admission(init(), keyOf('meter'), direction)).to.equal(true)
      expect(admission(init(), keyOf('registrar'), direction)).to.equal(true)
    }
  })

  it('who was revoked is not, where observers are open too', () => {
    const { membership } = init()
    const revoked = membership().apply([{ type: 'revoke', key: keyOf('meter'), endSize: 0, endRoot: ZERO_HASH }]).membership
    for (const observers of ['open', 'listed'] as const) {
      expect(admission(init({ membership: () => revoked, servesJoin: true }, observers), keyOf('meter'), 'inbound')).to.equal(
        false,
      )
    }
  })

  it('strangers are let in where observers are open, up to a bound', () => {
    expect(admission(init(), keyOf('stranger'), 'inbound')).to.equal(false)
    expect(admission(init({}, 'open'), keyOf('stranger'), 'inbound')).to.equal(true)
    const full = init({ linkedStrangers: () => MAX_STRANGERS }, 'open')
    expect(admission(full, keyOf('stranger'), 'inbound')).to.equal(false)
    expect(admission(full, keyOf('meter'), 'inbound')).to.equal(true)
  })

  it('strangers are guests where requests to join are answered', () => {
    expect(admission(init({ servesJoin: true }), keyOf('stranger'), 'inbound')).to.equal('guest')
  })

  it('a configured address is dialled before membership is known, and does not open the door for its key', () => {
    const configured = init({ isConfigured: (keyHex) => keyHex === toHex(keyOf('stranger')) })
    expect(admission(configured, keyOf('stranger'), 'outbound')).to.equal(true)
    expect(admission(configured, keyOf('stranger'), 'inbound')).to.equal(false)
  })
})
