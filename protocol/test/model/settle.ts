import { headLeafSize } from '../../membership.ts'
import type { HonestNode } from './node.ts'
import type { World } from './world.ts'

const MAX_ROUNDS = 60

/** Everything is delivered: blocks, evidence, attestations, and the branches that are final; again while anything changes. */
export function settle(world: World): void {
  world.isSettling = true
  const { honest, said, blocks } = world
  const delivered = new Map<HonestNode, number>()
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const before = honest.map(({ version }) => version)
    for (const node of honest) {
      for (const other of honest) for (const member of other.quarantined) node.takeEvidence(member)
      for (let member = 0; member < node.count; member++) {
        const all = blocks.of(member)
        for (const tip of world.isEquivocator(member) ? all : all.slice(-1)) node.pull(tip)
      }
      for (let at = delivered.get(node) ?? 0; at < said.length; at++) node.take(said[at] as (typeof said)[number])
      delivered.set(node, said.length)
      node.fetchFinalBranches()
      node.attest()
    }
    showFinals(world)
    if (honest.every(({ version }, at) => version === before[at]) && said.length === Math.min(...delivered.values())) return
  }
  world.onViolation(checkConvergence(world) ?? 'liveness: it does not come to rest')
}

/** Rule W14: who lacks something final is shown the attestations that made it final, together. */
function showFinals({ honest }: World): void {
  const members = Math.max(...honest.map(({ count }) => count))
  const sizeOf = ({ finals }: HonestNode, member: number): number => finals.get(member)?.size ?? 0
  for (let member = 0; member < members; member++) {
    const best = honest.reduce((a, b) => (sizeOf(b, member) > sizeOf(a, member) ? b : a))
    for (const node of honest) {
      if (sizeOf(node, member) >= sizeOf(best, member)) continue
      for (const attested of best.certificates.get(member) ?? []) node.take(attested)
      node.fetchFinalBranches()
    }
  }
}

/** Convergence (rule W15): all honest nodes have the same final sizes and roots; of a revoked chain, up to its end. */
export function checkConvergence({ honest }: World): string | undefined {
  const [first, ...others] = honest as [HonestNode, ...HonestNode[]]
  for (const node of others) {
    if (node.count !== first.count) return `convergence: ${node.count} and ${first.count} members`
    for (const { index } of node.membership.members) {
      const [a, b] = [finalOf(first, index), finalOf(node, index)]
      if (a !== b) return `convergence: chain ${index} is final up to ${a}, and elsewhere up to ${b}`
    }
  }
  return undefined
}

/** Roots are compared by the check of safety: one size stands for one root. */
function finalOf(node: HonestNode, member: number): number {
  const size = node.finals.get(member)?.size ?? 0
  const found = node.membership.at(member)
  return found === undefined ? size : headLeafSize(found, size)
}

/** Liveness (rule W15): what each honest meter seals now, in the newest epoch, becomes final. */
export function checkLiveness(world: World): string | undefined {
  const { honest, blocks, firstMeter, leaning } = world
  if (world.isEquivocator(0)) return undefined
  const registrarSize = blocks.of(0).length
  const { latest } = (honest[0] as HonestNode).epochs
  for (const node of honest) if (node.counted < registrarSize) return `liveness: registrar's chain counts up to ${node.counted}`
  if (latest.quorum === undefined) return undefined
  for (let member = firstMeter; member < firstMeter + leaning.meters; member++) {
    if (world.isEquivocator(member)) continue
    world.sealBlock(member, blocks.of(member).at(-1), registrarSize)
  }
  settle(world)
  for (let member = firstMeter; member < firstMeter + leaning.meters; member++) {
    if (world.isEquivocator(member)) continue
    const { length } = blocks.of(member)
    for (const { finals } of honest) {
      const size = finals.get(member)?.size ?? 0
      if (size < length) return `liveness: chain ${member} has ${length} blocks, final are ${size}`
    }
  }
  return undefined
}
