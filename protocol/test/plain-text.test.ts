import { expect } from 'chai'
import fc from 'fast-check'
import { toUtf8 } from '../bytes.ts'
import { plainTextFault } from '../plain-text.ts'

describe('plain text', () => {
  it('G4: one byte up to the bound, counted in UTF-8', () => {
    expect(plainTextFault('', 4)).to.equal('is empty')
    expect(plainTextFault('abcd', 4)).to.equal(undefined)
    expect(plainTextFault('éé', 4)).to.equal(undefined)
    expect(plainTextFault('ééé', 4)).to.equal('is 6 bytes long, 4 allowed')
    expect(plainTextFault('abcde', 4)).to.equal('is longer than 4 bytes')
  })

  const bounds = [0x00, 0x0a, 0x1b, 0x1f, 0x7f, 0x85, 0x9f, 0x2028, 0x202e, 0x2066, 0x2069]
  for (const code of bounds) {
    it(`G4: U+${code.toString(16).padStart(4, '0')} is refused`, () => {
      expect(plainTextFault(`ab${String.fromCodePoint(code)}`, 64)).to.match(/control character U\+[0-9A-F]{4} at position 2/)
    })
  }

  it('G4: neighbours of the refused ranges are plain', () => {
    for (const code of [0x20, 0x7e, 0xa0, 0x2027, 0x202f, 0x2065, 0x206a, 0x1f600]) {
      expect(plainTextFault(String.fromCodePoint(code), 64)).to.equal(undefined)
    }
  })

  it('G4: half a surrogate pair is refused', () => {
    expect(plainTextFault('a\ud800', 64)).to.equal('holds half of a surrogate pair')
  })

  it('what passes survives UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        if (plainTextFault(text, 64) === undefined) expect(new TextDecoder().decode(toUtf8(text))).to.equal(text)
      }),
    )
  })
})
