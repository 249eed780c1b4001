import { equalBytes, toHex, toUtf8 } from './bytes.ts'
import { type CheckpointText, checkpointOrigin, parseCheckpoint } from './checkpoint.ts'
import { KEY_BYTES, SIGNATURE_BYTES, type Signer, type VerifySignature, verifyStrict } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { formatNote, NOTE_COSIGNATURE, NOTE_ED25519, type NoteSignature, noteKeyId, parseNote, type VerifierKey } from './note.ts'

/**
 * Cosignatures as C2SP tlog-cosignature defines them, the Ed25519 type (rules P1–P6): a witness's statement that at a time of
 * its clock a checkpoint was the largest one of its log that it had seen, and consistent with all before.
 */

const TIME_BYTES = 8
/** Time ‖ Ed25519 signature; the key id stands before it in the note. */
export const COSIGNATURE_BYTES = TIME_BYTES + SIGNATURE_BYTES

/** One verified cosignature. */
export interface Cosignature {
  readonly key: VerifierKey
  /** POSIX seconds on the witness's clock. */
  readonly timeS: number
}

/** Rule P1: the name under which a member cosigns, in its network only: 90 characters. */
export function witnessName(networkId: Uint8Array, member: Uint8Array): string {
  if (networkId.length !== HASH_BYTES || member.length !== KEY_BYTES) {
    const found = `${networkId.length} and ${member.length}`
    throw new WattnessError('OUT_OF_RANGE', `witness name: expected networkId and key of 32 bytes, found ${found}`)
  }
  return `wattness-${toHex(networkId.subarray(0, 8))}-${toHex(member)}`
}

/** Rule P1: by which a member's cosignatures are checked. */
export function witnessVerifierKey(networkId: Uint8Array, member: Uint8Array): VerifierKey {
  return { name: witnessName(networkId, member), type: NOTE_COSIGNATURE, key: member }
}

/** By which a member's own signature on its checkpoints is checked (rule C6). */
export function logVerifierKey(networkId: Uint8Array, member: Uint8Array): VerifierKey {
  return { name: checkpointOrigin(networkId, member), type: NOTE_ED25519, key: member }
}

/** Rule P2: `cosignature/v1`, the time, and the checkpoint's whole text. */
export function cosignedMessage(timeS: number, text: string): Uint8Array {
  if (!Number.isSafeInteger(timeS) || timeS < 0) {
    throw new WattnessError('OUT_OF_RANGE', `cosignature: expected a time of 0 to 2^53-1 seconds, found ${timeS}`, { timeS })
  }
  return toUtf8(`cosignature/v1\ntime ${timeS}\n${text}`)
}

/** Rule P3: signs the text of a checkpoint; 72 bytes behind the key id. The record must be durable before (rule P11). */
export function signCosignature(signer: Signer, name: string, text: string, timeS: number): NoteSignature {
  const signature = new Uint8Array(COSIGNATURE_BYTES)
  const view = new DataView(signature.buffer)
  const message = cosignedMessage(timeS, text)
  view.setBigUint64(0, BigInt(timeS))
  signature.set(signer.sign(message), TIME_BYTES)
  return { name, keyId: noteKeyId(name, NOTE_COSIGNATURE, signer.publicKey), signature }
}

/** Rule P3: seconds; undefined for another length, and for a time beyond 2^53-1, which lies in the future of every clock. */
export function cosignatureTime(signature: Uint8Array): number | undefined {
  if (signature.length !== COSIGNATURE_BYTES) return undefined
  const time = new DataView(signature.buffer, signature.byteOffset, TIME_BYTES).getBigUint64(0)
  return time > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(time)
}

/** Rules P2 and P3. False, never an error, for what is no cosignature. `signature` is what follows the key id. */
export function verifyCosignature(verify: VerifySignature, key: Uint8Array, text: string, signature: Uint8Array): boolean {
  const timeS = cosignatureTime(signature)
  if (timeS === undefined) return false
  return verifyStrict(verify, signature.subarray(TIME_BYTES), cosignedMessage(timeS, text), key)
}

/** A checkpoint signed by its log, and by which of the known witnesses. */
export interface OpenedCheckpoint {
  /** The signed text; extension lines included. */
  readonly text: string
  readonly checkpoint: CheckpointText
  /** One a witness, in the order of the note. */
  readonly cosignatures: readonly Cosignature[]
  /** Signature lines of keys that are neither the log nor a known witness: nothing is said about them. */
  readonly unknown: readonly NoteSignature[]
}

/**
 * Rule P5: a checkpoint's note, read with the key of its log and the keys of witnesses. Throws MALFORMED_NOTE,
 * MALFORMED_CHECKPOINT, INVALID_NOTE_SIGNATURE where a known key's signature fails, UNVERIFIED_NOTE where the log's own is
 * missing, ORIGIN_MISMATCH where the note is another log's.
 */
export function openCheckpoint(
  verify: VerifySignature,
  note: string | Uint8Array,
  log: VerifierKey,
  witnesses: readonly VerifierKey[],
): OpenedCheckpoint {
  const { text, signatures } = parseNote(note)
  const checkpoint = parseCheckpoint(text)
  if (checkpoint.origin !== log.name) {
    const found = JSON.stringify(checkpoint.origin.slice(0, 160))
    throw new WattnessError('ORIGIN_MISMATCH', `checkpoint of ${found}, expected ${log.name}`, { found: checkpoint.origin })
  }
  const known = [log, ...witnesses].map((key) => ({ key, keyId: noteKeyId(key.name, key.type, key.key) }))
  const message = toUtf8(text)
  const holds = ({ type, key }: VerifierKey, signature: Uint8Array): boolean =>
    type === NOTE_COSIGNATURE ? verifyCosignature(verify, key, text, signature) : verifyStrict(verify, signature, message, key)
  const cosignatures: Cosignature[] = []
  const unknown: NoteSignature[] = []
  let isSigned = false
  for (const line of signatures) {
    const match = known.find(({ key, keyId }) => key.name === line.name && equalBytes(keyId, line.keyId))
    if (match === undefined) {
      unknown.push(line)
      continue
    }
    const { key } = match
    if (!holds(key, line.signature)) {
      const keyId = toHex(line.keyId)
      throw new WattnessError('INVALID_NOTE_SIGNATURE', `signed note: the signature of ${line.name}+${keyId} does not fit`, {
        name: line.name,
        keyId,
      })
    }
    if (key === log) isSigned = true
    else if (!cosignatures.some((other) => equalBytes(other.key.key, key.key))) {
      cosignatures.push({ key, timeS: cosignatureTime(line.signature) ?? 0 })
    }
  }
  if (!isSigned) throw new WattnessError('UNVERIFIED_NOTE', `signed note: not signed by ${log.name}`, { known: known.length })
  return { text, checkpoint, cosignatures, unknown }
}

/** Rule P6: signature lines by themselves, as a witness answers with them. Throws MALFORMED_NOTE. */
export function formatSignatureLines(signatures: readonly NoteSignature[]): string {
  return formatNote('\n', signatures).slice(2)
}

/** Rule P6: reads them back, unverified. Throws MALFORMED_NOTE. */
export function parseSignatureLines(lines: string): readonly NoteSignature[] {
  return parseNote(`\n\n${lines}`).signatures
}
