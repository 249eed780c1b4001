import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from 'node:crypto'
import { createRequire } from 'node:module'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'
import { concat } from '../../protocol/bytes.ts'
import { loadAddon } from '../signature.ts'

/**
 * What Noise computes, by libsodium, and by OpenSSL where that does not load or is asked once a connection. The package's own
 * choice for short messages is WebAssembly, compiled at the start of every process: 10 MiB of a node, and up to eight times the
 * time of a message (128 bytes: 0.9 µs against 1.7; 1,400 bytes, where it takes OpenSSL: 1.9 against 14).
 */

type Cipher = Pick<ICryptoInterface, 'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'>

const TAG_BYTES = 16
const HKDF_BYTES = 96
const NOTHING = new Uint8Array(0)

/** DER around a raw X25519 key (RFC 8410): SubjectPublicKeyInfo and PKCS #8. */
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex')

/** The functions used; the published types leave them out. `ad` is null where it is empty. */
interface Sodium {
  readonly crypto_aead_chacha20poly1305_ietf_encrypt: (
    output: Uint8Array,
    message: Uint8Array,
    ad: Uint8Array | null,
    none: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ) => number
  readonly crypto_aead_chacha20poly1305_ietf_decrypt: (
    output: Uint8Array,
    none: null,
    sealed: Uint8Array,
    ad: Uint8Array | null,
    nonce: Uint8Array,
    key: Uint8Array,
  ) => number
}

function sodiumCipher(sodium: Sodium): Cipher {
  const { crypto_aead_chacha20poly1305_ietf_encrypt: seal, crypto_aead_chacha20poly1305_ietf_decrypt: open } = sodium
  return {
    chaCha20Poly1305Encrypt: (plain, nonce, ad, key) => {
      const output = Buffer.allocUnsafe(plain.byteLength + TAG_BYTES)
      seal(output, plain.subarray(), ad.length === 0 ? null : ad, null, nonce, key)
      return output
    },
    chaCha20Poly1305Decrypt: (sealed, nonce, ad, key, into) => {
      const output = into ?? new Uint8Array(plainLength(sealed.byteLength))
      open(output, null, sealed.subarray(), ad.length === 0 ? null : ad, nonce, key)
      return output
    },
  }
}

/** The same by OpenSSL. */
export const nodeCipher: Cipher = {
  chaCha20Poly1305Encrypt: (plain, nonce, ad, key) => {
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(ad, { plaintextLength: plain.byteLength })
    const parts = [cipher.update(plain.subarray()), cipher.final()]
    return Buffer.concat([...parts, cipher.getAuthTag()])
  },
  chaCha20Poly1305Decrypt: (sealed, nonce, ad, key) => {
    const bytes = sealed.subarray()
    const length = plainLength(bytes.length)
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(ad, { plaintextLength: length })
    decipher.setAuthTag(bytes.subarray(length))
    return Buffer.concat([decipher.update(bytes.subarray(0, length)), decipher.final()])
  },
}

function plainLength(sealedLength: number): number {
  if (sealedLength < TAG_BYTES) throw new RangeError(`a sealed message has at least ${TAG_BYTES} bytes, found ${sealedLength}`)
  return sealedLength - TAG_BYTES
}

const sodium = loadAddon(() => createRequire(import.meta.url)('sodium-native') as Sodium)

export const noiseCrypto: ICryptoInterface = {
  ...(sodium === undefined ? nodeCipher : sodiumCipher(sodium)),
  hashSHA256: (data) => createHash('sha256').update(data.subarray()).digest(),
  getHKDF: (chainingKey, input) => {
    const output = new Uint8Array(hkdfSync('sha256', input, chainingKey, NOTHING, HKDF_BYTES))
    return [output.subarray(0, 32), output.subarray(32, 64), output.subarray(64)]
  },
  generateX25519KeyPair: () => {
    const { publicKey, privateKey } = generateKeyPairSync('x25519', {
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    })
    return {
      publicKey: publicKey.subarray(PUBLIC_PREFIX.length),
      privateKey: privateKey.subarray(PRIVATE_PREFIX.length),
    }
  },
  generateX25519KeyPairFromSeed: (seed) => {
    const exported = createPublicKey(privateKeyOf(seed)).export({ type: 'spki', format: 'der' })
    return { publicKey: exported.subarray(PUBLIC_PREFIX.length), privateKey: seed }
  },
  generateX25519SharedKey: (privateKey, publicKey) => {
    const key = Buffer.from(concat(PUBLIC_PREFIX, publicKey.subarray()))
    return diffieHellman({
      publicKey: createPublicKey({ key, type: 'spki', format: 'der' }),
      privateKey: privateKeyOf(privateKey.subarray()),
    })
  },
}

function privateKeyOf(seed: Uint8Array): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: Buffer.from(concat(PRIVATE_PREFIX, seed)), type: 'pkcs8', format: 'der' })
}
