import { equalBytes, Reader, Writer } from './bytes.ts'
import { KEY_BYTES, SIGNATURE_BYTES, type Signer, type VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { EMPTY_ROOT, HASH_BYTES } from './hash.ts'
import { MAX_CHAIN_SIZE, MAX_MEMBERS, MAX_SEALED_AT_MS } from './limits.ts'
import { type NamedLeaf, nextIndex, putFixed, putNumber, takeFixed, takeNumber } from './message-fields.ts'
import { signStatement, verifyStatement } from './statement.ts'

/**
 * What a witness signs about all chains at once (rules A1–A4): how far it holds each, and one root over their roots. Its
 * leaf of member i is (frontier[i], root at that size); the heads root commits to the roots.
 */
export interface Attestation {
  /** The witness's key, 32 bytes. */
  readonly witness: Uint8Array
  readonly epoch: number
  /** From 1 on; strictly growing per witness over all epochs. */
  readonly sequence: number
  /** The witness's clock, UTC milliseconds: a claim. */
  readonly timeMs: number
  /** Size of each leaf, in member order: the registrar's first, without a gap. */
  readonly frontier: readonly number[]
  /** Leaves of quarantined chains with their roots, which tell the branch; sizes as in the frontier, indices ascending. */
  readonly named: readonly NamedLeaf[]
  /** Over the leaves of all members of the frontier (rule H3). */
  readonly headsRoot: Uint8Array
}

export interface SignedAttestation extends Attestation {
  /** 64 bytes: statement `attestation` (rule A4). */
  readonly signature: Uint8Array
}

export const ATTESTATION_VERSION = 1
const STATEMENT = 'attestation'
const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER

/** 7 bytes hold 48 bits, 8 a sequence, 2 a count or index up to 256. */
const MAX_NAMED_BYTES = 2 + 7 + HASH_BYTES
const MAX_UNSIGNED_BYTES = 1 + KEY_BYTES + 7 + 8 + 7 + 2 + MAX_MEMBERS * 7 + 2 + MAX_MEMBERS * MAX_NAMED_BYTES + HASH_BYTES

/** Every chain of a full network quarantined, at the largest sizes. 200 chains of a year, none quarantined: under 800. */
export const MAX_ATTESTATION_BYTES = MAX_UNSIGNED_BYTES + SIGNATURE_BYTES

function writeAttestation(writer: Writer, attestation: Attestation): void {
  const { witness, epoch, sequence, timeMs, frontier, named, headsRoot } = attestation
  writer.u8(ATTESTATION_VERSION)
  putFixed(writer, witness, KEY_BYTES, 'witness key')
  putNumber(writer, epoch, 0, MAX_CHAIN_SIZE, 'epoch')
  putNumber(writer, sequence, 1, MAX_SEQUENCE, 'sequence')
  putNumber(writer, timeMs, 0, MAX_SEALED_AT_MS, 'time of an attestation')
  putNumber(writer, frontier.length, 1, MAX_MEMBERS, 'chains in a frontier')
  for (const size of frontier) putNumber(writer, size, 0, MAX_CHAIN_SIZE, 'size in a frontier')
  putNumber(writer, named.length, 0, frontier.length, 'named leaves')
  let above = -1
  for (const leaf of named) {
    above = nextIndex(leaf.index, above, 'named leaf')
    assertNamedLeaf(leaf, frontier)
    writer.varint(leaf.index).varint(leaf.size)
    putFixed(writer, leaf.root, HASH_BYTES, 'root')
  }
  putFixed(writer, headsRoot, HASH_BYTES, 'heads root')
}

/** Where attestations are put together; a frontier makes them of any size. */
const workbench = new Writer(4_096)

/** Rule A1: bytes that are signed and sent. Throws OUT_OF_RANGE and NON_CANONICAL for what no peer would take. */
export function encodeAttestation(attestation: Attestation): Uint8Array {
  const writer = workbench.clear()
  writeAttestation(writer, attestation)
  return writer.finish()
}

/** Rule A2: the attestation, then its signature. */
export function encodeSignedAttestation(signed: SignedAttestation): Uint8Array {
  const writer = workbench.clear()
  writeAttestation(writer, signed)
  putFixed(writer, signed.signature, SIGNATURE_BYTES, 'signature')
  return writer.finish()
}

/**
 * Rule A2. Throws LIMIT_EXCEEDED above MAX_ATTESTATION_BYTES, UNKNOWN_VERSION, and the codes of Reader. What it returns is
 * well-formed: nothing about signature or witness is checked yet.
 */
export function decodeSignedAttestation(bytes: Uint8Array): SignedAttestation {
  if (bytes.length > MAX_ATTESTATION_BYTES) {
    throw new WattnessError(
      'LIMIT_EXCEEDED',
      `attestation: expected at most ${MAX_ATTESTATION_BYTES} bytes, found ${bytes.length}`,
    )
  }
  const reader = new Reader(bytes, 'attestation')
  const attestation = readAttestation(reader)
  const signature = takeFixed(reader, SIGNATURE_BYTES)
  reader.done()
  return { ...attestation, signature }
}

/** Whose, and which. Throws as `decodeSignedAttestation` does for the fields that it reads, and reads no others. */
export function peekAttestation(bytes: Uint8Array): Pick<Attestation, 'witness' | 'epoch' | 'sequence'> {
  return readName(new Reader(bytes, 'attestation'))
}

function readName(reader: Reader): Pick<Attestation, 'witness' | 'epoch' | 'sequence'> {
  const version = reader.u8()
  if (version !== ATTESTATION_VERSION) {
    throw new WattnessError('UNKNOWN_VERSION', `attestation of version ${version}, ${ATTESTATION_VERSION} expected`, { version })
  }
  const witness = takeFixed(reader, KEY_BYTES)
  const epoch = takeNumber(reader, 0, MAX_CHAIN_SIZE, 'epoch')
  const sequence = takeNumber(reader, 1, MAX_SEQUENCE, 'sequence')
  return { witness, epoch, sequence }
}

function readAttestation(reader: Reader): Attestation {
  const { witness, epoch, sequence } = readName(reader)
  const timeMs = takeNumber(reader, 0, MAX_SEALED_AT_MS, 'time')
  const chains = takeNumber(reader, 1, MAX_MEMBERS, 'chains in the frontier')
  const frontier = new Array<number>(chains)
  for (let i = 0; i < chains; i++) frontier[i] = takeNumber(reader, 0, MAX_CHAIN_SIZE, 'size in the frontier')
  const count = takeNumber(reader, 0, chains, 'named leaves')
  const named: NamedLeaf[] = []
  let above = -1
  for (let i = 0; i < count; i++) {
    above = nextIndex(reader.varint(), above, 'attestation: named leaf')
    const leaf = { index: above, size: reader.varint(), root: takeFixed(reader, HASH_BYTES) }
    assertNamedLeaf(leaf, frontier)
    named.push(leaf)
  }
  return { witness, epoch, sequence, timeMs, frontier, named, headsRoot: takeFixed(reader, HASH_BYTES) }
}

/** Rule A3: of a member of the frontier, with the size that stands there, and one root for the empty chain. */
function assertNamedLeaf({ index, size, root }: NamedLeaf, frontier: readonly number[]): void {
  if (index >= frontier.length) {
    throw new WattnessError('OUT_OF_RANGE', `named leaf of member ${index}, in a frontier of ${frontier.length}`, { index })
  }
  if (size !== frontier[index]) {
    throw new WattnessError(
      'NON_CANONICAL',
      `named leaf of member ${index}: size ${size}, and ${frontier[index]} in the frontier`,
      {
        index,
        size,
      },
    )
  }
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) {
    throw new WattnessError('NON_CANONICAL', `named leaf of member ${index}: size 0 with another root than that of no leaves`, {
      index,
    })
  }
}

/** Rule A4. The signer is the witness that the attestation names: OUT_OF_RANGE else. */
export function signAttestation(signer: Signer, networkId: Uint8Array, attestation: Attestation): SignedAttestation {
  if (!equalBytes(signer.publicKey, attestation.witness)) {
    throw new WattnessError('OUT_OF_RANGE', 'attestation: the signer is not the witness that it names')
  }
  return { ...attestation, signature: signStatement(signer, STATEMENT, networkId, encodeAttestation(attestation)) }
}

/**
 * Rule A4: whether the witness signed this, for this network. Asks nothing about its right to. `bytes`: those it was decoded
 * from, where they are at hand; its encoding is their beginning (rule A2).
 */
export function verifyAttestation(
  verify: VerifySignature,
  networkId: Uint8Array,
  signed: SignedAttestation,
  bytes?: Uint8Array,
): boolean {
  const statement = bytes === undefined ? encodeAttestation(signed) : bytes.subarray(0, bytes.length - SIGNATURE_BYTES)
  return verifyStatement(verify, STATEMENT, networkId, statement, signed.signature, signed.witness)
}
