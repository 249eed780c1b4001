import { DEFAULT_SETTINGS, type NodeEventName, type NodeEvents, type NodeSettings } from '../../node/index.ts'
import { formatGenesis, type Genesis, parseGenesis, parseRoles, type Reading } from '../../protocol/index.ts'
import { VirtualDisk } from '../disk/virtual-disk.ts'
import { EventLog } from '../event-log.ts'
import type { Home } from '../loads/homes.ts'
import { VirtualNetwork } from '../network/virtual-network.ts'
import { SeededRandom } from '../seeded-random.ts'
import type { Settings } from '../settings.ts'
import type { VirtualTime } from '../time/virtual-time.ts'
import type { Checks, Commons } from './commons.ts'
import { signerNamed, VirtualNode } from './virtual-node.ts'

/** What is told beside the nodes' own events. */
export interface MachineEvents {
  /** Its node runs. */
  readonly started: { readonly starts: number }
  readonly stopped: { readonly isCrash: boolean }
  /** Readings are durable, as the node said. */
  readonly taken: { readonly readings: readonly Reading[] }
}

export type WorldEvents = NodeEvents & MachineEvents
export type WorldEventName = NodeEventName | keyof MachineEvents
export type WorldListener<N extends WorldEventName> = (node: VirtualNode, event: WorldEvents[N]) => void

export interface WorldInit {
  readonly commons: Commons
  readonly seed: string
  readonly settings: Settings
  readonly homes: readonly Home[]
}

/** Others that a node is told of when it starts; the rest it finds by them. */
const FIRST_ADDRESSES = 4

/** A meter's reading is taken up to so long after its time. */
const READING_DELAY_MS = 20_000

/** Refused by a full disk, a reading is offered again after this. */
const OFFER_AGAIN_MS = 60_000

/** One neighbourhood of the real node code on virtual time, network and disks. Its course depends on `WorldInit` alone. */
export class World {
  readonly seed: string
  readonly settings: Settings
  readonly random: SeededRandom
  /** For faults alone, so that a fault changes nothing else by drawing. */
  readonly faultRandom: SeededRandom
  readonly time: VirtualTime
  readonly network: VirtualNetwork
  readonly genesis: Genesis
  readonly log: EventLog
  readonly checks: Checks
  readonly nodes: VirtualNode[] = []
  /** Not started with the others. */
  readonly latecomers = new Set<VirtualNode>()
  readonly #homes: readonly Home[]
  readonly #commons: Commons
  readonly #listeners = new Map<WorldEventName, Set<WorldListener<never>>>()
  readonly #liars = new Set<number>()
  #isFed = true

