import type { WriteFate } from '../disk/virtual-disk.ts'
import type { Act, Deed } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { ATTACKS, mayTurn } from './attacks.ts'

/**
 * One fault of a drawn run: something that is done to the world at `atMs` and undone at `untilMs`, or an attacker that acts
 * between the two. All of it is numbers, so that it can be written down, replayed and shrunk: `who` picks a node, `amount`
 * (0 to 1) says how much of it.
 */
export interface Fault {
  readonly kind: FaultKind
  readonly atMs: number
  readonly untilMs: number
  readonly who: number
  readonly amount: number
}

export interface FaultRule {
  readonly what: string
  /** Before anybody starts. */
  readonly stage?: (world: World, fault: Fault) => unknown
  readonly begin: (world: World, fault: Fault) => unknown
  readonly end: (world: World, fault: Fault) => unknown
}

/** Clocks go wrong by so much at most: what a box without battery or time server may be wrong by and still be let in. */
const MAX_SKEW_MS = 60_000

/** A crash or a failing write falls on one of so many next writes. */
const NEXT_WRITES = 24

const SLOWEST_MS = 1_500
const MOST_LOSS = 0.3

/** Bytes that still fit on a disk that fills up. */
const ROOM_BYTES = 4_096

const chosen = (world: World, { who }: Fault): VirtualNode => world.nodes[who % (world.settings.meters + 1)] as VirtualNode

/** On which side of a partition a host stands: by the bits of `who`; a second copy of a key stands across from the first. */
function isOnFirstSide({ nodes }: World, { who }: Fault, node: VirtualNode): boolean {
  const first = nodes.find(({ member }) => member === node.member) as VirtualNode
  const isFirst = ((who >> (first.host % 16)) & 1) === 1
  return node === first ? isFirst : !isFirst
}

const split = (world: World, fault: Fault): void => {
  const first = world.nodes.filter((node) => isOnFirstSide(world, fault, node)).map(({ host }) => host)
  const second = world.nodes.map(({ host }) => host).filter((host) => !first.includes(host))
  world.network.partition([first, second])
}

const heal = ({ network }: World): void => network.heal()

const startAgain = (world: World, fault: Fault): void => {
  const node = chosen(world, fault)
  world.run(`${node.name} starts again`, () => node.start())
}

/** A clock is set while its node is off. */
function setClock(world: World, fault: Fault, skewMs: number): void {
  const node = chosen(world, fault)
  world.run(`the clock of ${node.name} is set`, async () => {
    const wasUp = node.isUp
    if (wasUp) await node.stop()
    node.altered.skewMs = skewMs
    if (wasUp) await node.start()
  })
}

const FAULTS = {
  split: { what: 'the network falls in two', begin: split, end: heal },
  isolate: {
    what: 'a node is cut off',
    begin: (world, fault) => {
      const { host } = chosen(world, fault)
      world.network.partition([world.nodes.map((node) => node.host).filter((each) => each !== host)])
    },
    end: heal,
  },
  oneWay: {
    what: 'between two nodes nothing passes one way',
    begin: (world, fault) => {
      const hosts = world.settings.meters + 1
      const from = fault.who % hosts
      world.network.cut(from, (from + 1 + Math.floor(fault.amount * (hosts - 1))) % hosts)
    },
    end: heal,
  },
  slow: {
    what: 'a node has slow and lossy ways',
    begin: (world, fault) => {
      const { amount } = fault
      world.network.impair(chosen(world, fault).host, { latencyMs: 20 + amount * SLOWEST_MS, loss: amount * MOST_LOSS })
    },
    end: (world, fault) => world.network.repair(chosen(world, fault).host),
  },
  crash: { what: 'a node loses its power', begin: (world, fault) => chosen(world, fault).crash(), end: startAgain },
  stop: {
    what: 'a node is stopped in order',
    begin: (world, fault) => {
      const node = chosen(world, fault)
      world.run(`${node.name} stops`, () => node.stop())
    },
    end: startAgain,
  },
  crashAtWrite: {
    what: 'a node loses its power in one of its next writes',
    begin: (world, fault) => {
      const { disk } = chosen(world, fault)
      const crashAt = disk.writes + 1 + Math.floor(fault.amount * NEXT_WRITES)
      const fate: WriteFate = fault.who % 2 === 0 ? 'crash-before' : 'crash-after'
      disk.fate = (write) => (write === crashAt ? fate : 'ok')
    },
    end: (world, fault) => {
      chosen(world, fault).disk.fate = () => 'ok'
      startAgain(world, fault)
    },
  },
  failingDisk: {
    what: 'a disk fails some of its writes, stored or not',
    begin: (world, fault) => {
      const every = 2 + Math.floor(fault.amount * NEXT_WRITES)
      chosen(world, fault).disk.fate = (write) => (write % every !== 0 ? 'ok' : write % (2 * every) === 0 ? 'lost' : 'stored')
    },
    end: (world, fault) => {
      chosen(world, fault).disk.fate = () => 'ok'
    },
  },
  fullDisk: {
    what: 'a disk is full',
    begin: (world, fault) => {
      const { disk } = chosen(world, fault)
      disk.capacityBytes = disk.usedBytes + Math.floor(fault.amount * ROOM_BYTES)
    },
    end: (world, fault) => {
      chosen(world, fault).disk.capacityBytes = Number.POSITIVE_INFINITY
    },
  },
  skew: {
    what: 'a clock is set wrong',
    begin: (world, fault) => setClock(world, fault, Math.round((2 * fault.amount - 1) * MAX_SKEW_MS)),
    end: (world, fault) => setClock(world, fault, 0),
  },
  late: {
    what: 'a node is switched on late',
    stage: (world, fault) => {
      // Somebody has to be there from the start.
      if (world.latecomers.size < world.nodes.length >> 1) world.latecomers.add(chosen(world, fault))
    },
    begin: () => undefined,
    end: startAgain,
  },
  twin: {
    what: 'a key runs twice, and each half of the network sees one of the two',
    begin: (world, fault) => {
      const liar = chosen(world, fault)
      if (!liar.isUp || !mayTurn(world, liar)) return
      const twin = world.addTwin(liar)
      world.run(`${twin.name} starts`, () => twin.start())
      split(world, fault)
    },
    end: heal,
  },
  ...ATTACKS,
} as const satisfies { readonly [kind: string]: FaultRule }

export type FaultKind = keyof typeof FAULTS
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[]

/** Before anybody starts. */
export function stageOf(faults: readonly Fault[]): Deed {
  return (world) => {
    for (const fault of faults) {
      const { stage }: FaultRule = FAULTS[fault.kind]
      stage?.(world, fault)
    }
  }
}

export function actsOf(faults: readonly Fault[], forMs: number): Act[] {
  return faults.flatMap((fault) => {
    const { what, begin, end }: FaultRule = FAULTS[fault.kind]
    return [
      { at: fault.atMs / forMs, what: `${what} (${fault.who})`, deed: (world: World) => begin(world, fault) },
      { at: fault.untilMs / forMs, what: `over: ${what} (${fault.who})`, deed: (world: World) => end(world, fault) },
    ]
  })
}
