import { expect } from 'chai'
import { type Attestation, signAttestation } from '../attestation.ts'
import { type AttestationContext, assertAttestation, membersAt } from '../attestation-check.ts'
import { EMPTY_ROOT } from '../hash.ts'
import { ROLE_METER } from '../roles.ts'
import { verdictOf } from '../verdict.ts'
import { after, genesis, start } from './door-setting.ts'
import { keyOf, signerOf } from './numbered-keys.ts'
import { expectRefusal } from './refusal.ts'
import { testVerify } from './signing.ts'

/** Key 2 is member 1, the only witness; key 5 is admitted by the registrar's second block, as member 4. */
const admit = { type: 'admit', key: keyOf(5), roles: ROLE_METER, labelHash: EMPTY_ROOT } as const
const grown = after(after(after(start), admit))

const now = 1_767_225_600_000
let signatures = 0
const verify: typeof testVerify = (...all) => {
  signatures++
  return testVerify(...all)
}

const context: AttestationContext = {
  networkId: genesis.networkId,
  now,
  maxClockDriftMs: 120_000,
  membership: grown,
  witnessesOf: (epoch) => (epoch === 0 ? [1] : epoch === 1 ? [2] : undefined),
}

const sample: Attestation = {
  witness: keyOf(2),
  epoch: 0,
  sequence: 1,
  timeMs: now,
  frontier: [2, 7, 0, 3],
  named: [],
  headsRoot: EMPTY_ROOT,
}

function judge(change: Partial<Attestation> = {}, more: Partial<AttestationContext> = {}, by = 2): number {
  signatures = 0
  const signed = signAttestation(signerOf(by), genesis.networkId, { ...sample, witness: keyOf(by), ...change })
  return assertAttestation(verify, { ...context, ...more }, signed).index
}

function expectIgnored(code: string, act: () => unknown): void {
  const error = expectRefusal(code, act)
  expect(verdictOf(error).verdict).to.equal('ignore')
  expect(signatures, 'what is ignored anyway is not worth a signature check').to.equal(0)
}

describe('judging an attestation', () => {
  it('A5: a witness of its epoch is answered with', () => {
    expect(judge()).to.equal(1)
    expect(signatures).to.equal(1)
  })

  it('A5: NOT_A_WITNESS: no member, a member that is none, a witness of another epoch', () => {
    expectIgnored('NOT_A_WITNESS', () => judge({}, {}, 9))
    expectIgnored('NOT_A_WITNESS', () => judge({}, {}, 3))
    expectIgnored('NOT_A_WITNESS', () => judge({ epoch: 1 }))
    expect(judge({ epoch: 1 }, {}, 3)).to.equal(2)
  })

  it('A5: EPOCH_AHEAD: an epoch that has not begun here', () => {
    expectIgnored('EPOCH_AHEAD', () => judge({ epoch: 2 }))
  })

  it('A5: CLOCK_AHEAD: a time beyond the drift of genesis; the past is any', () => {
    expect(judge({ timeMs: now + 120_000 })).to.equal(1)
    expect(judge({ timeMs: 0 })).to.equal(1)
    expectIgnored('CLOCK_AHEAD', () => judge({ timeMs: now + 120_001 }))
  })

  it('A5: FRONTIER_TOO_LONG: more chains than members at the registrar size in the frontier', () => {
    expectIgnored('FRONTIER_TOO_LONG', () => judge({ frontier: [1, 7, 0, 3, 1] }))
    expect(judge({ frontier: [2, 7, 0, 3, 1] })).to.equal(1)
    expectIgnored('FRONTIER_TOO_LONG', () => judge({ frontier: [2, 7, 0, 3, 1, 0] }))
    // Of a longer registrar's chain than the one held here nothing is known: it is fetched first (rule A6).
    expect(judge({ frontier: [4, 7, 0, 3, 1, 0] })).to.equal(1)
  })

  it('A5: BAD_SIGNATURE: forged, or for another network', () => {
    const signed = signAttestation(signerOf(2), genesis.networkId, sample)
    const forged = { ...signed, signature: signed.signature.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) }
    for (const [attestation, networkId] of [
      [forged, genesis.networkId],
      [signed, EMPTY_ROOT],
    ] as const) {
      const error = expectRefusal('BAD_SIGNATURE', () => assertAttestation(verify, { ...context, networkId }, attestation))
      expect(verdictOf(error).verdict).to.equal('reject')
    }
  })

  it('A5: a replayed one is judged as it was the first time', () => {
    expect(judge()).to.equal(judge())
  })

  it('M8: how many members there are at a registrar size', () => {
    expect([0, 1, 2, 3].map((size) => membersAt(grown, size))).to.deep.equal([4, 4, 5, 5])
  })
})
