import { equalBytes, fromBase64, fromUtf8, toBase64 } from './bytes.ts'
import { type Checkpoint, type CheckpointText, parseCheckpoint } from './checkpoint.ts'
import { formatSignatureLines, parseSignatureLines, verifyCosignature } from './cosignature.ts'
import type { VerifySignature } from './ed25519.ts'
import { isWattnessError, WattnessError } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES } from './hash.ts'
import { MAX_NOTE_BYTES, type NoteSignature, noteKeyId, openNote, parseNote, type VerifierKey } from './note.ts'
import { verifyConsistency } from './tree.ts'

/**
 * The call by which a log's author asks a witness for a cosignature, as C2SP tlog-witness defines it (rules P10–P12):
 * `add-checkpoint`. What is asked is read and decided here; the record is compared, written and signed by the node, in that
 * order and in one turn.
 */

/** C2SP: a client must not send more. */
export const MAX_REQUEST_HASHES = 63
export const MAX_REQUEST_BYTES = MAX_NOTE_BYTES + MAX_REQUEST_HASHES * 45 + 32

export interface AddCheckpointRequest {
  /** Size that the witness is thought to have signed last. */
  readonly oldSize: number
  /** Consistency proof from there to the checkpoint (rule T6). */
  readonly proof: readonly Uint8Array[]
  /** The signed note, verbatim. */
  readonly note: string
  /** Its text: what is cosigned. */
  readonly text: string
  readonly checkpoint: CheckpointText
}

export interface WitnessResponse {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 503
  readonly contentType: string
  readonly body: string
}

/** What a witness knows of a log when it is asked. */
export interface WitnessedLog {
  /** Keys whose signature it believes for this origin. */
  readonly keys: readonly VerifierKey[]
  /** What it has signed last of this log, by whatever means; undefined for nothing yet. */
  readonly recorded: Checkpoint | undefined
}

/** Either an answer, or a checkpoint to be recorded in place of what was recorded, and then signed. */
export type AddCheckpointDecision =
  | { readonly type: 'refuse'; readonly response: WitnessResponse }
  | { readonly type: 'cosign'; readonly record: Checkpoint; readonly text: string }

const PLAIN = 'text/plain; charset=utf-8'

const respond = (status: WitnessResponse['status'], body: string, contentType = PLAIN): WitnessResponse => ({
  status,
  contentType,
  body: `${body}\n`,
})

const refuse = (detail: string): never => {
  throw new WattnessError('MALFORMED_REQUEST', `add-checkpoint: ${detail}`)
}

/** Rule P10. Throws MALFORMED_REQUEST for what no witness would read. */
export function formatAddCheckpointRequest(oldSize: number, proof: readonly Uint8Array[], note: string): string {
  if (!Number.isSafeInteger(oldSize) || oldSize < 0) refuse(`expected an old size of 0 to 2^53-1, found ${oldSize}`)
  if (proof.length > MAX_REQUEST_HASHES) refuse(`expected at most ${MAX_REQUEST_HASHES} hashes, found ${proof.length}`)
  return `old ${oldSize}\n${proof.map((hash) => `${toBase64(hash)}\n`).join('')}\n${note}`
}

/** Rule P10: reads without verifying. Throws MALFORMED_REQUEST, MALFORMED_NOTE and MALFORMED_CHECKPOINT: all are status 400. */
export function parseAddCheckpointRequest(body: string | Uint8Array): AddCheckpointRequest {
  if (body.length > MAX_REQUEST_BYTES) refuse(`expected at most ${MAX_REQUEST_BYTES} bytes, found ${body.length}`)
  const all = typeof body === 'string' ? body : textOf(body)
  const end = all.indexOf('\n\n')
  if (end < 0) refuse('no empty line before the checkpoint')
  const [first, ...encoded] = all.slice(0, end).split('\n') as [string, ...string[]]
  const decimal = /^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1]
  const oldSize = Number(decimal)
  if (decimal === undefined || !Number.isSafeInteger(oldSize)) {
    refuse(`expected an old size of 0 to 2^53-1, found ${JSON.stringify(first.slice(0, 80))}`)
  }
  if (encoded.length > MAX_REQUEST_HASHES) refuse(`expected at most ${MAX_REQUEST_HASHES} hashes, found ${encoded.length}`)
  const note = all.slice(end + 2)
  const { text } = parseNote(note)
  return { oldSize, proof: encoded.map(hashOf), note, text, checkpoint: parseCheckpoint(text) }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return refuse('not valid UTF-8')
  }
}

