import { concat, equalBytes, fromBase64, fromHex, fromUtf8, toBase64, toHex, toUtf8 } from './bytes.ts'
import { KEY_BYTES, type VerifySignature, verifyStrict } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { sha256 } from './hash.ts'

/**
 * Signed notes as C2SP signed-note v1.0.0 defines them (rules C13–C18): text, an empty line, signature lines. Unknown keys
 * are ignored; a known key whose signature fails refuses the whole note.
 */

/** Signature type of a plain Ed25519 note signature. */
export const NOTE_ED25519 = 0x01
/** Signature type of a timestamped Ed25519 cosignature (c2sp.org/tlog-cosignature). */
export const NOTE_COSIGNATURE = 0x04

/** C2SP readers take at least 16. A log, 22 witnesses and as many strangers fit. */
export const MAX_NOTE_SIGNATURES = 64
export const MAX_NOTE_BYTES = 65_536

const KEY_ID_BYTES = 4

export interface NoteSignature {
  readonly name: string
  /** 4 bytes. */
  readonly keyId: Uint8Array
  /** What follows the key id; its form is the signature type's business. */
  readonly signature: Uint8Array
}

export interface Note {
  /** Ends in a newline. Not to be believed before a signature is verified. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface VerifierKey {
  readonly name: string
  /** Signature type byte. */
  readonly type: number
  /** 32 bytes. */
  readonly key: Uint8Array
}

/** U+0085 is a space to Unicode and not to `\s`; U+FEFF the other way round. */
const SPACE_OR_PLUS = /[\p{White_Space}+]/u

/** Below U+0020 a note holds nothing but newlines. */
function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 && code !== 0x0a) return true
  }
  return false
}

const refuse = (detail: string): never => {
  throw new WattnessError('MALFORMED_NOTE', `signed note: ${detail}`)
}

/** Rule C14: not empty, no Unicode space, no plus, and text that UTF-8 can carry. */
export function isNoteKeyName(name: string): boolean {
  return name !== '' && !SPACE_OR_PLUS.test(name) && !hasControl(name) && name.isWellFormed()
}

/** Rule C15: SHA-256(name ‖ 0x0A ‖ type ‖ key), first four bytes. */
export function noteKeyId(name: string, type: number, key: Uint8Array): Uint8Array {
  return sha256(concat(toUtf8(name), Uint8Array.of(0x0a, type), key)).slice(0, KEY_ID_BYTES)
}

/** Rule C13. Throws MALFORMED_NOTE for a text or a name that no note can carry. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  if (!text.endsWith('\n') || hasControl(text) || !text.isWellFormed()) {
    refuse('the text must end in a newline and hold no other control character')
  }
  if (signatures.length === 0 || signatures.length > MAX_NOTE_SIGNATURES)
    refuse(`expected 1 to ${MAX_NOTE_SIGNATURES} signatures`)
  let note = `${text}\n`
  for (const { name, keyId, signature } of signatures) {
    if (!isNoteKeyName(name)) refuse(`${JSON.stringify(name)} is no key name`)
    if (keyId.length !== KEY_ID_BYTES || signature.length === 0)
      refuse(`expected a key id of ${KEY_ID_BYTES} bytes and a signature`)
    note += `\u2014 ${name} ${toBase64(concat(keyId, signature))}\n`
  }
  return note
}

/** Rule C13: reads without verifying. Bytes must be UTF-8. Throws MALFORMED_NOTE. */
export function parseNote(note: string | Uint8Array): Note {
  const all = typeof note === 'string' ? note : decodeText(note)
  // One unit of length takes at most three bytes of UTF-8: most notes need no counting.
  if (all.length > MAX_NOTE_BYTES || (all.length > MAX_NOTE_BYTES / 3 && toUtf8(all).length > MAX_NOTE_BYTES)) {
    refuse(`expected at most ${MAX_NOTE_BYTES} bytes`)
  }
  if (hasControl(all)) refuse('found a control character other than newline')
  if (!all.isWellFormed()) refuse('not valid Unicode')
  const split = all.lastIndexOf('\n\n')
  if (split < 0) refuse('no empty line between text and signatures')
  const lines = all.slice(split + 2).split('\n')
  if (lines.pop() !== '' || lines.length === 0) refuse('expected signature lines, each ended by a newline')
  if (lines.length > MAX_NOTE_SIGNATURES) refuse(`expected at most ${MAX_NOTE_SIGNATURES} signatures, found ${lines.length}`)
  return { text: all.slice(0, split + 1), signatures: lines.map(parseSignatureLine) }
}

