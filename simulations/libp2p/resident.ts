import path from 'node:path'
import {
  createLibp2pNetwork,
  createNode,
  createSigner,
  type LedgerNode,
  LedgerStore,
  openLevelKv,
  openMemoryKv,
  systemPlatform,
  verifySignature,
} from '../../node/index.ts'
import { type Genesis, toHex, verifyCheckpoint } from '../../protocol/index.ts'
import { timesHeld } from '../checkers/durability.ts'
import { Feeder } from './feeder.ts'
import { keySeedOf } from './keys.ts'
import type { Findings, Holding, Load, Notice, OpenInit, Standing, WorkerInit } from './messages.ts'
import type { NodeTally } from './node-tally.ts'

/** A node's writes of ten minutes would wait in memory for LevelDB to have 4 MiB of them: an eighth of it costs no more time. */
export const WRITE_BUFFER_BYTES = 262_144

export interface ResidentInit {
  readonly worker: WorkerInit
  readonly genesis: Genesis
  /** By key in hex. */
  readonly members: ReadonlyMap<string, number>
  readonly tally: NodeTally
  readonly notify: (notice: Notice) => void
}

/** One node of a worker, on TCP, with a store of its own; it checks every signature itself. */
export class Resident {
  readonly member: number
  readonly node: LedgerNode
  readonly #init: ResidentInit
  readonly #store: LedgerStore
  readonly #feeder: Feeder
  /** By member: how much of its chain is final. */
  readonly #finalSizes: number[] = []
  #held = 0
  #final = 0

  private constructor(init: ResidentInit, { member, readings }: OpenInit, node: LedgerNode) {
    this.#init = init
    this.member = member
    this.node = node
    this.#store = node.store
    this.#feeder = new Feeder({
      key: node.key,
      readings,
      platform: systemPlatform,
      take: (reading) => node.take([{ source: 'meter', reading }]),
      onTaken: (time) => init.notify({ type: 'taken', member, time }),
      onRefused: (error) => this.#note(`takes no reading: ${error.message}`),
    })
    for (const { state } of this.#store.chains()) this.#held += state.size
    for (const { member: key, size } of this.#store.witness.finals()) this.#raiseFinal(toHex(key), size)
    this.#listen()
  }

  static async open(init: ResidentInit, open: OpenInit): Promise<Resident> {
    const { worker, genesis } = init
    const name = worker.names[open.member] as string
    const seed = keySeedOf(worker.seed, name)
    const signer = createSigner(seed)
    const { networkId } = genesis
    const onDisk = (directory: string): ReturnType<typeof openLevelKv> =>
      openLevelKv(path.join(directory, name), { writeBufferBytes: WRITE_BUFFER_BYTES })
    const store = await LedgerStore.open({
      kv: await (worker.directory === undefined ? openMemoryKv() : onDisk(worker.directory)),
      networkId,
      ownKey: signer.publicKey,
      verifySigned: (checkpoint) => verifyCheckpoint(verifySignature, networkId, checkpoint),
    })
    const network = await createLibp2pNetwork({
      seed,
      platform: systemPlatform,
      gossipDegree: worker.degree,
      listen: [`/ip4/${worker.host}/tcp/0`],
    })
    const settings = { ...worker.settings, bootstrap: open.bootstrap }
    const node = await createNode({ genesis, signer, network, store, settings })
    const resident = new Resident(init, open, node)
    await node.start()
    return resident
  }

  get address(): string {
    return this.node.network.addresses()[0] as string
  }

  feed(load: Load): void {
    this.#feeder.feed(load)
  }

  /** Nothing waits afterwards, if the node may seal. */
  async sealAll(): Promise<void> {
    if (this.#store.spool.size > 0) await this.node.sealNow().catch((error: Error) => this.#note(`cannot seal: ${error.message}`))
  }

  async close(): Promise<void> {
    this.#feeder.stop()
    await this.node.stop()
    await this.#store.close()
  }

  standing(): Standing {
    const { node, member } = this
    const links = node.network.links().flatMap(({ keyHex }) => this.#init.members.get(keyHex) ?? [])
    const greeted = [...node.sync.sessions].filter(({ hello }) => hello !== undefined).length
    const own = this.#store.head(node.key)?.size ?? 0
    return { member, links, greeted, spooled: this.#store.spool.size, held: this.#held, final: this.#final, own }
  }

  async findings(): Promise<Findings> {
    const holdings: Holding[] = []
    for (const [keyHex, member] of this.#init.members) {
      const key = Uint8Array.from(Buffer.from(keyHex, 'hex'))
      const [head, final] = [this.#store.head(key), this.node.finalOf(key)]
      if (head === undefined) continue
      const ends = { size: head.size, root: toHex(head.root) }
      const finals =
        final === undefined ? { finalSize: 0, finalRoot: '' } : { finalSize: final.size, finalRoot: toHex(final.root) }
      holdings.push({ member, ...ends, ...finals })
    }
    return { member: this.member, holdings, times: await timesHeld({ store: this.#store, key: this.node.key }) }
  }

  async rootAt(key: Uint8Array, size: number): Promise<string | undefined> {
    if ((this.#store.head(key)?.size ?? 0) < size) return undefined
    const root = await this.#store.rootAt(key, size)
    return root === undefined ? undefined : toHex(root)
  }

  #listen(): void {
    const { node, member } = this
    const { members, tally, notify } = this.#init
    const memberOf = (keyHex: string): number => members.get(keyHex) ?? -1
    node.on('stored', ({ member: keyHex, from, count, own }) => {
      this.#held += count
      const atMs = systemPlatform.clock.now()
      if (own) notify({ type: 'sealed', member, from, count, atMs })
      else tally.onStored(memberOf(keyHex), from, count, atMs)
    })
    node.on('final', ({ member: keyHex, size }) => {
      const from = this.#finalSizes[memberOf(keyHex)] ?? 0
      this.#raiseFinal(keyHex, size)
      if (size > from) tally.onFinal(memberOf(keyHex), from, size, systemPlatform.clock.now())
    })
    node.on('attested', () => void tally.attestations++)
    node.on('evidence', ({ member: keyHex }) => notify({ type: 'evidence', member, against: memberOf(keyHex) }))
    node.on('witnessEvidence', ({ member: keyHex }) => notify({ type: 'evidence', member, against: memberOf(keyHex) }))
    node.on('fault', ({ peer, fault, detail }) => notify({ type: 'fault', member, peer: memberOf(peer), fault, detail }))
    node.on('refused', ({ peer }) => this.#note(`is refused by ${this.#init.worker.names[memberOf(peer)] ?? peer.slice(0, 8)}`))
    node.on('sealFailed', ({ error }) => this.#note(`cannot seal: ${(error as Error).message}`))
    node.on('witnessHalted', ({ reason }) => this.#note(`witnesses no more: ${reason}`))
    node.on('damage', ({ error }) => this.#note(`finds damage: ${error.message}`))
  }

  #raiseFinal(keyHex: string, size: number): void {
    const member = this.#init.members.get(keyHex) ?? -1
    this.#final += Math.max(0, size - (this.#finalSizes[member] ?? 0))
    this.#finalSizes[member] = Math.max(size, this.#finalSizes[member] ?? 0)
  }

  #note(text: string): void {
    this.#init.notify({ type: 'note', member: this.member, text })
  }
}
