import { concat, equalBytes, fromBase64, toBase64 } from './bytes.ts'
import { isWattnessError, WattnessError } from './errors.ts'
import { sha256 } from './hash.ts'

/**
 * Rule G9: bytes as one string that survives e-mail, chat and a terminal: `NAME:1:` and base64url (RFC 4648 section 5,
 * without padding) of the bytes and the first four bytes of their SHA-256.
 */

const CHECKSUM_BYTES = 4
const VERSION = '1'

/** One kind of pasted text: the name before the first colon, and how its errors are called. */
export interface PastedKind {
  readonly name: string
  readonly code: 'TICKET_INVALID' | 'REQUEST_INVALID'
  /** Longest text, white space aside, that is looked at. */
  readonly maxLength: number
}

export type PastedFault = 'name' | 'version' | 'length' | 'alphabet' | 'checksum' | 'content'

/** Characters of the text that holds `bytes` bytes. */
export function pastedLength(name: string, bytes: number): number {
  return `${name}:${VERSION}:`.length + Math.ceil(((bytes + CHECKSUM_BYTES) * 4) / 3)
}

export function formatPasted(kind: PastedKind, bytes: Uint8Array): string {
  const base64 = toBase64(concat(bytes, checksum(bytes)))
  const base64url = base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
  return `${kind.name}:${VERSION}:${base64url}`
}

/**
 * The bytes, read by `decode`. White space anywhere is passed over: mail programs and terminals wrap lines. Throws the
 * kind's code, with what is wrong in `data.fault`.
 */
export function parsePasted<T>(kind: PastedKind, text: string, decode: (bytes: Uint8Array) => T): T {
  const fail = (fault: PastedFault, detail: string, cause?: unknown): never => {
    throw new WattnessError(kind.code, `${kind.name}: ${detail}`, { fault }, { cause })
  }
  // Twice the room for white space, so that a pasted novel is not even stripped.
  if (text.length > 2 * kind.maxLength) fail('length', `${text.length} characters, at most ${kind.maxLength} expected`)
  const stripped = text.replace(/\s+/g, '')
  if (stripped.length > kind.maxLength) fail('length', `${stripped.length} characters, at most ${kind.maxLength} expected`)
  const [name = '', version, base64url, ...rest] = stripped.split(':')
  if (name !== kind.name || version === undefined) {
    fail('name', `text that begins with ${kind.name}:${VERSION}: expected, found ${JSON.stringify(stripped.slice(0, 40))}`)
  }
  if (version !== VERSION) fail('version', `version ${JSON.stringify(version?.slice(0, 20))} found, ${VERSION} expected`)
  if (base64url === undefined || rest.length > 0 || !/^[A-Za-z0-9_-]*$/.test(base64url)) {
    return fail('alphabet', 'letters, digits, - and _ expected after the second colon: something was lost or added')
  }
  // Base64 of no whole number of bytes is a part that was lost, as a wrong sum is.
  const bytes = bytesOf(base64url) ?? new Uint8Array(0)
  const payload = bytes.subarray(0, Math.max(0, bytes.length - CHECKSUM_BYTES))
  if (!equalBytes(checksum(payload), bytes.subarray(payload.length))) {
    fail('checksum', 'the check sum does not fit: a part was lost or changed on the way, copy it again')
  }
  try {
    return decode(payload)
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return fail('content', error.message, error)
  }
}

function bytesOf(base64url: string): Uint8Array | undefined {
  const base64 = base64url.replaceAll('-', '+').replaceAll('_', '/')
  try {
    return fromBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, '='))
  } catch {
    return undefined
  }
}

function checksum(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, CHECKSUM_BYTES)
}
