import { Histogram, type HistogramState } from './histogram.ts'
import type { VirtualNode } from './world/virtual-node.ts'
import type { World } from './world/world.ts'

/** Blocks on all honest nodes: those that were sealed, that are there, and that are final there. */
export interface Standing {
  readonly all: number
  readonly held: number
  readonly final: number
}

/** All that was counted of one network, or of several together: plain data. */
export interface Totals {
  /** From sealing to another node's having stored the block. */
  readonly delivery: HistogramState
  /** From sealing to its being final on a node, each node for itself. */
  readonly finality: HistogramState
  /** Blocks that other nodes than their author have stored. */
  readonly deliveries: number
  readonly readings: number
  readonly blocks: number
  readonly attestations: number
  readonly crashes: number
  readonly faults: { readonly [fault: string]: number }
  readonly standing: Standing
}

/** Of all blocks on all honest nodes, those that are there, and those that are final there. */
export function sharesOf({ all, held, final }: Standing): { readonly deliveredShare: number; readonly finalShare: number } {
  return { deliveredShare: all === 0 ? 1 : held / all, finalShare: all === 0 ? 1 : final / all }
}

/** Counts what a network delivers, and how fast. */
export class Tally {
  readonly delivery = new Histogram()
  readonly finality = new Histogram()
  deliveries = 0
  readings = 0
  blocks = 0
  attestations = 0
  crashes = 0
  readonly faults = new Map<string, number>()
  readonly #world: World
  /** When each block was sealed, by member and height. */
  readonly #sealedMs: number[][] = []
  /** How much of each chain each node has called final, by host and member. */
  readonly #finalSizes: number[][] = []
  readonly #members = new Map<string, number>()

  constructor(world: World) {
    this.#world = world
    for (const { keyHex, member } of world.nodes) this.#members.set(keyHex, member)
    world.on('stored', (node, event) => this.#onStored(node, event.member, event.from, event.count, event.own))
    world.on('final', (node, { member, size }) => this.#onFinal(node, member, size))
    world.on('attested', () => void this.attestations++)
    world.on('taken', (_node, { readings }) => {
      this.readings += readings.length
    })
    world.on('stopped', (_node, { isCrash }) => {
      if (isCrash) this.crashes++
    })
    world.on('fault', (_node, { fault }) => void this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1))
  }

  /** Blocks of all chains, the longest copy that anybody sealed of each. */
  get sealed(): number {
    return this.#sealedMs.reduce((sum, heights) => sum + (heights?.length ?? 0), 0)
  }

  /** Blocks of all chains that this node holds; none while it is off. */
  heldBy({ node }: VirtualNode): number {
    const { frontier } = node?.sync.view ?? { frontier: [] }
    return this.#sealedMs.reduce((sum, heights, member) => sum + Math.min(heights?.length ?? 0, frontier[member] ?? 0), 0)
  }

  /** Blocks of all chains that this node has called final. */
  finalOn({ host }: VirtualNode): number {
    return (this.#finalSizes[host] ?? []).reduce((sum, size) => sum + (size ?? 0), 0)
  }

  standing(): Standing {
    let [held, final, all] = [0, 0, 0]
    for (const { host, node, isHonest } of this.#world.nodes) {
      if (!isHonest) continue
      for (const [member, heights] of this.#sealedMs.entries()) {
        const size = heights?.length ?? 0
        all += size
        held += Math.min(size, node?.sync.view.frontier[member] ?? 0)
        final += Math.min(size, this.#finalSizes[host]?.[member] ?? 0)
      }
    }
    return { all, held, final }
  }

  totals(): Totals {
    const { deliveries, readings, blocks, attestations, crashes } = this
    return {
      delivery: this.delivery.state(),
      finality: this.finality.state(),
      ...{ deliveries, readings, blocks, attestations, crashes },
      faults: Object.fromEntries(this.faults),
      standing: this.standing(),
    }
  }

  #onStored(node: VirtualNode, memberHex: string, from: number, count: number, isOwn: boolean): void {
    const member = this.#members.get(memberHex)
    if (member === undefined) return
    const nowMs = this.#world.time.elapsedMs
    this.#world.log.add(`${node.host} stores ${member} ${from}+${count}`)
    const heights = (this.#sealedMs[member] ??= [])
    if (isOwn) {
      this.blocks += count
      for (let height = from; height < from + count; height++) heights[height] ??= nowMs
      return
    }
    this.deliveries += count
    for (let height = from; height < from + count; height++) {
      const sealedMs = heights[height]
      if (sealedMs !== undefined && node.member !== member) this.delivery.add(nowMs - sealedMs)
    }
  }

  #onFinal({ host }: VirtualNode, memberHex: string, size: number): void {
    const member = this.#members.get(memberHex)
    if (member === undefined) return
    const nowMs = this.#world.time.elapsedMs
    this.#world.log.add(`${host} final ${member} ${size}`)
    const sizes = (this.#finalSizes[host] ??= [])
    for (let height = sizes[member] ?? 0; height < size; height++) {
      const sealedMs = this.#sealedMs[member]?.[height]
      if (sealedMs === undefined) continue
      this.finality.add(nowMs - sealedMs)
    }
    sizes[member] = Math.max(size, sizes[member] ?? 0)
  }
}
