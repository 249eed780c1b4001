import { equalBytes, toHex } from '../../protocol/bytes.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { decodeAttestation, type StoredAttestation } from './attestation-table.ts'
import { auditChain, type ChainAudit, type ChainAuditInit, type StoredChain } from './chain-audit.ts'
import { type Damage, type DamageKind, NOT_PRUNED } from './chain-entry.ts'
import { loadChainIds } from './chain-ids.ts'
import { decodeFrameNote } from './frame-note.ts'
import { decodeHead } from './head-record.ts'
import {
  ATTESTATION,
  allOf,
  CLOSING,
  chainIdOfKey,
  EVIDENCE,
  epochOfKey,
  FRAME,
  FRAME_NOTE,
  headKey,
  INVITATION,
  LABEL,
  LAST_PREFIX,
  META,
  metaKey,
  QUERY,
  SEEN,
  SPOOL,
  WITNESS_EVIDENCE,
  witnessOfKey,
} from './keys.ts'
import type { KvReader } from './kv.ts'
import { readPruned } from './pruned-record.ts'
import { checkRecord } from './record.ts'
import { decodeEntry } from './spool-entry.ts'
import { marksOf, witnessDamage } from './witness-audit.ts'
import { readWitness, type WitnessMemory } from './witness-memory.ts'
import { WITNESS_KEY } from './witness-records.ts'

export interface RecordAuditInit {
  readonly kv: KvReader
  /** What is wrong with an evidence, or a label, that is stored under this key; undefined: nothing. */
  readonly evidenceFault?: (member: Uint8Array, evidence: Uint8Array) => string | undefined
  readonly witnessEvidenceFault?: (witness: Uint8Array, evidence: Uint8Array) => string | undefined
  readonly labelFault?: (member: Uint8Array, record: Uint8Array) => string | undefined
  /** The same of an attestation. */
  readonly attestationFault?: (attestation: StoredAttestation) => string | undefined
  readonly turn?: () => Promise<void>
}

export interface RecordAudit {
  /** Records beside the chains: spool, frames, evidence, labels, invitations, query chunks, those of witnessing. */
  readonly records: number
  /** Query chunks among them, by chain id. */
  readonly queryRecords: ReadonlyMap<number, number>
  /** To be compared with the chains: see witnessDamage. */
  readonly witness: WitnessMemory
  readonly damage: readonly Damage[]
}

export interface StoreAudit extends RecordAudit {
  readonly chains: readonly ChainAudit[]
  readonly blocks: number
  readonly signatures: number
}

interface RecordKind {
  readonly prefix: number
  readonly what: string
  /** Undefined for the store's own named records. */
  readonly kind?: DamageKind
  readonly judge?: ((name: Uint8Array, value: Uint8Array) => string | undefined) | undefined
}

/** Names of META records that every store has, from its first opening on. */
const NEEDED_META = ['schema', 'network', 'durable']

/** Keys above the last known prefix: nothing that this version writes. */
const UNKNOWN_KEYS = { gte: Uint8Array.of(LAST_PREFIX + 1), lt: Uint8Array.of(0xff) }

/** Checks everything in a store, from each chain's first block on, and changes nothing. */
export async function auditStore(init: ChainAuditInit & RecordAuditInit): Promise<StoreAudit> {
  const damage: Damage[] = []
  const chains: ChainAudit[] = []
  for (const chain of await listChains(init.kv, damage)) chains.push(await auditChain(init, chain))
  const found = await auditRecords(init)
  return {
    ...found,
    chains,
    blocks: chains.reduce((sum, chain) => sum + chain.blocks, 0),
    signatures: chains.reduce((sum, chain) => sum + chain.signatures, 0),
    damage: [...damage, ...found.damage, ...witnessDamage(found.witness, chains)],
  }
}

/** Every chain of the store, whether or not the record that names it is whole. */
export async function listChains(kv: KvReader, damage: Damage[]): Promise<StoredChain[]> {
  const { members, mending } = await loadChainIds(kv, damage)
  for (const operation of mending) {
    const member = operation.key.slice(1)
    if (operation.type !== 'put' || damage.some((each) => each.member !== undefined && equalBytes(each.member, member))) continue
    damage.push({ what: 'chain record: missing', member })
  }
  const witness = await readWitness(kv, [])
  // Where its record is damaged that is found below, and all of it is damage then.
  const pruned = await readPruned(kv)
  const chains: StoredChain[] = []
  for (const [id, member] of members) {
    const size = await sizeOf(kv, id)
    chains.push({ id, member, size, marks: marksOf(witness, member), pruned: pruned?.get(id) ?? NOT_PRUNED })
  }
  return chains
}

/** What the head says, 0 where it says nothing: whether that is so is the audit's business. */
async function sizeOf(kv: KvReader, id: number): Promise<number> {
  const key = headKey(id)
  const record = await kv.get(key)
  const value = record === undefined ? undefined : checkRecord(key, record)
  try {
    return value === undefined ? 0 : decodeHead(value).size
  } catch {
    return 0
  }
}

