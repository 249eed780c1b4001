import type { Reading } from '../../../protocol/index.ts'
import { openNode } from '../../index.ts'

/**
 * Run by the kill test and killed by it: a meter's node that takes readings as fast as its disk does and seals them as fast
 * as its neighbour lets it, and says of each reading that it was taken.
 *
 *     node kill-child.ts DIR ADDRESS FIRST
 */
export const START_MS = Date.UTC(2026, 0, 1)
export const STEP_MS = 1_000
const AT_ONCE = 4

export function numberedReading(number: number): Reading {
  const register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
  const time = START_MS + number * STEP_MS
  return { time, intervalMs: 0, timeSource: 'meter-clock', values: [{ register, value: number, quality: 'good' }] }
}

/** Resolves when the parent's end has it; what was said before a kill is heard. */
const say = (line: string): Promise<void> => new Promise((resolve) => process.send?.(line, undefined, undefined, () => resolve()))

async function work(dir: string, address: string, first: number): Promise<void> {
  const opened = await openNode({
    dir,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    settings: { bootstrap: [address], intervalMs: 60, rowsAtOnce: 6, announceDelayMs: 10, gossip: 'on', verifyThreads: 0 },
  })
  const { node } = opened
  node.on('sealed', ({ height }) => void say(`sealed ${height}`))
  node.on('evidence', ({ member }) => void say(`evidence ${member}`))
  await opened.start()
  await say('up')
  let next = first
  const feed = async (): Promise<void> => {
    for (;;) {
      const number = next++
      await node.take([{ source: 'test', reading: numberedReading(number) }])
      await say(`taken ${number}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, feed))
}

const [, script, dir, address, first] = process.argv
if (script !== undefined && import.meta.filename === script && dir !== undefined && address !== undefined) {
  await work(dir, address, Number(first))
}