function decodeText(bytes: Uint8Array): string {
  if (bytes.length > MAX_NOTE_BYTES) refuse(`expected at most ${MAX_NOTE_BYTES} bytes, found ${bytes.length}`)
  try {
    return fromUtf8(bytes, 'signed note')
  } catch {
    return refuse('not valid UTF-8')
  }
}

function parseSignatureLine(line: string): NoteSignature {
  const [dash, name, encoded, ...more] = line.split(' ')
  if (dash !== '\u2014' || name === undefined || encoded === undefined || more.length > 0 || !isNoteKeyName(name)) {
    return refuse(`${JSON.stringify(line.slice(0, 80))} is no signature line`)
  }
  let bytes: Uint8Array
  try {
    bytes = fromBase64(encoded)
  } catch {
    return refuse(`the signature of ${name} is not canonical base64`)
  }
  if (bytes.length <= KEY_ID_BYTES) refuse(`the signature of ${name} is too short`)
  return { name, keyId: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) }
}

/** Rule C17: the text of a note signed by at least one of `keys`, with the signatures that were verified, one per key. */
export interface OpenedNote {
  readonly text: string
  readonly verified: readonly (NoteSignature & { readonly key: VerifierKey })[]
}

/**
 * Rule C17. Only plain Ed25519 keys (type 0x01) are looked for here. Throws MALFORMED_NOTE, INVALID_NOTE_SIGNATURE where a
 * known key's signature fails, UNVERIFIED_NOTE where no known key signed.
 */
export function openNote(verify: VerifySignature, note: string | Uint8Array, keys: readonly VerifierKey[]): OpenedNote {
  const { text, signatures } = parseNote(note)
  const message = toUtf8(text)
  const known = keys
    .filter(({ type }) => type === NOTE_ED25519)
    .map((key) => ({ key, keyId: noteKeyId(key.name, key.type, key.key) }))
  const verified: (NoteSignature & { readonly key: VerifierKey })[] = []
  for (const signature of signatures) {
    const match = known.find(({ key, keyId }) => key.name === signature.name && equalBytes(keyId, signature.keyId))
    if (match === undefined) continue
    if (!verifyStrict(verify, signature.signature, message, match.key.key)) {
      const keyId = toHex(signature.keyId)
      throw new WattnessError('INVALID_NOTE_SIGNATURE', `signed note: the signature of ${signature.name}+${keyId} does not fit`, {
        name: signature.name,
        keyId,
      })
    }
    // A second line of one key is verified like the first and adds nothing.
    if (!verified.some(({ key }) => key === match.key)) verified.push({ ...signature, key: match.key })
  }
  if (verified.length === 0) {
    throw new WattnessError('UNVERIFIED_NOTE', `signed note: none of ${keys.length} known keys signed it`, { known: keys.length })
  }
  return { text, verified }
}

/** Rule C16: `name+keyId+base64(type ‖ key)`. */
export function formatVerifierKey({ name, type, key }: VerifierKey): string {
  return `${name}+${toHex(noteKeyId(name, type, key))}+${toBase64(concat(Uint8Array.of(type), key))}`
}

/** Rule C16: Ed25519 keys of types 0x01 and 0x04. Throws MALFORMED_VERIFIER_KEY. */
export function parseVerifierKey(text: string): VerifierKey {
  const refuseKey = (detail: string): never => {
    throw new WattnessError('MALFORMED_VERIFIER_KEY', `verifier key: ${detail}, found ${JSON.stringify(text.slice(0, 160))}`)
  }
  // Base64 may hold a plus of its own: only the first two separate.
  const first = text.indexOf('+')
  const second = text.indexOf('+', first + 1)
  if (first < 0 || second < 0) refuseKey('expected name+id+key')
  const name = text.slice(0, first)
  if (!isNoteKeyName(name)) refuseKey('the name is empty or holds a space')
  let keyId: Uint8Array
  let typed: Uint8Array
  try {
    keyId = fromHex(text.slice(first + 1, second))
    typed = fromBase64(text.slice(second + 1))
  } catch {
    return refuseKey('expected the id in lower-case hex and the key in canonical base64')
  }
  const type = typed[0]
  if (type !== NOTE_ED25519 && type !== NOTE_COSIGNATURE) return refuseKey('expected signature type 0x01 or 0x04')
  const key = typed.slice(1)
  if (key.length !== KEY_BYTES) refuseKey(`expected a key of ${KEY_BYTES} bytes`)
  if (!equalBytes(keyId, noteKeyId(name, type, key))) refuseKey('the id does not belong to name and key')
  return { name, type, key }
}
