import {
  type Bytes,
  blockHash,
  bodyContent,
  type ChainState,
  type Continuation,
  decodeBlock,
  decodeEvents,
  decodeReadings,
  EVENT_CODES,
  encodeEvents,
  encodeMembershipBody,
  encodeReadings,
  encodeRun,
  formatContinuation,
  type Genesis,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  MAX_EVENTS,
  type MembershipOperation,
  type MeterEvent,
  makeBlock,
  type Reading,
  SALT_BYTES,
  type Signer,
  signCheckpoint,
  WattnessError,
} from '../../protocol/index.ts'
import type { Clock, Random } from '../platform.ts'
import type { Spool, SpoolRow } from '../store/index.ts'
import type { Outcome, OwnSeal } from '../validate/index.ts'
import { FrameTree } from './frame-tree.ts'

export interface SealerInit {
  readonly genesis: Genesis
  readonly signer: Signer
  readonly clock: Clock
  readonly random: Random
  readonly spool: Spool
  readonly head: () => ChainState
  /** Size of the registrar's chain as stored. */
  readonly registrarSize: () => number
  /** What this key's chain goes on with, where it replaces another (rule M20). */
  readonly continues?: () => Continuation | undefined
  readonly submit: (run: Bytes, own: OwnSeal) => Promise<Outcome>
  /** Most rows that one block takes up. */
  readonly maxRows: number
}

/** A block of this node's own, on disk, and the checkpoint signed with it. */
export interface Sealed {
  readonly height: number
  readonly rows: number
  readonly block: Bytes
  readonly root: Bytes
  readonly signature: Bytes
}

interface Content {
  readonly kind: number
  readonly content: Bytes
  readonly ids: readonly number[]
  readonly frames?: FrameTree
}

/**
 * Packs what the spool holds into a block, signs the checkpoint it makes and hands both to the door. One at a time: two
 * blocks for one height would be equivocation.
 */
export class Sealer {
  readonly #init: SealerInit
  #turn: Promise<unknown> = Promise.resolve()

  constructor(init: SealerInit) {
    this.#init = init
  }

