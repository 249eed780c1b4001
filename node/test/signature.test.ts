import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { fromHex, toHex, toUtf8 } from '../../protocol/bytes.ts'
import { verifyStrict } from '../../protocol/ed25519.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  createNodeCryptoSigner,
  createSigner,
  generateSeed,
  loadAddon,
  SEED_BYTES,
  signatureLibrary,
  useNativeHash,
  verifySignature,
  verifyWithNodeCrypto,
} from '../signature.ts'

interface Vector {
  readonly name: string
  readonly key: string
  readonly message: string
  readonly signature: string
  readonly valid: boolean
}

const vectors = JSON.parse(readFileSync(new URL('../../protocol/test/vectors/ed25519.json', import.meta.url), 'utf8')) as {
  readonly seed: string
  readonly publicKey: string
  readonly cases: readonly Vector[]
}

const LIBRARIES = [
  { name: signatureLibrary, verify: verifySignature },
  { name: 'node:crypto', verify: verifyWithNodeCrypto },
] as const

describe('signature', () => {
  for (const { name: library, verify } of LIBRARIES) {
    it(`C12: ${library} behind verifyStrict answers every vector by the pinned rule`, () => {
      expect(vectors.cases.length).to.be.above(40)
      for (const { name, key, message, signature, valid } of vectors.cases) {
        expect(verifyStrict(verify, fromHex(signature), fromHex(message), fromHex(key)), name).to.equal(valid)
      }
    })

    it(`${library} says no to any length and any bytes, and throws nothing`, () => {
      for (let i = 0; i < 100; i++) {
        const key = sha256(toUtf8(`no point, every second time ${i}`))
        expect(verify(new Uint8Array(64).fill(1), key, key)).to.equal(false)
      }
      for (const length of [0, 31, 32, 33, 63, 64, 65]) {
        for (const fill of [0, 1, 0xff]) {
          const bytes = new Uint8Array(length).fill(fill)
          expect(verify(bytes, bytes, new Uint8Array(32).fill(2))).to.equal(false)
          if (length !== 32) expect(verify(new Uint8Array(64).fill(9), bytes, bytes)).to.equal(false)
        }
      }
    })

    it(`${library} reads views into larger buffers`, () => {
      const signer = createSigner(fromHex(vectors.seed))
      const message = toUtf8('in the middle')
      const frame = new Uint8Array(300)
      frame.set(message, 7)
      frame.set(signer.sign(message), 50)
      frame.set(signer.publicKey, 200)
      const view = (at: number, length: number): Uint8Array => frame.subarray(at, at + length)
      expect(verify(view(50, 64), view(7, message.length), view(200, 32))).to.equal(true)
    })
  }

  it('C12: Web Crypto, which browsers have, answers every vector by the pinned rule', async () => {
    for (const { name, key, message, signature, valid } of vectors.cases) {
      const imported = await webcrypto.subtle.importKey('raw', fromHex(key), 'Ed25519', true, ['verify'])
      const answer = await webcrypto.subtle.verify('Ed25519', imported, fromHex(signature), fromHex(message))
      expect(answer, name).to.equal(valid)
    }
  })

  it('an addon that does not load is left out', () => {
    const missing = (): never => {
      throw new Error('No addon found')
    }
    expect(loadAddon(missing)).to.equal(undefined)
    expect(loadAddon(() => 'loaded')).to.equal('loaded')
  })

  it('both signers make the same key and the same signatures', () => {
    const seed = fromHex(vectors.seed)
    const [signer, fallback] = [createSigner(seed), createNodeCryptoSigner(seed)]
    expect(toHex(signer.publicKey)).to.equal(vectors.publicKey)
    expect(toHex(fallback.publicKey)).to.equal(vectors.publicKey)
    for (const text of ['', 'a', 'a longer message '.repeat(100)]) {
      const message = toUtf8(text)
      expect(toHex(fallback.sign(message))).to.equal(toHex(signer.sign(message)))
      expect(verifyStrict(verifySignature, signer.sign(message), message, signer.publicKey)).to.equal(true)
    }
  })

  it('a signer does not follow its seed: wiping it afterwards changes nothing', () => {
    const seed = fromHex(vectors.seed)
    for (const create of [createSigner, createNodeCryptoSigner]) {
      const copy = seed.slice()
      const signer = create(copy)
      const before = toHex(signer.sign(copy.slice(0, 1)))
      const first = copy.slice(0, 1)
      copy.fill(0)
      expect(toHex(signer.sign(first))).to.equal(before)
    }
  })

  it('OUT_OF_RANGE: a seed of another length', () => {
    for (const create of [createSigner, createNodeCryptoSigner]) {
      for (const length of [0, 31, 33, 64]) {
        try {
          create(new Uint8Array(length))
          expect.fail('nothing thrown')
        } catch (error) {
          expect(isWattnessError(error, 'OUT_OF_RANGE')).to.equal(true)
        }
      }
    }
  })

  it('a seed comes from the injected randomness', () => {
    const asked: number[] = []
    const seed = generateSeed({
      bytes(count) {
        asked.push(count)
        return new Uint8Array(count).fill(3)
      },
    })
    expect(asked).to.deep.equal([SEED_BYTES])
    expect(seed).to.deep.equal(new Uint8Array(32).fill(3))
    expect(toHex(generateSeed())).to.not.equal(toHex(generateSeed()))
  })

  it('native SHA-256 gives the same bytes, in memory of its own each time', () => {
    const inputs = [0, 1, 55, 56, 64, 1_000].map((length) => new Uint8Array(length).fill(length))
    const before = inputs.map((input) => toHex(sha256(input)))
    useNativeHash()
    const after = inputs.map((input) => sha256(input))
    expect(after.map(toHex)).to.deep.equal(before)
    expect(new Set(after.map((hash) => hash.buffer)).size).to.equal(inputs.length)
    expect(after.every((hash) => hash.byteLength === 32 && hash.buffer.byteLength === 32)).to.equal(true)
  })
})
