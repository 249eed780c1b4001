import { expect } from 'chai'
import { WattnessError } from '../errors.ts'
import { type ValidationCode, VERDICTS, verdictOf } from '../verdict.ts'

const codes = Object.keys(VERDICTS) as ValidationCode[]

/** What a node can only say because of what it holds, what its clock shows, or which version it runs. */
const LOCAL: readonly ValidationCode[] = [
  'UNKNOWN_OPERATION',
  'UNKNOWN_EVIDENCE_KIND',
  'LABEL_MISMATCH',
  'NOT_A_MEMBER',
  'REVOKED',
  'REGISTRAR_AHEAD',
  'ROLE_MISSING',
  'NOT_CONTINUED',
  'QUARANTINED',
  'DUPLICATE',
  'UNKNOWN_PARENT',
  'CLOCK_AHEAD',
  'NOT_A_WITNESS',
  'EPOCH_AHEAD',
  'FRONTIER_TOO_LONG',
  'CONFLICT',
  'FORK',
  'OVERLOADED',
  'UNEXPECTED',
]

describe('verdicts', () => {
  for (const code of codes) {
    const expected = LOCAL.includes(code) ? 'ignore' : 'reject'
    it(`V1: ${code} is ${expected}`, () => {
      expect(verdictOf(new WattnessError(code, 'said'))).to.deep.equal({ verdict: expected, code })
    })
  }

  it('V1: an unexpected exception is ignored', () => {
    for (const thrown of [new Error('x'), new TypeError('x'), undefined, null, 'TRUNCATED', { code: 'TRUNCATED' }]) {
      expect(verdictOf(thrown)).to.deep.equal({ verdict: 'ignore', code: 'UNEXPECTED' })
    }
  })

  it('V1: a code that the table does not name is ignored', () => {
    for (const code of ['DISK_FULL', 'toString', '__proto__', '']) {
      expect(verdictOf(new WattnessError(code, 'said'))).to.deep.equal({ verdict: 'ignore', code: 'UNEXPECTED' })
    }
  })
})
