import { equalBytes, fromBase64, fromHex, toBase64, toHex, toUtf8 } from './bytes.ts'
import { KEY_BYTES, type Signer, type VerifySignature, verifyStrict } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { formatNote, NOTE_ED25519, noteKeyId, openNote } from './note.ts'

/**
 * The one thing that a member signs about its chain (rules C1–C6): size and root, as a C2SP tlog-checkpoint whose origin
 * names network and member. The wire carries root and signature only; the text is rebuilt on both sides.
 */
export interface Checkpoint {
  /** Number of blocks. */
  readonly size: number
  /** RFC 6962 root over them, 32 bytes. */
  readonly root: Uint8Array
}

export interface SignedCheckpoint extends Checkpoint {
  /** The author's key, 32 bytes. */
  readonly member: Uint8Array
  /** 64 bytes over the checkpoint's text. */
  readonly signature: Uint8Array
}

/** A checkpoint of any log in C2SP form; `extensions` are lines that this project never writes. */
export interface CheckpointText extends Checkpoint {
  readonly origin: string
  readonly extensions: readonly string[]
}

const ORIGIN = /^wattness\/1\/([0-9a-f]{64})\/([0-9a-f]{64})$/

/** Rule C1. */
export function checkpointOrigin(networkId: Uint8Array, member: Uint8Array): string {
  return `wattness/1/${toHex(networkId)}/${toHex(member)}`
}

/** The network and member that an origin of rule C1 names; undefined for any other origin. */
export function parseCheckpointOrigin(origin: string): { networkId: Uint8Array; member: Uint8Array } | undefined {
  const match = ORIGIN.exec(origin)
  if (match === null) return undefined
  return { networkId: fromHex(match[1] as string), member: fromHex(match[2] as string) }
}

