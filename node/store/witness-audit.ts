import type { ChainAudit } from './chain-audit.ts'
import { type Damage, memberText } from './chain-entry.ts'
import type { WitnessMemory } from './witness-memory.ts'

/** A root that a chain must have: what this node signed of it as a witness, or what is final. */
export interface RootMark {
  readonly kind: 'witness' | 'final'
  readonly size: number
  readonly root: Uint8Array
}

const WORDS: Readonly<Record<RootMark['kind'], { readonly are: string; readonly unlike: string }>> = {
  witness: { are: 'blocks were signed as a witness', unlike: 'that this node signed as a witness' },
  final: { are: 'blocks are final', unlike: 'that are final' },
}

/** A branch that was left for the final one need not be held. */
export function marksOf({ leaves, finals }: WitnessMemory, member: Uint8Array): RootMark[] {
  const text = memberText(member)
  const leaf = leaves.get(text)
  const final = finals.get(text)
  const marks: RootMark[] = []
  if (leaf !== undefined && !leaf.left) marks.push({ kind: 'witness', size: leaf.size, root: leaf.root })
  if (final !== undefined) marks.push({ kind: 'final', size: final.size, root: final.root })
  return marks
}

/** Chains that are not those which were signed or became final, and chains that end before. */
export function witnessDamage(memory: WitnessMemory, chains: readonly ChainAudit[]): Damage[] {
  const audits = new Map(chains.map((audit) => [memberText(audit.member), audit]))
  const damage: Damage[] = []
  for (const text of new Set([...memory.finals.keys(), ...memory.leaves.keys()])) {
    const member = (memory.finals.get(text) ?? memory.leaves.get(text))?.member as Uint8Array
    const audit = audits.get(text)
    for (const { kind, size } of audit?.contradicted ?? []) {
      damage.push({ what: `the first ${size} blocks are not those ${WORDS[kind].unlike}`, kind, member })
    }
    const held = audit?.size ?? audit?.blocks ?? 0
    const owed = marksOf(memory, member).toSorted((a, b) => b.size - a.size)[0]
    if (owed === undefined || owed.size <= held) continue
    const what = `${owed.size} ${WORDS[owed.kind].are}, ${held} are held`
    damage.push({ what, kind: 'owed', member, height: held, lost: owed.size - held })
  }
  return damage
}
