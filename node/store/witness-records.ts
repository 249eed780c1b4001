import { MAX_ATTESTATION_BYTES } from '../../protocol/attestation.ts'
import { fromUtf8, Reader, toUtf8, Writer } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Leaf } from '../../protocol/frames.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { finalKey, metaKey, signedLeafKey } from './keys.ts'
import { type KvOperation, put } from './kv.ts'
import { sealRecord } from './record.ts'

/** The records of a witness, and of what is final: bytes and no more. */

/** What a node may sign of a chain from now on depends on it: kept for as long as the key is. */
export interface SignedLeaf extends Leaf {
  readonly member: Uint8Array
  /** The chain that is held went on along another branch, the final one: nothing of it is signed along this leaf. */
  readonly left: boolean
}

/** Everything of a chain up to `size` is final: a quorum of `epoch` attested it. */
export interface FinalLeaf extends Leaf {
  readonly member: Uint8Array
  readonly epoch: number
}

/** What a witness must know to go on, beside its leaves. */
export interface WitnessRecord {
  readonly epoch: number
  /** Of its newest attestation; 0 before the first. */
  readonly sequence: number
  /** Its closing attestation of `epoch` is signed. */
  readonly closing: boolean
  /** The newest attestation as it was sent, with its signature; empty before the first. */
  readonly attestation: Uint8Array
}

/** The record as it is stored. */
export interface StoredWitness extends WitnessRecord {
  /** How many leaves are stored beside it: one that is missing shows. */
  readonly leaves: number
  /** Why this key must not witness any more; empty: it may. */
  readonly halted: string
}

export const WITNESS_KEY = metaKey('witness')

/** Of the reason's text. */
const MAX_HALTED_LENGTH = 200

const FORMAT = 1
const ON_BRANCH = 0
const LEFT = 1
const CLOSING_FLAG = 1

export const NO_WITNESS: StoredWitness = {
  epoch: 0,
  sequence: 0,
  closing: false,
  attestation: new Uint8Array(0),
  leaves: 0,
  halted: '',
}

export function signedLeafOperation({ member, size, root, left }: SignedLeaf): KvOperation {
  const key = signedLeafKey(member)
  return put(
    key,
    sealRecord(
      key,
      new Writer(48)
        .u8(left ? LEFT : ON_BRANCH)
        .varint(size)
        .bytes(root)
        .finish(),
    ),
  )
}

/** Throws what a Reader throws. */
export function decodeSignedLeaf(member: Uint8Array, value: Uint8Array): SignedLeaf {
  const reader = new Reader(value, 'signed leaf')
  const flag = reader.u8()
  if (flag > LEFT) reader.fail('OUT_OF_RANGE', `flag ${flag}`)
  const leaf = { member, size: reader.varint(), root: reader.bytes(HASH_BYTES).slice(), left: flag === LEFT }
  reader.done()
  return leaf
}

export function finalOperation({ member, size, root, epoch }: FinalLeaf): KvOperation {
  const key = finalKey(member)
  return put(key, sealRecord(key, new Writer(48).varint(size).bytes(root).varint(epoch).finish()))
}

/** Throws what a Reader throws. */
export function decodeFinal(member: Uint8Array, value: Uint8Array): FinalLeaf {
  const reader = new Reader(value, 'final record')
  const leaf = { member, size: reader.varint(), root: reader.bytes(HASH_BYTES).slice(), epoch: reader.varint() }
  reader.done()
  return leaf
}

/** Throws LIMIT_EXCEEDED. */
export function witnessOperation(record: StoredWitness): KvOperation {
  const { epoch, sequence, closing, leaves, halted, attestation } = record
  if (attestation.length > MAX_ATTESTATION_BYTES) {
    const limit = MAX_ATTESTATION_BYTES
    throw new WattnessError('LIMIT_EXCEEDED', `witness record: an attestation of at most ${limit} bytes`, { limit })
  }
  const writer = new Writer(1_024)
    .u8(FORMAT)
    .u8(closing ? CLOSING_FLAG : 0)
    .varint(epoch)
    .varint(sequence)
    .varint(leaves)
  const reason = toUtf8(halted.slice(0, MAX_HALTED_LENGTH))
  for (const part of [attestation, reason]) writer.varint(part.length).bytes(part)
  return put(WITNESS_KEY, sealRecord(WITNESS_KEY, writer.finish()))
}

/** Throws what a Reader throws. */
export function decodeWitness(value: Uint8Array): StoredWitness {
  const reader = new Reader(value, 'witness record')
  const format = reader.u8()
  const flags = reader.u8()
  if (format !== FORMAT || flags > CLOSING_FLAG) reader.fail('OUT_OF_RANGE', `format ${format}, flags ${flags}`)
  const epoch = reader.varint()
  const sequence = reader.varint()
  const leaves = reader.varint()
  const part = (): Uint8Array => reader.bytes(reader.varint()).slice()
  const attestation = part()
  const halted = fromUtf8(part(), 'reason of a halt')
  const record = { epoch, sequence, closing: flags === CLOSING_FLAG, attestation, leaves, halted }
  reader.done()
  return record
}
