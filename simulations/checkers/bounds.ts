import { attestDelayOf, crossCheckOf, networkLimits } from '../../node/index.ts'
import { OVERHEAD_BYTES } from '../network/conditions.ts'
import type { Checker } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

const HOUR_MS = 3_600_000

/** Messages between two looks at the node that one is for: a burst is made of many. */
const MESSAGES_PER_LOOK = 64

/** Bounds of one node, stated once more: raised in `node/`, they have to be raised here. */
const MAX_DOOR_BYTES = 16 * 1_048_576
const MAX_REQUESTS = 64
const MAX_SPOOLED = 1_000_000
const MAX_ATTESTATIONS_PER_WITNESS = 1

/** How much more than its due a node may send to others that are honest. */
const FACTOR = 2

/** Whatever the due: greetings, addresses, evidence, one more catch-up. */
const LEAST_BYTES = 500_000

/** What honest nodes make of a byte that attackers sent: passed on by each to a mesh, of which the attacker paid one. */
const ATTACK_FACTOR = 2

/** A block as it travels with everything about it: the telling, the asking, the run. */
const BLOCK_BYTES = 700 + 4 * OVERHEAD_BYTES

/** What one hour brought to one node. */
interface Hour {
  /** To honest nodes; what others ask for, they have to take themselves. */
  sent: number
  blocks: number
  links: number
}

export const checker: Checker = {
  rule:
    'What waits on a node, and what it keeps of others, stays within its bounds; what honest nodes send each other in an hour ' +
    'stays in proportion to what was sealed and to what attackers send.',

  watch(world, violate) {
    const told = new Set<string>()
    const complain = (node: VirtualNode, what: string, found: number, most: number): void => {
      if (found <= most || told.has(`${node.name} ${what}`)) return
      told.add(`${node.name} ${what}`)
      violate(`${node.name} has ${Math.round(found)} ${what}, at most ${Math.round(most)} are its bound`)
    }
    const hours = new Map<number, Hour>()
    const hourOf = (host: number): Hour => {
      const standing = hours.get(host)
      if (standing !== undefined) return standing
      const node = world.nodes[host]
      const hour = { sent: 0, blocks: 0, links: node === undefined ? 0 : linksOf(node) }
      hours.set(host, hour)
      return hour
    }
    let attacked = 0
    let beganMs = 0
    const close = (): void => {
      const hourMs = world.time.elapsedMs - beganMs
      for (const [host, hour] of hours) {
        const node = world.nodes[host]
        if (node !== undefined)
          complain(node, 'bytes sent to honest nodes in an hour', hour.sent, dueBytes(world, hour, hourMs, attacked))
      }
      hours.clear()
      attacked = 0
      beganMs = world.time.elapsedMs
    }
    let messages = 0
    world.network.onSend = (from, to, bytes) => {
      if (world.time.elapsedMs - beganMs >= HOUR_MS) close()
      const [sender, receiver] = [world.nodes[from], world.nodes[to]]
      if (sender?.isHonest !== true) attacked += bytes
      else if (receiver?.isHonest === true) hourOf(from).sent += bytes
      if (++messages % MESSAGES_PER_LOOK > 0) return
      for (const node of [sender, receiver]) if (node?.isHonest === true) look(world, node, complain)
    }
    // Links become more only where one is made; the new one has no session yet.
    world.on('link', (node) => {
      const hour = hourOf(node.host)
      hour.links = Math.max(hour.links, linksOf(node) + 1)
    })
    world.on('stored', ({ host }, { count }) => {
      hourOf(host).blocks += count
    })
    return () => {
      close()
      for (const node of world.honest) look(world, node, complain)
    }
  },

  breakage: {
    what: 'a node that compares its ledger with each neighbour four times a second',
    stage: (world) => {
      const chatterer = world.meters.at(-1)
      if (chatterer !== undefined) chatterer.altered.settings = { crossCheckMs: 250 }
    },
  },
}

/** With members: strangers come in any number, and get nothing that is counted here. */
function linksOf({ node }: VirtualNode): number {
  let links = 0
  for (const { peer } of node?.sync.sessions ?? []) if (node?.membership.member(peer) !== undefined) links++
  return links
}

type Complain = (node: VirtualNode, what: string, found: number, most: number) => void

/** Queues, lists and tables that outsiders can fill. */
function look(world: World, node: VirtualNode, complain: Complain): void {
  const { node: ledger, store, port } = node
  if (ledger === undefined || store === undefined || port === undefined) return
  const members = ledger.heldMembership.members.length
  const { MAX_CHANNEL_QUEUE_BYTES, MAX_KNOWN_ADDRESSES, MAX_LINKS } = networkLimits
  complain(node, 'bytes waiting at its door', ledger.waitingBytes, MAX_DOOR_BYTES)
  complain(node, 'connections', port.connections.size, MAX_LINKS)
  complain(node, 'addresses', ledger.knownAddresses().length, MAX_KNOWN_ADDRESSES)
  complain(node, 'rows in its spool', store.spool.size, MAX_SPOOLED)
  complain(node, 'proofs', store.evidence.size + store.witnessEvidence.size, 2 * members)
  const epochs = ledger.epochs.all
  const seats = epochs.reduce((sum, { witnesses }) => sum + witnesses.length, 0)
  complain(node, 'attestations', store.witness.attestations.size, seats * MAX_ATTESTATIONS_PER_WITNESS)
  for (const session of ledger.sync.sessions) {
    complain(node, 'requests under way with one neighbour', session.outstanding, MAX_REQUESTS)
    complain(node, 'bytes queued for one neighbour', session.channel.queuedBytes, MAX_CHANNEL_QUEUE_BYTES)
    complain(node, 'chains said to be held by one neighbour', session.remote.length, world.genesis.members.length + 257)
  }
}

/**
 * What it takes at most: a comparison with each neighbour in its round, each block and each attestation once to each neighbour,
 * everything that there is once to a newcomer, and what attackers send.
 */
function dueBytes({ settings, nodes }: World, { blocks, links }: Hour, hourMs: number, attacked: number): number {
  const members = settings.meters + 1
  const statusBytes = 2 * (OVERHEAD_BYTES + 160 + 4 * members)
  const crossCheckMs = crossCheckOf({
    crossCheckMs: settings.crossCheckMs === 0 ? undefined : settings.crossCheckMs,
    intervalMs: settings.blockIntervalMs,
  })
  const checks = links * (hourMs / crossCheckMs + 2) * statusBytes
  const attestMs = attestDelayOf({ attestDelayMs: settings.attestDelayMs, intervalMs: settings.blockIntervalMs })
  // Where nothing is new, nothing is attested.
  const rounds = Math.min(blocks, hourMs / attestMs)
  const attestations = links * settings.witnesses * rounds * (OVERHEAD_BYTES + 300 + 4 * members)
  const all = nodes.reduce((sum, { store, key }) => sum + (store?.head(key)?.size ?? 0), 0)
  return (
    LEAST_BYTES + FACTOR * (checks + attestations + links * blocks * BLOCK_BYTES + all * BLOCK_BYTES) + ATTACK_FACTOR * attacked
  )
}
