import { formatDuration } from '../../node/index.ts'
import type { Deed } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** How often a clock that drifts is looked at: a crystal is off by a millisecond or so in that time. */
const DRIFT_STEP_MS = 60_000

/** Of all nodes, those whose clocks step together: always too few for a median. */
const STEPPING = 1 / 8

/** How wrong the clock is that was set to another year. */
const FAR_MS = 10 * 365 * 86_400_000

/** Before the run: every clock is wrong, by `skewMs` in the mean square. */
export const setClocksWrong: Deed = (world) => {
  for (const node of world.nodes) node.setClock(Math.round(world.faultRandom.normal() * world.settings.skewMs))
}

/** Every clock goes too fast or too slow from here on, by `driftPpm` in the mean square. */
export const drift: Deed = (world) => {
  for (const node of world.nodes) {
    const perStepMs = (world.faultRandom.normal() * world.settings.driftPpm * DRIFT_STEP_MS) / 1_000_000
    goWrong(world, node, perStepMs, 0)
  }
}

/** Clocks show whole milliseconds; what is less is kept for the next step. */
function goWrong(world: World, node: VirtualNode, perStepMs: number, restMs: number): void {
  world.time.after(DRIFT_STEP_MS, () => {
    if (world.time.elapsedMs >= world.settings.forMs) return
    const ms = Math.trunc(perStepMs + restMs)
    if (ms !== 0) node.setClock(node.skewMs + ms)
    goWrong(world, node, perStepMs, perStepMs + restMs - ms)
  })
}

/** A few clocks step by `stepMs` while their nodes run, each forward or back; the same time later they are put right. */
export const stepClocks: Deed = (world) => {
  const { faultRandom, nodes, settings } = world
  const few = faultRandom.sample(nodes, Math.max(1, Math.floor(nodes.length * STEPPING)))
  for (const node of few) step(world, node, faultRandom.chance(0.5) ? settings.stepMs : -settings.stepMs, settings.stepMs)
}

/** A meter's clock is set to another year: its next block would stop its chain until then. Put right after a while. */
export const stepOneFar: Deed = (world) => step(world, world.faultRandom.pick(world.meters), FAR_MS, world.settings.stepMs)

function step(world: World, node: VirtualNode, byMs: number, forMs: number): void {
  const ahead = byMs > 0 ? 'forward' : 'back'
  world.log.note(`the clock of ${node.name} steps ${ahead} by ${formatDuration(Math.abs(byMs))}`)
  node.setClock(node.skewMs + byMs)
  world.time.after(forMs, () => {
    // At the end all clocks are put right at once.
    if (world.time.elapsedMs >= world.settings.forMs) return
    world.log.note(`the clock of ${node.name} is put right`)
    node.setClock(0)
  })
}
