import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { fromUtf8, isWattnessError, Reader, toHex, toUtf8, WattnessError, Writer } from '../../protocol/index.ts'
import type { KvEntry } from '../store/index.ts'

/**
 * A whole store as one file: the line `wattness-archive/1`, then frames
 *
 *     kind u8 ‖ length u32 ‖ payload ‖ CRC-32 of all that u32
 *
 * | kind | payload                                                                                    |
 * |------|--------------------------------------------------------------------------------------------|
 * | 1    | head: JSON, first                                                                          |
 * | 2    | a small file of the directory: length of its name u8 ‖ name ‖ content                      |
 * | 3    | records of the store in the order of keys: (varint length ‖ key ‖ varint length ‖ value) … |
 * | 4    | end: JSON, last; with the SHA-256 of every byte before it                                  |
 */
const MAGIC = toUtf8('wattness-archive/1\n')
const HEAD = 1
const FILE = 2
const RECORDS = 3
const END = 4

const FRAME_HEAD_BYTES = 5
const CRC_BYTES = 4

/** Records gathered into one frame; one record may go beyond it. */
const FRAME_BYTES = 262_144
/** The largest that is read: more than the largest of records and files together with what was gathered before it. */
export const MAX_FRAME_BYTES = 1_048_576

export interface ArchiveHead {
  readonly createdAt: string
  readonly network: { readonly name: string; readonly id: string }
  readonly schema: number
  /** Whose store it was, hex; null where the directory had no key. */
  readonly ownKey: string | null
  readonly hasPrivateKey: boolean
  readonly blocks: number
}

export interface ArchiveEnd {
  readonly files: number
  readonly records: number
  readonly sha256: string
}

export type ArchivePart =
  | { readonly head: ArchiveHead }
  | { readonly file: string; readonly content: Uint8Array }
  | { readonly records: readonly KvEntry[] }
  | { readonly end: ArchiveEnd }

export class ArchiveWriter {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  #files = 0
  #records = 0
  #gathered = new Writer(FRAME_BYTES)
  bytes = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  async begin(head: ArchiveHead): Promise<void> {
    await this.#write(MAGIC)
    await this.#frame(HEAD, toUtf8(JSON.stringify(head)))
  }

  async file(name: string, content: Uint8Array): Promise<void> {
    const bytes = toUtf8(name)
    await this.#frame(FILE, new Writer(1 + bytes.length + content.length).u8(bytes.length).bytes(bytes).bytes(content).finish())
    this.#files++
  }

  async records(entries: readonly KvEntry[]): Promise<void> {
    for (const [key, value] of entries) {
      this.#gathered.varint(key.length).bytes(key).varint(value.length).bytes(value)
      this.#records++
      if (this.#gathered.length >= FRAME_BYTES) await this.#flush()
    }
  }

  async #flush(): Promise<void> {
    if (this.#gathered.length === 0) return
    await this.#frame(RECORDS, this.#gathered.finish())
    this.#gathered = new Writer(FRAME_BYTES)
  }

  /** On the disk when it resolves. */
  async end(): Promise<ArchiveEnd> {
    await this.#flush()
    const end = { files: this.#files, records: this.#records, sha256: this.#hash.copy().digest('hex') }
    await this.#frame(END, toUtf8(JSON.stringify(end)))
    await this.#file.sync()
    return end
  }

  async #frame(kind: number, payload: Uint8Array): Promise<void> {
    const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.length + CRC_BYTES)
    frame[0] = kind
    frame.writeUInt32BE(payload.length, 1)
    frame.set(payload, FRAME_HEAD_BYTES)
    frame.writeUInt32BE(crc32(frame.subarray(0, -CRC_BYTES)), frame.length - CRC_BYTES)
    await this.#write(frame)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#file.appendFile(bytes)
    this.#hash.update(bytes)
    this.bytes += bytes.length
  }
}

export function invalid(offset: number, what: string): WattnessError {
  return new WattnessError('ARCHIVE_INVALID', `archive, byte ${offset}: ${what}`, { offset, what })
}

/**
 * The parts of an archive in their order, each with its checksum checked, and the whole of it before the end is given. One frame
 * in memory at a time. Throws ARCHIVE_INVALID with the byte and what is wrong there.
 */
