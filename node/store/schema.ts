import { Reader, Writer } from '../../protocol/bytes.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { allOf, metaKey } from './keys.ts'
import { del, type Kv, type KvOperation, type KvReader, put } from './kv.ts'
import { openRecord, sealRecord } from './record.ts'
import { SLIMMER_BLOCKS } from './slimmer-blocks.ts'

/** What this program writes. A change of any key or record of keys.ts adds one, and a step to MIGRATIONS. */
export const SCHEMA_VERSION = 5

/** Part of a step: what is written at once, and where the step goes on behind it. */
export interface MigrationBatch {
  readonly operations: readonly KvOperation[]
  /** The step's own bytes; empty at its beginning. */
  readonly cursor: Uint8Array
  /** For whoever waits: how much of how much is done, in whatever the step counts. */
  readonly done: number
  readonly of: number
}

/**
 * One step forward, from version `from` to `from + 1`. Each batch is written together with its cursor, synced: a step that
 * was broken off goes on behind the last batch that is stored, whatever broke it off.
 */
export interface Migration {
  readonly from: number
  readonly what: string
  /** Small: taken whenever a store is opened, before anything else. Large: refused there, and taken by `wattness migrate`. */
  readonly size: 'small' | 'large'
  readonly batches: (kv: KvReader, cursor: Uint8Array) => AsyncIterable<MigrationBatch>
}

export interface SchemaPlan {
  readonly version: number
  /** Every step since version 1, oldest first. */
  readonly migrations: readonly Migration[]
}

/** A step that only says: an earlier program would misread, or write, what may come from here on. */
function barrier(from: number, what: string): Migration {
  return {
    from,
    what,
    size: 'small',
    async *batches() {
      // Nothing that is stored changes.
    },
  }
}

export const SCHEMA: SchemaPlan = {
  version: SCHEMA_VERSION,
  migrations: [
    barrier(1, 'records of witnessing and of what is final: there are none yet'),
    barrier(2, 'blocks without their bodies: there are none yet'),
    SLIMMER_BLOCKS,
    barrier(4, 'notes beside raw frames, and signed records: there are none yet'),
  ],
}

const SCHEMA_KEY = metaKey('schema')
const MIGRATING_KEY = metaKey('migrating')

export function schemaOperation(version: number): KvOperation {
  return put(SCHEMA_KEY, sealRecord(SCHEMA_KEY, new Writer(8).varint(version).finish()))
}

/** A step that has begun and not ended. */
interface Migrating {
  readonly from: number
  readonly cursor: Uint8Array
}

function migratingOperation({ from, cursor }: Migrating): KvOperation {
  return put(MIGRATING_KEY, sealRecord(MIGRATING_KEY, new Writer(16).varint(from).bytes(cursor).finish()))
}

interface Found {
  /** As it is written: that of the step that has begun already, so that no earlier program takes what is half changed. */
  readonly written: number
  readonly migrating: Migrating | undefined
}

async function readFound(kv: KvReader): Promise<Found | undefined> {
  const record = await kv.get(SCHEMA_KEY)
  if (record === undefined) {
    for (let prefix = 1; prefix < 0x20; prefix++) {
      for await (const entries of kv.iterate({ ...allOf(prefix), limit: 1 })) {
        if (entries.length > 0) throw new WattnessError('STORE_DAMAGED', 'store has records but no schema version')
      }
    }
    return undefined
  }
  const reader = new Reader(openRecord(SCHEMA_KEY, record, 'schema version'), 'schema version')
  const written = reader.varint()
  reader.done()
  const begun = await kv.get(MIGRATING_KEY)
  if (begun === undefined) return { written, migrating: undefined }
  const step = new Reader(openRecord(MIGRATING_KEY, begun, 'migration that was begun'), 'migration that was begun')
  return { written, migrating: { from: step.varint(), cursor: step.bytes(step.remaining).slice() } }
}

