import {
  ATTESTATION_TAG_BYTES,
  type AttestationName,
  attestationsDigest,
  type Bytes,
  equalBytes,
  SIGNATURE_BYTES,
  type SignedAttestation,
  WITNESS_PREFIX_BYTES,
} from '../../protocol/index.ts'

/** One that this node holds, under its name (rule S28). */
export interface HeldAttestation {
  /** Of its witness and epoch. */
  readonly key: string
  readonly name: AttestationName
  /** As it was signed and sent. */
  readonly bytes: Bytes
}

/** The newest attestation of each witness and epoch, as it was signed: what neighbours are told of, and asked for by others. */
export class AttestationBook {
  readonly #newest = new Map<string, HeldAttestation>()
  readonly #limit: number
  /** Until something comes into the book. */
  #digest: Bytes | undefined

  /** Beyond `limit` pairs of witness and epoch those that were new longest ago are left out. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#newest.size
  }

  /** Undefined where this one, or a newer one of its witness and epoch, is in here. */
  note(attestation: Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence'>, bytes: Bytes): HeldAttestation | undefined {
    const key = keyOf(attestation)
    const before = this.#newest.get(key)
    if (before !== undefined && before.name.sequence >= attestation.sequence) return undefined
    // Moved to the end: the first is the one that was new longest ago.
    this.#newest.delete(key)
    if (this.#newest.size >= this.#limit) this.#newest.delete(this.#newest.keys().next().value as string)
    const held = { key, name: nameOf(attestation, bytes), bytes }
    this.#newest.set(key, held)
    this.#digest = undefined
    return held
  }

  get(key: string): HeldAttestation | undefined {
    return this.#newest.get(key)
  }

  all(): Iterable<HeldAttestation> {
    return this.#newest.values()
  }

  /** Of all in here (rule S30). */
  get digest(): Bytes {
    this.#digest ??= attestationsDigest([...this.#newest.values()].map(({ bytes }) => bytes.subarray(-SIGNATURE_BYTES)))
    return this.#digest
  }

  /**
   * Whether an attestation of this name may bring something: a later one, or another one of the same sequence, by which its
   * witness contradicts itself. Whoever holds the earlier one of two asks for the later one.
   */
  isNews(key: string, { sequence, tag }: Pick<AttestationName, 'sequence' | 'tag'>): boolean {
    const name = this.#newest.get(key)?.name
    if (name === undefined || sequence > name.sequence) return true
    return sequence === name.sequence && !equalBytes(tag, name.tag)
  }
}

/** Which witness and epoch, short: it is looked up for every name that every neighbour tells. */
export function keyOf({ witness, epoch }: Pick<AttestationName, 'witness' | 'epoch'>): string {
  return textOf(witness, WITNESS_PREFIX_BYTES) + epoch
}

/** One character for each byte: as a key of a Map, and quicker made than by a Buffer where there are few. */
export function textOf(bytes: Bytes, length = bytes.length): string {
  let text = ''
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}

export function nameOf(
  { witness, epoch, sequence }: Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence'>,
  bytes: Bytes,
): AttestationName {
  const half = bytes.length - SIGNATURE_BYTES / 2
  return {
    witness: witness.slice(0, WITNESS_PREFIX_BYTES),
    epoch,
    sequence,
    tag: bytes.slice(half, half + ATTESTATION_TAG_BYTES),
  }
}
