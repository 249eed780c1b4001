import type { Deed } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Longer than any run. */
export const NEVER_MS = 1_000_000_000_000

/** Attests nothing from its next start on, or again as the others do. */
export function silence(node: VirtualNode, isSilent = true): void {
  const { attestDelayMs: _, ...settings } = node.altered.settings ?? {}
  node.altered.settings = isSilent ? { ...settings, attestDelayMs: NEVER_MS } : settings
}

/** Stops the witnesses that are named and starts them again, silent or not. */
export function restartWitnesses(choose: (world: World) => readonly VirtualNode[], isSilent: boolean): Deed {
  return (world) => {
    for (const witness of choose(world)) {
      silence(witness, isSilent)
      world.run(`${witness.name} starts again`, async () => {
        await witness.stop()
        await witness.start()
      })
    }
  }
}
