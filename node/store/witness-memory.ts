import { isWattnessError } from '../../protocol/errors.ts'
import { type Damage, keptKey, memberText } from './chain-entry.ts'
import { allOf, FINAL, SIGNED_LEAF } from './keys.ts'
import type { KvReader } from './kv.ts'
import { checkRecord } from './record.ts'
import {
  decodeFinal,
  decodeSignedLeaf,
  decodeWitness,
  type FinalLeaf,
  NO_WITNESS,
  type SignedLeaf,
  type StoredWitness,
  WITNESS_KEY,
} from './witness-records.ts'

/** What the records say, and whether they can all be read. */
export interface WitnessMemory {
  /** By member, as memberText. */
  readonly leaves: Map<string, SignedLeaf>
  readonly finals: Map<string, FinalLeaf>
  /** `halted` says so where any of what was signed cannot be told. */
  readonly witness: StoredWitness
}

/**
 * Reads what this node signed as a witness, and what is final. A witness that cannot tell what it signed must sign no more:
 * its next leaf could contradict the one that is lost. Whatever is damaged is reported; nothing is changed.
 */
export async function readWitness(kv: KvReader, damage: Damage[]): Promise<WitnessMemory> {
  const leaves = new Map<string, SignedLeaf>()
  const finals = new Map<string, FinalLeaf>()
  const lost: Damage[] = []
  const finalDamage: Damage[] = []
  await readEach(kv, SIGNED_LEAF, lost, decodeSignedLeaf, leaves)
  await readEach(kv, FINAL, finalDamage, decodeFinal, finals)
  const isAnyLeaf = leaves.size + lost.length > 0
  let witness = NO_WITNESS
  const record = await kv.get(WITNESS_KEY)
  if (record === undefined) {
    if (isAnyLeaf) lost.push({ what: 'record of the witness: missing', kind: 'witness' })
  } else {
    const value = checkRecord(WITNESS_KEY, record)
    const found = value === undefined ? undefined : readable(() => decodeWitness(value))
    if (found === undefined) lost.push({ what: 'record of the witness damaged', kind: 'witness' })
    else {
      witness = found
      const missing = found.leaves - leaves.size - lost.length
      if (missing !== 0) lost.push({ what: `records of signed leaves: ${missing} missing`, kind: 'witness' })
    }
  }
  damage.push(...lost, ...finalDamage)
  if (lost.length > 0 && witness.halted === '') witness = { ...witness, halted: LOST }
  return { leaves, finals, witness }
}

const LOST = 'what it signed as a witness cannot be told any more: its record is damaged'

async function readEach<T>(
  kv: KvReader,
  prefix: number,
  damage: Damage[],
  decode: (member: Uint8Array, value: Uint8Array) => T,
  into: Map<string, T>,
): Promise<void> {
  const [what, kind] = prefix === FINAL ? (['final record', 'final'] as const) : (['record of a signed leaf', 'witness'] as const)
  for await (const entries of kv.iterate(allOf(prefix))) {
    for (const [key, record] of entries) {
      const member = keptKey(key.subarray(1))
      const value = checkRecord(key, record)
      const found = value === undefined ? undefined : readable(() => decode(member, value))
      if (found === undefined) damage.push({ what: `${what} damaged`, kind, member })
      else into.set(memberText(member), found)
    }
  }
}

function readable<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (isWattnessError(error)) return undefined
    throw error
  }
}
