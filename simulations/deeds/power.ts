import type { WriteFate } from '../disk/virtual-disk.ts'
import type { Deed } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

const MINUTE_MS = 60_000

/** A crash falls on one of so many next writes, or on one of the first after a start. */
const NEXT_WRITES = 20
const FIRST_WRITES = 6

/** Crashes in a row of one machine that comes up and falls down again. */
const IN_A_ROW = 5

/** A machine that is up, drawn; undefined where none is. */
export function drawUp({ honest, faultRandom }: World): VirtualNode | undefined {
  const up = honest.filter(({ isUp }) => isUp)
  return up.length === 0 ? undefined : faultRandom.pick(up)
}

/** A power cut on one machine that is up, drawn at random, and a new start some minutes later. */
export const crashOne: Deed = (world) => {
  const node = drawUp(world)
  if (node === undefined) return
  world.log.note(`${node.name} loses its power`)
  node.crash()
  startAgainLater(world, node)
}

/** One machine stops at one of its next writes, before or after it has reached the disk. */
export const crashAtWrite: Deed = (world) => crashInWrites(world, 1)

/** One machine does so, and then again at one of the first writes after each new start. */
export const crashAgainAndAgain: Deed = (world) => crashInWrites(world, IN_A_ROW)

function crashInWrites(world: World, times: number): void {
  const node = drawUp(world)
  if (node === undefined) return
  const { faultRandom } = world
  let crashes = 0
  let crashAt = node.disk.writes + 1 + faultRandom.below(NEXT_WRITES)
  node.disk.fate = (write) => {
    if (write !== crashAt) return 'ok'
    const fate: WriteFate = faultRandom.chance(0.5) ? 'crash-before' : 'crash-after'
    if (++crashes < times) crashAt = write + 1 + faultRandom.below(FIRST_WRITES)
    world.log.note(`${node.name} loses its power at write ${write} (${fate})`)
    startAgainLater(world, node)
    return fate
  }
}

export function startAgainLater(world: World, node: VirtualNode): void {
  const afterMs = MINUTE_MS * (0.5 + 4 * world.faultRandom.fraction())
  world.time.after(afterMs, () => {
    world.log.note(`${node.name} starts again`)
    world.run(`${node.name} starts again`, () => node.start())
  })
}
