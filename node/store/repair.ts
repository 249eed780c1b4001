import { copyFile, link, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { ClassicLevel } from 'classic-level'
import { equalBytes, toHex } from '../../protocol/bytes.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import { loadChain, type VerifySigned } from './chain-check.ts'
import type { Damage } from './chain-entry.ts'
import { loadChainIds } from './chain-ids.ts'
import { dropFalseSignatures } from './false-signatures.ts'
import { checkFiles, type FileFault } from './files.ts'
import { decodeHead } from './head-record.ts'
import {
  ASIDE,
  ATTESTATION,
  allOf,
  asideKey,
  BLOCK,
  CHAIN,
  CLOSING,
  EVIDENCE,
  FINAL,
  FRAME,
  FRAME_NOTE,
  HEAD,
  headKey,
  heightOfQueryWholeKey,
  INVITATION,
  LABEL,
  META,
  metaKey,
  queryChunksOf,
  queryWholesOf,
  readQueryChunkKey,
  SEEN,
  SIGNED_LEAF,
  SPOOL,
  sequenceOfKey,
  TILE,
  WITNESS_EVIDENCE,
} from './keys.ts'
import { type Kv, type KvOperation, put, storageError } from './kv.ts'
import { ledgerDirectory, rebuildingDirectory, rebuiltDirectory, salvageDirectory } from './layout.ts'
import { openLevelKv } from './level-kv.ts'
import { lockDirectory } from './lock.ts'
import { bindNetwork } from './network-record.ts'
import { exists, finishRepair, syncDirectory } from './open-ledger.ts'
import { findPruned, prunedOperation, readPruned } from './pruned-record.ts'
import { readableTable } from './readable-table.ts'
import { checkRecord } from './record.ts'
import { migrate, readSchemaVersion, SCHEMA_VERSION, schemaOperation } from './schema.ts'
import { tolerantKv } from './tolerant-kv.ts'
import { readWitness } from './witness-memory.ts'
import { witnessOperation } from './witness-records.ts'

export interface RepairInit {
  /** The node's directory. */
  readonly directory: string
  readonly networkId: Uint8Array
  readonly verifySigned: VerifySigned
  /** Called after each step that a crash may follow; tests throw in it. */
  readonly onStep?: (step: string) => void
}

/** What repair kept of one chain, and what its peers must give again. */
export interface RepairedChain {
  /** Hex. */
  readonly member: string
  readonly kept: number
  /** Blocks that the head named and that are not there any more; undefined where the head itself was lost. */
  readonly missing: number | undefined
}

export interface RepairReport {
  /** Faults of files found before anything was touched. */
  readonly files: readonly { readonly file: string; readonly offset: number; readonly what: string }[]
  readonly chains: readonly RepairedChain[]
  readonly spool: { readonly kept: number; readonly setAside: number }
  /** Other records kept, and those that could not be. */
  readonly records: { readonly kept: number; readonly lost: number }
  readonly damage: readonly string[]
  /** Where the damaged store is now. */
  readonly movedTo: string | undefined
}

const REPORT_FILE = 'repair.json'
const OPERATIONS_PER_WRITE = 256

/** Records copied where their checksum holds. Query chunks are left out: they are made again from blocks. */
const CHECKED = [
  META,
  CHAIN,
  HEAD,
  TILE,
  EVIDENCE,
  LABEL,
  INVITATION,
  FRAME,
  FRAME_NOTE,
  SIGNED_LEAF,
  FINAL,
  ATTESTATION,
  CLOSING,
  WITNESS_EVIDENCE,
]
const SELF_VERIFYING = [BLOCK, SEEN, ASIDE]
const LEFT_OUT = [metaKey('schema'), metaKey('durable')]

/**
 * Builds a new store out of everything in a damaged one that is readable and verified, moves the damaged one aside and
 * puts the new one in its place. Works on copies: until the last two renames the damaged store is as it was, and repair
 * may be killed and run again at any point. What a chain has lost is fetched by the node's ordinary sync.
 */
export async function repairLedger(init: RepairInit): Promise<RepairReport> {
  const { directory } = init
  const onStep = init.onStep ?? (() => undefined)
  const lock = await lockDirectory(directory)
  try {
    if (!(await exists(rebuiltDirectory(directory)))) await rebuild(init, onStep)
    const text = await readFile(path.join(rebuiltDirectory(directory), REPORT_FILE), 'utf8')
    const movedTo = await finishRepair(directory, onStep)
    return { ...(JSON.parse(text) as Omit<RepairReport, 'movedTo'>), movedTo }
  } finally {
    await lock.release()
  }
}

async function rebuild(init: RepairInit, onStep: (step: string) => void): Promise<void> {
  const { directory } = init
  const ledger = ledgerDirectory(directory)
  const salvage = salvageDirectory(directory)
  const rebuilding = rebuildingDirectory(directory)
  await rm(salvage, { recursive: true, force: true })
  await rm(rebuilding, { recursive: true, force: true })
  const { faults } = await checkFiles(ledger)
  await copyStore(ledger, salvage, faults)
  onStep('copied')
  const source = await openDamaged(salvage)
  try {
    await migrateDamaged(source)
    const target = await openLevelKv(rebuilding)
    try {
      const report = await copyRecords(tolerantKv(source), target, init, onStep)
      const files = faults.map(({ file, offset, what }) => ({ file, offset, what }))
      await writeFile(path.join(rebuilding, REPORT_FILE), JSON.stringify({ files, ...report }))
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
  // Opening once more turns what is left in its log into tables, and those LevelDB syncs.
  await (await openLevelKv(rebuilding)).close()
  await syncDirectory(rebuilding)
  onStep('rebuilt')
  await rename(rebuilding, rebuiltDirectory(directory))
  await syncDirectory(directory)
  onStep('rebuilt store named')
}

/**
 * Tables are never changed in place, only deleted: a link keeps them. The other files are appended to: copies. Of a damaged
 * table comes what LevelDB can read.
 */
export async function copyStore(from: string, to: string, faults: readonly FileFault[]): Promise<void> {
  const damaged = new Set(faults.map(({ file }) => file))
  await mkdir(to)
  for (const name of await readdir(from)) {
    if (name === 'LOCK') continue
    const source = path.join(from, name)
    const target = path.join(to, name)
    if (!/\.(?:ldb|sst)$/.test(name)) await copyFile(source, target)
    else {
      const readable = damaged.has(name) ? readableTable(await readFile(source)) : undefined
      if (readable !== undefined) await writeFile(target, readable)
      else await link(source, target).catch(() => copyFile(source, target))
    }
  }
}

/** Where manifest or CURRENT are gone, LevelDB's own repair makes new ones from the tables and logs that it finds. */
export async function openDamaged(location: string): Promise<Kv> {
  try {
    return await openLevelKv(location, { createIfMissing: false })
  } catch {
    try {
      await ClassicLevel.repair(location)
    } catch (error) {
      throw storageError(error, location)
    }
    return openLevelKv(location, { createIfMissing: true })
  }
}

/**
 * An older store is brought forward first, by large steps too, since this is a copy; one whose version record is lost is taken
 * for what this program writes.
 */
export async function migrateDamaged(source: Kv): Promise<void> {
  const version = await readSchemaVersion(source).catch((error: unknown) => {
    if (isWattnessError(error, 'STORE_DAMAGED')) return SCHEMA_VERSION
    throw error
  })
  if (version !== undefined && version !== SCHEMA_VERSION) await migrate(source, { large: true })
}

async function copyRecords(
  source: Kv,
  target: Kv,
  init: RepairInit,
  onStep: (step: string) => void,
): Promise<Omit<RepairReport, 'files' | 'movedTo'>> {
  const records = { kept: 0, lost: 0 }
  const copier = new Copier(target)
  await copier.add([schemaOperation(SCHEMA_VERSION)])
  for (const prefix of CHECKED) await copyChecked(source, copier, prefix, records)
  for (const prefix of SELF_VERIFYING) await copyAll(source, copier, prefix)
  const spool = await copySpool(source, copier)
  await copyPrunedValues(source, copier)
  const damage: Damage[] = []
  await copyWitness(source, copier, damage)
  await copier.flush()
  onStep('records copied')
  await bindNetwork(target, init.networkId)
  const chains = await checkChains(target, init, damage)
  onStep('chains checked')
  return {
    chains,
    spool,
    records,
    damage: damage.map(({ what, member }) => (member === undefined ? what : `${toHex(member)}: ${what}`)),
  }
}

/** Gathers operations into writes of a bounded size. */
class Copier {
  readonly #target: Kv
  #operations: KvOperation[] = []

  constructor(target: Kv) {
    this.#target = target
  }

  async add(operations: readonly KvOperation[]): Promise<void> {
    this.#operations.push(...operations)
    if (this.#operations.length >= OPERATIONS_PER_WRITE) await this.flush()
  }

  async flush(): Promise<void> {
    await this.#target.batch(this.#operations)
    this.#operations = []
  }
}

async function copyChecked(source: Kv, copier: Copier, prefix: number, records: { kept: number; lost: number }): Promise<void> {
  for await (const entries of source.iterate(allOf(prefix))) {
    const whole = entries.filter(([key, record]) => checkRecord(key, record) !== undefined && !isLeftOut(key))
    records.kept += whole.length
    records.lost += entries.filter(([key, record]) => checkRecord(key, record) === undefined).length
    await copier.add(whole.map(([key, record]) => put(key, record)))
  }
}

/** Query chunks of blocks that have no bodies any more cannot be made again. */
async function copyPrunedValues(source: Kv, copier: Copier): Promise<void> {
  const { members } = await loadChainIds(source, [])
  const chains = (await readPruned(source)) ?? (await findPruned(source, members.keys()))
  if (chains.size > 0) await copier.add([prunedOperation(chains)])
  for (const [id, { to }] of chains) {
    const isKept = (key: Uint8Array): boolean => (readQueryChunkKey(key)?.start ?? heightOfQueryWholeKey(key)) < to
    for (const range of [queryChunksOf(id), queryWholesOf(id)]) {
      for await (const entries of source.iterate(range)) {
        const kept = entries.filter(([key, record]) => isKept(key) && checkRecord(key, record) !== undefined)
        await copier.add(kept.map(([key, record]) => put(key, record)))
      }
    }
  }
}

/** What is said anew of every store: which version it has, and how much of it is known to be on the disk. */
const isLeftOut = (key: Uint8Array): boolean => LEFT_OUT.some((each) => equalBytes(each, key))

async function copyAll(source: Kv, copier: Copier, prefix: number): Promise<void> {
  for await (const entries of source.iterate(allOf(prefix))) await copier.add(entries.map(([key, record]) => put(key, record)))
}

async function copySpool(source: Kv, copier: Copier): Promise<{ kept: number; setAside: number }> {
  let kept = 0
  let setAside = 0
  for await (const entries of source.iterate(allOf(SPOOL))) {
    for (const [key, record] of entries) {
      const whole = checkRecord(key, record) !== undefined
      if (whole) kept++
      else setAside++
      await copier.add([put(whole ? key : asideKey(sequenceOfKey(key)), record)])
    }
  }
  return { kept, setAside }
}

/** Where it cannot be told any more what was signed, the new store says so for ever: else it would look as if nothing was. */
async function copyWitness(source: Kv, copier: Copier, damage: Damage[]): Promise<void> {
  const found: Damage[] = []
  const { leaves, witness } = await readWitness(source, found)
  damage.push(...found)
  if (!found.some(({ kind }) => kind === 'witness')) return
  await copier.add([witnessOperation({ ...witness, leaves: leaves.size })])
}

/** Every chain from its first block on: what is not whole is cut off in the new store. */
async function checkChains(target: Kv, init: RepairInit, damage: Damage[]): Promise<RepairedChain[]> {
  const write = (operations: readonly KvOperation[], sync: boolean): Promise<void> => target.batch(operations, { sync })
  const { members, mending } = await loadChainIds(target, damage)
  await write(mending, false)
  const chains: RepairedChain[] = []
  for (const [id, member] of members) {
    const key = headKey(id)
    const record = await target.get(key)
    const head = record === undefined ? undefined : checkRecord(key, record)
    const entry = await loadChain({ kv: target, verifySigned: init.verifySigned, write }, id, member, 0, damage)
    await dropFalseSignatures(target, init.verifySigned, entry, damage)
    const kept = entry.state.size
    chains.push({ member: toHex(member), kept, missing: head === undefined ? undefined : decodeHead(head).size - kept })
  }
  return chains
}
