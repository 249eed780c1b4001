import {
  type Bytes,
  formatGenesis,
  type Genesis,
  type GenesisInit,
  parseGenesis,
  parseRoles,
  type Reading,
  type SignedCheckpoint,
  type Signer,
  sha256,
  toHex,
  toUtf8,
  verifyCheckpoint,
} from '../../../protocol/index.ts'
import { silentLogger } from '../../logger.ts'
import { createMemoryHub, type MemoryHub } from '../../net/index.ts'
import { LedgerNode } from '../../node.ts'
import { DEFAULT_SETTINGS, type NodeSettings } from '../../settings.ts'
import { createSigner, verifySignature } from '../../signature.ts'
import { type Kv, LedgerStore, openMemoryKv } from '../../store/index.ts'
import { seededRandom } from './seeded-random.ts'
import { VirtualTime } from './virtual-time.ts'

export interface NeighbourhoodInit {
  /** Meters beside the registrar. */
  readonly meters?: number
  /** Further members of genesis, by name, for which no node is made: tests speak for them. */
  readonly absent?: readonly string[]
  /** How many of the meters are witnesses too, the first ones; none unless given. */
  readonly witnesses?: number
  readonly settings?: Partial<NodeSettings>
  readonly genesis?: Partial<GenesisInit>
  readonly latencyMs?: number
  readonly seed?: number
}

export const TEST_SETTINGS: NodeSettings = {
  ...DEFAULT_SETTINGS,
  intervalMs: 10_000,
  announceDelayMs: 250,
  verifyThreads: 0,
  agent: 'test',
}

/** One node of a test, with what outlives it: its key and its disk. */
export interface TestNode {
  readonly name: string
  readonly signer: Signer
  readonly settings: NodeSettings
  kv: Kv
  store: LedgerStore
  node: LedgerNode
}

/** Nodes of the real code on virtual time and a network in memory: a run depends on its seed alone. */
export class Neighbourhood {
  readonly time = new VirtualTime({ turns: 2 })
  readonly genesis: Genesis
  readonly hub: MemoryHub
  readonly nodes: TestNode[] = []
  readonly #random

