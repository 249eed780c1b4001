import { compareBytes, concat, equalBytes, toHex, toUtf8 } from './bytes.ts'
import type { KnownDigests, PeerAddresses } from './frames.ts'
import { HASH_BYTES, sha256 } from './hash.ts'

/** Digests by which two neighbours see that they know the same without telling it (rule S30). */

/** Half a hash: enough that nobody finds two sets of one digest. */
export const KNOWN_DIGEST_BYTES = HASH_BYTES / 2

/** Of the members whose addresses the sender knows, its own among them; in any order. */
export function addressesDigest(peers: Iterable<PeerAddresses>): Uint8Array {
  const entries: string[] = []
  for (const { key, addresses } of peers) entries.push(`${[toHex(key), ...addresses].join('\n')}\n`)
  return digestOf(toUtf8(entries.sort().join('')))
}

/** Of signatures, 64 bytes each: of each witness and epoch that of the newest attestation that the sender holds; in any order. */
export function attestationsDigest(signatures: Iterable<Uint8Array>): Uint8Array {
  return digestOf(concat(...[...signatures].sort(compareBytes)))
}

/** Says nothing: of who cannot tell yet what it knows. */
export const NO_DIGEST = new Uint8Array(KNOWN_DIGEST_BYTES)

export const NO_DIGESTS: KnownDigests = { addresses: NO_DIGEST, attestations: NO_DIGEST }

/** Both know the same. Who says nothing is told everything. */
export function isSameKnown(own: Uint8Array, told: Uint8Array): boolean {
  return equalBytes(own, told) && !equalBytes(own, NO_DIGEST)
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).slice(0, KNOWN_DIGEST_BYTES)
}
