/**
 * Ed25519, pinned to one rule (C9–C12), because libraries answer differently on crafted input and one such signature would
 * split the network for ever. The curve arithmetic itself is injected; what libraries leave open is settled here, on bytes.
 */
export const KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/**
 * The cofactorless check of RFC 8032 section 5.1.7: S·B − h·A, with h reduced modulo L, encodes to the bytes of R. Must not
 * throw, whatever the bytes. Use it through verifyStrict.
 */
export type VerifySignature = (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean

export interface Signer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes, deterministic (RFC 8032). */
  sign(message: Uint8Array): Uint8Array
}

/** The order of the base point, 2^252 + 27742317777372353535851937790883648493, most significant byte first. */
const L_BIG_ENDIAN: readonly number[] = [
  0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7, 0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c,
  0xf5, 0xd3, 0xed,
]

/**
 * The y coordinates of the eight points of small order, little-endian: 1 (order 1), −1 (order 2), 0 (order 4, two points)
 * and two values with two points each (order 8); then 0 and 1 once more as p and p + 1, the spellings that are not
 * canonical. (−1 + p needs more than 255 bits.) With either sign bit these are all 14 encodings that a library may read.
 */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  Uint8Array.of(1, ...new Uint8Array(31)),
  Uint8Array.of(0xec, ...new Uint8Array(30).fill(0xff), 0x7f),
  new Uint8Array(32),
  Uint8Array.of(
    0x26,
    0xe8,
    0x95,
    0x8f,
    0xc2,
    0xb2,
    0x27,
    0xb0,
    0x45,
    0xc3,
    0xf4,
    0x89,
    0xf2,
    0xef,
    0x98,
    0xf0,
    0xd5,
    0xdf,
    0xac,
    0x05,
    0xd3,
    0xc6,
    0x33,
    0x39,
    0xb1,
    0x38,
    0x02,
    0x88,
    0x6d,
    0x53,
    0xfc,
    0x05,
  ),
  Uint8Array.of(
    0xc7,
    0x17,
    0x6a,
    0x70,
    0x3d,
    0x4d,
    0xd8,
    0x4f,
    0xba,
    0x3c,
    0x0b,
    0x76,
    0x0d,
    0x10,
    0x67,
    0x0f,
    0x2a,
    0x20,
    0x53,
    0xfa,
    0x2c,
    0x39,
    0xcc,
    0xc6,
    0x4e,
    0xc7,
    0xfd,
    0x77,
    0x92,
    0xac,
    0x03,
    0x7a,
  ),
  Uint8Array.of(0xed, ...new Uint8Array(30).fill(0xff), 0x7f),
  Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f),
]

/** Rule C10: 64 bytes, and S (the last 32, little-endian) is below L. */
export function isCanonicalSignature(signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  for (let i = 0; i < 32; i++) {
    const difference = (signature[63 - i] as number) - (L_BIG_ENDIAN[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** True for every encoding, canonical or not, of a point whose order divides 8. Reads the first 32 bytes. */
export function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_Y.some((y) => {
    for (let i = 0; i < 31; i++) if (point[i] !== y[i]) return false
    return ((point[31] as number) & 0x7f) === y[31]
  })
}

/** y below p = 2^255 − 19. The sign of x = 0 is left to the small orders: only they have it. */
function isCanonicalY(point: Uint8Array): boolean {
  if (((point[31] as number) & 0x7f) !== 0x7f || (point[0] as number) < 0xed) return true
  for (let i = 1; i < 31; i++) if (point[i] !== 0xff) return true
  return false
}

/**
 * Rule C9: 32 bytes, canonical, not of small order. Whether they are a point at all is left to the check of the first
 * signature: no signature fits a key that is none.
 */
export function isAcceptableKey(key: Uint8Array): boolean {
  return key.length === KEY_BYTES && isCanonicalY(key) && !isSmallOrder(key)
}

/**
 * Rule C12: the pinned rule, whatever `verify` leaves open. Needed: OpenSSL 3.0 (Node 20) takes small-order keys and R that
 * libsodium 1.0.21 and OpenSSL 3.5 (Node 24) refuse.
 */
export function verifyStrict(verify: VerifySignature, signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  return isCanonicalSignature(signature) && !isSmallOrder(signature) && isAcceptableKey(key) && verify(signature, message, key)
}
