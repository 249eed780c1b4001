import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { toUtf8 } from '../bytes.ts'
import type { Signer, VerifySignature } from '../ed25519.ts'
import { sha256 } from '../hash.ts'

/** Ed25519 for tests of protocol/, by the runtime's own library: protocol/ itself has none and may not import node/. */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** The same name gives the same key. */
export function testSigner(name: string): Signer {
  return signerFromSeed(sha256(toUtf8(`test key of ${name}`)))
}

export function signerFromSeed(seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(publicKey.subarray(PUBLIC_PREFIX.length)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  }
}

export const testVerify: VerifySignature = (signature, message, key) => {
  try {
    return verify(
      null,
      message,
      createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, key]), format: 'der', type: 'spki' }),
      signature,
    )
  } catch {
    return false
  }
}
