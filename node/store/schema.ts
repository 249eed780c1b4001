import { Reader, Writer } from '../../protocol/bytes.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { allOf, metaKey } from './keys.ts'
import { type Kv, type KvOperation, type KvReader, put } from './kv.ts'
import { openRecord, sealRecord } from './record.ts'

/** What this program writes. A change of any key or record of keys.ts adds one, and a step to MIGRATIONS. */
export const SCHEMA_VERSION = 2

/**
 * One step forward, from version `from` to `from + 1`. It yields batches; each must leave a store that the step can be run
 * on again, since a crash may come between any two. The version is written after the last.
 */
export interface Migration {
  readonly from: number
  readonly what: string
  readonly steps: (kv: Kv) => AsyncIterable<readonly KvOperation[]>
}

/** Every step since version 1, oldest first. */
export const MIGRATIONS: readonly Migration[] = [
  {
    from: 1,
    what: 'records of witnessing and of what is final: there are none yet',
    // A program of version 1 would take blocks that contradict them: from here on it refuses the store.
    async *steps() {
      yield []
    },
  },
]

const SCHEMA_KEY = metaKey('schema')

export function schemaOperation(version: number): KvOperation {
  return put(SCHEMA_KEY, sealRecord(SCHEMA_KEY, new Writer(8).varint(version).finish()))
}

/** The version that a store was written by; undefined for an empty one. Throws STORE_DAMAGED for a store without one. */
export async function readSchemaVersion(kv: KvReader): Promise<number | undefined> {
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
  const version = reader.varint()
  reader.done()
  return version
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
  const found = await readSchemaVersion(kv).catch((error: unknown) => {
    if (isWattnessError(error, 'STORE_DAMAGED')) return SCHEMA_VERSION
    throw error
  })
  if (found === undefined) return false
  assertKnown(found, SCHEMA_VERSION)
  return found < SCHEMA_VERSION
}

/**
 * Brings a store to `target` and says which steps were taken. An empty store gets the version written. Throws STORE_NEWER
 * for a store of a later program, and STORE_TOO_OLD where a step is missing.
 */
export async function migrate(kv: Kv, migrations: readonly Migration[] = MIGRATIONS, target = SCHEMA_VERSION): Promise<string[]> {
  const found = await readSchemaVersion(kv)
  if (found === undefined) {
    await kv.batch([schemaOperation(target)], { sync: true })
    return []
  }
  assertKnown(found, target)
  const taken: string[] = []
  for (let version = found; version < target; version++) {
    const migration = migrations.find((each) => each.from === version)
    if (migration === undefined) {
      throw new WattnessError('STORE_TOO_OLD', `store has schema version ${found}: no step leads from ${version} to ${target}`, {
        found,
        known: target,
      })
    }
    for await (const operations of migration.steps(kv)) await kv.batch(operations)
    await kv.batch([schemaOperation(version + 1)], { sync: true })
    taken.push(`${version} → ${version + 1}: ${migration.what}`)
  }
  return taken
}
