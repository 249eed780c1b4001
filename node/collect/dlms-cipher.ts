import { createCipheriv, createDecipheriv } from 'node:crypto'
import { WattnessError } from '../../protocol/errors.ts'
import { AUTHENTICATED, type CipheredApdu, COMPRESSED, ENCRYPTED } from './dlms-apdu.ts'
import type { DlmsKeys } from './dlms-keys.ts'

/**
 * Galois/Counter Mode as security suites 0 to 2 use it (IEC 62056-5-3 section 5.3): the nonce is system title and frame
 * counter; what is authenticated beside the content is the security control byte and the authentication key; the tag has twelve
 * bytes.
 *
 * Quirk: Luxembourg gives all its meters one public authentication key, which is tried where none is given. A meter whose key
 * nobody knows can still be read: then nothing but the content itself says that the key was right.
 */

const TAG_BYTES = 12
const FIRST_BLOCK = Uint8Array.of(0, 0, 0, 2)

/** Smarty P1 specification of Luxembourg, section 3.2.5. */
const LUXEMBOURG_AUTHENTICATION_KEY = Uint8Array.from({ length: 16 }, (_, index) => index * 0x11)

export interface Deciphered {
  readonly content: Uint8Array
  /** The tag was there and right. */
  readonly isAuthentic: boolean
}

/** Throws DLMS_TAG_MISMATCH, DLMS_SECURITY_UNSUPPORTED. */
export function decipher(apdu: CipheredApdu, keys: DlmsKeys): Deciphered {
  const { securityControl, content } = apdu
  if ((securityControl & COMPRESSED) !== 0) {
    throw new WattnessError(
      'DLMS_SECURITY_UNSUPPORTED',
      `security control ${hex(securityControl)}: compressed content is not read`,
    )
  }
  const isTagged = (securityControl & AUTHENTICATED) !== 0
  if (isTagged && content.length < TAG_BYTES) throw mismatch(apdu, 'its content is shorter than a tag')
  const text = isTagged ? content.subarray(0, content.length - TAG_BYTES) : content
  if (!isTagged) return { content: decrypted(apdu, text, keys), isAuthentic: false }
  for (const authenticationKey of keys.authentication === undefined
    ? [LUXEMBOURG_AUTHENTICATION_KEY, none]
    : [keys.authentication]) {
    const found = opened(apdu, text, keys.encryption, authenticationKey)
    if (found !== undefined) return { content: found, isAuthentic: true }
  }
  if (keys.authentication !== undefined) throw mismatch(apdu, 'a key is wrong, or the message was changed on its way')
  return { content: decrypted(apdu, text, keys), isAuthentic: false }
}

const none = new Uint8Array(0)

function nonce({ systemTitle, counter }: CipheredApdu): Uint8Array {
  return Buffer.concat([systemTitle, counter])
}

function bits(key: Uint8Array): 128 | 256 {
  return key.length === 16 ? 128 : 256
}

function opened(apdu: CipheredApdu, text: Uint8Array, key: Uint8Array, authentication: Uint8Array): Uint8Array | undefined {
  const cipher = createDecipheriv(`aes-${bits(key)}-gcm`, key, nonce(apdu), { authTagLength: TAG_BYTES })
  const isEncrypted = (apdu.securityControl & ENCRYPTED) !== 0
  const head = [Uint8Array.of(apdu.securityControl), authentication]
  cipher.setAAD(Buffer.concat(isEncrypted ? head : [...head, text]))
  cipher.setAuthTag(apdu.content.subarray(text.length))
  try {
    const content = isEncrypted ? cipher.update(text) : text
    cipher.final()
    return content
  } catch {
    return undefined
  }
}

/** Counter mode is what is under it; the first block belongs to the tag. */
function decrypted(apdu: CipheredApdu, text: Uint8Array, { encryption }: DlmsKeys): Uint8Array {
  if ((apdu.securityControl & ENCRYPTED) === 0) return text
  const stream = createCipheriv(`aes-${bits(encryption)}-ctr`, encryption, Buffer.concat([nonce(apdu), FIRST_BLOCK]))
  return stream.update(text)
}

function mismatch({ systemTitle, counter }: CipheredApdu, why: string): WattnessError {
  const title = Buffer.from(systemTitle).toString('hex')
  return new WattnessError('DLMS_TAG_MISMATCH', `system title ${title}, frame ${Buffer.from(counter).toString('hex')}: ${why}`)
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
