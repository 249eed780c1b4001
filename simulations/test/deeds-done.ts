import { expect } from 'chai'
import { differingFrom } from '../quiet.ts'
import type { PartitionKind } from '../settings.ts'
import type { Simulation } from '../simulation.ts'
import { sharesOf } from '../tally.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Called before the run; what it answers, after it. That throws where what the story tells did not happen. */
export type Proof = (simulation: Simulation) => () => void

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((all, each) => all + each, 0)

const sealedBy = ({ store, key }: VirtualNode): number => store?.head(key)?.size ?? 0

/** Blocks of all chains that each node calls final. */
const finals = ({ nodes }: World): number[] => nodes.map(({ node }) => sum(nodes.map(({ key }) => node?.finalOf(key)?.size ?? 0)))

/** Nodes that hold less or others than the authors do. */
const differing = (world: World): number => world.nodes.filter((node) => differingFrom(world, node).length > 0).length

/** What is seen when this share of the run has passed. */
function look<T>({ world, settings }: Simulation, at: number, see: (world: World) => T): () => T {
  let seen: { readonly what: T } | undefined
  world.time.after(at * settings.forMs, () => {
    seen = { what: see(world) }
  })
  return () => {
    if (seen === undefined) throw new Error(`the run ended before ${at} of it had passed`)
    return seen.what
  }
}

/** Stops of each node, in order or by a crash. */
function countStops(world: World): { readonly orderly: Map<string, number>; readonly crashes: Map<string, number> } {
  const counts = { orderly: new Map<string, number>(), crashes: new Map<string, number>() }
  world.on('stopped', ({ name }, { isCrash }) => {
    const each = isCrash ? counts.crashes : counts.orderly
    each.set(name, (each.get(name) ?? 0) + 1)
  })
  return counts
}

/** By how many blocks the node that came furthest has gone on making final between two looks. */
function furthest(before: readonly number[], after: readonly number[]): number {
  return Math.max(...after.map((size, number) => size - (before[number] ?? 0)))
}

/** What each way of falling apart does while it lasts: from 0.3 to 0.6 of the run. */
export function proofOfPartition(kind: PartitionKind): Proof {
  return (simulation) => {
    let lost = 0
    const isOver = (): boolean => simulation.world.time.elapsedMs > 0.6 * simulation.settings.forMs
    simulation.world.on('unlink', () => {
      if (!isOver()) lost++
    })
    const [early, late] = [look(simulation, 0.42, finals), look(simulation, 0.59, finals)]
    const apart = look(simulation, 0.59, differing)
    return () => {
      const isHalved = kind === 'halves' || kind === 'one-way'
      expect(lost, 'links lost').to.be.above(kind === 'singles' ? 2 : kind === 'flapping' ? 15 : 6)
      if (kind !== 'flapping') expect(apart(), 'nodes that differ').to.be.at.least(isHalved ? 6 : 1)
      const went = furthest(early(), late())
      if (isHalved) expect(went, 'final without a quorum').to.equal(0)
      else expect(went, 'final with a quorum').to.be.above(5)
    }
  }
}