/** Checks every record beside the chains. */
export async function auditRecords(init: RecordAuditInit): Promise<RecordAudit> {
  const { kv, turn } = init
  const damage: Damage[] = []
  const kinds: readonly RecordKind[] = [
    { prefix: META, what: 'record' },
    { prefix: SPOOL, what: 'spool entry', kind: 'spool', judge: unreadable((_, value) => decodeEntry(value)) },
    { prefix: FRAME, what: 'frame', kind: 'frame' },
    { prefix: FRAME_NOTE, what: 'note of a frame', kind: 'frame', judge: unreadable((_, value) => decodeFrameNote(value)) },
    { prefix: EVIDENCE, what: 'evidence', kind: 'evidence', judge: init.evidenceFault },
    {
      prefix: WITNESS_EVIDENCE,
      what: 'evidence against a witness',
      kind: 'witness-evidence',
      judge: init.witnessEvidenceFault,
    },
    { prefix: LABEL, what: 'label', kind: 'label', judge: init.labelFault },
    { prefix: INVITATION, what: 'invitation', kind: 'invitation' },
    { prefix: QUERY, what: 'query chunk', kind: 'query' },
    { prefix: ATTESTATION, what: 'attestation', kind: 'attestation', judge: attestationJudge(init, ATTESTATION) },
    { prefix: CLOSING, what: 'closing attestation', kind: 'closing', judge: attestationJudge(init, CLOSING) },
  ]
  let records = 0
  const queryRecords = new Map<number, number>()
  for (const each of kinds) {
    const { prefix, judge } = each
    for await (const entries of kv.iterate(allOf(prefix))) {
      for (const [key, record] of entries) {
        const name = key.slice(1)
        if (equalBytes(key, WITNESS_KEY)) continue
        if (prefix !== META) records++
        if (prefix === QUERY) {
          const id = chainIdOfKey(key)
          queryRecords.set(id, (queryRecords.get(id) ?? 0) + 1)
        }
        const value = checkRecord(key, record)
        const fault = value === undefined ? 'checksum does not match' : judge?.(name, value)
        if (fault !== undefined) damage.push(damageOf(each, name, fault))
      }
      await turn?.()
    }
  }
  const witness = await readWitness(kv, damage)
  records += witness.leaves.size + witness.finals.size
  for (const name of NEEDED_META) {
    if ((await kv.get(metaKey(name))) === undefined) damage.push({ what: `record ${name}: missing` })
  }
  for await (const entries of kv.iterate(allOf(SEEN))) {
    for (const [key, value] of entries) {
      if (key.length !== SEEN_KEY_BYTES || value.length > 0) damage.push({ what: `reading mark damaged (key ${toHex(key)})` })
    }
    await turn?.()
  }
  for await (const entries of kv.iterate(UNKNOWN_KEYS)) {
    for (const [key] of entries) damage.push({ what: `record of no known kind (key ${toHex(key)})` })
  }
  return { records, queryRecords, witness, damage }
}

/** What is wrong with the query chunks of chains that are whole themselves. */
export function queryDamage(
  chains: readonly { readonly id: number; readonly audit: ChainAudit }[],
  counted: ReadonlyMap<number, number>,
): Damage[] {
  const damage: Damage[] = []
  for (const { id, audit } of chains) {
    if (audit.query === undefined) continue
    const { records, missing, wrong } = audit.query
    const surplus = (counted.get(id) ?? 0) + missing - records
    const faults = [
      [missing, 'missing'],
      [wrong, 'not what the blocks say'],
      [surplus, 'too many'],
    ] as const
    for (const [count, how] of faults) {
      if (count > 0) damage.push({ what: `query chunks: ${count} ${how}`, kind: 'query', member: audit.member })
    }
  }
  return damage
}

/** Records named by a member's key. */
const OF_MEMBER = [EVIDENCE, WITNESS_EVIDENCE, LABEL]

/** Prefix, source 8, time 6, content 8. */
const SEEN_KEY_BYTES = 23

function damageOf({ prefix, what, kind }: RecordKind, name: Uint8Array, fault: string): Damage {
  if (kind === undefined) return { what: `${what} ${new TextDecoder().decode(name)} damaged: ${fault}` }
  if (OF_MEMBER.includes(prefix)) return { what: `${what} damaged: ${fault}`, kind, member: name }
  if (prefix === ATTESTATION || prefix === CLOSING) {
    const epoch = epochOfKey(Uint8Array.of(prefix, ...name))
    return { what: `${what} of epoch ${epoch} damaged: ${fault}`, kind, member: name.slice(4) }
  }
  return { what: `${what} damaged: ${fault} (key ${toHex(name)})`, kind }
}

type Judge = NonNullable<RecordKind['judge']>

function unreadable(decode: (name: Uint8Array, value: Uint8Array) => unknown): Judge {
  return (name, value) => {
    try {
      decode(name, value)
      return undefined
    } catch (error) {
      if (isWattnessError(error)) return error.message
      throw error
    }
  }
}

/** The name is the key without its prefix. */
function attestationJudge({ attestationFault }: RecordAuditInit, prefix: number): Judge {
  return (name, value) => {
    const key = Uint8Array.of(prefix, ...name)
    let found: StoredAttestation | undefined
    const decode = (): void => {
      found = decodeAttestation(epochOfKey(key), witnessOfKey(key), value)
    }
    return unreadable(decode)(name, value) ?? (found === undefined ? undefined : attestationFault?.(found))
  }
}
