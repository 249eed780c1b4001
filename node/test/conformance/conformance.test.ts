import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect } from 'chai'
import { systemEnvironment } from '../../platform.ts'
import { casesOf } from './cases.ts'
import { EXPLANATIONS } from './explanations.ts'
import { digitsOf, exact, sameTexts } from './outcome.ts'

describe('conformance', () => {
  it('quantities are equal whatever their decimals and prefixes', () => {
    expect(exact('001.2500', 'kWh')).to.equal(exact('1250', 'Wh'))
    expect(exact('-125e1', 'Wh')).to.equal(exact('-1.25', 'kWh'))
    expect(exact('0.000', 'kWh')).to.equal(exact('0', 'Wh'))
    expect(exact('1', 'kWh')).to.not.equal(exact('1', 'kvarh'))
    expect(exact('text', 'parsec')).to.equal('text parsec')
    expect(digitsOf('-0012.300')).to.equal('-123')
    expect(digitsOf('0.0')).to.equal('0')
  })

  it('values are compared as often as they stand there, both ways', () => {
    expect(sameTexts(['a', 'b', 'a'], ['a', 'a', 'b'])).to.deep.equal({ state: 'matched', values: 3 })
    const differs = sameTexts(['a', 'a'], ['a', 'c'])
    expect(differs).to.deep.equal({ state: 'differs', reason: 'of 2: 1 expected and not read (a); 1 read and not expected (c)' })
  })

  it('every expected file matches, or its difference is explained', async function () {
    this.timeout(60_000)
    const directory = resolve(systemEnvironment()['WATTNESS_DATA'] ?? '../shared/data')
    if (!existsSync(directory)) return console.log(`      ${directory} is not there: no capture was compared`)
    const wrong: string[] = []
    let matched = 0
    for (const { file, compare } of casesOf(directory)) {
      const outcome = await compare()
      if (outcome.state === 'matched') matched++
      if ((outcome.state === 'matched') === EXPLANATIONS.has(file)) wrong.push(`${file}: ${JSON.stringify(outcome)}`)
    }
    expect(wrong).to.deep.equal([])
    expect(matched).to.be.at.least(175)
  })
})
