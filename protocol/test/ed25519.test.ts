import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { concat, fromHex, toHex, toUtf8 } from '../bytes.ts'
import { isAcceptableKey, isCanonicalSignature, isSmallOrder, type VerifySignature, verifyStrict } from '../ed25519.ts'
import { testSigner, testVerify } from './signing.ts'
import { encodePoint, L, multiply, TORSION, toLittleEndian } from './vectors/edwards.ts'
import { ed25519Vectors } from './vectors/make-ed25519.ts'

const P = 2n ** 255n - 19n
const accepts: VerifySignature = () => true

describe('ed25519', () => {
  it('ed25519.json is what its script makes', () => {
    expect(JSON.parse(readFileSync(new URL('vectors/ed25519.json', import.meta.url), 'utf8'))).to.deep.equal(ed25519Vectors)
  })

  it('C12: verifyStrict answers every vector by the pinned rule', () => {
    for (const { name, key, message, signature, valid } of ed25519Vectors.cases) {
      expect(verifyStrict(testVerify, fromHex(signature), fromHex(message), fromHex(key)), name).to.equal(valid)
    }
  })

  it('C12: a library that only checks the equation is made up for', () => {
    const bare: VerifySignature = (signature, message, key) => {
      const found = ed25519Vectors.cases.find(
        (each) => each.signature === toHex(signature) && each.key === toHex(key) && each.message === toHex(message),
      )
      return found?.cofactorless ?? false
    }
    for (const { name, key, message, signature, valid } of ed25519Vectors.cases) {
      expect(verifyStrict(bare, fromHex(signature), fromHex(message), fromHex(key)), name).to.equal(valid)
    }
  })

  it('C12: the vectors tell the pinned rule from the ones that are not', () => {
    const differs = (rule: 'cofactored' | 'cofactorless'): number =>
      ed25519Vectors.cases.filter((each) => each[rule] !== each.valid).length
    expect(differs('cofactored')).to.be.above(10)
    expect(differs('cofactorless')).to.be.above(10)
    expect(ed25519Vectors.cases.filter(({ valid }) => valid).length).to.be.above(5)
  })

  it('C9: keys of the vectors are admitted or not', () => {
    for (const { name, key, acceptableKey } of ed25519Vectors.cases) {
      expect(isAcceptableKey(fromHex(key)), name).to.equal(acceptableKey)
    }
  })

  it('C9: all 14 encodings of the eight points of small order are refused', () => {
    const top = 1n << 255n
    const encodings = Array.from({ length: 8 }, (_, i) => encodePoint(multiply(BigInt(i), TORSION)))
    encodings.push(...[1n | top, (P - 1n) | top, P, P | top, P + 1n, (P + 1n) | top].map(toLittleEndian))
    expect(new Set(encodings.map(toHex)).size).to.equal(14)
    for (const encoding of encodings) {
      expect(isSmallOrder(encoding)).to.equal(true)
      expect(isAcceptableKey(encoding)).to.equal(false)
    }
  })

  it('C9: keys with y of p and above are refused, p − 2 is not', () => {
    for (let offset = 0n; offset < 19n; offset++) {
      expect(isAcceptableKey(toLittleEndian(P + offset))).to.equal(false)
      expect(isAcceptableKey(toLittleEndian((P + offset) | (1n << 255n)))).to.equal(false)
    }
    expect(isAcceptableKey(toLittleEndian(P - 2n))).to.equal(true)
  })

  it('C9: keys of another length are refused', () => {
    const { publicKey } = testSigner('length')
    expect(isAcceptableKey(publicKey)).to.equal(true)
    expect(isAcceptableKey(publicKey.subarray(1))).to.equal(false)
    expect(isAcceptableKey(concat(publicKey, new Uint8Array(1)))).to.equal(false)
  })

  it('C10: S from 0 to L − 1 and no other', () => {
    const withS = (s: bigint): Uint8Array => concat(new Uint8Array(32), toLittleEndian(s))
    for (const s of [0n, 1n, L - 1n, L - 2n ** 64n]) expect(isCanonicalSignature(withS(s))).to.equal(true)
    for (const s of [L, L + 1n, 2n ** 253n, 2n ** 256n - 1n]) expect(isCanonicalSignature(withS(s))).to.equal(false)
  })

  it('C10: signatures of another length are refused', () => {
    for (const length of [0, 63, 65]) expect(isCanonicalSignature(new Uint8Array(length))).to.equal(false)
  })

  it('C11, C12: what the bytes decide is refused without asking the curve', () => {
    const signer = testSigner('strict')
    const message = toUtf8('message')
    const signature = signer.sign(message)
    expect(verifyStrict(accepts, signature, message, signer.publicKey)).to.equal(true)
    expect(verifyStrict(() => false, signature, message, signer.publicKey)).to.equal(false)
    const smallR = concat(toLittleEndian(1n), signature.subarray(32))
    expect(verifyStrict(accepts, smallR, message, signer.publicKey)).to.equal(false)
    const highS = concat(signature.subarray(0, 32), toLittleEndian(L))
    expect(verifyStrict(accepts, highS, message, signer.publicKey)).to.equal(false)
    expect(verifyStrict(accepts, signature, message, toLittleEndian(P))).to.equal(false)
  })
})
