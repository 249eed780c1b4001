import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { toHex, toUtf8 } from '../bytes.ts'
import {
  formatNote,
  formatVerifierKey,
  isNoteKeyName,
  MAX_NOTE_BYTES,
  MAX_NOTE_SIGNATURES,
  NOTE_COSIGNATURE,
  NOTE_ED25519,
  noteKeyId,
  openNote,
  parseNote,
  parseVerifierKey,
} from '../note.ts'
import { codeOf } from './codes.ts'
import { testSigner, testVerify } from './signing.ts'
import { noteVectors } from './vectors/make-note.ts'

const signer = testSigner('note')
const name = 'meter.example/1'
const key = { name, type: NOTE_ED25519, key: signer.publicKey }
const keyId = noteKeyId(name, NOTE_ED25519, signer.publicKey)
const line = { name, keyId, signature: new Uint8Array(64).fill(7) }

describe('note', () => {
  it('note.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/note.json', import.meta.url), 'utf8'))).to.deep.equal(noteVectors)
  })

  for (const { name: title, note, verifierKeys, result } of noteVectors.cases) {
    it(`C13, C17: ${title}`, () => {
      const open = (): string[] =>
        openNote(testVerify, note, verifierKeys.map(parseVerifierKey)).verified.map((signature) => signature.name)
      if (typeof result === 'string') expect(codeOf(open)).to.equal(result)
      else expect(open()).to.deep.equal(result)
    })
  }

  it('C13: a note that was parsed is written back as it was', () => {
    for (const { note, result } of noteVectors.cases) {
      if (result === 'MALFORMED_NOTE') continue
      const { text, signatures } = parseNote(toUtf8(note))
      expect(formatNote(text, signatures)).to.equal(note)
    }
  })

  it('C13: any text without control characters comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.array(fc.string()), (first, rest) => {
        const text = `${[first, ...rest].join('\n')}\n`.replace(/[^\n\u0020-\u{10ffff}]/gu, '')
        expect(parseNote(formatNote(text, [line]))).to.deep.equal({ text, signatures: [line] })
      }),
    )
  })

  it('MALFORMED_NOTE: bytes that are not UTF-8, and text that no UTF-8 can carry', () => {
    const note = toUtf8(formatNote('text\n', [line]))
    note[0] = 0xff
    expect(codeOf(() => parseNote(note))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => parseNote(`\ud800${formatNote('text\n', [line])}`))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => formatNote('\ud800\n', [line]))).to.equal('MALFORMED_NOTE')
  })

  it('MALFORMED_NOTE: writing a text, name, key id or signature that no note can carry', () => {
    expect(codeOf(() => formatNote('no newline', [line]))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => formatNote('tab\t\n', [line]))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => formatNote('text\n', []))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => formatNote('text\n', [{ ...line, name: 'two words' }]))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => formatNote('text\n', [{ ...line, keyId: new Uint8Array(3) }]))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => formatNote('text\n', [{ ...line, signature: new Uint8Array(0) }]))).to.equal('MALFORMED_NOTE')
  })

  it('C14: key names are not empty and hold no space, plus or control character', () => {
    for (const good of ['a', 'example.com/log42', 'k\u00fcche', '\ufeff']) expect(isNoteKeyName(good)).to.equal(true)
    for (const bad of ['', ' ', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\u2003b', 'a\nb', 'a\u0001', '\ud800']) {
      expect(isNoteKeyName(bad)).to.equal(false)
    }
  })

  it(`C18: ${MAX_NOTE_SIGNATURES} signatures are read, one more is refused`, () => {
    const most = formatNote(
      'text\n',
      Array.from({ length: MAX_NOTE_SIGNATURES }, () => line),
    )
    expect(parseNote(most).signatures.length).to.equal(MAX_NOTE_SIGNATURES)
    const last = most.slice(most.lastIndexOf('\u2014'))
    expect(codeOf(() => parseNote(most + last))).to.equal('MALFORMED_NOTE')
    expect(
      codeOf(() =>
        formatNote(
          'text\n',
          Array.from({ length: MAX_NOTE_SIGNATURES + 1 }, () => line),
        ),
      ),
    ).to.equal('MALFORMED_NOTE')
  })

  it(`C18: a note of more than ${MAX_NOTE_BYTES} bytes is refused, as text and as bytes`, () => {
    const tail = formatNote('\n', [line])
    const room = MAX_NOTE_BYTES - toUtf8(tail).length
    expect(parseNote('x'.repeat(room) + tail).signatures.length).to.equal(1)
    expect(codeOf(() => parseNote('x'.repeat(MAX_NOTE_BYTES) + tail))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => parseNote('\u20ac'.repeat(room / 2) + tail))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => parseNote(toUtf8('x'.repeat(room + 1) + tail)))).to.equal('MALFORMED_NOTE')
  })

  it('C17: a cosignature key is no plain key: its signature is left to those who know its form', () => {
    const cosigner = { ...key, type: NOTE_COSIGNATURE }
    const signed = formatNote('text\n', [{ ...line, keyId: noteKeyId(name, NOTE_COSIGNATURE, signer.publicKey) }])
    expect(codeOf(() => openNote(testVerify, signed, [cosigner]))).to.equal('UNVERIFIED_NOTE')
  })

  it('C17: a key that may not be admitted verifies nothing', () => {
    const small = new Uint8Array(32)
    const signed = formatNote('text\n', [{ ...line, keyId: noteKeyId(name, NOTE_ED25519, small) }])
    expect(codeOf(() => openNote(() => true, signed, [{ ...key, key: small }]))).to.equal('INVALID_NOTE_SIGNATURE')
  })

  it('C15, C16: verifier keys are read and written back as they were', () => {
    for (const text of noteVectors.verifierKeys) expect(formatVerifierKey(parseVerifierKey(text))).to.equal(text)
    const cosigner = formatVerifierKey({ ...key, type: NOTE_COSIGNATURE })
    expect(parseVerifierKey(cosigner).type).to.equal(NOTE_COSIGNATURE)
    expect(toHex(noteKeyId(name, NOTE_COSIGNATURE, signer.publicKey))).to.not.equal(toHex(keyId))
  })

  it('MALFORMED_VERIFIER_KEY: the published bad ones, every part and every changed character of a good one', () => {
    for (const text of noteVectors.badVerifierKeys)
      expect(codeOf(() => parseVerifierKey(text))).to.equal('MALFORMED_VERIFIER_KEY')
    const good = noteVectors.verifierKeys[1] as string
    for (let from = 0; from < good.length; from++) {
      const changed = good.slice(0, from) + String.fromCharCode(good.charCodeAt(from) + 1) + good.slice(from + 1)
      expect(codeOf(() => parseVerifierKey(changed))).to.equal('MALFORMED_VERIFIER_KEY')
      for (let to = from + 1; to <= good.length; to++) {
        if (to - from === good.length) continue
        expect(codeOf(() => parseVerifierKey(good.slice(from, to)))).to.equal('MALFORMED_VERIFIER_KEY')
      }
    }
  })
})
