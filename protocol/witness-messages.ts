import { MAX_ATTESTATION_BYTES } from './attestation.ts'
import type { Reader, Writer } from './bytes.ts'
import { KEY_BYTES } from './ed25519.ts'
import {
  type AskAttestedLeavesFrame,
  type AskClosingsFrame,
  ATTESTATION_TAG_BYTES,
  type AttestationName,
  type AttestationsFrame,
  type AttestedFrame,
  type AttestedLeavesFrame,
  type ClosingsFrame,
  MAX_ATTESTATIONS_PER_FRAME,
  MAX_NAMES_PER_FRAME,
  type WantAttestationsFrame,
  type WantBranchFrame,
  WITNESS_PREFIX_BYTES,
} from './frames.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_CHAIN_SIZE, MAX_RUN_BLOCKS, MAX_RUN_BYTES, MAX_WITNESSES } from './limits.ts'
import {
  assertRange,
  type Form,
  putChain,
  putFixed,
  putId,
  putLeaves,
  putNumber,
  takeChain,
  takeFixed,
  takeId,
  takeLeaves,
  takeNumber,
} from './message-fields.ts'

/** The frames of witnesses, types 14 to 21 (rules S21 to S26, S28, S29). */
export const attestations: Form<AttestationsFrame> = {
  code: 14,
  write: (writer, { attestations }) => putAttestations(writer, attestations, MAX_ATTESTATIONS_PER_FRAME),
  read: (reader) => ({ type: 'attestations', attestations: takeAttestations(reader, MAX_ATTESTATIONS_PER_FRAME) }),
}

export const askAttestedLeaves: Form<AskAttestedLeavesFrame> = {
  code: 15,
  write(writer, { id, witness, epoch, sequence, headsRoot }) {
    putId(writer, id)
    putFixed(writer, witness, KEY_BYTES, 'witness key')
    putEpoch(writer, epoch)
    putNumber(writer, sequence, 1, Number.MAX_SAFE_INTEGER, 'sequence')
    putFixed(writer, headsRoot, HASH_BYTES, 'heads root')
  },
  read: (reader) => ({
    type: 'ask-attested-leaves',
    id: takeId(reader),
    witness: takeFixed(reader, KEY_BYTES),
    epoch: takeEpoch(reader),
    sequence: takeNumber(reader, 1, Number.MAX_SAFE_INTEGER, 'sequence'),
    headsRoot: takeFixed(reader, HASH_BYTES),
  }),
}

export const attestedLeaves: Form<AttestedLeavesFrame> = {
  code: 16,
  write(writer, { id, leaves }) {
    putId(writer, id)
    putLeaves(writer, leaves)
  },
  read: (reader) => ({ type: 'attested-leaves', id: takeId(reader), leaves: takeLeaves(reader) }),
}

export const wantBranch: Form<WantBranchFrame> = {
  code: 17,
  write(writer, { id, index, from, size, root, maxBlocks, maxBytes }) {
    putChain(writer, id, index)
    assertRange(from, 0, MAX_CHAIN_SIZE - 1, 'first block of a branch wanted')
    writer.varint(from)
    putNumber(writer, size, from + 1, MAX_CHAIN_SIZE, 'size of a branch')
    putFixed(writer, root, HASH_BYTES, 'root')
    putNumber(writer, maxBlocks, 1, MAX_RUN_BLOCKS, 'blocks wanted')
    putNumber(writer, maxBytes, 1, MAX_RUN_BYTES, 'bytes wanted')
  },
  read(reader) {
    const chain = takeChain(reader)
    const from = takeNumber(reader, 0, MAX_CHAIN_SIZE - 1, 'first block wanted')
    return {
      type: 'want-branch',
      ...chain,
      from,
      size: takeNumber(reader, from + 1, MAX_CHAIN_SIZE, 'size of the branch'),
      root: takeFixed(reader, HASH_BYTES),
      maxBlocks: takeNumber(reader, 1, MAX_RUN_BLOCKS, 'blocks wanted'),
      maxBytes: takeNumber(reader, 1, MAX_RUN_BYTES, 'bytes wanted'),
    }
  },
}