export async function* readArchive(file: FileHandle): AsyncGenerator<ArchivePart> {
  const source = new Source(file)
  const magic = await source.take(MAGIC.length, 'its first line')
  if (Buffer.compare(magic, MAGIC) !== 0) throw invalid(0, 'no archive of a store, or one of a later version')
  let files = 0
  let records = 0
  for (let number = 0; ; number++) {
    const at = source.offset
    const before = source.digest()
    const { kind, payload } = await source.frame(number)
    if ((kind === HEAD) !== (number === 0)) throw invalid(at, number === 0 ? 'its head does not come first' : 'a second head')
    const part = decoded(kind, payload, at)
    if ('file' in part) files++
    if ('records' in part) records += part.records.length
    if ('end' in part) {
      const { end } = part
      if (end.sha256 !== before) throw invalid(at, `SHA-256 of what comes before is ${before}, its end says ${end.sha256}`)
      if (end.files !== files || end.records !== records) {
        throw invalid(at, `${files} files and ${records} records, its end says ${end.files} and ${end.records}`)
      }
      await source.assertEnd()
      yield part
      return
    }
    yield part
  }
}

function decoded(kind: number, payload: Uint8Array, at: number): ArchivePart {
  try {
    if (kind === HEAD) return { head: headOf(JSON.parse(fromUtf8(payload))) }
    if (kind === END) return { end: JSON.parse(fromUtf8(payload)) as ArchiveEnd }
    const reader = new Reader(payload, 'archive')
    if (kind === FILE) return { file: fromUtf8(reader.bytes(reader.u8())), content: reader.bytes(reader.remaining) }
    if (kind === RECORDS) return { records: recordsOf(reader) }
  } catch (error) {
    if (!isWattnessError(error) && !(error instanceof SyntaxError)) throw error
    throw invalid(at, `a part that cannot be read: ${error.message}`)
  }
  throw invalid(at, `a part of kind ${kind}, which this version does not know`)
}

function recordsOf(reader: Reader): KvEntry[] {
  const entries: KvEntry[] = []
  while (reader.remaining > 0) entries.push([reader.bytes(reader.varint()), reader.bytes(reader.varint())])
  return entries
}

function headOf(value: unknown): ArchiveHead {
  const { createdAt, network, schema, ownKey, hasPrivateKey, blocks } = (value ?? {}) as Partial<ArchiveHead>
  const isText = [createdAt, network?.name, network?.id].every((text) => typeof text === 'string')
  const isKey = ownKey === null || (typeof ownKey === 'string' && /^[0-9a-f]{64}$/.test(ownKey))
  const isNumber = Number.isSafeInteger(schema) && Number.isSafeInteger(blocks)
  if (isText && isKey && isNumber && typeof hasPrivateKey === 'boolean') return value as ArchiveHead
  throw new SyntaxError('its head lacks a field')
}

class Source {
  readonly #file: FileHandle
  readonly #hash = createHash('sha256')
  offset = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  /** Of everything taken so far. */
  digest(): string {
    return toHex(this.#hash.copy().digest())
  }

  async take(length: number, what: string): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    let read = 0
    while (read < length) {
      const { bytesRead } = await this.#file.read(bytes, read, length - read, this.offset + read)
      if (bytesRead === 0) throw invalid(this.offset + read, `it ends in the middle of ${what}: it was cut off`)
      read += bytesRead
    }
    this.#hash.update(bytes)
    this.offset += length
    return bytes
  }

  async frame(number: number): Promise<{ kind: number; payload: Uint8Array }> {
    const at = this.offset
    const what = `part ${number}`
    const head = await this.take(FRAME_HEAD_BYTES, what)
    const length = Buffer.from(head.buffer).readUInt32BE(1)
    if (length > MAX_FRAME_BYTES) throw invalid(at, `${what} of ${length} bytes, at most ${MAX_FRAME_BYTES}`)
    const payload = await this.take(length, what)
    const crc = Buffer.from((await this.take(CRC_BYTES, what)).buffer).readUInt32BE(0)
    if (crc !== crc32(payload, crc32(head))) throw invalid(at, `the checksum of ${what} (${length} bytes) does not match`)
    return { kind: head[0] as number, payload }
  }

  async assertEnd(): Promise<void> {
    const { bytesRead } = await this.#file.read(new Uint8Array(1), 0, 1, this.offset)
    if (bytesRead > 0) throw invalid(this.offset, 'it goes on behind its end')
  }
}
