import { quorumOf } from '../quiet.ts'
import type { Findings } from './messages.ts'

export interface Evidence {
  /** All nodes, as they stand at the end. */
  readonly findings: readonly Findings[]
  /** By member. */
  readonly names: readonly string[]
  readonly witnesses: number
  /** By member: blocks that it is known to have sealed. */
  readonly sealedSizes: readonly number[]
  /** By member: times of the readings that its node said were durable. */
  readonly acknowledged: ReadonlyMap<number, ReadonlySet<number>>
  /** Members that somebody holds proof against; nobody lies in this mode. */
  readonly accused: ReadonlySet<number>
  /** By node: its root of a chain at a size, undefined where it holds less. */
  readonly rootsAt: (member: number, size: number) => Promise<readonly (string | undefined)[]>
}

export interface Finding {
  readonly checker: string
  readonly what: string
}

/** The rules of simulations/checkers/ as they can be held against nodes of other processes, once all is quiet. */
export async function judge(evidence: Evidence): Promise<Finding[]> {
  const { accused, names } = evidence
  return [
    ...(await disagreements(evidence)),
    ...differences(evidence),
    ...losses(evidence),
    ...unfinished(evidence),
    ...[...accused].map((member) => ({ checker: 'honesty', what: `${names[member]} is proven to have told two stories` })),
  ]
}

/** No two are final on different blocks: whoever calls a size final or a larger one has the root there that others have. */
async function disagreements({ findings, names, rootsAt }: Evidence): Promise<Finding[]> {
  const found: Finding[] = []
  for (const member of names.keys()) {
    const claims = new Map<number, { readonly root: string; readonly by: number }>()
    const finalSizes = new Map<number, number>()
    for (const { member: node, holdings } of findings) {
      const holding = holdings.find((each) => each.member === member)
      if (holding === undefined || holding.finalSize === 0) continue
      finalSizes.set(node, holding.finalSize)
      const first = claims.get(holding.finalSize)
      if (first === undefined) claims.set(holding.finalSize, { root: holding.finalRoot, by: node })
      else if (first.root !== holding.finalRoot) found.push(disagreement(names, member, holding.finalSize, node, first.by))
    }
    // Of one size alone there is nothing left to ask.
    if (claims.size < 2) continue
    for (const [size, { root, by }] of claims) {
      for (const [node, held] of (await rootsAt(member, size)).entries()) {
        const isFinal = (finalSizes.get(node) ?? 0) > size
        if (isFinal && held !== undefined && held !== root) found.push(disagreement(names, member, size, node, by))
      }
    }
  }
  return found
}

function disagreement(names: readonly string[], member: number, size: number, one: number, other: number): Finding {
  const what = `${names[member]} has other ${size} blocks that are final on ${names[one]} than on ${names[other]}`
  return { checker: 'agreement', what }
}

/** Everybody runs and holds every chain, to its end, as its author does. */
function differences({ findings, names }: Evidence): Finding[] {
  const found: Finding[] = []
  const own = new Map(findings.map(({ member, holdings }) => [member, holdings.find((each) => each.member === member)]))
  for (const member of names.keys()) {
    if (!own.has(member)) found.push({ checker: 'convergence', what: `${names[member]} is not running` })
  }
  for (const { member: node, holdings } of findings) {
    const differing = [...own].filter(([member, author]) => {
      const held = holdings.find((each) => each.member === member)
      return held?.size !== author?.size || held?.root !== author?.root
    })
    if (differing.length === 0) continue
    const some = differing.slice(0, 5).map(([member]) => names[member])
    found.push({ checker: 'convergence', what: `${names[node]} differs in ${differing.length} chains (${some.join(', ')})` })
  }
  return found
}

/** No block that was sealed and no reading that was taken is missing. */
function losses({ findings, names, sealedSizes, acknowledged }: Evidence): Finding[] {
  const found: Finding[] = []
  for (const { member, holdings, times } of findings) {
    const held = new Set(times)
    const lost = [...(acknowledged.get(member) ?? [])].filter((time) => !held.has(time))
    if (lost.length > 0) {
      const first = new Date(Math.min(...lost)).toISOString()
      found.push({
        checker: 'durability',
        what: `${names[member]} has lost ${lost.length} readings that it had taken, from ${first}`,
      })
    }
    const size = holdings.find((each) => each.member === member)?.size ?? 0
    const sealed = sealedSizes[member] ?? 0
    if (size < sealed) {
      found.push({ checker: 'durability', what: `${names[member]} holds ${size} of the ${sealed} blocks that it sealed` })
    }
  }
  return found
}

/** With a quorum of witnesses every block is final everywhere. */
function unfinished({ findings, names, witnesses }: Evidence): Finding[] {
  const running = findings.filter(({ member }) => member > 0 && member <= witnesses).length
  if (witnesses === 0 || running < quorumOf(witnesses)) return []
  return findings.flatMap(({ member, holdings }) => {
    const open = holdings.filter(({ size, finalSize }) => finalSize < size)
    if (open.length === 0) return []
    return [{ checker: 'liveness', what: `on ${names[member]} ${open.length} chains are not final to their end` }]
  })
}
