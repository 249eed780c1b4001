import { type ICryptoInterface, pureJsCrypto } from '@chainsafe/libp2p-noise'
import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, toHex } from '../../../protocol/bytes.ts'
import { nodeCipher, noiseCrypto } from '../../net/noise-crypto.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const hex = (part: { subarray(): Uint8Array }): string => toHex(part.subarray())

/** Answers as `pureJsCrypto`, the package's own in plain JavaScript, and opens what that has sealed. */
const CIPHERS: readonly (readonly [string, Pick<ICryptoInterface, 'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'>])[] = [
  ['the cipher of a node', noiseCrypto],
  ['the cipher where libsodium does not load', nodeCipher],
]

describe('what Noise computes', () => {
  for (const [name, cipher] of CIPHERS) {
    it(`${name} seals as the package does, and opens it`, () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ maxLength: 3_000 }),
          bytes(12),
          fc.oneof(fc.constant(new Uint8Array(0)), bytes(32)),
          bytes(32),
          (plain, nonce, ad, key) => {
            const sealed = cipher.chaCha20Poly1305Encrypt(plain, nonce, ad, key).subarray()
            expect(toHex(sealed)).to.equal(hex(pureJsCrypto.chaCha20Poly1305Encrypt(plain, nonce, ad, key)))
            expect(hex(cipher.chaCha20Poly1305Decrypt(sealed, nonce, ad, key))).to.equal(toHex(plain))
          },
        ),
        { numRuns: 100 },
      )
    })

    it(`${name} refuses what was changed, another key, nonce or context, and what is too short`, () => {
      const [key, nonce, ad] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2), new Uint8Array(32).fill(3)]
      const sealed = cipher.chaCha20Poly1305Encrypt(new Uint8Array(100).fill(4), nonce, ad, key).subarray()
      const open = (part: Uint8Array, n = nonce, a = ad, k = key) => cipher.chaCha20Poly1305Decrypt(part, n, a, k)
      for (let at = 0; at < sealed.length; at += 9) {
        const changed = sealed.slice()
        changed[at] = (changed[at] as number) ^ 1
        expect(() => open(changed), `byte ${at}`).to.throw()
      }
      expect(() => open(sealed, new Uint8Array(12))).to.throw()
      expect(() => open(sealed, nonce, new Uint8Array(0))).to.throw()
      expect(() => open(sealed, nonce, ad, new Uint8Array(32))).to.throw()
      for (const length of [0, 15, 16, 99]) expect(() => open(sealed.slice(0, length)), `${length} bytes`).to.throw()
    })
  }

  it('opens in the place of what was sealed, as the package asks for', () => {
    const [key, nonce, plain] = [new Uint8Array(32).fill(5), new Uint8Array(12), new Uint8Array(1_000).fill(6)]
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plain, nonce, new Uint8Array(0), key).subarray()
    const place = sealed.subarray(0, plain.length)
    const opened = noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, new Uint8Array(0), key, place)
    expect(opened).to.equal(place)
    expect(hex(opened)).to.equal(toHex(plain))
  })

  it('hashes and derives keys as the package does', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        bytes(32),
        fc.oneof(fc.constant(new Uint8Array(0)), bytes(32)),
        (data, ck, ikm) => {
          expect(hex(noiseCrypto.hashSHA256(data))).to.equal(hex(pureJsCrypto.hashSHA256(data)))
          expect(noiseCrypto.getHKDF(ck, ikm).map(hex)).to.deep.equal(pureJsCrypto.getHKDF(ck, ikm).map(hex))
        },
      ),
      { numRuns: 50 },
    )
  })

  it('agrees on keys as RFC 7748 says (section 6.1)', () => {
    const alice = fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
    const pair = noiseCrypto.generateX25519KeyPairFromSeed(alice)
    expect(hex(pair.publicKey)).to.equal('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
    const bob = fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
    expect(hex(noiseCrypto.generateX25519SharedKey(pair.privateKey, bob))).to.equal(
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    )
  })

  it('makes keys that the package agrees with', () => {
    const mine = noiseCrypto.generateX25519KeyPair()
    const theirs = pureJsCrypto.generateX25519KeyPair()
    expect(hex(noiseCrypto.generateX25519SharedKey(mine.privateKey, theirs.publicKey))).to.equal(
      hex(pureJsCrypto.generateX25519SharedKey(theirs.privateKey, mine.publicKey)),
    )
  })
})