/** By scenario. */
export const PROOFS: { readonly [scenario: string]: Proof } = {
  baseline: ({ tally, world }) => {
    const { orderly, crashes } = countStops(world)
    return () => {
      expect(sharesOf(tally.standing())).to.deep.equal({ deliveredShare: 1, finalShare: 1 })
      expect([orderly.size, crashes.size]).to.deep.equal([0, 0])
    }
  },

  'cold-start': (simulation) => {
    const early = look(simulation, 0.01, ({ nodes }) => nodes.filter(({ isUp }) => isUp).length)
    const middle = look(simulation, 0.49, ({ nodes }) => nodes.filter(({ isUp }) => isUp).length)
    const went = look(simulation, 0.49, (world) => Math.max(...finals(world)))
    return () => {
      expect([early(), middle()]).to.deep.equal([6, 6])
      expect(went(), 'blocks final before all are on').to.be.above(10)
    }
  },

  churn: ({ world }) => {
    const { orderly, crashes } = countStops(world)
    return () => {
      expect(sum(orderly.values()), 'stops').to.be.above(7)
      expect(orderly.size, 'nodes that were stopped').to.be.above(3)
      expect(crashes.size).to.equal(0)
    }
  },

  'rolling-restart': (simulation) => {
    const { orderly } = countStops(simulation.world)
    const looks = [0.1, 0.3, 0.5, 0.7, 0.9].map((at) => look(simulation, at, finals))
    return () => {
      const { nodes } = simulation.world
      expect(nodes.map(({ name }) => orderly.get(name))).to.deep.equal(nodes.map(() => 1))
      for (const [number, after] of looks.slice(1).entries()) {
        expect(furthest(looks[number]?.() ?? [], after()), 'blocks that became final').to.be.above(5)
      }
    }
  },

  partition: proofOfPartition('halves'),

  'late-join': (simulation) => {
    const late = simulation.world.meters.at(-1) as VirtualNode
    const before = look(simulation, 0.79, () => late.starts)
    const after = look(simulation, 0.99, (world) => finals(world)[late.host] ?? 0)
    return () => {
      expect([before(), late.starts]).to.deep.equal([0, 1])
      expect(after(), 'blocks final on the latecomer').to.be.above(40)
      expect(sealedBy(late)).to.be.above(0)
    }
  },

  'clock-skew': (simulation) => {
    const { world } = simulation
    const ahead = new Set<string>()
    let farthest = 0
    world.on('heldBack', ({ name }, { reason }) => {
      if (reason?.includes("ahead of the neighbours' median") === true) ahead.add(name)
    })
    const differ = look(simulation, 0.55, differing)
    for (let at = 0; at < 1; at += 0.01) {
      look(simulation, at, ({ nodes }) => {
        farthest = Math.max(farthest, ...nodes.map(({ skewMs }) => Math.abs(skewMs)))
      })
    }
    return () => {
      expect(farthest).to.be.above(365 * 86_400_000)
      expect(ahead.size, 'nodes held back by their clocks').to.be.above(0)
      expect(differ(), 'nodes that differ meanwhile').to.be.above(0)
    }
  },

  'crash-loop': ({ world, tally }) => {
    const { crashes } = countStops(world)
    return () => {
      expect(tally.crashes).to.be.above(50)
      expect(crashes.size).to.equal(world.nodes.length)
      expect(sum(world.nodes.map(({ disk }) => disk.failures)), 'writes that failed').to.be.above(5)
      expect(world.nodes.every(({ starts }) => starts > 1)).to.equal(true)
    }
  },

  'disk-full': (simulation) => {
    const { world } = simulation
    const sizes = ({ nodes }: World): number[] => nodes.map(sealedBy)
    const [early, late, after] = [look(simulation, 0.32, sizes), look(simulation, 0.59, sizes), look(simulation, 0.9, sizes)]
    const { crashes } = countStops(world)
    return () => {
      const full = world.meters.filter(({ disk }) => disk.refusals > 0)
      expect(full.length).to.be.above(1)
      expect(crashes.size).to.be.above(0)
      for (const { name, host } of full) {
        expect(late()[host], `${name} while its disk is full`).to.be.at.most(early()[host] ?? 0)
        expect(after()[host], `${name} with room again`).to.be.above(early()[host] ?? 0)
      }
    }
  },

  lossy: ({ world, tally }) => {
    let lost = 0
    world.on('unlink', () => void lost++)
    return () => {
      expect(world.network.lost, 'messages lost').to.be.above(100)
      expect(world.network.doubled, 'payloads that came twice').to.be.above(5)
      expect(lost, 'links lost').to.be.above(10)
      expect(tally.delivery.max).to.be.above(1_000)
    }
  },
}