  private constructor(init: NeighbourhoodInit) {
    const count = init.meters ?? 3
    this.#random = seededRandom(init.seed ?? 1)
    this.genesis = parseGenesis(
      formatGenesis({
        name: 'test',
        registrar: signerOf('registrar').publicKey,
        members: [...Array.from({ length: count }, (_, i) => meterName(i + 1)), ...(init.absent ?? [])].map((name, at) => ({
          key: signerOf(name).publicKey,
          roles: parseRoles(at < (init.witnesses ?? 0) ? 'meter,witness' : 'meter'),
          label: name,
        })),
        ...init.genesis,
      }),
    )
    const { clock, timers } = this.time
    this.hub = createMemoryHub({ clock, timers, random: this.#random, latencyMs: init.latencyMs ?? 5 })
  }

  /** Registrar first, then the meters; none is started. */
  static async create(init: NeighbourhoodInit = {}): Promise<Neighbourhood> {
    const all = new Neighbourhood(init)
    const count = init.meters ?? 3
    await all.add('registrar', init.settings)
    for (let i = 1; i <= count; i++) await all.add(meterName(i), init.settings)
    return all
  }

  /** A further node; the name decides its key. */
  async add(name: string, settings: Partial<NodeSettings> = {}, kv?: Kv): Promise<TestNode> {
    const signer = signerOf(name)
    const disk = kv ?? (await openMemoryKv())
    const made = await this.#make(signer, { ...TEST_SETTINGS, ...settings }, disk)
    const node: TestNode = { name, signer, settings: { ...TEST_SETTINGS, ...settings }, kv: disk, ...made }
    this.nodes.push(node)
    return node
  }

  /** A node that seals under the key of another name and is reached under its own: a key that runs twice. */
  async addDouble(name: string, of: string, settings: Partial<NodeSettings> = {}, kv?: Kv): Promise<TestNode> {
    const signer = signerOf(of)
    const disk = kv ?? (await openMemoryKv())
    const all = { ...TEST_SETTINGS, ...settings }
    const node: TestNode = {
      name,
      signer,
      settings: all,
      kv: disk,
      ...(await this.#make(signer, all, disk, signerOf(name).publicKey)),
    }
    this.nodes.push(node)
    return node
  }

  async #make(
    signer: Signer,
    settings: NodeSettings,
    kv: Kv,
    networkKey = signer.publicKey,
  ): Promise<{ store: LedgerStore; node: LedgerNode }> {
    const { networkId } = this.genesis
    const verifySigned = (checkpoint: SignedCheckpoint): boolean => verifyCheckpoint(verifySignature, networkId, checkpoint)
    const store = await LedgerStore.open({ kv, networkId, ownKey: signer.publicKey, verifySigned })
    const node = await LedgerNode.create({
      genesis: this.genesis,
      signer,
      verify: verifySignature,
      network: this.hub.network(networkKey),
      store,
      platform: this.time.platform(this.#random),
      logger: silentLogger,
      settings,
    })
    return { store, node }
  }

  get(name: string): TestNode {
    const found = this.nodes.find((node) => node.name === name)
    if (found === undefined) throw new Error(`no node ${name}`)
    return found
  }

  /** Starts all, and links each to the next ones so that everybody has `degree` neighbours or more. */
  async start(degree = 2): Promise<void> {
    for (const { node } of this.nodes) await this.time.wait(node.start())
    for (let i = 0; i < this.nodes.length; i++) {
      for (let step = 1; step <= Math.max(1, degree / 2); step++) await this.link(i, (i + step) % this.nodes.length)
    }
    await this.time.advance(1_000)
  }

  async link(a: number, b: number): Promise<void> {
    const [from, to] = [this.nodes[a] as TestNode, this.nodes[b] as TestNode]
    if (from === to) return
    await this.time.wait(from.node.network.dial(to.node.network.addresses()[0] as string))
  }

  /** Ends a node and starts it again on the same disk. */
  async restart(name: string, settings: Partial<NodeSettings> = {}): Promise<TestNode> {
    const old = this.get(name)
    await this.time.wait(old.node.stop())
    const made = await this.#make(old.signer, { ...old.settings, ...settings }, old.kv, old.node.network.self)
    Object.assign(old, made)
    await this.time.wait(old.node.start())
    return old
  }

  async stop(): Promise<void> {
    for (const { node } of this.nodes) await this.time.wait(node.stop())
    for (const { store } of this.nodes) await store.close()
  }

  /** Readings of one quarter hour each, taken by the named meter. */
  async take(name: string, count = 1): Promise<void> {
    const { node } = this.get(name)
    const start = this.time.clock.now()
    const items = Array.from({ length: count }, (_, i) => ({
      source: 'test',
      reading: testReading(start + i * 60_000, 1000 + i),
    }))
    await this.time.wait(node.take(items))
  }

  /** Sizes of all chains as the named node holds them, by member index. */
  frontier(name: string): readonly number[] {
    return this.get(name).node.sync.view.frontier
  }

  headsRoot(name: string): string {
    return toHex(this.get(name).node.sync.view.headsRoot())
  }

  get agreed(): boolean {
    return new Set(this.nodes.map(({ name }) => this.headsRoot(name))).size === 1
  }

  async untilAgreed(blocks: number, limitMs = 600_000): Promise<void> {
    const holds = (): boolean =>
      this.agreed && this.nodes.every(({ name }) => this.frontier(name).reduce((a, b) => a + b, 0) === blocks)
    await this.time.until(holds, limitMs, `agreement on ${blocks} blocks`)
  }
}

export const meterName = (number: number): string => `meter-${number}`

const signers = new Map<string, Signer>()

/** The same name gives the same key. */
export function signerOf(name: string): Signer {
  const signer = signers.get(name) ?? createSigner(sha256(toUtf8(`neighbourhood ${name}`)))
  signers.set(name, signer)
  return signer
}

export function testReading(time: number, wattHours: number): Reading {
  return {
    time: time - (time % 60_000),
    intervalMs: 0,
    timeSource: 'meter-clock',
    values: [
      {
        register: { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 },
        value: wattHours,
        quality: 'good',
      },
    ],
  }
}

export const hexOf = (bytes: Bytes): string => toHex(bytes)
