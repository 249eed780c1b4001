import { expect } from 'chai'
import { formatUnit, parseUnit, UNIT, UNIT_SYMBOLS, unitSymbol } from '../units.ts'
import { expectRefusal } from './refusal.ts'

describe('units', () => {
  it('R4: the codes that meters of electricity, gas, water and heat use', () => {
    const expected: readonly (readonly [number, string])[] = [
      [9, '°C'],
      [13, 'm3'],
      [15, 'm3/h'],
      [20, 'kg'],
      [25, 'J'],
      [27, 'W'],
      [28, 'VA'],
      [29, 'var'],
      [30, 'Wh'],
      [31, 'VAh'],
      [32, 'varh'],
      [33, 'A'],
      [35, 'V'],
      [44, 'Hz'],
      [45, '1/(Wh)'],
      [56, '%'],
      [255, ''],
    ]
    for (const [code, symbol] of expected) expect(unitSymbol(code)).to.equal(symbol)
    expect(UNIT.wattHour).to.equal(30)
  })

  it('R4: each symbol has one code, and each code comes back from its text', () => {
    expect(new Set(UNIT_SYMBOLS.values()).size).to.equal(UNIT_SYMBOLS.size)
    for (let code = 0; code <= 255; code++) expect(parseUnit(formatUnit(code))).to.deep.equal({ unit: code, exponent: 0 })
  })

  it('R4: a code that the table leaves open is still shown', () => {
    expect(unitSymbol(58)).to.equal(undefined)
    expect(formatUnit(58)).to.equal('unit 58')
    for (const text of ['unit 30', 'unit 256', 'unit x']) expectRefusal('UNKNOWN_UNIT', () => parseUnit(text))
  })

  it('R5: prefixes become a power of ten', () => {
    const expected: readonly (readonly [string, number, number])[] = [
      ['kWh', 30, 3],
      ['MWh', 30, 6],
      ['GJ', 25, 9],
      ['kvarh', 32, 3],
      ['mA', 33, -3],
      ['mbar', 24, -3],
      ['kPa', 23, 3],
      ['kg', 20, 0],
      ['m', 11, 0],
      ['', 255, 0],
    ]
    for (const [text, unit, exponent] of expected) expect(parseUnit(text), text).to.deep.equal({ unit, exponent })
  })

  it('R5: the writings that meters and portals use', () => {
    const expected: readonly (readonly [string, number, number])[] = [
      ['kVArh', 32, 3],
      ['kVAr', 29, 3],
      ['KWH', 30, 3],
      ['kw', 27, 3],
      ['v', 35, 0],
      ['a', 33, 0],
      ['m³', 13, 0],
      ['m3ph', 15, 0],
      ['dm3', 19, 0],
    ]
    for (const [text, unit, exponent] of expected) expect(parseUnit(text), text).to.deep.equal({ unit, exponent })
  })

  it('R5: UNKNOWN_UNIT for anything else, also for a prefix on a unit that takes none', () => {
    for (const text of ['k', 'kk', 'kkWh', 'mWh', 'km3', 'k°C', 'Mmin', 'furlong', ' kWh', 'kWh ', 'kyear']) {
      expectRefusal('UNKNOWN_UNIT', () => parseUnit(text))
    }
  })
})