export const closings: Form<ClosingsFrame> = {
  code: 18,
  write(writer, { id, epoch, attestations }) {
    putId(writer, id)
    putEpoch(writer, epoch)
    putAttestations(writer, attestations, MAX_WITNESSES)
  },
  read: (reader) => ({
    type: 'closings',
    id: takeId(reader),
    epoch: takeEpoch(reader),
    attestations: takeAttestations(reader, MAX_WITNESSES),
  }),
}

export const askClosings: Form<AskClosingsFrame> = {
  code: 19,
  write(writer, { id, epoch }) {
    putId(writer, id)
    putEpoch(writer, epoch)
  },
  read: (reader) => ({ type: 'ask-closings', id: takeId(reader), epoch: takeEpoch(reader) }),
}

export const attested: Form<AttestedFrame> = {
  code: 20,
  write(writer, { names }) {
    putNumber(writer, names.length, 1, MAX_NAMES_PER_FRAME, 'names')
    for (const { witness, epoch, sequence, tag } of names) {
      putWord(writer, { witness, epoch })
      putNumber(writer, sequence, 1, Number.MAX_SAFE_INTEGER, 'sequence')
      putFixed(writer, tag, ATTESTATION_TAG_BYTES, 'tag of an attestation')
    }
  },
  read(reader) {
    const names: AttestationName[] = []
    for (let left = takeNumber(reader, 1, MAX_NAMES_PER_FRAME, 'names'); left > 0; left--) {
      const { witness, epoch } = takeWord(reader)
      const sequence = takeNumber(reader, 1, Number.MAX_SAFE_INTEGER, 'sequence')
      names.push({ witness, epoch, sequence, tag: takeFixed(reader, ATTESTATION_TAG_BYTES) })
    }
    return { type: 'attested', names }
  },
}

export const wantAttestations: Form<WantAttestationsFrame> = {
  code: 21,
  write(writer, { names }) {
    putNumber(writer, names.length, 1, MAX_ATTESTATIONS_PER_FRAME, 'attestations wanted')
    for (const name of names) putWord(writer, name)
  },
  read(reader) {
    const names: Word[] = []
    for (let left = takeNumber(reader, 1, MAX_ATTESTATIONS_PER_FRAME, 'attestations wanted'); left > 0; left--) {
      names.push(takeWord(reader))
    }
    return { type: 'want-attestations', names }
  },
}

/** Whose word, and in which epoch. */
type Word = Pick<AttestationName, 'witness' | 'epoch'>

function putWord(writer: Writer, { witness, epoch }: Word): void {
  putFixed(writer, witness, WITNESS_PREFIX_BYTES, 'first bytes of a witness key')
  putEpoch(writer, epoch)
}

function takeWord(reader: Reader): Word {
  return { witness: takeFixed(reader, WITNESS_PREFIX_BYTES), epoch: takeEpoch(reader) }
}

function putEpoch(writer: Writer, epoch: number): void {
  putNumber(writer, epoch, 0, MAX_CHAIN_SIZE, 'epoch')
}

function takeEpoch(reader: Reader): number {
  return takeNumber(reader, 0, MAX_CHAIN_SIZE, 'epoch')
}

/** Each with its length: what they hold is judged when they are used. */
function putAttestations(writer: Writer, attestations: readonly Uint8Array[], most: number): void {
  putNumber(writer, attestations.length, 0, most, 'attestations')
  for (const bytes of attestations) {
    putNumber(writer, bytes.length, 1, MAX_ATTESTATION_BYTES, 'bytes of an attestation')
    writer.bytes(bytes)
  }
}

function takeAttestations(reader: Reader, most: number): Uint8Array[] {
  const count = takeNumber(reader, 0, most, 'attestations')
  const attestations: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    attestations.push(takeFixed(reader, takeNumber(reader, 1, MAX_ATTESTATION_BYTES, 'bytes of an attestation')))
  }
  return attestations
}
