import type { NodeReport } from '../../demo/messages.ts'
import { type Picture, pictureOf } from '../../demo/picture.ts'

/** A node's word, with all that a test does not care about. */
export function report(name: string, more: Partial<NodeReport> = {}): NodeReport {
  return {
    name,
    key: `key of ${name}`,
    peers: [],
    frontier: [0, 0],
    roots: [],
    headsRoot: 'aaaaaaaaaaaa',
    final: [],
    finalRoots: [],
    finalLagsMs: [],
    witnesses: 0,
    isWitness: false,
    height: 0,
    head: undefined,
    readings: 0,
    waiting: 0,
    lastReadingMs: undefined,
    gossipsBlocks: true,
    heldBack: undefined,
    ended: false,
    ...more,
  }
}

export function picture(
  reports: readonly NodeReport[],
  more: { names?: readonly string[]; silent?: readonly string[]; dead?: Record<string, string> } = {},
): Picture {
  return pictureOf({
    names: more.names ?? reports.map(({ name }) => name),
    reports: new Map(reports.map((each) => [each.name, each])),
    silent: new Set(more.silent),
    dead: new Map(Object.entries(more.dead ?? {})),
  })
}
