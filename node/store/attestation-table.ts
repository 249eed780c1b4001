import { Reader, Writer } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { Leaf } from '../../protocol/frames.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { MAX_MEMBERS, MAX_WITNESSES } from '../../protocol/limits.ts'
import { type Damage, type DamageKind, memberText } from './chain-entry.ts'
import { ATTESTATION, allOf, CLOSING, epochKey, epochOfKey, epochPrefix, keysUnder, witnessOfKey } from './keys.ts'
import { del, type Kv, type KvEntry, type KvOperation, put } from './kv.ts'
import { checkRecord, sealRecord } from './record.ts'
import type { StoreWriter } from './writer.ts'

/** A witness's attestation, and what its leaves are where this node's own chains do not say it. */
export interface StoredAttestation {
  readonly epoch: number
  /** The witness's key. */
  readonly witness: Uint8Array
  /** As it was sent, with its signature. */
  readonly bytes: Uint8Array
  /** Leaves that hash to its heads root, in member order; absent where they are those of the chains held. */
  readonly leaves?: readonly Leaf[] | undefined
}

/** Of each table: the closing attestations of all witnesses over nearly three thousand changes of a full witness set. */
export const MAX_ATTESTATIONS = 65_536

const MAX_VALUE_BYTES = 65_536

export function attestationValue({ bytes, leaves = [] }: StoredAttestation): Uint8Array {
  const writer = new Writer(bytes.length + 8 + leaves.length * 40).varint(bytes.length).bytes(bytes).varint(leaves.length)
  for (const { size, root } of leaves) writer.varint(size).bytes(root)
  return writer.finish()
}

/** Throws what a Reader throws. */
export function decodeAttestation(epoch: number, witness: Uint8Array, value: Uint8Array): StoredAttestation {
  const reader = new Reader(value, 'stored attestation')
  const bytes = reader.bytes(reader.varint()).slice()
  const count = reader.varint(MAX_MEMBERS)
  const leaves: Leaf[] = []
  for (let i = 0; i < count; i++) leaves.push({ size: reader.varint(), root: reader.bytes(HASH_BYTES).slice() })
  reader.done()
  return { epoch, witness, bytes, ...(count === 0 ? {} : { leaves }) }
}

export interface AttestationKind {
  readonly prefix: number
  readonly what: string
  readonly damage: DamageKind
}

export const ATTESTATION_KIND: AttestationKind = { prefix: ATTESTATION, what: 'attestation', damage: 'attestation' }
export const CLOSING_KIND: AttestationKind = { prefix: CLOSING, what: 'closing attestation', damage: 'closing' }

/** One attestation for each epoch and witness: whoever puts another in its place decides which one stays. */
export class AttestationTable {
  readonly #kv: Kv
  readonly #writer: StoreWriter
  readonly #kind: AttestationKind
  /** Witnesses by epoch. */
  readonly #names = new Map<number, Set<string>>()
  #size = 0

  constructor(kv: Kv, writer: StoreWriter, kind: AttestationKind) {
    this.#kv = kv
    this.#writer = writer
    this.#kind = kind
  }

  /** Reads which there are. Damaged ones are reported and not there: they can be had again from whoever holds them. */
  async load(damage: Damage[]): Promise<void> {
    this.#names.clear()
    this.#size = 0
    for await (const entries of this.#kv.iterate(allOf(this.#kind.prefix))) {
      for (const entry of entries) if (this.#read(entry, damage) !== undefined) this.#noteKey(entry[0])
    }
  }

  #read([key, record]: KvEntry, damage?: Damage[]): StoredAttestation | undefined {
    const value = checkRecord(key, record)
    try {
      if (value !== undefined) return decodeAttestation(epochOfKey(key), witnessOfKey(key), value)
    } catch {
      // Said below, like a checksum that does not hold.
    }
    const { what, damage: kind } = this.#kind
    damage?.push({ what: `${what} of epoch ${epochOfKey(key)} damaged`, kind, member: witnessOfKey(key) })
    return undefined
  }

