import { equalBytes, toHex } from '../../protocol/index.ts'
import { type VerifyReport, verifyOpenStore } from '../audit/index.ts'
import type { NodeOptions } from '../config/index.ts'
import { type LedgerNode, openNode, sleep, verifySignature } from '../index.ts'
import type { Io } from './io.ts'

export interface RefetchInit {
  readonly io: Io
  readonly dir: string
  readonly options: NodeOptions
  /** Blocks that each chain is known to have had, by member key in hex. */
  readonly expected: ReadonlyMap<string, number>
  /** Given up after this long without anything new. */
  readonly timeoutMs: number
  readonly onProgress: (state: RefetchState) => void
}

export interface RefetchState {
  /** Neighbours that have said what they hold. */
  readonly neighbours: number
  readonly held: number
  /** Blocks that are known to be somewhere. */
  readonly wanted: number
}

export interface Refetched {
  readonly neighbours: number
  /** Members besides this node that could have been asked. */
  readonly others: number
  /** By member key in hex. */
  readonly sizes: ReadonlyMap<string, number>
  /** What was held before, or is held by a neighbour, whichever is more. */
  readonly wanted: ReadonlyMap<string, number>
  /** Members whose chains are stopped by evidence, and members whose label is known. */
  readonly quarantined: ReadonlySet<string>
  /** Members against whom there is evidence as witnesses. */
  readonly contradicted: ReadonlySet<string>
  readonly labelled: ReadonlySet<string>
  /** Readings that no block holds. */
  readonly waiting: number
  readonly report: VerifyReport
}

const LOOK_MS = 100
/** Neighbours are asked anew what they hold. */
const ASK_MS = 2_000
/** Nothing was left to fetch for this long: a second neighbour may know more than the first. */
const SETTLED_MS = 1_000

/**
 * Runs the node of a directory without sealing, reading or admitting anything, until its neighbours have given all that they
 * hold, and checks the result from genesis. A readings' source is not opened.
 */
export async function refetch(init: RefetchInit): Promise<Refetched> {
  const { io, dir, options, expected, timeoutMs, onProgress } = init
  const { clock, timers } = io.platform
  const { settings, listen, announce, reach } = options
  const opened = await openNode({ dir, settings: { ...settings, seals: false }, listen, announce, reach, platform: io.platform })
  const { node, store, genesis } = opened
  try {
    await opened.start()
    let newsMs = clock.monotonicMs()
    let settledMs: number | undefined
    let askedMs = newsMs
    let last = ''
    for (;;) {
      const nowMs = clock.monotonicMs()
      const wanted = wantedOf(node, expected)
      const state = { neighbours: greeted(node).length, held: sum(sizesOf(node)), wanted: sum(wanted) }
      onProgress(state)
      if (JSON.stringify(state) !== last) newsMs = nowMs
      last = JSON.stringify(state)
      settledMs = isSettled(node, wanted) ? (settledMs ?? nowMs) : undefined
      const isDone = settledMs !== undefined && nowMs - settledMs >= SETTLED_MS
      if (isDone || nowMs - newsMs >= timeoutMs || io.stopped.aborted) break
      if (nowMs - askedMs >= ASK_MS) {
        node.sync.crossCheck()
        askedMs = nowMs
      }
      await sleep(timers, LOOK_MS)
    }
    const neighbours = greeted(node).length
    const wanted = wantedOf(node, expected)
    const report = await verifyOpenStore({ store, genesis, verify: verifySignature, clock, ownKey: node.key })
    const { members } = node.membership
    return {
      neighbours,
      others: othersOf(node),
      sizes: sizesOf(node),
      wanted,
      quarantined: new Set(members.filter(({ key }) => store.quarantined(key)).map(({ keyHex }) => keyHex)),
      contradicted: new Set(members.filter(({ key }) => store.witnessEvidence.has(key)).map(({ keyHex }) => keyHex)),
      labelled: new Set(members.filter(({ label }) => label !== undefined).map(({ keyHex }) => keyHex)),
      waiting: store.spool.size,
      report,
    }
  } finally {
    await opened.close()
  }
}

type Session = LedgerNode['sync']['sessions'] extends Iterable<infer S> ? S : never

function othersOf(node: LedgerNode): number {
  return node.membership.members.filter(({ revoked, key }) => revoked === undefined && !equalBytes(key, node.key)).length
}

function greeted(node: LedgerNode): Session[] {
  return [...node.sync.sessions].filter(({ hello }) => hello !== undefined)
}

function sizesOf(node: LedgerNode): Map<string, number> {
  return new Map([...node.store.chains()].map(({ member, state }) => [toHex(member), state.size]))
}

function wantedOf(node: LedgerNode, expected: ReadonlyMap<string, number>): Map<string, number> {
  const wanted = new Map(expected)
  const signed = node.store.signedRecord()?.size ?? 0
  const raise = (key: string, size: number): void => void wanted.set(key, Math.max(wanted.get(key) ?? 0, size))
  raise(toHex(node.key), signed)
  for (const session of greeted(node)) {
    for (const { index, key, keyHex } of node.membership.members) {
      // Of a chain that evidence stops, everyone keeps what came there first.
      if (!node.store.quarantined(key)) raise(keyHex, session.remoteSize(index))
    }
  }
  return wanted
}

function isSettled(node: LedgerNode, wanted: ReadonlyMap<string, number>): boolean {
  const sessions = greeted(node)
  if ((sessions.length === 0 && othersOf(node) > 0) || !node.sync.isCaughtUp) return false
  if (sessions.some(({ agreement }) => agreement === 'unknown' || agreement === 'behind')) return false
  const sizes = sizesOf(node)
  return [...wanted].every(([key, size]) => (sizes.get(key) ?? 0) >= size)
}

function sum(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((total, size) => total + size, 0)
}
