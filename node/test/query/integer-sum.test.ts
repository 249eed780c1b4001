import { expect } from 'chai'
import fc from 'fast-check'
import { formatQuantity, UNIT } from '../../../protocol/index.ts'
import { formatInteger, IntegerSum, meanOf, shareOf, ValueText } from '../../query/integer-sum.ts'
import { kindOf } from '../../query/register-kind.ts'
import { register } from './made-home.ts'

describe('exact sums and shares', () => {
  it('sums of safe integers and of products are exact, however large', () => {
    const pairs = fc.array(fc.tuple(fc.maxSafeInteger(), fc.maxSafeInteger()), { maxLength: 20 })
    fc.assert(
      fc.property(pairs, (given) => {
        const sum = new IntegerSum()
        for (const [x, y] of given) {
          sum.add(x)
          sum.addProduct(x, y)
        }
        const expected = given.reduce((all, [x, y]) => all + BigInt(x) + BigInt(x) * BigInt(y), 0n)
        expect(BigInt(sum.value)).to.equal(expected)
      }),
    )
  })

  it('shares of parts are together the whole, and none is more than a unit off', () => {
    const whole = fc.integer({ min: 1, max: 2 ** 40 })
    fc.assert(
      fc.property(fc.maxSafeInteger(), whole, fc.double({ min: 0, max: 1, noNaN: true }), (amount, length, where) => {
        const part = Math.floor(length * where)
        const share = shareOf(amount, part, length)
        const exact = BigInt(amount) * BigInt(part)
        const off = exact - BigInt(share) * BigInt(length)
        expect(off >= 0n && off < BigInt(length)).to.equal(true)
        expect(shareOf(amount, length, length)).to.equal(amount)
      }),
    )
  })

  it('a mean is the nearest integer, halves away from zero', () => {
    expect([meanOf(7n, 2n), meanOf(-7n, 2n), meanOf(-6n, 4n), meanOf(5n, 4n), meanOf(0n, 3n)]).to.deep.equal([
      4n,
      -4n,
      -2n,
      1n,
      0n,
    ])
  })

  it('text is that of the commands, and goes on where a float ends', () => {
    for (const each of [register('1-0:1.8.0'), register('1-0:1.8.0', UNIT.wattHour, -3), register('1-0:32.7.0', UNIT.volt, -1)]) {
      const text = new ValueText(each)
      for (const value of [0, 1, -1, 999, -12_345_678, Number.MAX_SAFE_INTEGER])
        expect({ value: text.of(value), unit: text.unit }).to.deep.equal(formatQuantity(each, value))
    }
    expect(formatInteger(2n ** 80n, -3)).to.equal('1208925819614629174706.176')
    expect(formatInteger(-5n, 2)).to.equal('-500')
    expect(formatInteger(0n, 2)).to.equal('0')
  })
})

describe('what a register is', () => {
  it('follows from its code', () => {
    const kinds = [
      ['1-0:1.8.1', UNIT.wattHour, 'counter'],
      ['1-0:1.17.0', UNIT.wattHour, 'counter'],
      ['1-0:1.29.0', UNIT.wattHour, 'total'],
      ['1-0:1.27.0', UNIT.watt, 'mean'],
      ['1-0:32.7.0', UNIT.volt, 'mean'],
      ['1-0:1.53.0', UNIT.watt, 'maximum'],
      ['1-0:1.6.0', UNIT.watt, 'maximum'],
      ['1-0:1.3.0', UNIT.watt, 'minimum'],
      ['0-1:24.2.1', UNIT.m3, 'counter'],
      ['0-0:96.7.21', UNIT.count, 'mean'],
      ['7-0:3.0.0', UNIT.m3, 'counter'],
      ['7-0:43.15.0', 15, 'mean'],
    ] as const
    for (const [code, unit, kind] of kinds) expect(kindOf(register(code, unit)), code).to.equal(kind)
  })
})
