import { type Bytes, Reader, Writer } from './bytes.ts'
import { KEY_BYTES } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import { HASH_BYTES, leafHash, sha256 } from './hash.ts'
import { MAX_BODY_BYTES, MAX_HEADER_BYTES, SALT_BYTES } from './limits.ts'

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

/** Rule B1. */
export function encodeHeader(header: Header): Bytes {
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

function readHeader(reader: Reader): Header {
  const version = reader.u8()
  // Rule B2: one version; a later one is another protocol.
  if (version !== BLOCK_VERSION) {
    throw new WattnessError('UNKNOWN_VERSION', `block version ${version}, expected ${BLOCK_VERSION}`, { version })
  }
  const kind = reader.u8()
  const member = reader.bytes(KEY_BYTES)
  const height = reader.varint()
  const previous = reader.bytes(HASH_BYTES)
  const sealedAt = reader.varint()
  const registrarSize = reader.varint()
  const bodyLength = reader.varint()
  // Rule B3: a body holds its salt at least and 65,535 bytes at most.
  if (bodyLength < SALT_BYTES || bodyLength > MAX_BODY_BYTES) {
    throw new WattnessError(
      'OVERSIZED_BODY',
      `body of ${bodyLength} bytes, expected ${SALT_BYTES} to ${MAX_BODY_BYTES} (height ${height})`,
      { bodyLength, height },
    )
  }
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
  if (body.length > MAX_BODY_BYTES) {
    throw new WattnessError('OVERSIZED_BODY', `body of ${body.length} bytes, at most ${MAX_BODY_BYTES}`, {
      bodyLength: body.length,
    })
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
