import { expect } from 'chai'
import fc from 'fast-check'
import { formatDecimal, formatQuantity, formatValue, parseDecimal, parseQuantity } from '../decimal.ts'
import { UNIT } from '../units.ts'
import { expectRefusal } from './refusal.ts'

const obis = { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }

describe('decimals', () => {
  it('R6: text to integer and scaler, with the decimals as given', () => {
    expect(parseDecimal('001234.500')).to.deep.equal({ value: 1_234_500, scaler: -3 })
    expect(parseDecimal('-12.5')).to.deep.equal({ value: -125, scaler: -1 })
    expect(parseDecimal('+7')).to.deep.equal({ value: 7, scaler: 0 })
    expect(Object.is(parseDecimal('-0.0').value, 0)).to.equal(true)
    expect(Object.is(parseDecimal('7').scaler, 0)).to.equal(true)
  })

  it('R6: integer and scaler to text', () => {
    expect(formatDecimal(5, -3)).to.equal('0.005')
    expect(formatDecimal(-5, -1)).to.equal('-0.5')
    expect(formatDecimal(0, -2)).to.equal('0.00')
    expect(formatDecimal(12, 3)).to.equal('12000')
    expect(formatDecimal(-12, 0)).to.equal('-12')
    expect(formatDecimal(0, 3)).to.equal('0')
    expect(formatDecimal(Number.MIN_SAFE_INTEGER, -16)).to.equal('-0.9007199254740991')
  })

  it('R6: every integer with decimals comes back as it was', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: -40, max: 0 }), (value, scaler) => {
        expect(parseDecimal(formatDecimal(value, scaler))).to.deep.equal({ value, scaler: scaler === 0 ? 0 : scaler })
      }),
    )
  })

  it('R6: MALFORMED_DECIMAL for every other form', () => {
    const wrong = ['', '.', '1.', '.5', '1,5', '1e3', '0x10', ' 1', '1 ', '--1', '1.2.3', 'NaN', 'Infinity', '1_000', '١']
    for (const text of [...wrong, '1'.repeat(65)]) expectRefusal('MALFORMED_DECIMAL', () => parseDecimal(text))
  })

  it('R6: VALUE_OUT_OF_RANGE where the digits exceed the safe integers, never a rounded number', () => {
    expect(parseDecimal('9007199254740991').value).to.equal(Number.MAX_SAFE_INTEGER)
    for (const text of ['9007199254740992', '9007199254740993', '-9007199254740993', '900719925474099.30', '1'.repeat(64)]) {
      expectRefusal('VALUE_OUT_OF_RANGE', () => parseDecimal(text))
    }
  })

  it('R7: a quantity in its base unit', () => {
    expect(parseQuantity('1234.567', 'kWh')).to.deep.equal({ value: 1_234_567, unit: UNIT.wattHour, scaler: 0 })
    expect(parseQuantity('230.1', 'V')).to.deep.equal({ value: 2_301, unit: UNIT.volt, scaler: -1 })
    expect(parseQuantity('12.345', 'GJ')).to.deep.equal({ value: 12_345, unit: UNIT.joule, scaler: 6 })
    expect(parseQuantity('0.25', 'mA')).to.deep.equal({ value: 25, unit: UNIT.ampere, scaler: -5 })
    expectRefusal('UNKNOWN_UNIT', () => parseQuantity('1', 'furlong'))
  })

  it('R8: energy and power are printed in kilo-units with the decimals that are stored, all else in its own unit', () => {
    expect(formatQuantity({ obis, unit: UNIT.wattHour, scaler: 0 }, 1_234_567)).to.deep.equal({ value: '1234.567', unit: 'kWh' })
    expect(formatQuantity({ obis, unit: UNIT.watt, scaler: -1 }, 5)).to.deep.equal({ value: '0.0005', unit: 'kW' })
    expect(formatQuantity({ obis, unit: UNIT.varHour, scaler: 3 }, 12)).to.deep.equal({ value: '12', unit: 'kvarh' })
    expect(formatQuantity({ obis, unit: UNIT.wattHour, scaler: 5 }, 12)).to.deep.equal({ value: '1200', unit: 'kWh' })
    expect(formatQuantity({ obis, unit: UNIT.volt, scaler: -1 }, 2_301)).to.deep.equal({ value: '230.1', unit: 'V' })
    expect(formatQuantity({ obis, unit: UNIT.m3, scaler: -3 }, 1_500)).to.deep.equal({ value: '1.500', unit: 'm3' })
    expect(formatQuantity({ obis, unit: 255, scaler: 0 }, 3)).to.deep.equal({ value: '3', unit: '' })
    expect(formatValue({ obis, unit: UNIT.wattHour, scaler: 0 }, 1_234_567)).to.equal('1234567')
  })

  it('R7, R8: what is printed reads back as the same integer, unit and scaler', () => {
    const units = fc.constantFrom(...Object.values(UNIT))
    fc.assert(
      fc.property(fc.maxSafeInteger(), units, fc.integer({ min: -20, max: 0 }), (value, unit, scaler) => {
        const text = formatQuantity({ obis, unit, scaler }, value)
        expect(parseQuantity(text.value, text.unit)).to.deep.equal({ value, unit, scaler: scaler === 0 ? 0 : scaler })
      }),
    )
  })
})
