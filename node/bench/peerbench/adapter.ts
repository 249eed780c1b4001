import { fromHex, type Genesis, type Reading, type Register, type RegisterValue, toHex } from '../../../protocol/index.ts'
import { verifyOpenStore } from '../../audit/index.ts'
import { DEFAULT_SETTINGS, type NodeSettings, type SpoolItem, systemPlatform, verifySignature } from '../../index.ts'
import { Street } from '../street.ts'
import { openPeer, type Peer } from './peer.ts'

/**
 * What ../shared/peerbench asks of a system, asked of a node: a peer is a node with its directory, a log is a member's chain.
 * See ../README.md for how it is run.
 */

/** The bench's record: a meter's number, seconds since 1970, kilowatt-hours, volts, and a status word. */
export interface BenchReading {
  readonly meter: string
  readonly ts: number
  readonly obis: { readonly '1.8.0': number; readonly '2.8.0': number }
  readonly u: number
  readonly st: string
}

/** `--opt k=v` as text, and what a workload adds as numbers. */
export type Options = Readonly<Record<string, string | number | undefined>>

export interface CreatePeerInit {
  /** Number of the peer, from 0: it runs under the key of `meter i`. */
  readonly i: number
  readonly dir: string
  readonly opts: Options
}

export interface Audit {
  /** Readings in blocks that were found whole. */
  readonly records: number
  readonly ok: boolean
  readonly notes: unknown
}

/** Members of the network where the workload does not say how many peers there are: a genesis must know them all ahead. */
const MEMBERS = 32

export async function createPeer({ i, dir, opts }: CreatePeerInit): Promise<BenchPeer> {
  const members = Number(opts['peers'] ?? opts['members'] ?? MEMBERS)
  if (i >= members) throw new Error(`peer ${i} is no member: the genesis has ${members}; give --opt members=${i + 1}`)
  const genesis = genesisOf(members)
  const dials = opts['dials'] === 'on'
  const peer = await openPeer({ name: meterName(i), dir, genesis, settings: settingsOf(opts), dials })
  return new BenchPeer(peer, { rows: rowsOf(opts), allSignatures: opts['signatures'] === 'all' })
}

/** For what a workload may ask of a system beyond this: nothing. */
export const custom = {}

export const meterName = (i: number): string => `meter ${i}`

/** The same for the same number, in whatever process. */
export function genesisOf(members: number): Genesis {
  return new Street(members).genesis
}

function settingsOf({ gossip, threads }: Options): Partial<NodeSettings> {
  return {
    ...(gossip === undefined ? {} : { gossip: gossip as NodeSettings['gossip'] }),
    ...(threads === undefined ? {} : { verifyThreads: Number(threads) }),
  }
}

/** Readings in each block. Other processes count by it too, and so it must hold for every block. */
function rowsOf({ batch }: Options): number {
  const size = Number(batch ?? 1)
  const { maxRows } = DEFAULT_SETTINGS
  if (size <= maxRows || size % maxRows === 0) return Math.min(size, maxRows)
  throw new Error(`--batch ${size}: a block holds ${maxRows} readings at most; give no more, or a multiple`)
}

interface LogInit {
  readonly rows: number
  readonly allSignatures: boolean
}

export class BenchPeer {
  readonly peer: Peer
  readonly #init: LogInit
  readonly #logs = new Map<string, ChainLog>()

  constructor(peer: Peer, init: LogInit) {
    this.peer = peer
    this.#init = init
    peer.node.on('stored', ({ member, from, count }) => this.#logs.get(member)?.grew(from + count))
  }

  /** A node has one chain, whichever meter it is asked for. */
  createLog(): Promise<ChainLog> {
    return this.openLog(toHex(this.peer.node.key))
  }

  /** Every chain is taken anyhow; this one is watched as well. */
  async openLog(addr: string): Promise<ChainLog> {
    const log = this.#logs.get(addr) ?? new ChainLog(addr, this.peer, this.#init)
    this.#logs.set(addr, log)
    return log
  }

  async listen(): Promise<readonly string[]> {
    return this.peer.addresses
  }

  async connect([address]: readonly string[]): Promise<void> {
    if (address === undefined) throw new Error('a peer that listens nowhere')
    await this.peer.dial(address)
  }

  close(): Promise<void> {
    return this.peer.close()
  }
}

/** One member's chain as a peer holds it. */
export class ChainLog {
  readonly addr: string
  readonly #peer: Peer
  readonly #init: LogInit
  readonly #watchers: ((count: number) => void)[] = []
  #size: number

  constructor(addr: string, peer: Peer, init: LogInit) {
    this.addr = addr
    this.#peer = peer
    this.#init = init
    this.#size = peer.store.head(fromHex(addr))?.size ?? 0
  }

  append(reading: BenchReading): Promise<void> {
    return this.appendBatch([reading])
  }

  /** On disk as readings, then as blocks, when it resolves. */
  async appendBatch(readings: readonly BenchReading[]): Promise<void> {
    const { node, store } = this.#peer
    await node.take(readings.map(itemOf))
    // Rounds of the node's own may have come between.
    while (store.spool.size > 0) await node.sealNow()
  }

  /** Readings held: blocks are stored in the order of their chain, without gaps. */
  count(): number {
    return this.#size * this.#init.rows
  }

  watch(callback: (count: number) => void): void {
    callback(this.count())
    this.#watchers.push(callback)
  }

  grew(size: number): void {
    this.#size = size
    for (const tell of this.#watchers) tell(this.count())
  }

  /** All that this peer's store holds, from genesis on: what `wattness verify` checks of a running node. */
  async audit(): Promise<Audit> {
    const { store, genesis, node } = this.#peer
    const { allSignatures, rows } = this.#init
    const init = { store, genesis, verify: verifySignature, clock: systemPlatform.clock, ownKey: node.key, allSignatures }
    const { ok, chains, damage, blocks, signatures } = await verifyOpenStore(init)
    const chain = chains.find(({ key }) => key === this.addr)
    const faults = chains.flatMap(({ fault }) => fault ?? [])
    return { records: (chain?.blocks ?? 0) * rows, ok, notes: { blocks, signatures, faults, damage } }
  }
}

const IMPORT: Register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
const EXPORT: Register = { obis: { a: 1, b: 0, c: 2, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
const VOLTAGE: Register = { obis: { a: 1, b: 0, c: 32, d: 7, e: 0, f: 255 }, unit: 35, scaler: -1 }

/** Watt-hours and tenths of a volt: integers, as meters send them. The status word says whether the values are good. */
export function itemOf({ meter, ts, obis, u, st }: BenchReading): SpoolItem {
  const quality = st === '0x0000' ? 'good' : 'clock-doubtful'
  const values = [
    { register: IMPORT, value: Math.round(obis['1.8.0'] * 1_000), quality },
    { register: EXPORT, value: Math.round(obis['2.8.0'] * 1_000), quality },
    { register: VOLTAGE, value: Math.round(u * 10), quality },
  ] satisfies RegisterValue[]
  const reading: Reading = { time: ts * 1_000, intervalMs: 0, timeSource: 'meter-clock', values }
  return { source: meter, reading }
}
