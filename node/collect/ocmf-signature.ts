import { createPublicKey, getCurves, type KeyObject, verify } from 'node:crypto'
import { WattnessError } from '../../protocol/errors.ts'

/**
 * Signatures of OCMF records: ECDSA over the payload's bytes as they were sent. Curves are those of the specification's table of
 * algorithms (brainpool in both writings that meters use); which of them can be checked is a matter of the OpenSSL below Node.
 */

export interface OcmfSignature {
  /** `ECDSA-secp256r1-SHA256` unless the record names another. */
  readonly algorithm: string
  readonly bytes: Uint8Array
}

export const DEFAULT_ALGORITHM = 'ECDSA-secp256r1-SHA256'

interface Curve {
  /** As OpenSSL calls it. */
  readonly name: string
  /** Object identifier, DER. */
  readonly oid: string
  readonly bytes: number
}

const CURVES: ReadonlyMap<string, Curve> = new Map([
  ['secp192k1', { name: 'secp192k1', oid: '06052b8104001f', bytes: 24 }],
  ['secp256k1', { name: 'secp256k1', oid: '06052b8104000a', bytes: 32 }],
  ['secp192r1', { name: 'prime192v1', oid: '06082a8648ce3d030101', bytes: 24 }],
  ['secp256r1', { name: 'prime256v1', oid: '06082a8648ce3d030107', bytes: 32 }],
  ['secp384r1', { name: 'secp384r1', oid: '06052b81040022', bytes: 48 }],
  ['secp521r1', { name: 'secp521r1', oid: '06052b81040023', bytes: 66 }],
  ['brainpool256r1', { name: 'brainpoolP256r1', oid: '06092b2403030208010107', bytes: 32 }],
  ['brainpool384r1', { name: 'brainpoolP384r1', oid: '06092b240303020801010b', bytes: 48 }],
])

const ALGORITHM = /^ECDSA-([a-z]+)P?(\d{3}[rk]1)-SHA(256|384|512)$/

/** id-ecPublicKey, the algorithm of every elliptic key. */
const EC_PUBLIC_KEY = '06072a8648ce3d0201'

/** Throws OCMF_ALGORITHM_UNKNOWN where this Node cannot check such signatures, and names those it can. */
function curveOf(algorithm: string): Curve & { readonly hash: string } {
  const match = ALGORITHM.exec(algorithm)
  const curve = match === null ? undefined : CURVES.get(`${match[1] as string}${match[2] as string}`)
  const checked = Array.from(CURVES).filter(([, { name }]) => getCurves().includes(name))
  if (curve === undefined || !getCurves().includes(curve.name)) {
    const found = JSON.stringify(algorithm.slice(0, 60))
    const known = checked.map(([name]) => name).join(', ')
    throw new WattnessError(
      'OCMF_ALGORITHM_UNKNOWN',
      `signature algorithm ${found}: expected ECDSA-CURVE-SHA256 with one of ${known}`,
      { found: algorithm.slice(0, 60) },
    )
  }
  return { ...curve, hash: `sha${match?.[3] as string}` }
}

/**
 * A key as it stands beside records: DER (SubjectPublicKeyInfo) or the bare point of the algorithm's curve, in hexadecimal digits
 * (blanks allowed) or base64. Throws OCMF_KEY_UNREADABLE.
 */
function readKey(text: string, curve: Curve): KeyObject {
  const compact = text.replace(/\s+/g, '')
  const bytes = Buffer.from(compact, /^[\dA-Fa-f]+$/.test(compact) ? 'hex' : 'base64')
  const point = bytes.length === 1 + 2 * curve.bytes || (bytes.length === 1 + curve.bytes && (bytes[0] as number) < 4)
  try {
    return createPublicKey({ key: point ? spkiOf(bytes, curve) : bytes, format: 'der', type: 'spki' })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const shown = JSON.stringify(text.slice(0, 40))
    throw new WattnessError(
      'OCMF_KEY_UNREADABLE',
      `public key ${shown}: expected DER (SubjectPublicKeyInfo) or a point 02…, 03…, 04…, as hex or base64 (${reason})`,
      { found: text.slice(0, 40) },
      { cause: error },
    )
  }
}

function spkiOf(point: Buffer, { oid }: Curve): Buffer {
  const algorithm = der(0x30, Buffer.from(EC_PUBLIC_KEY + oid, 'hex'))
  return der(0x30, Buffer.concat([algorithm, der(0x03, Buffer.concat([Buffer.of(0), point]))]))
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  return Buffer.concat([length < 128 ? Buffer.of(tag, length) : Buffer.of(tag, 0x81, length), content])
}

/**
 * Returns normally where the signature is right. Throws OCMF_ALGORITHM_UNKNOWN, OCMF_KEY_UNREADABLE, and OCMF_SIGNATURE_INVALID,
 * which says what else is odd.
 */
export function assertSigned(payload: Uint8Array, { algorithm, bytes }: OcmfSignature, keyText: string): void {
  const curve = curveOf(algorithm)
  const key = readKey(keyText, curve)
  const keyCurve = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown'
  if (keyCurve !== curve.name) return refuse(`its key is of ${keyCurve} and not of ${curve.name} as ${algorithm} says`)
  // Some gateways send r and s side by side instead of DER.
  const dsaEncoding = bytes.length === 2 * curve.bytes && bytes[0] !== 0x30 ? 'ieee-p1363' : 'der'
  if (!verify(curve.hash, payload, { key, dsaEncoding }, bytes)) refuse(`it is not what the key beside it signs (${algorithm})`)
}

function refuse(reason: string): never {
  throw new WattnessError('OCMF_SIGNATURE_INVALID', `the signature is wrong: ${reason}`, { reason })
}
