import type { Deed } from '../scenario.ts'
import type { PartitionKind } from '../settings.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Cuts, one after another, of a partition that flaps; together they take this share of the run. */
const FLAPS = 6
const FLAPPING_SHARE = 0.3

/** Of all nodes: those that a partition into singles cuts off, and those whose ways are slow. */
const FEW = 1 / 8

const SLOW = { latencyMs: 800, jitterMs: 400, bytesPerSecond: 8_000, loss: 0.1 }

/** Those who run each member first; second copies are put where they are wanted. */
function firstCopies({ nodes, settings }: World): readonly VirtualNode[] {
  return nodes.slice(0, settings.meters + 1)
}

/** Hosts of so many witnesses, and of about the same share of the others, drawn. */
function drawSide(world: World, witnesses: number): Set<number> {
  const { faultRandom } = world
  const others = firstCopies(world).filter((node) => !world.witnesses.includes(node))
  const share = world.witnesses.length === 0 ? 1 / 2 : witnesses / world.witnesses.length
  const side = faultRandom.sample(world.witnesses, witnesses)
  side.push(...faultRandom.sample(others, Math.max(1, Math.round(share * others.length))))
  return new Set(side.map(({ host }) => host))
}

function cutOff(world: World, side: ReadonlySet<number>): void {
  const hosts = world.nodes.map(({ host }) => host)
  world.network.partition([[...side], hosts.filter((host) => !side.has(host))])
}

/** Two halves with half of the witnesses each: no quorum in either. A member's second copy goes where its first is not. */
export const splitInHalves: Deed = (world) => {
  const side = drawSide(world, world.witnesses.length >> 1)
  for (const twin of world.nodes) {
    const first = world.nodes.find(({ member }) => member === twin.member) as VirtualNode
    if (twin !== first && !side.has(first.host)) side.add(twin.host)
  }
  cutOff(world, side)
}

/** As many witnesses are cut off as can be borne, and a third of the others: the larger side has a quorum. */
function cutOffThird(world: World): void {
  cutOff(world, drawSide(world, Math.max(0, Math.floor((world.witnesses.length - 1) / 3))))
}

function cutOffSingles(world: World): void {
  const nodes = firstCopies(world)
  const singles = new Set(world.faultRandom.sample(nodes, Math.ceil(nodes.length * FEW)))
  for (const { name } of singles) world.log.note(`${name} is cut off`)
  world.network.partition([world.nodes.filter((node) => !singles.has(node)).map(({ host }) => host)])
}

function flap(world: World): void {
  const eachMs = (FLAPPING_SHARE * world.settings.forMs) / FLAPS
  for (let flaps = 0; flaps < FLAPS; flaps++) {
    world.time.after(flaps * eachMs, () => {
      world.log.note(`the network falls into two halves, for the ${flaps + 1}. time`)
      splitInHalves(world)
    })
    world.time.after((flaps + 0.5) * eachMs, () => heal(world))
  }
}

/** The first half is heard by the second and hears nothing. */
function cutOneWay(world: World): void {
  const side = drawSide(world, world.witnesses.length >> 1)
  const hosts = world.nodes.map(({ host }) => host)
  world.network.cutAll(
    hosts.filter((host) => !side.has(host)),
    [...side],
  )
}

const PARTITIONS: { readonly [K in PartitionKind]: Deed } = {
  halves: splitInHalves,
  third: cutOffThird,
  singles: cutOffSingles,
  flapping: flap,
  'one-way': cutOneWay,
}

/** As the setting `partition` says. */
export const fallApart: Deed = (world) => PARTITIONS[world.settings.partition](world)

/** One node that nobody reaches and that reaches nobody. */
export function isolate(choose: (world: World) => VirtualNode): Deed {
  return (world) => {
    const { host } = choose(world)
    world.network.partition([world.nodes.map((node) => node.host).filter((each) => each !== host)])
  }
}

/** All that was cut is whole again. */
export const heal: Deed = (world) => world.network.heal()

/** Half-open links: between as many pairs as there are nodes nothing passes one way; others that were broken are whole again. */
export const breakSomeWays: Deed = (world) => {
  const { faultRandom, network, nodes } = world
  network.heal()
  for (const { host } of nodes) network.cut(host, faultRandom.pick(nodes).host)
}

/** Some nodes have slow, thin and lossy ways from here on, as over a bad radio link. */
export const slowSome: Deed = (world) => {
  for (const { name, host } of world.faultRandom.sample(world.nodes, Math.ceil(world.nodes.length * FEW))) {
    world.log.note(`the ways of ${name} are slow`)
    world.network.impair(host, SLOW)
  }
}
