import { concat, equalBytes, fromUtf8, toUtf8 } from './bytes.ts'
import { WattnessError } from './errors.ts'
import { sha256 } from './hash.ts'
import { MAX_LABEL_BYTES, SALT_BYTES } from './limits.ts'
import { plainTextFault } from './plain-text.ts'

/**
 * A member's name for people, as it travels beside the chain: 16 random bytes, then the text (rule M14). The chain
 * carries the record's hash alone; the salt keeps "Elm Street 12" from being guessed out of it.
 */
export type LabelRecord = Uint8Array

export const MIN_LABEL_RECORD_BYTES = SALT_BYTES + 1
export const MAX_LABEL_RECORD_BYTES = SALT_BYTES + MAX_LABEL_BYTES

/** Throws LABEL_INVALID for text that is no label: empty, above 64 bytes of UTF-8, or with control characters (rule G4). */
export function assertLabel(text: string): void {
  const fault = plainTextFault(text, MAX_LABEL_BYTES)
  if (fault !== undefined) throw new WattnessError('LABEL_INVALID', `label ${JSON.stringify(text.slice(0, 80))} ${fault}`)
}

export function encodeLabelRecord(salt: Uint8Array, text: string): LabelRecord {
  if (salt.length !== SALT_BYTES) {
    throw new WattnessError('OUT_OF_RANGE', `label salt of ${salt.length} bytes, ${SALT_BYTES} expected`)
  }
  assertLabel(text)
  return concat(salt, toUtf8(text))
}

/** Salt (a copy) and text; throws LABEL_INVALID. */
export function decodeLabelRecord(record: LabelRecord): { readonly salt: Uint8Array; readonly text: string } {
  if (record.length < MIN_LABEL_RECORD_BYTES || record.length > MAX_LABEL_RECORD_BYTES) {
    const expected = `${MIN_LABEL_RECORD_BYTES} to ${MAX_LABEL_RECORD_BYTES}`
    throw new WattnessError('LABEL_INVALID', `label record of ${record.length} bytes, ${expected} expected`)
  }
  const text = textOf(record.subarray(SALT_BYTES))
  assertLabel(text)
  return { salt: new Uint8Array(record.subarray(0, SALT_BYTES)), text }
}

/** 32 bytes: what the chain carries. */
export function labelHash(record: LabelRecord): Uint8Array {
  return sha256(record)
}

/** True for a record that is well formed and the one that `hash` names. */
export function verifyLabel(record: LabelRecord, hash: Uint8Array): boolean {
  try {
    labelOf(record, hash)
    return true
  } catch {
    return false
  }
}

/** The text of the record that `hash` names; throws LABEL_INVALID or LABEL_MISMATCH. */
export function labelOf(record: LabelRecord, hash: Uint8Array): string {
  const { text } = decodeLabelRecord(record)
  if (!equalBytes(labelHash(record), hash)) {
    throw new WattnessError('LABEL_MISMATCH', `label ${JSON.stringify(text)}: its record has another hash than the chain names`)
  }
  return text
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    throw new WattnessError('LABEL_INVALID', 'label is not valid UTF-8')
  }
}
