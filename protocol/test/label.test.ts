import { expect } from 'chai'
import fc from 'fast-check'
import { concat, toHex, toUtf8 } from '../bytes.ts'
import { sha256 } from '../hash.ts'
import { decodeLabelRecord, encodeLabelRecord, labelHash, labelOf, verifyLabel } from '../label.ts'
import { survive } from './made-up-bytes.ts'
import { expectRefusal } from './refusal.ts'

const salt = new Uint8Array(16).fill(7)

describe('label', () => {
  it('M14: record is salt and text, its hash plain SHA-256', () => {
    const record = encodeLabelRecord(salt, 'Elm Street 12')
    expect(record).to.deep.equal(concat(salt, toUtf8('Elm Street 12')))
    expect(toHex(labelHash(record))).to.equal(toHex(sha256(record)))
    expect(decodeLabelRecord(record)).to.deep.equal({ salt, text: 'Elm Street 12' })
    expect(labelOf(record, labelHash(record))).to.equal('Elm Street 12')
  })

  it('M14: the text is 1 to 64 bytes', () => {
    expect(encodeLabelRecord(salt, 'x'.repeat(64))).to.have.length(80)
    for (const bad of ['', 'x'.repeat(65), 'é'.repeat(33)]) expectRefusal('LABEL_INVALID', () => encodeLabelRecord(salt, bad))
    for (const length of [0, 16, 81]) expectRefusal('LABEL_INVALID', () => decodeLabelRecord(new Uint8Array(length).fill(65)))
  })

  it('LABEL_INVALID: control characters and bytes that are not UTF-8', () => {
    expectRefusal('LABEL_INVALID', () => encodeLabelRecord(salt, 'a\u0007'))
    expectRefusal('LABEL_INVALID', () => decodeLabelRecord(concat(salt, toUtf8('a\u202e'))))
    expectRefusal('LABEL_INVALID', () => decodeLabelRecord(concat(salt, Uint8Array.of(0xff))))
  })

  it('M14: the salt is 16 bytes', () => {
    expectRefusal('OUT_OF_RANGE', () => encodeLabelRecord(new Uint8Array(15), 'a'))
  })

  it('LABEL_MISMATCH: another record than the chain names', () => {
    const record = encodeLabelRecord(salt, 'a')
    const other = labelHash(encodeLabelRecord(salt, 'b'))
    expectRefusal('LABEL_MISMATCH', () => labelOf(record, other))
    expect(verifyLabel(record, labelHash(record))).to.equal(true)
    expect(verifyLabel(record, other)).to.equal(false)
    expect(verifyLabel(salt, sha256(salt))).to.equal(false)
  })

  it('made-up bytes are refused with a WattnessError', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => survive(() => decodeLabelRecord(bytes))))
  })
})
