import { bodyContent, decodeBlock, decodeReadings, equalBytes, KIND_READINGS } from '../../protocol/index.ts'
import { heal, isolate } from '../deeds.ts'
import type { Checker } from '../scenario.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Blocks read at a time. */
const READ_BLOCKS = 256

/** Entries of a spool looked at: more than a run leaves behind. */
const MAX_SPOOLED = 4_096

export const checker: Checker = {
  rule: 'No block that a node sealed and no reading that it took is missing at the end, whatever crashed.',

  watch(world, violate) {
    const taken = new Map<string, Set<number>>()
    const sealed = new Map<string, Map<number, Uint8Array>>()
    world.on('taken', ({ name }, { readings }) => {
      const times = taken.get(name) ?? new Set()
      taken.set(name, times)
      for (const { time } of readings) times.add(time)
    })
    world.on('stored', ({ name }, { own, from, count, state }) => {
      if (!own) return
      const roots = sealed.get(name) ?? new Map<number, Uint8Array>()
      sealed.set(name, roots)
      roots.set(from + count, state.root)
    })
    return async () => {
      for (const node of world.honest) {
        const times = taken.get(node.name) ?? new Set()
        for (const time of await timesHeld(node)) times.delete(time)
        if (times.size > 0) violate(`${node.name} has lost ${times.size} readings that it had taken, from ${firstOf(times)}`)
        for (const [size, root] of sealed.get(node.name) ?? []) {
          const held = (node.store?.head(node.key)?.size ?? 0) < size ? undefined : await node.store?.rootAt(node.key, size)
          if (held === undefined || !equalBytes(held, root)) violate(`${node.name} does not hold the ${size} blocks it sealed`)
        }
      }
    }
  },

  breakage: {
    what: 'a disk that says synced and is not, under a node that is cut off and loses its power',
    stage: (world) => {
      victimOf(world).disk.isLying = true
    },
    acts: [
      { at: 0.3, what: 'a node is cut off', deed: isolate(victimOf) },
      { at: 0.7, what: 'it loses its power and its disk what it was told', deed: (world) => victimOf(world).crash(() => 0) },
      { at: 0.75, what: 'all ways are open again', deed: heal },
      { at: 0.76, what: 'it starts again', deed: (world) => world.run('starting again', () => victimOf(world).start()) },
    ],
  },
}

function victimOf(world: World): VirtualNode {
  return world.meters.at(-1) as VirtualNode
}

function firstOf(times: ReadonlySet<number>): string {
  return new Date(Math.min(...times)).toISOString()
}

/** Of all readings in its chain and in its spool. */
export async function timesHeld({ store, key }: Pick<VirtualNode, 'store' | 'key'>): Promise<number[]> {
  const times: number[] = []
  if (store === undefined) return times
  const size = store.head(key)?.size ?? 0
  for (let from = 0; from < size; from += READ_BLOCKS) {
    for (const { bytes } of await store.readBlocks(key, from, READ_BLOCKS)) {
      const { header, body } = decodeBlock(bytes)
      if (header.kind !== KIND_READINGS) continue
      for (const { time } of decodeReadings(bodyContent(body)).readings) times.push(time)
    }
  }
  const { rows } = await store.spool.peek(MAX_SPOOLED)
  for (const { item } of rows) if ('reading' in item) times.push(item.reading.time)
  return times
}