  /**
   * The next block from the spool; undefined when nothing waits. The first of a key that replaces another holds nothing of
   * the spool: it says what the chain goes on with. Throws when the block cannot be stored.
   */
  sealNext(): Promise<Sealed | undefined> {
    return this.#inTurn(async () => {
      const { rows } = await this.#init.spool.peek(this.#init.maxRows)
      const packed = this.#pack(rows)
      return packed === undefined ? undefined : this.#seal(this.#beginning() ?? packed)
    })
  }

  /** One membership block; only a registrar's node calls this. */
  sealMembership(operations: readonly MembershipOperation[]): Promise<Sealed> {
    return this.#inTurn(() => this.#seal({ kind: KIND_MEMBERSHIP, content: encodeMembershipBody(operations), ids: [] }))
  }

  /**
   * Takes out of the spool what these blocks of this node's own chain hold: they were sealed before, and came back from a
   * neighbour. Nothing is sealed meanwhile. Resolves to the number of entries.
   */
  forget(blocks: readonly Bytes[]): Promise<number> {
    return this.#inTurn(async () => {
      if (this.#init.spool.size === 0) return 0
      const held = new Set<string>()
      for (const block of blocks) for (const name of namesIn(block)) held.add(name)
      return this.#init.spool.takeOut((item) => held.has(nameOf(item)))
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work, work)
    this.#turn = next.catch(() => undefined)
    return next
  }

  #beginning(): Content | undefined {
    const { head, continues, clock } = this.#init
    const continuation = head().size === 0 ? continues?.() : undefined
    if (continuation === undefined) return undefined
    const event = { time: clock.now(), code: EVENT_CODES.continues, detail: formatContinuation(continuation) }
    return { kind: KIND_EVENT, content: encodeEvents([event]), ids: [] }
  }

  /** Readings and events never share a block: the oldest entry decides, the others of its kind go with it. */
  #pack(entries: readonly SpoolRow[]): Content | undefined {
    const first = entries[0]
    if (first === undefined) return undefined
    const isEvent = 'event' in first.item
    const alike = entries.filter((entry) => 'event' in entry.item === isEvent)
    return isEvent ? packEvents(alike) : this.#packReadings(alike)
  }

  #packReadings(entries: readonly SpoolRow[]): Content {
    const room = this.#init.genesis.limits.maxBodyBytes - SALT_BYTES
    for (let count = entries.length; count > 0; count = Math.floor(count / 2)) {
      const taken = entries.slice(0, count)
      const frames = new FrameTree(taken)
      const content = tryEncode(taken, frames.root)
      if (content !== undefined && content.length <= room) {
        return { kind: KIND_READINGS, content, ids: taken.map((entry) => entry.id), frames }
      }
    }
    const [entry] = entries
    throw new WattnessError('READING_TOO_LARGE', `spool entry ${entry?.id}: one reading does not fit a body of ${room} bytes`, {
      id: entry?.id,
      room,
    })
  }

  async #seal({ kind, content, ids, frames }: Content): Promise<Sealed> {
    const { genesis, signer, clock, random, head, registrarSize, submit } = this.#init
    const chain = head()
    const isRegistrar = genesis.registrar.every((byte, i) => byte === signer.publicKey[i])
    const sealedAt = Math.max(clock.now(), chain.sealedAt + (chain.size > 0 ? genesis.limits.minBlockIntervalMs : 0))
    const block = makeBlock({
      kind,
      member: signer.publicKey,
      height: chain.size,
      previous: chain.lastHash,
      sealedAt,
      registrarSize: isRegistrar ? chain.size : registrarSize(),
      salt: random.bytes(SALT_BYTES),
      content,
    })
    const range = chain.range.clone()
    range.append(blockHash(block.headerBytes))
    const { root, signature } = signCheckpoint(signer, genesis.networkId, range.size, range.root())
    const run = encodeRun([block.bytes], { type: 'signed', root, signature })
    // Until this resolves the block exists in memory only; a crash loses it and the spool still holds its readings. After
    // it, block and head are synced and the spool entries are gone, in one write. Only then may anyone see the block.
    const own = { spoolIds: ids, ...(frames === undefined ? {} : { frames: await frames.sealed(chain.size, sealedAt) }) }
    const outcome = await submit(run, own)
    if (outcome.verdict !== 'accept') {
      throw new WattnessError('SEAL_FAILED', `block ${chain.size} could not be sealed: ${outcome.message}`, {
        height: chain.size,
        code: outcome.code,
        cause: outcome.data['cause'],
      })
    }
    return { height: chain.size, rows: ids.length, block: block.bytes, root, signature }
  }
}

function tryEncode(entries: readonly SpoolRow[], framesRoot: Bytes | undefined): Bytes | undefined {
  const readings = entries.flatMap(({ item }) => ('reading' in item ? [item.reading] : []))
  try {
    return encodeReadings(readings, framesRoot)
  } catch (error) {
    if (error instanceof WattnessError && error.code === 'LIMIT_EXCEEDED') return undefined
    throw error
  }
}

function packEvents(entries: readonly SpoolRow[]): Content {
  const events = []
  for (const { item } of entries.slice(0, MAX_EVENTS)) if ('event' in item) events.push(item.event)
  return { kind: KIND_EVENT, content: encodeEvents(events), ids: entries.slice(0, MAX_EVENTS).map((entry) => entry.id) }
}

/** The same for the same reading or event, in a block as in the spool. */
function nameOf(item: { readonly reading: Reading } | { readonly event: MeterEvent }): string {
  if ('event' in item) return JSON.stringify([item.event.time, item.event.code, item.event.detail])
  const { time, intervalMs, timeSource, values } = item.reading
  const columns = values.map(({ register, value, quality }) => {
    const { a, b, c, d, e, f } = register.obis
    return [a, b, c, d, e, f, register.unit, register.scaler, value, quality]
  })
  return JSON.stringify([time, intervalMs, timeSource, columns])
}

function namesIn(bytes: Bytes): string[] {
  const { header, body } = decodeBlock(bytes)
  const content = bodyContent(body)
  if (header.kind === KIND_READINGS) return decodeReadings(content).readings.map((reading) => nameOf({ reading }))
  return header.kind === KIND_EVENT ? decodeEvents(content).map((event) => nameOf({ event })) : []
}
