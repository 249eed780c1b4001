import { createPrivateKey, createPublicKey, sign as nodeSign, verify as nodeVerify } from 'node:crypto'
import { createRequire } from 'node:module'
import { KEY_BYTES, SIGNATURE_BYTES, type Signer, type VerifySignature } from '../protocol/ed25519.ts'
import { WattnessError } from '../protocol/errors.ts'
import { HASH_BYTES, useSha256 } from '../protocol/hash.ts'
import { type Random, systemRandom } from './platform.ts'

/**
 * Native Ed25519 and SHA-256: libsodium where its addon loads, node:crypto elsewhere. Both answer every vector of
 * protocol/test/vectors/ed25519.json alike once verifyStrict stands in front.
 */
export const SEED_BYTES = 32

/** The four functions used; the published types ask for Buffer where any Uint8Array is taken. */
interface Sodium {
  readonly crypto_sign_verify_detached: (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean
  readonly crypto_sign_seed_keypair: (publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array) => void
  readonly crypto_sign_detached: (signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array) => void
  readonly crypto_hash_sha256: (output: Uint8Array, input: Uint8Array) => void
}

/** What `load` gives, or undefined where it throws: no addon was built for this machine, which is slower, not broken. */
export function loadAddon<T>(load: () => T): T | undefined {
  try {
    return load()
  } catch {
    return undefined
  }
}

const sodium = loadAddon(() => createRequire(import.meta.url)('sodium-native') as Sodium)

/** Which library checks signatures in this process. */
export const signatureLibrary: 'sodium-native' | 'node:crypto' = sodium === undefined ? 'node:crypto' : 'sodium-native'

/** DER around a raw key (RFC 8410): SubjectPublicKeyInfo and PKCS #8. */
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The same check by OpenSSL. */
export const verifyWithNodeCrypto: VerifySignature = (signature, message, key) => {
  if (signature.length !== SIGNATURE_BYTES || key.length !== KEY_BYTES) return false
  const publicKey = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, key]), format: 'der', type: 'spki' })
  return nodeVerify(null, message, publicKey, signature)
}

function sodiumVerifier({ crypto_sign_verify_detached: verify }: Sodium): VerifySignature {
  return (signature, message, key) => {
    // The addon throws for other lengths.
    if (signature.length !== SIGNATURE_BYTES || key.length !== KEY_BYTES) return false
    return verify(signature, message, key)
  }
}

/** Raw check of the library: everything in protocol/ puts verifyStrict in front of it. */
export const verifySignature: VerifySignature = sodium === undefined ? verifyWithNodeCrypto : sodiumVerifier(sodium)

function assertSeed(seed: Uint8Array): void {
  if (seed.length !== SEED_BYTES) {
    throw new WattnessError('OUT_OF_RANGE', `seed: expected ${SEED_BYTES} bytes, found ${seed.length}`, { found: seed.length })
  }
}

/** The same signer by OpenSSL. */
export function createNodeCryptoSigner(seed: Uint8Array): Signer {
  assertSeed(seed)
  const privateKey = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const exported = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(exported.subarray(PUBLIC_PREFIX.length)),
    sign: (message) => new Uint8Array(nodeSign(null, message, privateKey)),
  }
}

/** From a 32-byte seed as RFC 8032 calls it the private key. Throws OUT_OF_RANGE for another length. */
export function createSigner(seed: Uint8Array): Signer {
  assertSeed(seed)
  if (sodium === undefined) return createNodeCryptoSigner(seed)
  const publicKey = new Uint8Array(KEY_BYTES)
  const secretKey = new Uint8Array(64)
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  return {
    publicKey,
    sign(message) {
      const signature = new Uint8Array(SIGNATURE_BYTES)
      sodium.crypto_sign_detached(signature, message, secretKey)
      return signature
    },
  }
}

export function generateSeed(random: Random = systemRandom): Uint8Array {
  return random.bytes(SEED_BYTES)
}

/**
 * Gives protocol/ the native SHA-256 for this process (110 bytes: 0.42 µs against 1.0). Hashing into one array and copying
 * it out was the fastest of six ways measured (a fresh array for the addon to fill: 0.58) and never hands out pooled memory.
 */
export function useNativeHash(): void {
  if (sodium === undefined) return
  const { crypto_hash_sha256: hash } = sodium
  const output = new Uint8Array(HASH_BYTES)
  useSha256(
    (bytes) => {
      hash(output, bytes)
      return output.slice()
    },
    (bytes, target, at) => {
      hash(output, bytes)
      for (let i = 0; i < HASH_BYTES; i++) target[at + i] = output[i] as number
    },
  )
}
