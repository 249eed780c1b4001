import { quorumOf } from '../../protocol/index.ts'
import type { NodeReport } from './messages.ts'

/** All nodes side by side, at one moment: what is drawn, and what is judged. */
export interface Picture {
  readonly rows: readonly NodeRow[]
  /** By member index: the most blocks that any node has reported. */
  readonly frontier: readonly number[]
  /** Blocks that exist. */
  readonly blocks: number
  /** Readings in the chains of those who wrote them. */
  readonly readings: number
  /** The heads root of those who hold every block; where they differ, of most of them. Undefined while nobody does. */
  readonly headsRoot: string | undefined
  /** By member index: the most blocks that any node has reported as final. */
  readonly final: readonly number[]
  readonly finalBlocks: number
  /** In the epoch in force, as most are told by any node. */
  readonly witnesses: number
  /** True where every node lives, holds every block, has the same heads root, and knows the same blocks as final. */
  readonly agreed: boolean
  /** The same of those who live, and that everything is final that can be: there is nothing more to wait for. */
  readonly isSettled: boolean
  /** Undefined before any node has said. */
  readonly gossipsBlocks: boolean | undefined
}

/**
 * `ended`: its process has. `silent`: it did not answer this time, what is known of it is old. `equal`: it holds every block
 * there is, under the heads root of the others. `behind`: it lacks blocks, and of those it holds none differs. `different`:
 * a chain of it has another root than on most other nodes that hold as much of it.
 */
export type RowState = 'starting' | 'behind' | 'equal' | 'different' | 'silent' | 'ended'

export interface NodeRow {
  readonly name: string
  readonly state: RowState
  /** Undefined before its first word. */
  readonly report: NodeReport | undefined
  readonly held: number
  /** Blocks that somebody holds and this node does not. */
  readonly behind: number
  /** Blocks that are final at this node, and those that are at another and not here. */
  readonly final: number
  readonly finalBehind: number
}

export interface PictureInit {
  readonly names: readonly string[]
  readonly reports: ReadonlyMap<string, NodeReport>
  readonly silent: ReadonlySet<string>
  readonly dead: ReadonlyMap<string, string>
}

export function pictureOf({ names, reports, silent, dead }: PictureInit): Picture {
  const known = [...reports.values()]
  const frontier = largest(known.map((report) => report.frontier))
  const blocks = sum(frontier)
  const final = largest(known.map((report) => report.final))
  const finalBlocks = sum(final)
  const witnesses = Math.max(0, ...known.map((report) => report.witnesses))
  const alive = known.filter(({ name }) => !dead.has(name))
  const headsRoot = mostCommon(alive.filter((report) => sum(report.frontier) === blocks).map((report) => report.headsRoot))
  const common = commonRoots(alive)
  const rows = names.map((name): NodeRow => {
    const row = rowOf(name, reports.get(name), { blocks, finalBlocks, headsRoot, common })
    if (dead.has(name)) return { ...row, state: 'ended' }
    return row.report !== undefined && silent.has(name) ? { ...row, state: 'silent' } : row
  })
  // Without enough witnesses nothing more becomes final; without the dead there may be enough.
  const left = witnesses - known.filter(({ name, isWitness }) => isWitness && dead.has(name)).length
  const isMoving = finalBlocks < blocks && left >= (quorumOf(witnesses) ?? Number.POSITIVE_INFINITY)
  return {
    rows,
    frontier,
    blocks,
    final,
    finalBlocks,
    witnesses,
    readings: sum(known.map(({ readings }) => readings)),
    headsRoot,
    agreed: rows.length > 0 && rows.every(isEqual),
    isSettled: !isMoving && rows.every((row) => isEqual(row) || row.state === 'ended'),
    gossipsBlocks: alive.length === 0 ? undefined : alive.some(({ gossipsBlocks }) => gossipsBlocks),
  }
}

function isEqual({ state, finalBehind }: NodeRow): boolean {
  return state === 'equal' && finalBehind === 0
}

/** What a node is compared with. */
interface Others {
  readonly blocks: number
  readonly finalBlocks: number
  readonly headsRoot: string | undefined
  /** The root that most nodes have for a chain at a size. */
  readonly common: ReadonlyMap<string, string>
}

function rowOf(name: string, report: NodeReport | undefined, { blocks, finalBlocks, headsRoot, common }: Others): NodeRow {
  const held = report === undefined ? 0 : sum(report.frontier)
  const behind = blocks - held
  const final = report === undefined ? 0 : sum(report.final)
  const row = { name, report, held, behind, final, finalBehind: finalBlocks - final }
  if (report === undefined) return { ...row, state: 'starting' }
  const isOther = rootsOf(report).some(([place, root]) => common.get(place) !== root)
  if (isOther || (behind === 0 && report.headsRoot !== headsRoot)) return { ...row, state: 'different' }
  return { ...row, state: behind > 0 ? 'behind' : 'equal' }
}

/** Roots of chains at a size: of what is held, and of what is final. */
function rootsOf({ frontier, roots, final, finalRoots }: NodeReport): [place: string, root: string][] {
  const of = (sizes: readonly number[], list: readonly string[]): [string, string][] =>
    list.flatMap((root, index) => (root === '' ? [] : [[`${index} at ${sizes[index]}`, root]]))
  return [...of(frontier, roots), ...of(final, finalRoots)]
}

function commonRoots(reports: readonly NodeReport[]): Map<string, string> {
  const found = new Map<string, string[]>()
  for (const report of reports) {
    for (const [place, root] of rootsOf(report)) {
      const roots = found.get(place)
      if (roots === undefined) found.set(place, [root])
      else roots.push(root)
    }
  }
  return new Map([...found].map(([place, roots]) => [place, mostCommon(roots) ?? '']))
}

/**
 * True where every node can reach every other one over links between nodes, both ends of which know of it, and none that
 * is to write is held back.
 */
export function isConnected({ rows }: Picture): boolean {
  const reports = rows.map(({ report }) => report)
  const byKey = new Map(reports.flatMap((report) => (report === undefined ? [] : [[report.key, report]])))
  if (rows.length === 0 || byKey.size < rows.length) return false
  for (const { heldBack } of byKey.values()) if (heldBack !== undefined && byKey.size > 1) return false
  const [first] = byKey.keys()
  const reached = new Set(first === undefined ? [] : [first])
  for (const key of reached) {
    for (const peer of byKey.get(key)?.peers ?? []) if (byKey.get(peer)?.peers.includes(key) === true) reached.add(peer)
  }
  return reached.size === rows.length
}

function largest(frontiers: readonly (readonly number[])[]): number[] {
  const most: number[] = []
  for (const frontier of frontiers) frontier.forEach((size, index) => (most[index] = Math.max(most[index] ?? 0, size)))
  return most
}

function mostCommon(roots: readonly string[]): string | undefined {
  const counts = new Map<string, number>()
  for (const root of roots) counts.set(root, (counts.get(root) ?? 0) + 1)
  return [...counts].reduce<readonly [string | undefined, number]>(
    (best, each) => (each[1] > best[1] ? each : best),
    [undefined, 0],
  )[0]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
