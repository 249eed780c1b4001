import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { fromBase64, fromHex, toBase64, toHex, toUtf8 } from '../bytes.ts'
import {
  COSIGNATURE_BYTES,
  cosignatureTime,
  cosignedMessage,
  formatSignatureLines,
  logVerifierKey,
  openCheckpoint,
  parseSignatureLines,
  signCosignature,
  verifyCosignature,
  witnessName,
  witnessVerifierKey,
} from '../cosignature.ts'
import { formatVerifierKey, isNoteKeyName, NOTE_COSIGNATURE, noteKeyId, parseVerifierKey } from '../note.ts'
import { codeOf } from './codes.ts'
import { signerOf } from './numbered-keys.ts'
import { testVerify } from './signing.ts'
import { cosignatureVectors } from './vectors/make-cosignature.ts'

const networkId = new Uint8Array(32).fill(5)
const signer = signerOf(2)
const name = witnessName(networkId, signer.publicKey)
const text = 'origin\n1\nAAAA\n'

describe('cosignature', () => {
  it('cosignature.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/cosignature.json', import.meta.url), 'utf8'))).to.deep.equal(
      cosignatureVectors,
    )
  })

  for (const { name: title, note, log, witnesses, result } of cosignatureVectors.cases) {
    it(`P5: ${title}`, () => {
      const open = (): unknown => {
        const opened = openCheckpoint(testVerify, note, parseVerifierKey(log), witnesses.map(parseVerifierKey))
        const cosigned = opened.cosignatures.map(({ key, timeS }) => ({ name: key.name, timeS }))
        return { cosigned, unknown: opened.unknown.length }
      }
      if (typeof result === 'string') expect(codeOf(open)).to.equal(result)
      else expect(open()).to.deep.equal(result)
    })
  }

  it("P2, P3: the message and the time of C2SP's example", () => {
    const { example } = cosignatureVectors
    expect(cosignedMessage(example.timeS, example.text)).to.deep.equal(toUtf8(example.message))
    expect(cosignatureTime(fromBase64(example.payload).subarray(4))).to.equal(example.timeS)
  })

  it('P1, P3: the steps that the vectors show', () => {
    const { made } = cosignatureVectors
    const key = witnessVerifierKey(fromHex(made.networkId), fromHex(made.member))
    expect(key.name).to.equal(made.name).and.have.length(90)
    expect(formatVerifierKey(key)).to.equal(made.verifierKey)
    const message = fromHex(made.message)
    const signed = new TextDecoder().decode(message).split('\n').slice(2).join('\n')
    const line = signCosignature(signer, key.name, signed, 1_767_225_600)
    expect(toBase64(new Uint8Array([...line.keyId, ...line.signature]))).to.equal(made.payload)
    expect(toHex(signer.sign(message))).to.equal(toHex(line.signature.subarray(8)))
  })

  it('P1: a name is one that notes can carry, and belongs to one network and member', () => {
    expect(isNoteKeyName(name)).to.equal(true)
    expect(name).to.equal(`wattness-${'05'.repeat(8)}-${toHex(signer.publicKey)}`)
    expect(codeOf(() => witnessName(networkId.subarray(1), signer.publicKey))).to.equal('OUT_OF_RANGE')
    expect(codeOf(() => witnessName(networkId, signer.publicKey.subarray(1)))).to.equal('OUT_OF_RANGE')
  })

  it('P3: what was signed holds, at any time and for any text', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.string(), (timeS, body) => {
        const { keyId, signature } = signCosignature(signer, name, body, timeS)
        expect(keyId).to.deep.equal(noteKeyId(name, NOTE_COSIGNATURE, signer.publicKey))
        expect(cosignatureTime(signature)).to.equal(timeS)
        expect(verifyCosignature(testVerify, signer.publicKey, body, signature)).to.equal(true)
        expect(verifyCosignature(testVerify, signer.publicKey, `${body}\n`, signature)).to.equal(false)
      }),
      { numRuns: 20 },
    )
  })

  it('P3: every changed byte is noticed, the time among them', () => {
    const { signature } = signCosignature(signer, name, text, 1_767_225_600)
    for (let at = 0; at < COSIGNATURE_BYTES; at++) {
      const other = signature.slice()
      other[at] = (other[at] as number) ^ 1
      expect(verifyCosignature(testVerify, signer.publicKey, text, other), `byte ${at}`).to.equal(false)
    }
  })

  it('P2, OUT_OF_RANGE: a time that is no number of whole seconds', () => {
    for (const timeS of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(codeOf(() => signCosignature(signer, name, text, timeS))).to.equal('OUT_OF_RANGE')
  })

  it('P4: neither a cosignature nor a checkpoint of the same member is ever the other', () => {
    const { signature } = signCosignature(signer, name, text, 0)
    const log = logVerifierKey(networkId, signer.publicKey)
    expect(testVerify(signature.subarray(8), toUtf8(text), log.key)).to.equal(false)
    expect(new TextDecoder().decode(cosignedMessage(0, text)).startsWith('wattness')).to.equal(false)
  })

  it('P6: signature lines by themselves come back', () => {
    const lines = [signCosignature(signer, name, text, 1), signCosignature(signerOf(3), 'other', text, 2)]
    const written = formatSignatureLines(lines)
    expect(written.split('\n')).to.have.length(3)
    expect(written.startsWith(`\u2014 ${name} `)).to.equal(true)
    expect(parseSignatureLines(written)).to.deep.equal(lines)
    expect(codeOf(() => parseSignatureLines(''))).to.equal('MALFORMED_NOTE')
    expect(codeOf(() => parseSignatureLines(written.slice(0, -1)))).to.equal('MALFORMED_NOTE')
  })
})