  constructor({ commons, seed, settings, homes }: WorldInit) {
    this.#commons = commons
    this.seed = seed
    this.settings = settings
    this.#homes = homes
    this.random = new SeededRandom(`wattness ${seed}`)
    this.faultRandom = this.random.stream('faults')
    this.time = commons.time
    this.checks = commons.checks
    this.log = new EventLog(() => this.time.elapsedMs)
    this.network = new VirtualNetwork({
      time: this.time,
      random: this.random.stream('network'),
      conditions: settings,
      degree: settings.degree,
      isCopying: !settings.shared,
    })
    const names = ['registrar', ...Array.from({ length: settings.meters }, (_, i) => `meter-${i + 1}`)]
    const signers = names.map((name) => signerNamed(seed, name))
    const [registrar, ...meters] = signers
    this.genesis = parseGenesis(
      formatGenesis({
        name: 'simulation',
        observers: settings.observers,
        registrar: (registrar as (typeof signers)[number]).publicKey,
        members: meters.map(({ publicKey }, i) => ({
          key: publicKey,
          roles: parseRoles(i < settings.witnesses ? 'meter,witness' : 'meter'),
          label: names[i + 1] as string,
        })),
      }),
    )
    for (const [member, name] of names.entries()) {
      const signer = signers[member] as (typeof signers)[number]
      this.nodes.push(new VirtualNode(this, { name, host: member, signer, member, disk: this.#newDisk() }))
    }
  }

  #newDisk(): VirtualDisk {
    return new VirtualDisk({ pool: this.#commons.pool, syncMs: this.settings.syncMs })
  }

  /** Meters, without registrar and twins. */
  get meters(): readonly VirtualNode[] {
    return this.nodes.slice(1, this.settings.meters + 1)
  }

  get honest(): VirtualNode[] {
    return this.nodes.filter(({ isHonest }) => isHonest)
  }

  get witnesses(): readonly VirtualNode[] {
    return this.meters.slice(0, this.settings.witnesses)
  }

  /** Members that somebody runs twice, or otherwise against the rules. */
  isHonestMember(member: number): boolean {
    return !this.#liars.has(member)
  }

  /** From here on nothing that this node says or holds counts, and its member may be proven to have told two stories. */
  turn(node: VirtualNode): void {
    node.isHonest = false
    this.#liars.add(node.member)
  }

  /** Also found in the log, where it hashes. */
  on<N extends WorldEventName>(name: N, listener: WorldListener<N>): void {
    const set = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, set)
    set.add(listener)
  }

  emit<N extends WorldEventName>(node: VirtualNode, name: N, event: WorldEvents[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      ;(listener as WorldListener<N>)(node, event)
    }
  }

  nodeSettings(node: VirtualNode): NodeSettings {
    const { settings } = this
    const others = this.nodes.filter(({ member, host }) => member !== node.member && host <= settings.meters)
    const bootstrap = this.random.stream(`${node.name} bootstrap`).sample(others, FIRST_ADDRESSES)
    return {
      ...DEFAULT_SETTINGS,
      intervalMs: settings.blockIntervalMs,
      announceDelayMs: settings.announceDelayMs === 0 ? undefined : settings.announceDelayMs,
      attestDelayMs: settings.attestDelayMs,
      crossCheckMs: settings.crossCheckMs === 0 ? undefined : settings.crossCheckMs,
      gossip: settings.gossip,
      verifyThreads: 0,
      agent: 'simulation',
      bootstrap: bootstrap.map(({ address }) => address),
    }
  }

  /** Sets all nodes' starts and all meters' readings on the agenda. */
  begin(): void {
    const random = this.random.stream('start')
    for (const node of this.nodes) {
      const afterMs = random.fraction() * this.settings.startUpMs
      if (!this.latecomers.has(node)) this.time.after(afterMs, () => this.run(`${node.name} starts`, () => node.start()))
    }
    for (const [i, meter] of this.meters.entries()) this.#feed(meter, this.#homes[i]?.readings ?? [], 0)
  }

  #feed(meter: VirtualNode, readings: readonly Reading[], at: number): void {
    const reading = readings[at]
    if (reading === undefined) return
    const delayMs = READING_DELAY_MS * this.random.fraction()
    this.time.after(reading.time - this.time.nowMs + delayMs, () => {
      if (!this.#isFed) return
      // A key that runs twice reads its meter twice.
      for (const node of this.nodes) if (node.member === meter.member) this.#offer(node, reading)
      this.#feed(meter, readings, at + 1)
    })
  }

  /** What does not fit on the disk is offered again, as a collector does. */
  #offer(meter: VirtualNode, reading: Reading): void {
    meter.take([reading]).catch(() => {
      this.time.after(OFFER_AGAIN_MS, () => this.#isFed && this.#offer(meter, reading))
    })
  }

  stopFeeding(): void {
    this.#isFed = false
  }

  /**
   * The same key once more, on another machine with a copy of the disk as it stands: two histories from here on. Unless it is not
   * `declared`, the member counts as dishonest.
   */
  addTwin(of: VirtualNode, isDeclared = true): VirtualNode {
    const { signer, member } = of
    const disk = this.#newDisk()
    disk.restore(of.disk.image())
    const twin = new VirtualNode(this, { name: `${of.name}-twin`, host: this.nodes.length, signer, member, disk })
    if (isDeclared) {
      this.turn(of)
      this.turn(twin)
    }
    this.nodes.push(twin)
    return twin
  }

  /** Starts something that takes virtual time; what it throws ends the run. */
  run(what: string, act: () => unknown): void {
    Promise.resolve()
      .then(act)
      .catch((error: unknown) => {
        const failure = error instanceof Error ? error : new Error(String(error))
        this.#commons.failures.push(new Error(`${what}: ${failure.message}`, { cause: failure }))
      })
  }
}
