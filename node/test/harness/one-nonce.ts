import { createHash } from 'node:crypto'
import sodium from 'sodium-native'
import { type Bytes, type Signer, sha256, toUtf8 } from '../../../protocol/index.ts'
import { signerOf } from './neighbourhood.ts'

/** The order of the group of Ed25519's base point (RFC 8032, section 5.1). */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** Signs everything with one nonce: right signatures that share their first half, by whoever does not care for the key. */
export function signerWithOneNonce(name: string): Signer {
  const { publicKey } = signerOf(name)
  const secret = createHash('sha512')
    .update(sha256(toUtf8(`neighbourhood ${name}`)))
    .digest()
    .subarray(0, 32)
  secret[0] = (secret[0] as number) & 248
  secret[31] = ((secret[31] as number) & 63) | 64
  const nonce = Buffer.alloc(32, 7).fill(0, 31)
  const point = Buffer.alloc(32)
  sodium.crypto_scalarmult_ed25519_base_noclamp(point, nonce)
  return {
    publicKey,
    sign(message: Bytes): Bytes {
      const challenge = createHash('sha512').update(point).update(publicKey).update(message).digest()
      const scalar = (numberOf(nonce) + numberOf(challenge) * numberOf(secret)) % ORDER
      return new Uint8Array([...point, ...bytesOf(scalar)])
    },
  }
}

function numberOf(littleEndian: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(littleEndian).reverse().toString('hex')}`)
}

function bytesOf(scalar: bigint): Uint8Array {
  return Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
}
