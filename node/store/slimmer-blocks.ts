import { readBlock } from '../../protocol/block.ts'
import { Reader, Writer } from '../../protocol/bytes.ts'
import { KEY_BYTES } from '../../protocol/ed25519.ts'
import { HASH_BYTES } from '../../protocol/hash.ts'
import { decodeHead, SIGNATURE_BYTES } from './head-record.ts'
import { allOf, BLOCK, HEAD, heightOfBlockKey } from './keys.ts'
import { ITERATE_CHUNK, type KvOperation, type KvRange, type KvReader, put } from './kv.ts'
import { checkRecord } from './record.ts'
import type { Migration, MigrationBatch } from './schema.ts'
import { encodeStored } from './stored-block.ts'

/**
 * From version 3 to 4: blocks were header ‖ body [‖ root ‖ signature], or 00 ‖ length u8 ‖ header [‖ root ‖ signature], each with
 * its member. What goes out is not compared with what will be put back: what is read again has a hash, and a signature, that hold
 * or not.
 */
export const SLIMMER_BLOCKS: Migration = {
  from: 3,
  what: 'blocks without member and root, which the store says anyway',
  size: 'large',
  batches,
}

/** The cursor is the last key that was rewritten, and how many were. */
async function* batches(kv: KvReader, cursor: Uint8Array): AsyncGenerator<MigrationBatch> {
  const of = await countBlocks(kv)
  const { gte, lt } = allOf(BLOCK)
  let from = gte
  let done = 0
  if (cursor.length > 0) {
    const reader = new Reader(cursor, 'cursor of a migration')
    done = reader.varint()
    from = behind(reader.bytes(reader.remaining))
  }
  for (;;) {
    // A look of its own each time: one that lasts would keep on the disk everything that is written over.
    const operations = await rewritten(kv, { gte: from, lt, limit: ITERATE_CHUNK })
    const last = operations.at(-1)
    if (last === undefined) return
    done += operations.length
    from = behind(last.key)
    yield { operations, cursor: new Writer(16).varint(done).bytes(last.key).finish(), done, of: Math.max(done, of) }
  }
}

const behind = (key: Uint8Array): Uint8Array => Uint8Array.of(...key, 0)

async function rewritten(kv: KvReader, range: KvRange): Promise<KvOperation[]> {
  for await (const entries of kv.iterate(range)) {
    return entries.map(([key, value]) => put(key, slimmer(value, heightOfBlockKey(key))))
  }
  return []
}

async function countBlocks(kv: KvReader): Promise<number> {
  let blocks = 0
  for await (const entries of kv.iterate(allOf(HEAD))) {
    for (const [key, record] of entries) {
      const head = checkRecord(key, record)
      blocks += head === undefined ? 0 : decodeHead(head).size
    }
  }
  return blocks
}

const PRUNED_HEAD_BYTES = 2

/** A block that cannot be read stays as it is: nobody could read it before either. */
function slimmer(value: Uint8Array, height: number): Uint8Array {
  try {
    const isPruned = value[0] === 0
    const from = isPruned ? PRUNED_HEAD_BYTES : 0
    const reader = new Reader(value, 'stored block', from)
    if (isPruned) reader.bytes(value[1] as number)
    else readBlock(reader)
    const block = value.subarray(from, reader.offset)
    if (block.length < KEY_BYTES + PRUNED_HEAD_BYTES) return value
    const isSigned = reader.remaining === HASH_BYTES + SIGNATURE_BYTES
    if (isSigned) reader.bytes(HASH_BYTES)
    const signature = isSigned ? reader.bytes(SIGNATURE_BYTES) : undefined
    reader.done()
    const slim = encodeStored(block, height, signature)
    return isPruned ? Uint8Array.of(0, block.length, ...slim) : slim
  } catch {
    return value
  }
}
