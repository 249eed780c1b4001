import type { World } from './world/world.ts'

/** What is done to a world when its run is over, so that all can come to agree. */

/** Everything is mended and switched on, and nothing more is read. */
export function mend(world: World): void {
  world.log.note('the run is over: all is mended and nothing more is read', 'run')
  world.stopFeeding()
  world.network.heal()
  for (const node of world.nodes) {
    node.disk.fate = () => 'ok'
    node.disk.capacityBytes = Number.POSITIVE_INFINITY
    node.setClock(0)
    world.network.repair(node.host)
    if (!node.isOn) world.run(`${node.name} starts for the end`, () => node.start())
  }
}

/** What still waits in spools. */
export function sealWaiting({ nodes }: World): void {
  for (const { node, store } of nodes) {
    if ((store?.spool.size ?? 0) > 0) node?.sealNow().catch(() => undefined)
  }
}

/** What the run ended with goes into its hash too. */
export function logEnd({ log, nodes }: World): void {
  for (const { name, node } of nodes) {
    log.add(`${name} ends with ${node === undefined ? 'nothing' : Buffer.from(node.sync.view.headsRoot()).toString('hex')}`)
  }
}
