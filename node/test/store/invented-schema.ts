import { del, type Kv, put } from '../../store/index.ts'
import { allOf, metaKey } from '../../store/keys.ts'
import { type Migration, type SchemaPlan, schemaOperation } from '../../store/schema.ts'

const OLD = 0x1e
const NEW = 0x1f

/** Records written at once by the invented step: several batches of it. */
const AT_ONCE = 2

const oldKey = (number: number): Uint8Array => Uint8Array.of(OLD, number >> 8, number)
const newKey = (number: number): Uint8Array => Uint8Array.of(NEW, number >> 8, number)
const valueOf = (number: number): Uint8Array => Uint8Array.of(number & 0xff)
const numbers = (records: number): number[] => Array.from({ length: records }, (_, i) => i)

/** Two invented steps: the first moves every record under one prefix to another, the second marks that it ran. */
export function inventedSchema(size: Migration['size'], records: number): SchemaPlan {
  return {
    version: 3,
    migrations: [
      {
        from: 1,
        what: 'records move from 1e to 1f',
        size,
        async *batches(kv, cursor) {
          let done = cursor.length === 0 ? 0 : ((cursor[0] as number) << 8) | (cursor[1] as number)
          for await (const entries of kv.iterate({ ...allOf(OLD), gte: oldKey(done) })) {
            for (let at = 0; at < entries.length; at += AT_ONCE) {
              const part = entries.slice(at, at + AT_ONCE)
              done += part.length
              const operations = part.flatMap(([key, value]) => [del(key), put(Uint8Array.of(NEW, ...key.subarray(1)), value)])
              yield { operations, cursor: Uint8Array.of(done >> 8, done), done, of: records }
            }
          }
        },
      },
      {
        from: 2,
        what: 'a mark',
        size: 'small',
        async *batches() {
          yield { operations: [put(metaKey('mark'), Uint8Array.of(1))], cursor: Uint8Array.of(1), done: 1, of: 1 }
        },
      },
    ],
  }
}

export async function fillOldStore(kv: Kv, records: number): Promise<void> {
  await kv.batch([schemaOperation(1), ...numbers(records).map((n) => put(oldKey(n), valueOf(n)))])
}

/** How many records are moved, and nothing is anywhere twice or nowhere. */
export async function movedRecords(kv: Kv, records: number): Promise<number> {
  const before = await kv.getMany(numbers(records).map(oldKey))
  const after = await kv.getMany(numbers(records).map(newKey))
  for (const n of numbers(records)) {
    const found = [before[n], after[n]].filter((each) => each !== undefined)
    if (found.length !== 1 || found[0]?.[0] !== valueOf(n)[0]) throw new Error(`record ${n} is there ${found.length} times`)
  }
  return after.filter((each) => each !== undefined).length
}
