import {
  createNode,
  createSigner,
  type LedgerNode,
  LedgerStore,
  type Network,
  type NodeEventName,
  type NodeEvents,
  type NodeSettings,
} from '../../node/index.ts'
import { type Reading, type Signer, sha256, toHex, toUtf8, type VerifySignature, verifyCheckpoint } from '../../protocol/index.ts'
import type { VirtualDisk } from '../disk/virtual-disk.ts'
import type { VirtualPort } from '../network/virtual-port.ts'
import { Machine } from '../time/virtual-time.ts'
import type { World, WorldEvents } from './world.ts'

export interface VirtualNodeInit {
  readonly name: string
  readonly host: number
  readonly signer: Signer
  /** Its place among the members. */
  readonly member: number
  readonly disk: VirtualDisk
}

/** What a planted fault changes of a node, from its next start on. */
export interface Alterations {
  verify?: VerifySignature
  settings?: Partial<NodeSettings>
  /** Of its clock. */
  skewMs?: number
  /** What its node is given for the network: an attacker's own hands are in between. */
  network?: (port: VirtualPort) => Network
}

const START_AGAIN_MS = 10_000

const EVENTS: readonly NodeEventName[] = [
  'stored',
  'sealed',
  'heldBack',
  'sealFailed',
  'evidence',
  'witnessEvidence',
  'final',
  'attested',
  'epoch',
  'witnessHalted',
  'membership',
  'link',
  'unlink',
  'refused',
  'agreement',
  'fault',
  'damage',
]

/** One machine of the run: its key and its disk outlive its node, which starts, stops and crashes. */
export class VirtualNode {
  readonly name: string
  readonly host: number
  readonly signer: Signer
  readonly key: Uint8Array
  readonly keyHex: string
  readonly member: number
  readonly disk: VirtualDisk
  readonly altered: Alterations = {}
  readonly #world: World
  /** False for who follows an attacker's orders: what it says or holds counts for nothing. */
  isHonest = true
  starts = 0
  #machine: Machine | undefined
  #port: VirtualPort | undefined
  #node: LedgerNode | undefined
  #store: LedgerStore | undefined

  constructor(world: World, init: VirtualNodeInit) {
    this.#world = world
    this.name = init.name
    this.host = init.host
    this.signer = init.signer
    this.key = init.signer.publicKey
    this.keyHex = toHex(this.key)
    this.member = init.member
    this.disk = init.disk
    this.disk.onCrash = () => this.crash()
  }

  /** Undefined while it is down or starting. */
  get node(): LedgerNode | undefined {
    return this.#node
  }

  get store(): LedgerStore | undefined {
    return this.#store
  }

  get port(): VirtualPort | undefined {
    return this.#port
  }

  get isUp(): boolean {
    return this.#node !== undefined
  }

  /** Also while it is starting. */
  get isOn(): boolean {
    return this.#machine !== undefined
  }

  get address(): string {
    return `/virtual/${this.host}/${this.keyHex}`
  }

  /** How far its clock is ahead of the right time. */
  get skewMs(): number {
    return this.altered.skewMs ?? 0
  }

  /** Here and now, while its node runs, and for every start to come. */
  setClock(skewMs: number): void {
    this.altered.skewMs = skewMs
    if (this.#machine !== undefined) this.#machine.skewMs = skewMs
  }

  /** A start that fails, as on a full disk, is made again, as whatever keeps a service running does. */
  async start(): Promise<void> {
    if (this.#machine !== undefined) return
    try {
      await this.#start()
    } catch (error) {
      const { log, time } = this.#world
      log.note(`${this.name} cannot start: ${error instanceof Error ? error.message : String(error)}`)
      this.crash()
      time.after(START_AGAIN_MS, () => this.#world.run(`${this.name} starts again`, () => this.start()))
    }
  }

  async #start(): Promise<void> {
    const { time, network, genesis, checks } = this.#world
    const random = this.#world.random.stream(`${this.name} start ${++this.starts}`)
    const machine = new Machine(time, random, this.altered.skewMs)
    this.#machine = machine
    const { platform } = machine
    const verify = this.altered.verify ?? checks.verify
    const store = await LedgerStore.open({
      kv: this.disk.mount(platform.timers),
      networkId: genesis.networkId,
      ownKey: this.key,
      verifySigned: (checkpoint) => verifyCheckpoint(verify, genesis.networkId, checkpoint),
    })
    if (machine.isDead) return
    const port = network.port(this.host, this.key, platform)
    const settings = { ...this.#world.nodeSettings(this), ...this.altered.settings }
    const given = this.altered.network?.(port) ?? port
    const { checkRun } = checks
    const node = await createNode({ genesis, signer: this.signer, verify, checkRun, network: given, store, platform, settings })
    if (machine.isDead) return
    for (const name of EVENTS) node.on(name, (event) => this.#tell(machine, name, event))
    this.#port = port
    this.#store = store
    this.#node = node
    await node.start()
    if (!machine.isDead) this.#world.emit(this, 'started', { starts: this.starts })
  }

  /** What a dead machine still does in its last turn of promises is nothing that anybody sees. */
  #tell<N extends NodeEventName>(machine: Machine, name: N, event: NodeEvents[N]): void {
    if (!machine.isDead) this.#world.emit(this, name, event as WorldEvents[N])
  }

  /** In order: everything is told and on the disk. */
  async stop(): Promise<void> {
    const [node, store, machine] = [this.#node, this.#store, this.#machine]
    if (node === undefined || machine === undefined) return
    this.#forget()
    await node.stop()
    await store?.close()
    machine.die()
    this.#machine = undefined
    this.#world.emit(this, 'stopped', { isCrash: false })
  }

  /** Here and now, by a power cut: neighbours are told nothing, and of the unsynced writes some are lost. */
  crash(keepUnsynced?: (unsynced: number) => number): void {
    if (this.#machine === undefined) return
    this.#machine.die()
    this.#machine = undefined
    this.#forget()
    this.#world.network.crash(this.host)
    this.disk.powerCut(keepUnsynced ?? ((unsynced) => this.#world.faultRandom.below(unsynced + 1)))
    this.#world.emit(this, 'stopped', { isCrash: true })
  }

  #forget(): void {
    this.#node = undefined
    this.#store = undefined
    this.#port = undefined
  }

  /** A reading of its meter; a box that is off reads nothing. */
  async take(readings: readonly Reading[]): Promise<void> {
    const node = this.#node
    if (node === undefined) return
    await node.take(readings.map((reading) => ({ source: 'meter', reading })))
    this.#world.emit(this, 'taken', { readings })
  }
}

/** The same name and seed give the same key. */
export function signerNamed(seed: string, name: string): Signer {
  return createSigner(sha256(toUtf8(`simulation ${seed} ${name}`)))
}
