import { fromBase64, fromUtf8, toBase64 } from './bytes.ts'
import { type OpenedCheckpoint, openCheckpoint } from './cosignature.ts'
import type { VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_PROOF_HASHES } from './limits.ts'
import { MAX_NOTE_BYTES, type VerifierKey } from './note.ts'
import { verifyInclusion } from './tree.ts'

/**
 * Offline proofs that a log holds an entry, as C2SP tlog-proof v1 defines them (rules P7–P9): any tool that reads the format
 * checks them with the same policy.
 */

export const TLOG_PROOF_HEADER = 'c2sp.org/tlog-proof@v1'

/** The largest note, 64 hashes, and as much again for opaque data, which this project never writes. */
export const MAX_TLOG_PROOF_BYTES = 2 * MAX_NOTE_BYTES + MAX_PROOF_HASHES * 45 + 128

export interface TlogProof {
  /** Place of the entry in the log: for a chain, the block's height. */
  readonly index: number
  /** Inclusion proof, nearest the leaf first (rule T4). */
  readonly hashes: readonly Uint8Array[]
  /** The signed note, verbatim. */
  readonly checkpoint: string
  /** Authenticated by nothing. */
  readonly extra?: Uint8Array
}

/** Whom a verifier believes: one log, and `quorum` of these witnesses. */
export interface ProofPolicy {
  readonly log: VerifierKey
  readonly witnesses: readonly VerifierKey[]
  readonly quorum: number
}

export interface OpenedTlogProof extends OpenedCheckpoint {
  readonly index: number
}

const refuse = (detail: string): never => {
  throw new WattnessError('MALFORMED_PROOF', `tlog-proof: ${detail}`)
}

const DECIMAL = /^(0|[1-9][0-9]{0,15})$/

/** Rule P7. Throws MALFORMED_PROOF for an index or a hash that no proof can carry. */
export function formatTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  if (!Number.isSafeInteger(index) || index < 0) refuse(`expected an index of 0 to 2^53-1, found ${index}`)
  if (hashes.length > MAX_PROOF_HASHES) refuse(`expected at most ${MAX_PROOF_HASHES} hashes, found ${hashes.length}`)
  let text = `${TLOG_PROOF_HEADER}\n`
  if (extra !== undefined) text += `extra ${toBase64(extra)}\n`
  text += `index ${index}\n`
  for (const hash of hashes) {
    if (hash.length !== HASH_BYTES) refuse(`expected hashes of ${HASH_BYTES} bytes, found ${hash.length}`)
    text += `${toBase64(hash)}\n`
  }
  return `${text}\n${checkpoint}`
}

/** Rule P7: reads without verifying. Bytes must be UTF-8. Throws MALFORMED_PROOF. */
export function parseTlogProof(proof: string | Uint8Array): TlogProof {
  if (proof.length > MAX_TLOG_PROOF_BYTES) refuse(`expected at most ${MAX_TLOG_PROOF_BYTES} bytes, found ${proof.length}`)
  const text = typeof proof === 'string' ? proof : textOf(proof)
  let at = 0
  const line = (): string => {
    const end = text.indexOf('\n', at)
    if (end < 0) refuse('ends before its checkpoint')
    const found = text.slice(at, end)
    at = end + 1
    return found
  }
  if (line() !== TLOG_PROOF_HEADER) refuse(`expected ${TLOG_PROOF_HEADER} in the first line`)
  let next = line()
  const extra = next.startsWith('extra ') ? base64Of(next.slice('extra '.length), 'the extra data') : undefined
  if (extra !== undefined) next = line()
  if (!next.startsWith('index ')) refuse(`expected the index, found ${JSON.stringify(next.slice(0, 80))}`)
  const decimal = next.slice('index '.length)
  const index = Number(decimal)
  if (!DECIMAL.test(decimal) || !Number.isSafeInteger(index)) {
    refuse(`expected an index of 0 to 2^53-1 in decimal, found ${JSON.stringify(decimal.slice(0, 40))}`)
  }
  const hashes: Uint8Array[] = []
  for (let encoded = line(); encoded !== ''; encoded = line()) {
    if (hashes.length === MAX_PROOF_HASHES) refuse(`more than ${MAX_PROOF_HASHES} hashes`)
    const hash = base64Of(encoded, `hash ${hashes.length}`)
    if (hash.length !== HASH_BYTES) refuse(`hash ${hashes.length} of ${hash.length} bytes, expected ${HASH_BYTES}`)
    hashes.push(hash)
  }
  const read = { index, hashes, checkpoint: text.slice(at) }
  return extra === undefined ? read : { ...read, extra }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return refuse('not valid UTF-8')
  }
}

function base64Of(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text)
  } catch {
    return refuse(`${what} is not canonical base64`)
  }
}

/**
 * Rules P8 and P9: that the log which `policy` names holds at `index` the entry with this leaf hash (T1), that `policy.quorum`
 * of its witnesses say so, and when. Throws MALFORMED_PROOF, what openCheckpoint throws, QUORUM_MISSING, NOT_INCLUDED.
 */
export function openTlogProof(
  verify: VerifySignature,
  proof: TlogProof | string | Uint8Array,
  leafHash: Uint8Array,
  policy: ProofPolicy,
): OpenedTlogProof {
  const { index, hashes, checkpoint } = typeof proof === 'string' || proof instanceof Uint8Array ? parseTlogProof(proof) : proof
  const opened = openCheckpoint(verify, checkpoint, policy.log, policy.witnesses)
  const found = opened.cosignatures.length
  if (found < policy.quorum) {
    const detail = `${found} of ${policy.witnesses.length} known witnesses cosigned, ${policy.quorum} expected`
    throw new WattnessError('QUORUM_MISSING', `tlog-proof: ${detail}`, { found, quorum: policy.quorum })
  }
  const { size, root } = opened.checkpoint
  if (!verifyInclusion(leafHash, index, size, hashes, root)) {
    throw new WattnessError('NOT_INCLUDED', `tlog-proof: the entry does not stand at ${index} in the tree of ${size}`, { index })
  }
  return { ...opened, index }
}

/**
 * Rule P9: by when the checkpoint existed although up to `liars` of the witnesses may have lied about the time: the
 * (liars + 1)-th smallest of their times, in seconds. Undefined where there are not so many.
 */
export function existedBy(cosignatures: readonly { readonly timeS: number }[], liars: number): number | undefined {
  return cosignatures.map(({ timeS }) => timeS).sort((a, b) => a - b)[liars]
}
