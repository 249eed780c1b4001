import type { Signer } from '../ed25519.ts'
import { signerFromSeed } from './signing.ts'

/** Seed number `n`: 32 bytes that are all `n`, so that vectors can name their keys. */
export const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n)

const signers = new Map<number, Signer>()

export function signerOf(n: number): Signer {
  const signer = signers.get(n) ?? signerFromSeed(seedOf(n))
  signers.set(n, signer)
  return signer
}

/** A copy: tests may write into it. */
export const keyOf = (n: number): Uint8Array => new Uint8Array(signerOf(n).publicKey)
