import { type Bytes, Reader, Writer } from './bytes.ts'
import { KEY_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES, leafHash, sha256 } from './hash.ts'
import { MAX_BODY_BYTES, MAX_CHAIN_SIZE, MAX_HEADER_BYTES, MAX_SEALED_AT_MS, SALT_BYTES } from './limits.ts'

/** Kinds of body. Unknown kinds are stored, relayed and attested, not interpreted (rule B5). */
export const KIND_READINGS = 0
export const KIND_EVENT = 1
export const KIND_MEMBERSHIP = 2

export const BLOCK_VERSION = 1

/** The log's entry for one block (rule B1). Times are UTC milliseconds, lengths bytes. */
export interface Header {
  readonly kind: number
  readonly member: Bytes
  readonly height: number
  readonly previous: Bytes
  readonly sealedAt: number
  readonly registrarSize: number
  readonly bodyLength: number
  readonly bodyHash: Bytes
}

/** A decoded block; `bytes` = `headerBytes` ‖ `body`, all views of the buffer it was decoded from. */
export interface Block {
  readonly header: Header
  readonly headerBytes: Bytes
  readonly body: Bytes
  readonly bytes: Bytes
}

/** Rules B1 to B3, both ways: what would be refused on arrival is never written. Throws OUT_OF_RANGE, OVERSIZED_BODY. */
export function encodeHeader(header: Header): Bytes {
  assertLength(header.member, KEY_BYTES, 'member key')
  assertLength(header.previous, HASH_BYTES, 'previous')
  assertLength(header.bodyHash, HASH_BYTES, 'body hash')
  assertUpTo(header.kind, 0xff, 'kind')
  assertUpTo(header.height, MAX_CHAIN_SIZE - 1, 'height')
  assertUpTo(header.sealedAt, MAX_SEALED_AT_MS, 'time of sealing')
  assertUpTo(header.registrarSize, MAX_CHAIN_SIZE, 'registrar size')
  assertBodyLength(header.bodyLength, header.height)
  return new Writer(MAX_HEADER_BYTES)
    .u8(BLOCK_VERSION)
    .u8(header.kind)
    .bytes(header.member)
    .varint(header.height)
    .bytes(header.previous)
    .varint(header.sealedAt)
    .varint(header.registrarSize)
    .varint(header.bodyLength)
    .bytes(header.bodyHash)
    .finish()
}

function assertLength(bytes: Bytes, expected: number, what: string): void {
  if (bytes.length === expected) return
  throw new WattnessError('OUT_OF_RANGE', `${what} of ${bytes.length} bytes, expected ${expected}`, { what, found: bytes.length })
}

function assertUpTo(value: number, most: number, what: string): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= most) return
  throw new WattnessError('OUT_OF_RANGE', `${what} ${value}, expected 0 to ${most}`, { what, found: value })
}

/** Rule B3: a body holds its salt at least, and 65,535 bytes at most. */
function assertBodyLength(bodyLength: number, height: number): void {
  if (bodyLength >= SALT_BYTES && bodyLength <= MAX_BODY_BYTES) return
  throw new WattnessError(
    bodyLength > MAX_BODY_BYTES ? 'OVERSIZED_BODY' : 'OUT_OF_RANGE',
    `body of ${bodyLength} bytes, expected ${SALT_BYTES} to ${MAX_BODY_BYTES} (height ${height})`,
    { bodyLength, height },
  )
}

function readHeader(reader: Reader): Header {
  const version = reader.u8()
  // Rule B2: one version; a later one is another protocol.
  if (version !== BLOCK_VERSION) {
    throw new WattnessError('UNKNOWN_VERSION', `block version ${version}, expected ${BLOCK_VERSION}`, { version })
  }
  const kind = reader.u8()
  const member = reader.bytes(KEY_BYTES)
  const height = reader.varint(MAX_CHAIN_SIZE - 1)
  const previous = reader.bytes(HASH_BYTES)
  const sealedAt = reader.varint(MAX_SEALED_AT_MS)
  const registrarSize = reader.varint(MAX_CHAIN_SIZE)
  const bodyLength = reader.varint()
  assertBodyLength(bodyLength, height)
  const bodyHash = reader.bytes(HASH_BYTES)
  return { kind, member, height, previous, sealedAt, registrarSize, bodyLength, bodyHash }
}

/** Refuses anything but one whole header. Hashes and keys are views of `bytes`. */
export function decodeHeader(bytes: Bytes): Header {
  const reader = new Reader(bytes, 'block header')
  const header = readHeader(reader)
  reader.done()
  return header
}

/** Reads the block that begins at the reader's offset: blocks delimit themselves (rule B4). Hashes are not checked here. */
export function readBlock(reader: Reader): Block {
  const start = reader.offset
  const header = readHeader(reader)
  const headerBytes = reader.buffer.subarray(start, reader.offset)
  const body = reader.bytes(header.bodyLength)
  return { header, headerBytes, body, bytes: reader.buffer.subarray(start, reader.offset) }
}

/** Refuses anything but one whole block. */
export function decodeBlock(bytes: Bytes): Block {
  const reader = new Reader(bytes, 'block')
  const block = readBlock(reader)
  reader.done()
  return block
}

/** Rule B6: the RFC 6962 leaf hash of the header; 32 bytes. */
export function blockHash(headerBytes: Bytes): Bytes {
  return leafHash(headerBytes)
}

/** Rule B7: SHA-256 over salt and content; 32 bytes. */
export function bodyHash(body: Bytes): Bytes {
  return sha256(body)
}

/** Rule B8: a body is its salt and the content of its kind. */
export function makeBody(salt: Bytes, content: Bytes): Bytes {
  if (salt.length !== SALT_BYTES) {
    throw new WattnessError('OUT_OF_RANGE', `salt of ${salt.length} bytes, expected ${SALT_BYTES}`)
  }
  const body = new Uint8Array(SALT_BYTES + content.length)
  body.set(salt)
  body.set(content, SALT_BYTES)
  return body
}

/** The content behind the salt: a view. */
export function bodyContent(body: Bytes): Bytes {
  return body.subarray(SALT_BYTES)
}

export interface NewBlock {
  readonly kind: number
  readonly member: Bytes
  readonly height: number
  readonly previous: Bytes
  readonly sealedAt: number
  readonly registrarSize: number
  readonly salt: Bytes
  readonly content: Bytes
}

/** Makes the block that a sealer signs; its bytes are a copy of their own. */
export function makeBlock(init: NewBlock): Block {
  const body = makeBody(init.salt, init.content)
  const header: Header = {
    kind: init.kind,
    member: init.member,
    height: init.height,
    previous: init.previous,
    sealedAt: init.sealedAt,
    registrarSize: init.registrarSize,
    bodyLength: body.length,
    bodyHash: bodyHash(body),
  }
  const headerBytes = encodeHeader(header)
  const bytes = new Uint8Array(headerBytes.length + body.length)
  bytes.set(headerBytes)
  bytes.set(body, headerBytes.length)
  return {
    header,
    headerBytes: bytes.subarray(0, headerBytes.length),
    body: bytes.subarray(headerBytes.length),
    bytes,
  }
}