function hashOf(text: string, at: number): Uint8Array {
  let hash: Uint8Array | undefined
  try {
    hash = fromBase64(text)
  } catch {
    refuse(`hash ${at} is not canonical base64`)
  }
  if (hash?.length !== HASH_BYTES) refuse(`hash ${at}: expected ${HASH_BYTES} bytes`)
  return hash as Uint8Array
}

const isUnsigned = (error: unknown): error is WattnessError =>
  isWattnessError(error, 'INVALID_NOTE_SIGNATURE') || isWattnessError(error, 'UNVERIFIED_NOTE')

/**
 * Rule P11, in the order of its table. `log` is undefined for an origin that this witness does not know. Pure: whoever calls
 * it must hold the record still until the decision is carried out.
 */
export function decideAddCheckpoint(
  verify: VerifySignature,
  request: AddCheckpointRequest,
  log: WitnessedLog | undefined,
): AddCheckpointDecision {
  const { oldSize, proof, note, text, checkpoint } = request
  const answer = (response: WitnessResponse): AddCheckpointDecision => ({ type: 'refuse', response })
  if (log === undefined) return answer(respond(404, 'unknown log'))
  try {
    openNote(verify, note, log.keys)
  } catch (error) {
    if (isUnsigned(error)) return answer(respond(403, error.message))
    throw error
  }
  const { size, root } = checkpoint
  if (oldSize > size) return answer(respond(400, `old size ${oldSize} is above the checkpoint's ${size}`))
  const { size: heldSize, root: heldRoot } = log.recorded ?? { size: 0, root: EMPTY_ROOT }
  if (oldSize !== heldSize) return answer(respond(409, String(heldSize), 'text/x.tlog.size'))
  // At size 0 this compares with the root of no leaves.
  if (!verifyConsistency(oldSize, heldRoot, size, root, proof)) {
    const detail = oldSize === size ? 'another root than the recorded one, or a proof where none is needed' : 'it does not hold'
    return answer(respond(422, `consistency proof from ${oldSize} to ${size}: ${detail}`))
  }
  return { type: 'cosign', record: { size, root }, text }
}

/** Rule P10: the answer to a request that cannot be read. Throws the error again where it is of another kind. */
export function malformedResponse(error: unknown): WitnessResponse {
  if (!isWattnessError(error) || !error.code.startsWith('MALFORMED_')) throw error
  return respond(400, error.message)
}

/** Rule P12: the witness does not sign this at present, and nothing was recorded. */
export function unavailableResponse(why: string): WitnessResponse {
  return respond(503, why)
}

/** Rule P11: the answer to a request whose checkpoint is recorded. */
export function cosignedResponse(cosignatures: readonly NoteSignature[]): WitnessResponse {
  return { status: 200, contentType: PLAIN, body: formatSignatureLines(cosignatures) }
}

/**
 * Rule P10, the asking side: the witness's own cosignature out of its answer; signatures of other keys are passed over.
 * Throws MALFORMED_NOTE, INVALID_NOTE_SIGNATURE, UNVERIFIED_NOTE where there is none of `key`.
 */
export function readCosignature(verify: VerifySignature, body: string, text: string, key: VerifierKey): NoteSignature {
  const keyId = noteKeyId(key.name, key.type, key.key)
  const line = parseSignatureLines(body).find(({ name, keyId: id }) => name === key.name && equalBytes(id, keyId))
  if (line === undefined) throw new WattnessError('UNVERIFIED_NOTE', `add-checkpoint: no cosignature of ${key.name}`)
  if (verifyCosignature(verify, key.key, text, line.signature)) return line
  throw new WattnessError('INVALID_NOTE_SIGNATURE', `add-checkpoint: the cosignature of ${key.name} does not fit`)
}

/** Rule P10, the asking side: the size in an answer of status 409; undefined for what is none. */
export function conflictSize(body: string): number | undefined {
  const size = Number(/^(0|[1-9][0-9]{0,15})\n$/.exec(body)?.[1] ?? Number.NaN)
  return Number.isSafeInteger(size) ? size : undefined
}
