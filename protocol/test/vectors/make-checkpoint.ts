import { writeFileSync } from 'node:fs'
import { toHex, toUtf8 } from '../../bytes.ts'
import { checkpointOrigin, formatCheckpoint, formatSignedCheckpointNote, signCheckpoint } from '../../checkpoint.ts'
import { EMPTY_ROOT, sha256 } from '../../hash.ts'
import { formatVerifierKey, NOTE_ED25519 } from '../../note.ts'
import { signStatement } from '../../statement.ts'
import { signerFromSeed } from '../signing.ts'

/** Checkpoints and statements of rules C1 to C8. */
const networkId = sha256(toUtf8('checkpoint vectors: network'))
const seed = sha256(toUtf8('checkpoint vectors: seed'))
const signer = signerFromSeed(seed)
const origin = checkpointOrigin(networkId, signer.publicKey)
const payload = toUtf8('payload')

export const checkpointVectors = {
  comment: 'Checkpoints as members sign them, and statements that are no checkpoints. Made by make-checkpoint.ts.',
  networkId: toHex(networkId),
  seed: toHex(seed),
  member: toHex(signer.publicKey),
  verifierKey: formatVerifierKey({ name: origin, type: NOTE_ED25519, key: signer.publicKey }),
  cases: [0, 1, 9, 10, 96, 35_040, 4_294_967_296, Number.MAX_SAFE_INTEGER].map((size) => {
    const root = size === 0 ? EMPTY_ROOT : sha256(toUtf8(`root at ${size}`))
    const signed = signCheckpoint(signer, networkId, size, root)
    return {
      size,
      root: toHex(root),
      text: formatCheckpoint(origin, signed),
      signature: toHex(signed.signature),
      note: formatSignedCheckpointNote(networkId, signed),
    }
  }),
  statements: ['attestation', 'invitation'].map((name) => ({
    name,
    payload: toHex(payload),
    signature: toHex(signStatement(signer, name, networkId, payload)),
  })),
}

if (import.meta.main) {
  writeFileSync(new URL('checkpoint.json', import.meta.url), `${JSON.stringify(checkpointVectors, null, 2)}\n`)
}
