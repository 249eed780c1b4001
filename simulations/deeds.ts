import type { WriteFate } from './disk/virtual-disk.ts'
import type { Deed } from './scenario.ts'
import type { VirtualNode } from './world/virtual-node.ts'
import type { World } from './world/world.ts'

/** What scenarios are put together of. */

const MINUTE_MS = 60_000

/** Two groups of about the same size, the same on every run of a seed; a member's second copy goes where its first is not. */
export const splitInHalves: Deed = (world) => {
  const shuffled = world.faultRandom.sample(
    world.nodes.filter(({ host }) => host <= world.settings.meters).map(({ host }) => host),
    world.nodes.length,
  )
  const one = new Set(shuffled.slice(0, shuffled.length >> 1))
  for (const twin of world.nodes) {
    const first = world.nodes.find(({ member }) => member === twin.member) as VirtualNode
    if (twin !== first && !one.has(first.host)) one.add(twin.host)
  }
  const hosts = world.nodes.map(({ host }) => host)
  world.network.partition([[...one], hosts.filter((host) => !one.has(host))])
}

/** One node that nobody reaches and that reaches nobody. */
export function isolate(choose: (world: World) => VirtualNode): Deed {
  return (world) => {
    const { host } = choose(world)
    world.network.partition([world.nodes.map((node) => node.host).filter((each) => each !== host)])
  }
}

/** All that was cut is whole again. */
export const heal: Deed = (world) => world.network.heal()

/** A power cut on one machine that is up, drawn at random, and a new start some minutes later. */
export const crashOne: Deed = (world) => {
  const up = world.honest.filter(({ isUp }) => isUp)
  if (up.length === 0) return
  const node = world.faultRandom.pick(up)
  world.log.note(`${node.name} loses its power`)
  node.crash()
  startAgainLater(world, node)
}

/** One machine stops at one of its next writes, before or after it has reached the disk. */
export const crashAtWrite: Deed = (world) => {
  const up = world.honest.filter(({ isUp }) => isUp)
  if (up.length === 0) return
  const { faultRandom } = world
  const node = faultRandom.pick(up)
  const crashAt = node.disk.writes + 1 + faultRandom.below(20)
  const fate: WriteFate = faultRandom.chance(0.5) ? 'crash-before' : 'crash-after'
  node.disk.fate = (write) => {
    if (write !== crashAt) return 'ok'
    world.log.note(`${node.name} loses its power at write ${write} (${fate})`)
    startAgainLater(world, node)
    return fate
  }
}

/** The disks of some nodes refuse one of their next writes, which was stored or was not. */
export const failWrite: Deed = (world) => {
  const { faultRandom } = world
  const node = faultRandom.pick(world.honest)
  const failAt = node.disk.writes + 1 + faultRandom.below(20)
  const fate: WriteFate = faultRandom.chance(0.5) ? 'lost' : 'stored'
  node.disk.fate = (write) => (write === failAt ? fate : 'ok')
  world.log.note(`the disk of ${node.name} will fail a write (${fate})`)
}

function startAgainLater(world: World, node: VirtualNode): void {
  const afterMs = MINUTE_MS * (0.5 + 4 * world.faultRandom.fraction())
  world.time.after(afterMs, () => {
    world.log.note(`${node.name} starts again`)
    world.run(`${node.name} starts again`, () => node.start())
  })
}

/** The first `liars` witnesses run twice from here on, and each half of the network sees one of the two. */
export const turnLiars: Deed = (world) => {
  const liars = world.meters.slice(0, world.settings.liars)
  for (const liar of liars) {
    const twin = world.addTwin(liar)
    world.log.note(`${liar.name} runs twice`)
    world.run(`${twin.name} starts`, () => twin.start())
  }
  splitInHalves(world)
}

/** Those that were kept back start now. */
export const startLatecomers: Deed = (world) => {
  for (const node of world.latecomers) {
    world.latecomers.delete(node)
    world.log.note(`${node.name} starts`)
    world.run(`${node.name} starts`, () => node.start())
  }
}