  #noteKey(key: Uint8Array): void {
    this.#note(epochOfKey(key), witnessOfKey(key))
  }

  #note(epoch: number, witness: Uint8Array): void {
    let names = this.#names.get(epoch)
    if (names === undefined) {
      names = new Set()
      this.#names.set(epoch, names)
    }
    this.#size -= names.size
    names.add(memberText(witness))
    this.#size += names.size
  }

  get size(): number {
    return this.#size
  }

  has(epoch: number, witness: Uint8Array): boolean {
    return this.#names.get(epoch)?.has(memberText(witness)) === true
  }

  /** Epochs that there is any of, ascending. */
  epochs(): number[] {
    return [...this.#names.keys()].toSorted((a, b) => a - b)
  }

  /** Undefined where there is none that can be read. */
  async get(epoch: number, witness: Uint8Array): Promise<StoredAttestation | undefined> {
    const key = epochKey(this.#kind.prefix, epoch, witness)
    const record = await this.#kv.get(key)
    return record === undefined ? undefined : this.#read([key, record])
  }

  /** Those of an epoch that can be read, by witness key. */
  async list(epoch: number): Promise<StoredAttestation[]> {
    const found: StoredAttestation[] = []
    for await (const entries of this.#kv.iterate(keysUnder(epochPrefix(this.#kind.prefix, epoch)))) {
      for (const entry of entries) {
        const attestation = this.#read(entry)
        if (attestation !== undefined) found.push(attestation)
      }
    }
    return found
  }

  /** All or none. With `sync` on the disk when it resolves. Throws LIMIT_EXCEEDED for more witnesses than an epoch can have. */
  async put(items: readonly StoredAttestation[], sync = false): Promise<void> {
    await this.#writer.ready()
    await this.#writer.write(this.operations(items), sync)
    this.stored(items)
  }

  /** The same for whoever writes them with something else: `stored` is called once the write has succeeded. */
  operations(items: readonly StoredAttestation[]): KvOperation[] {
    const { prefix, what } = this.#kind
    const fresh = new Map<number, number>()
    let size = this.#size
    return items.map((item) => {
      const { epoch, witness } = item
      const key = epochKey(prefix, epoch, witness)
      const value = attestationValue(item)
      if (!this.has(epoch, witness)) {
        fresh.set(epoch, (fresh.get(epoch) ?? 0) + 1)
        size++
      }
      const ofEpoch = (this.#names.get(epoch)?.size ?? 0) + (fresh.get(epoch) ?? 0)
      if (ofEpoch > MAX_WITNESSES || size > MAX_ATTESTATIONS || value.length > MAX_VALUE_BYTES) {
        const limits = `${MAX_WITNESSES} an epoch, ${MAX_ATTESTATIONS} in all, ${MAX_VALUE_BYTES} bytes each`
        throw new WattnessError('LIMIT_EXCEEDED', `${what} records: at most ${limits}`, { epoch, limit: MAX_WITNESSES })
      }
      return put(key, sealRecord(key, value))
    })
  }

  stored(items: readonly StoredAttestation[]): void {
    for (const { epoch, witness } of items) this.#note(epoch, witness)
  }

  async delete(epoch: number, witness: Uint8Array): Promise<void> {
    await this.#remove([epochKey(this.#kind.prefix, epoch, witness)])
  }

  /** Removes those of all epochs before this one. */
  async deleteBefore(epoch: number): Promise<void> {
    const { prefix } = this.#kind
    const range = { gte: epochPrefix(prefix, 0), lt: epochPrefix(prefix, epoch) }
    for await (const entries of this.#kv.iterate(range)) await this.#remove(entries.map(([key]) => key))
  }

  async #remove(keys: readonly Uint8Array[]): Promise<void> {
    await this.#writer.ready()
    await this.#writer.write(keys.map(del), false)
    for (const key of keys) {
      const epoch = epochOfKey(key)
      const names = this.#names.get(epoch)
      if (names?.delete(memberText(witnessOfKey(key))) !== true) continue
      this.#size--
      if (names.size === 0) this.#names.delete(epoch)
    }
  }
}
