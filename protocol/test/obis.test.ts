import { expect } from 'chai'
import fc from 'fast-check'
import { equalObis, formatObis, isObis, parseObis } from '../obis.ts'
import type { Obis } from '../reading.ts'
import { assertRegister, equalRegisters, registerKey } from '../register.ts'
import { anyObis, anyRegister } from './arbitrary-readings.ts'
import { expectRefusal } from './refusal.ts'

const importEnergy: Obis = { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }

describe('OBIS codes', () => {
  it('R1: five numbers, and a sixth only where F is not 255', () => {
    expect(formatObis(importEnergy)).to.equal('1-0:1.8.0')
    expect(formatObis({ ...importEnergy, f: 3 })).to.equal('1-0:1.8.0*3')
  })

  it('R2: takes both forms, *255 and leading zeros', () => {
    for (const text of ['1-0:1.8.0', '1-0:1.8.0*255', '001-0:01.08.0']) expect(parseObis(text)).to.deep.equal(importEnergy)
    expect(parseObis('0-1:24.2.1*7')).to.deep.equal({ a: 0, b: 1, c: 24, d: 2, e: 1, f: 7 })
  })

  it('R2: MALFORMED_OBIS for every other form and for numbers above 255', () => {
    const wrong = [
      '',
      '1.8.0',
      '1-0:1.8',
      '1-0:1.8.0*',
      '1-0:1.8.0.255',
      '1-0:1.8.0 ',
      '1-0:256.8.0',
      '1-0:1.8.0*256',
      '1-0:-1.8.0',
    ]
    for (const text of [...wrong, '1-0:1.8.0\n', '٣-0:1.8.0', '1-0:0001.8.0', '1-0:1,8.0']) {
      expect(expectRefusal('MALFORMED_OBIS', () => parseObis(text)).data['found']).to.equal(text)
    }
    expect((expectRefusal('MALFORMED_OBIS', () => parseObis('9'.repeat(1_000_000))).data['found'] as string).length).to.equal(40)
  })

  it('R1, R2: every code comes back from its text, and texts differ where codes do', () => {
    fc.assert(
      fc.property(anyObis, anyObis, (x, y) => {
        expect(parseObis(formatObis(x))).to.deep.equal(x)
        expect(equalObis(x, y)).to.equal(formatObis(x) === formatObis(y))
      }),
    )
  })

  it('R1: a code is six integers from 0 to 255', () => {
    for (const part of ['a', 'b', 'c', 'd', 'e', 'f']) {
      for (const wrong of [-1, 256, 1.5, Number.NaN]) expect(isObis({ ...importEnergy, [part]: wrong })).to.equal(false)
    }
  })
})

describe('registers', () => {
  const register = { obis: importEnergy, unit: 30, scaler: 0 }

  it('R3: one register only where code, unit and scaler agree; keys agree exactly where registers do', () => {
    expect(equalRegisters(register, structuredClone(register))).to.equal(true)
    for (const change of [{ unit: 27 }, { scaler: 1 }, { obis: { ...importEnergy, f: 0 } }]) {
      expect(equalRegisters(register, { ...register, ...change })).to.equal(false)
    }
    fc.assert(
      fc.property(anyRegister, anyRegister, (x, y) => {
        expect(equalRegisters(x, y)).to.equal(registerKey(x) === registerKey(y))
      }),
    )
  })

  it('R3: OUT_OF_RANGE for a code, unit or scaler that has no byte', () => {
    const wrong = [{ unit: 256 }, { unit: -1 }, { unit: 0.5 }, { scaler: 128 }, { scaler: -129 }, { scaler: 0.5 }]
    for (const change of [...wrong, { obis: { ...importEnergy, c: 256 } }]) {
      expectRefusal('OUT_OF_RANGE', () => assertRegister({ ...register, ...change }))
    }
    assertRegister({ ...register, unit: 255, scaler: -128 })
  })
})