/** Rule C2: the note text, with its final newline. */
export function formatCheckpoint(origin: string, { size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/** Rule C3: reads the text of any log's checkpoint, extension lines too. Throws MALFORMED_CHECKPOINT. */
export function parseCheckpoint(text: string): CheckpointText {
  const refuse = (detail: string): never => {
    throw new WattnessError('MALFORMED_CHECKPOINT', `checkpoint: ${detail}`)
  }
  const lines = text.split('\n')
  if (lines.pop() !== '') refuse('expected a newline at the end')
  if (lines.length < 3) refuse(`expected at least three lines, found ${lines.length}`)
  if (lines.includes('')) refuse('found an empty line')
  const [origin, decimal, rootText, ...extensions] = lines as [string, string, string, ...string[]]
  const size = Number(decimal)
  if (!/^(0|[1-9][0-9]{0,15})$/.test(decimal) || !Number.isSafeInteger(size)) {
    refuse(`expected a size from 0 to 2^53-1 in decimal, found ${JSON.stringify(decimal.slice(0, 40))}`)
  }
  let root: Uint8Array
  try {
    root = fromBase64(rootText, 'checkpoint root')
  } catch {
    return refuse('the root is not canonical base64')
  }
  if (root.length !== HASH_BYTES) refuse(`expected a root of ${HASH_BYTES} bytes, found ${root.length}`)
  return { origin, size, root, extensions }
}

interface CachedPrefix {
  readonly networkId: Uint8Array
  readonly member: Uint8Array
  readonly bytes: Uint8Array
}

/**
 * Origins as bytes, one slot for each value of 12 bits of key and network: hex costs 3 µs, a slot 0.1 µs. A key ground to
 * fall into another's slot costs both the 3 µs and nothing else.
 */
const PREFIX_SLOTS = 4_096
const prefixes: (CachedPrefix | undefined)[] = new Array<CachedPrefix | undefined>(PREFIX_SLOTS).fill(undefined)

function originBytes(networkId: Uint8Array, member: Uint8Array): Uint8Array {
  const first = (member[0] as number) ^ (networkId[0] as number)
  const second = (member[1] as number) ^ (networkId[1] as number)
  const slot = (first | (second << 8)) % PREFIX_SLOTS
  const cached = prefixes[slot]
  if (cached !== undefined && equalBytes(cached.member, member) && equalBytes(cached.networkId, networkId)) return cached.bytes
  if (networkId.length !== HASH_BYTES || member.length !== KEY_BYTES) {
    throw new WattnessError(
      'OUT_OF_RANGE',
      `checkpoint: expected networkId and key of 32 bytes, found ${networkId.length} and ${member.length}`,
    )
  }
  const bytes = toUtf8(`${checkpointOrigin(networkId, member)}\n`)
  // Copies: a Buffer's slice() would be a view, which holds a whole run and changes with what it is reused for.
  prefixes[slot] = { networkId: new Uint8Array(networkId), member: new Uint8Array(member), bytes }
  return bytes
}

const BASE64_CODES = toUtf8('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')
const NEWLINE = 0x0a
/** 16 digits, two newlines, 44 characters of base64. */
const MAX_TAIL_BYTES = 16 + 1 + 44 + 1

/**
 * The bytes of formatCheckpoint (rule C2), from what travels (rule C5) and without the strings: this runs once for every
 * checkpoint verified.
 */
export function encodeCheckpoint(networkId: Uint8Array, member: Uint8Array, size: number, root: Uint8Array): Uint8Array {
  const prefix = originBytes(networkId, member)
  if (!Number.isSafeInteger(size) || size < 0 || root.length !== HASH_BYTES) {
    throw new WattnessError(
      'OUT_OF_RANGE',
      `checkpoint: expected a size of 0 to 2^53-1 and a root of 32 bytes, found ${size} and ${root.length}`,
    )
  }
  const out = new Uint8Array(prefix.length + MAX_TAIL_BYTES)
  out.set(prefix)
  let digits = 1
  for (let power = 10; power <= size; power *= 10) digits++
  let at = prefix.length + digits
  let rest = size
  for (let i = at - 1; i >= prefix.length; i--) {
    const digit = rest % 10
    out[i] = 0x30 + digit
    rest = (rest - digit) / 10
  }
  out[at++] = NEWLINE
  for (let i = 0; i < HASH_BYTES; i += 3) {
    const group = ((root[i] as number) << 16) | ((root[i + 1] as number) << 8) | (root[i + 2] ?? 0)
    out[at++] = BASE64_CODES[group >> 18] as number
    out[at++] = BASE64_CODES[(group >> 12) & 63] as number
    out[at++] = BASE64_CODES[(group >> 6) & 63] as number
    out[at++] = BASE64_CODES[group & 63] as number
  }
  // 32 bytes leave two in the last group: its fourth character is padding.
  out[at - 1] = 0x3d
  out[at++] = NEWLINE
  return out.subarray(0, at)
}

/** Rule C4. */
export function signCheckpoint(signer: Signer, networkId: Uint8Array, size: number, root: Uint8Array): SignedCheckpoint {
  const signature = signer.sign(encodeCheckpoint(networkId, signer.publicKey, size, root))
  return { member: signer.publicKey, size, root, signature }
}

/** Rule C4, by the pinned rule of signatures. False, never an error, for fields of a wrong length. */
export function verifyCheckpoint(verify: VerifySignature, networkId: Uint8Array, signed: SignedCheckpoint): boolean {
  const { member, size, root, signature } = signed
  if (member.length !== KEY_BYTES || root.length !== HASH_BYTES || !Number.isSafeInteger(size) || size < 0) return false
  return verifyStrict(verify, signature, encodeCheckpoint(networkId, member, size, root), member)
}

/** Rule C6: the whole signed note, as any C2SP tool reads it. */
export function formatSignedCheckpointNote(networkId: Uint8Array, signed: SignedCheckpoint): string {
  const name = checkpointOrigin(networkId, signed.member)
  const keyId = noteKeyId(name, NOTE_ED25519, signed.member)
  return formatNote(formatCheckpoint(name, signed), [{ name, keyId, signature: signed.signature }])
}

/**
 * Reads a signed note of rule C6 and checks the author's signature; others are ignored. Throws what note and checkpoint
 * throw, and MALFORMED_CHECKPOINT for another origin than rule C1's or for extension lines, which no member signs.
 */
export function parseSignedCheckpointNote(
  verify: VerifySignature,
  note: string,
): { readonly networkId: Uint8Array; readonly checkpoint: SignedCheckpoint } {
  const origin = note.slice(0, note.indexOf('\n'))
  const names = parseCheckpointOrigin(origin)
  if (names === undefined) {
    throw new WattnessError(
      'MALFORMED_CHECKPOINT',
      `checkpoint: ${JSON.stringify(origin.slice(0, 160))} is no origin of this protocol`,
    )
  }
  const key = { name: origin, type: NOTE_ED25519, key: names.member }
  const opened = openNote(verify, note, [key])
  const { size, root, extensions } = parseCheckpoint(opened.text)
  if (extensions.length > 0)
    throw new WattnessError('MALFORMED_CHECKPOINT', 'checkpoint: found extension lines, which no member signs')
  const signature = (opened.verified[0] as { signature: Uint8Array }).signature
  return { networkId: names.networkId, checkpoint: { member: names.member, size, root, signature } }
}
