import type { WriteFate } from '../disk/virtual-disk.ts'
import type { Deed } from '../scenario.ts'
import type { World } from '../world/world.ts'
import { startAgainLater } from './power.ts'

/** A failing write is one of so many next ones. */
const NEXT_WRITES = 20

/** Of all nodes, those whose disks fill up. */
const FULL = 1 / 4

/** The disks of some nodes refuse one of their next writes, which was stored or was not. */
export const failWrite: Deed = (world) => {
  const { faultRandom } = world
  const node = faultRandom.pick(world.honest)
  const failAt = node.disk.writes + 1 + faultRandom.below(NEXT_WRITES)
  const fate: WriteFate = faultRandom.chance(0.5) ? 'lost' : 'stored'
  node.disk.fate = (write) => (write === failAt ? fate : 'ok')
  world.log.note(`the disk of ${node.name} will fail a write (${fate})`)
}

/** Something else on the machine fills the disks of some nodes, one of them a witness's. */
export const fillDisks: Deed = (world) => {
  const { faultRandom, honest, witnesses } = world
  const drawn = new Set([...faultRandom.sample(witnesses, 1), ...faultRandom.sample(honest, Math.ceil(honest.length * FULL))])
  for (const { name, disk } of drawn) {
    world.log.note(`the disk of ${name} is full`)
    disk.capacityBytes = disk.usedBytes
  }
}

/** A machine whose disk is full loses its power; it starts again minutes later, if it can. */
export const cutPowerOnFullDisk: Deed = (world) => {
  const full = fullOnes(world).filter(({ isUp }) => isUp)
  if (full.length === 0) return
  const node = world.faultRandom.pick(full)
  world.log.note(`${node.name} loses its power`)
  node.crash()
  startAgainLater(world, node)
}

export const giveRoom: Deed = (world) => {
  for (const { disk } of world.nodes) disk.capacityBytes = Number.POSITIVE_INFINITY
}

function fullOnes({ nodes }: World): World['nodes'] {
  return nodes.filter(({ disk }) => disk.capacityBytes < Number.POSITIVE_INFINITY)
}
