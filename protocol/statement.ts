import { concat, toUtf8 } from './bytes.ts'
import { type Signer, type VerifySignature, verifyStrict } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'

/**
 * Everything signed that is no note (rule C7): `wattness <name>/1` ‖ 0x00 ‖ networkId ‖ payload. A checkpoint's text starts
 * with `wattness/`, so the space after `wattness` alone keeps the two apart; the name and its closing zero keep statements of
 * different kinds apart; the networkId keeps networks apart.
 */
const NAME = /^[a-z]+(-[a-z]+)*$/

const prefixes = new Map<string, Uint8Array>()

/** Names come from this project's code, not from the wire; whatever comes, the cache does not grow. */
const MAX_CACHED_NAMES = 64

function statementPrefix(name: string): Uint8Array {
  const known = prefixes.get(name)
  if (known !== undefined) return known
  if (!NAME.test(name)) {
    throw new WattnessError(
      'OUT_OF_RANGE',
      `statement name: expected lower-case words joined by hyphens, found ${JSON.stringify(name)}`,
    )
  }
  const prefix = concat(toUtf8(`wattness ${name}/1`), new Uint8Array(1))
  if (prefixes.size < MAX_CACHED_NAMES) prefixes.set(name, prefix)
  return prefix
}

/** The bytes that are signed. Throws OUT_OF_RANGE for a name of another form or a networkId of another length. */
export function encodeStatement(name: string, networkId: Uint8Array, payload: Uint8Array): Uint8Array {
  if (networkId.length !== HASH_BYTES) {
    throw new WattnessError('OUT_OF_RANGE', `statement: expected a networkId of ${HASH_BYTES} bytes, found ${networkId.length}`)
  }
  return concat(statementPrefix(name), networkId, payload)
}

export function signStatement(signer: Signer, name: string, networkId: Uint8Array, payload: Uint8Array): Uint8Array {
  return signer.sign(encodeStatement(name, networkId, payload))
}

export function verifyStatement(
  verify: VerifySignature,
  name: string,
  networkId: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
  key: Uint8Array,
): boolean {
  return verifyStrict(verify, signature, encodeStatement(name, networkId, payload), key)
}
