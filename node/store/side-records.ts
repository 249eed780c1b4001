import { toHex } from '../../protocol/bytes.ts'
import { WattnessError } from '../../protocol/errors.ts'
import { type Damage, memberText } from './chain-entry.ts'
import {
  allOf,
  EVIDENCE,
  evidenceKey,
  INVITATION,
  invitationKey,
  LABEL,
  labelKey,
  WITNESS_EVIDENCE,
  witnessEvidenceKey,
} from './keys.ts'
import { del, type Kv, put } from './kv.ts'
import { checkRecord, openRecord, sealRecord } from './record.ts'
import type { StoreWriter } from './writer.ts'

/** Records of one kind: one per 32-byte key, at most this many. Four generations of a full neighbourhood. */
export const MAX_SIDE_RECORDS = 1_024

/** One kind of record beside the chains: small, few, one per 32-byte key; the bytes are the caller's. */
export class SideTable {
  readonly #kv: Kv
  readonly #writer: StoreWriter
  readonly #prefix: number
  readonly #keyOf: (name: Uint8Array) => Uint8Array
  readonly #what: string
  readonly #names = new Set<string>()

  constructor(kv: Kv, writer: StoreWriter, kind: { prefix: number; keyOf: (name: Uint8Array) => Uint8Array; what: string }) {
    this.#kv = kv
    this.#writer = writer
    this.#prefix = kind.prefix
    this.#keyOf = kind.keyOf
    this.#what = kind.what
  }

  /** Reads which records there are; damaged ones are reported and still count as there. */
  async load(damage?: Damage[]): Promise<void> {
    this.#names.clear()
    for await (const entries of this.#kv.iterate(allOf(this.#prefix))) {
      for (const [key, record] of entries) {
        this.#names.add(memberText(key.subarray(1)))
        if (checkRecord(key, record) === undefined) damage?.push({ what: `${this.#what} record damaged`, member: key.slice(1) })
      }
    }
  }

  get size(): number {
    return this.#names.size
  }

  has(name: Uint8Array): boolean {
    return this.#names.has(memberText(name))
  }

  /** Throws STORE_DAMAGED. */
  async get(name: Uint8Array): Promise<Uint8Array | undefined> {
    const key = this.#keyOf(name)
    const record = await this.#kv.get(key)
    return record === undefined ? undefined : openRecord(key, record, `${this.#what} of ${toHex(name).slice(0, 16)}…`)
  }

  /** On the disk when it resolves. Throws LIMIT_EXCEEDED for one record too many. */
  async put(name: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#writer.ready()
    if (!this.has(name) && this.#names.size >= MAX_SIDE_RECORDS) {
      throw new WattnessError('LIMIT_EXCEEDED', `${this.#what} records: ${MAX_SIDE_RECORDS} kept at most`, {
        limit: MAX_SIDE_RECORDS,
      })
    }
    const key = this.#keyOf(name)
    await this.#writer.write([put(key, sealRecord(key, value))], true)
    this.#names.add(memberText(name))
  }

  async delete(name: Uint8Array): Promise<void> {
    await this.#writer.ready()
    await this.#writer.write([del(this.#keyOf(name))], true)
    this.#names.delete(memberText(name))
  }

  /** Every readable record, in key order. */
  async list(): Promise<{ readonly name: Uint8Array; readonly value: Uint8Array }[]> {
    const records: { name: Uint8Array; value: Uint8Array }[] = []
    for await (const entries of this.#kv.iterate(allOf(this.#prefix))) {
      for (const [key, record] of entries) {
        const value = checkRecord(key, record)
        if (value !== undefined) records.push({ name: key.slice(1), value })
      }
    }
    return records
  }
}

export const EVIDENCE_KIND = { prefix: EVIDENCE, keyOf: evidenceKey, what: 'evidence' }
export const WITNESS_EVIDENCE_KIND = {
  prefix: WITNESS_EVIDENCE,
  keyOf: witnessEvidenceKey,
  what: 'evidence against a witness',
}
export const LABEL_KIND = { prefix: LABEL, keyOf: labelKey, what: 'label' }
export const INVITATION_KIND = { prefix: INVITATION, keyOf: invitationKey, what: 'invitation' }
