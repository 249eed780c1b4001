import type { Deed } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Nodes come and go until this share of the run has passed. */
const CHURN_UNTIL = 0.95

const pass = ({ time }: World, ms: number): Promise<void> => new Promise((resolve) => void time.after(ms, resolve))

/** A time that is as likely to end in any one moment as in any other: arrivals are a Poisson process. */
const drawTime = ({ faultRandom }: World, meanMs: number): number => -Math.log(1 - faultRandom.fraction()) * meanMs

/** From here on each meter is stopped in order after a drawn time, and started again after another. */
export const churn: Deed = (world) => {
  for (const meter of world.meters) world.run(`${meter.name} comes and goes`, () => comeAndGo(world, meter))
}

async function comeAndGo(world: World, node: VirtualNode): Promise<void> {
  const { time, settings, log } = world
  const untilMs = CHURN_UNTIL * settings.forMs
  for (;;) {
    await pass(world, drawTime(world, settings.meanUpMs))
    if (time.elapsedMs > untilMs) return
    log.note(`${node.name} goes`)
    await node.stop()
    await pass(world, drawTime(world, settings.meanDownMs))
    if (time.elapsedMs > settings.forMs) return
    log.note(`${node.name} comes back`)
    await node.start()
  }
}

/** Share of the run within which every node is restarted. */
const TURNS_SHARE = 0.8

/** Every node is stopped in order and started again, one after the other, evenly over most of the run. */
export const restartInTurn: Deed = (world) => {
  const { settings, nodes, log } = world
  for (const [turn, node] of nodes.entries()) {
    world.time.after((turn / nodes.length) * TURNS_SHARE * settings.forMs, () =>
      world.run(`${node.name} is restarted`, async () => {
        log.note(`${node.name} is restarted`)
        await node.stop()
        await pass(world, settings.restartMs)
        await node.start()
      }),
    )
  }
}

/** Before the run: some nodes, drawn, are not started with the others, though others are told to find the network by them. */
export const keepSomeOff: Deed = (world) => {
  const { nodes, latecomers, faultRandom, settings } = world
  for (const node of faultRandom.sample(nodes, Math.round(nodes.length * settings.offShare))) latecomers.add(node)
}

/** Those that were kept back start now. */
export const startLatecomers: Deed = (world) => {
  for (const node of world.latecomers) {
    world.latecomers.delete(node)
    world.log.note(`${node.name} starts`)
    world.run(`${node.name} starts`, () => node.start())
  }
}
