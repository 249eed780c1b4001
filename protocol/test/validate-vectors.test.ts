import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { answerDoorCase, validateVectors } from './vectors/make-validate.ts'

const written = JSON.parse(readFileSync(new URL('vectors/validate.json', import.meta.url), 'utf8')) as typeof validateVectors

describe('the door, vectors', () => {
  it('validate.json is what its script makes', () => {
    expect(written).to.deep.equal(validateVectors)
  })

  for (const { answer, ...each } of written.cases) {
    it(each.name, () => {
      expect(answerDoorCase(written.genesis, each)).to.deep.equal(answer)
    })
  }
})