/** The version that a store is of as a whole; undefined for an empty one. Throws STORE_DAMAGED for a store without one. */
export async function readSchemaVersion(kv: KvReader): Promise<number | undefined> {
  const found = await readFound(kv)
  return found?.migrating?.from ?? found?.written
}

function assertKnown(found: number, target: number): void {
  if (found <= target) return
  throw new WattnessError(
    'STORE_NEWER',
    `store has schema version ${found}, this program knows up to ${target}: use a newer one`,
    { found, known: target },
  )
}

/** For whoever only looks: true where the store must be brought forward first. Throws STORE_NEWER, never STORE_DAMAGED. */
export async function isOlderSchema(kv: KvReader): Promise<boolean> {
  const found = await readFound(kv).catch((error: unknown): Found => {
    if (isWattnessError(error, 'STORE_DAMAGED')) return { written: SCHEMA_VERSION, migrating: undefined }
    throw error
  })
  if (found === undefined) return false
  assertKnown(found.written, SCHEMA_VERSION)
  return found.migrating !== undefined || found.written < SCHEMA_VERSION
}

export interface MigrateInit {
  readonly plan?: SchemaPlan
  /** Large steps too. */
  readonly large?: boolean
  readonly onProgress?: (progress: MigrationProgress) => void
  /** Awaited between batches; what it throws breaks the migration off, to be gone on with later. */
  readonly turn?: () => Promise<void>
}

export interface MigrationProgress {
  readonly what: string
  readonly done: number
  readonly of: number
}

/**
 * Brings a store to the plan's version and says which steps were taken. An empty store gets the version written. Throws
 * STORE_NEWER for a store of a later program, STORE_TOO_OLD where a step is missing, and MIGRATION_NEEDED, with nothing
 * written, where a large one is due that was not asked for.
 */
export async function migrate(kv: Kv, init: MigrateInit = {}): Promise<string[]> {
  const { plan = SCHEMA } = init
  const found = await readFound(kv)
  if (found === undefined) {
    await kv.batch([schemaOperation(plan.version)], { sync: true })
    return []
  }
  assertKnown(found.written, plan.version)
  const version = found.migrating?.from ?? found.written
  const due = stepsFrom(version, plan)
  const large = init.large === true ? undefined : due.find(({ size }) => size === 'large')
  if (large !== undefined) {
    throw new WattnessError(
      'MIGRATION_NEEDED',
      `store has schema version ${version}, and to bring it to ${plan.version} takes a while (${large.what}): ` +
        'with the node stopped, run `wattness migrate` on its directory',
      { found: version, known: plan.version, what: large.what },
    )
  }
  const taken: string[] = []
  for (const step of due) {
    const begun = found.migrating?.from === step.from ? found.migrating : undefined
    await take(kv, step, begun, init)
    taken.push(`${step.from} → ${step.from + 1}: ${step.what}`)
  }
  return taken
}

function stepsFrom(version: number, { version: target, migrations }: SchemaPlan): Migration[] {
  return Array.from({ length: target - version }, (_, at) => {
    const from = version + at
    const step = migrations.find((each) => each.from === from)
    if (step !== undefined) return step
    throw new WattnessError('STORE_TOO_OLD', `store has schema version ${version}: no step leads from ${from} to ${target}`, {
      found: version,
      known: target,
    })
  })
}

/** LevelDB may lose an earlier write and keep a later one: each is synced before the next, so that a cursor never lies. */
async function take(kv: Kv, step: Migration, begun: Migrating | undefined, init: MigrateInit): Promise<void> {
  const { from, what } = step
  if (begun === undefined) {
    await kv.batch([schemaOperation(from + 1), migratingOperation({ from, cursor: new Uint8Array(0) })], { sync: true })
  }
  for await (const { operations, cursor, done, of } of step.batches(kv, begun?.cursor ?? new Uint8Array(0))) {
    await kv.batch([...operations, migratingOperation({ from, cursor })], { sync: true })
    init.onProgress?.({ what, done, of })
    await init.turn?.()
  }
  await kv.batch([del(MIGRATING_KEY)], { sync: true })
}
