import { fromUtf8, type Reader, toUtf8, type Writer } from './bytes.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_MEMBERS, MAX_PROOF_HASHES } from './limits.ts'
import { plainTextFault } from './plain-text.ts'

/** The fields that several sync frames share, each with its writer and its reader side by side (rules S3 to S6). */

/** What a node holds: how many blocks of each chain, and the heads root over them. */
export interface Holdings {
  /** The sender's clock, UTC milliseconds: a meter whose clock runs ahead of its neighbours' must find out. */
  readonly timeMs: number
  /** Blocks held of each chain, in order of member index; the registrar's chain is the first. */
  readonly frontier: readonly number[]
  readonly headsRoot: Uint8Array
  /** Leaves of quarantined chains, in order of member index. */
  readonly named: readonly NamedLeaf[]
}

export interface NamedLeaf {
  readonly index: number
  readonly size: number
  readonly root: Uint8Array
}

/** Size and root of one chain, where its place in a list says which. */
export interface Leaf {
  readonly size: number
  readonly root: Uint8Array
}

/** Wire form of one frame type, after its first byte. */
export interface Form<F extends { readonly type: string }> {
  readonly code: number
  write(writer: Writer, frame: F): void
  read(reader: Reader): F
}

const MAX_REQUEST_ID = 0xffff_ffff

/** Throws OUT_OF_RANGE: what a peer would refuse is never sent. */
export function assertRange(value: number, least: number, most: number, what: string): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw new WattnessError('OUT_OF_RANGE', `${what}: ${value} found, ${least} to ${most} expected`, { what, value })
}

export function putNumber(writer: Writer, value: number, least: number, most: number, what: string): void {
  assertRange(value, least, most, what)
  writer.varint(value)
}

export function takeNumber(reader: Reader, least: number, most: number, what: string): number {
  const value = reader.varint()
  assertRange(value, least, most, `${reader.what}: ${what}`)
  return value
}

export function putFixed(writer: Writer, bytes: Uint8Array, length: number, what: string): void {
  assertRange(bytes.length, length, length, `bytes of ${what}`)
  writer.bytes(bytes)
}

/** A copy: small fields must not hold on to the buffer of a large frame. */
export function takeFixed(reader: Reader, length: number): Uint8Array {
  return new Uint8Array(reader.bytes(length))
}

/** Rule S3: the time, then a count and for each member index its size. */
export function putHoldings(writer: Writer, { timeMs, frontier, headsRoot, named }: Holdings): void {
  writer.varint(timeMs)
  putNumber(writer, frontier.length, 0, MAX_MEMBERS, 'chains in a frontier')
  for (const size of frontier) writer.varint(size)
  putFixed(writer, headsRoot, HASH_BYTES, 'heads root')
  putNumber(writer, named.length, 0, MAX_MEMBERS, 'named leaves')
  let above = -1
  for (const { index, size, root } of named) {
    above = nextIndex(index, above, 'named leaf')
    writer.varint(index).varint(size)
    putFixed(writer, root, HASH_BYTES, 'root')
  }
}

export function takeHoldings(reader: Reader): Holdings {
  const timeMs = reader.varint()
  const chains = takeNumber(reader, 0, MAX_MEMBERS, 'chains in the frontier')
  const frontier: number[] = []
  for (let i = 0; i < chains; i++) frontier.push(reader.varint())
  const headsRoot = takeFixed(reader, HASH_BYTES)
  const leaves = takeNumber(reader, 0, MAX_MEMBERS, 'named leaves')
  const named: NamedLeaf[] = []
  let above = -1
  for (let i = 0; i < leaves; i++) {
    above = nextIndex(reader.varint(), above, `${reader.what}: named leaf`)
    named.push({ index: above, size: reader.varint(), root: takeFixed(reader, HASH_BYTES) })
  }
  return { timeMs, frontier, headsRoot, named }
}

/** Rule S4: lists by member index ascend strictly, so that each has one order and no entry comes twice. */
export function nextIndex(index: number, above: number, what: string): number {
  assertRange(index, 0, MAX_MEMBERS - 1, `${what}: member index`)
  if (index > above) return index
  throw new WattnessError('NON_CANONICAL', `${what}: member index ${index} after ${above}, strictly ascending expected`, {
    index,
  })
}

/** Rule S5: length in bytes, then plain UTF-8; `maxBytes` ≤ 256. */
export function putText(writer: Writer, text: string, leastBytes: number, maxBytes: number, what: string): void {
  assertText(text, leastBytes, maxBytes, what)
  const bytes = toUtf8(text)
  writer.varint(bytes.length).bytes(bytes)
}

export function takeText(reader: Reader, leastBytes: number, maxBytes: number, what: string): string {
  const length = takeNumber(reader, leastBytes, maxBytes, `bytes of ${what}`)
  const text = fromUtf8(reader.bytes(length), `${reader.what}: ${what}`)
  assertText(text, leastBytes, maxBytes, `${reader.what}: ${what}`)
  return text
}

function assertText(text: string, leastBytes: number, maxBytes: number, what: string): void {
  if (leastBytes === 0 && text.length === 0) return
  const fault = plainTextFault(text, maxBytes)
  if (fault !== undefined) throw new WattnessError('NON_CANONICAL', `${what} ${fault}`, { what })
}

/** Rule S6: hashes of a proof. */
export function putProof(writer: Writer, proof: readonly Uint8Array[]): void {
  putNumber(writer, proof.length, 0, MAX_PROOF_HASHES, 'hashes in a proof')
  for (const hash of proof) putFixed(writer, hash, HASH_BYTES, 'proof hash')
}

export function takeProof(reader: Reader): Uint8Array[] {
  const count = takeNumber(reader, 0, MAX_PROOF_HASHES, 'hashes in the proof')
  const proof: Uint8Array[] = []
  for (let i = 0; i < count; i++) proof.push(takeFixed(reader, HASH_BYTES))
  return proof
}

export function putId(writer: Writer, id: number): void {
  putNumber(writer, id, 0, MAX_REQUEST_ID, 'request id')
}

export function takeId(reader: Reader): number {
  return takeNumber(reader, 0, MAX_REQUEST_ID, 'request id')
}

export function putChain(writer: Writer, id: number, index: number): void {
  putId(writer, id)
  putNumber(writer, index, 0, MAX_MEMBERS - 1, 'member index')
}

export function takeChain(reader: Reader): { readonly id: number; readonly index: number } {
  return { id: takeId(reader), index: takeNumber(reader, 0, MAX_MEMBERS - 1, 'member index') }
}

/** In member order. */
export function putLeaves(writer: Writer, leaves: readonly Leaf[]): void {
  putNumber(writer, leaves.length, 0, MAX_MEMBERS, 'leaves')
  for (const { size, root } of leaves) {
    writer.varint(size)
    putFixed(writer, root, HASH_BYTES, 'root')
  }
}

export function takeLeaves(reader: Reader): Leaf[] {
  const count = takeNumber(reader, 0, MAX_MEMBERS, 'leaves')
  const leaves: Leaf[] = []
  for (let i = 0; i < count; i++) leaves.push({ size: reader.varint(), root: takeFixed(reader, HASH_BYTES) })
  return leaves
}
