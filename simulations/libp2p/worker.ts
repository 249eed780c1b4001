import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { useNativeHash } from '../../node/index.ts'
import { parseGenesis, toHex } from '../../protocol/index.ts'
import type { Findings, Load, Look, Notice, OpenInit, Orders, RootAt, Sealed, WorkerInit } from './messages.ts'
import { NodeTally } from './node-tally.ts'
import { Resident, type ResidentInit } from './resident.ts'

/** The nodes of one process, and what its parent may ask of them. */
export class Worker implements Orders {
  readonly #notify: (notice: Notice) => void
  readonly #residents = new Map<number, Resident>()
  #init: ResidentInit | undefined
  #load: Load | undefined

  constructor(notify: (notice: Notice) => void) {
    this.#notify = notify
  }

  /** Files of the whole run. */
  get ground(): string | undefined {
    return this.#init?.worker.ground
  }

  begin(worker: WorkerInit): void {
    useNativeHash()
    const genesis = parseGenesis(worker.genesisBytes)
    const keys = [genesis.registrar, ...genesis.members.map(({ key }) => key)]
    const members = new Map(keys.map((key, member) => [toHex(key), member]))
    const tally = new NodeTally(worker.sealedMs)
    const notify = (notice: Notice): void => {
      if (notice.type === 'sealed') tally.onSealed([notice])
      this.#notify(notice)
    }
    this.#load = worker.load
    this.#init = { worker, genesis, members, tally, notify }
  }

  async open(open: OpenInit): Promise<string> {
    const resident = await Resident.open(this.#begun(), open)
    this.#residents.set(open.member, resident)
    if (this.#load !== undefined) resident.feed(this.#load)
    return resident.address
  }

  async close(member: number): Promise<void> {
    const resident = this.#residents.get(member)
    this.#residents.delete(member)
    await resident?.close()
  }

  feed(load: Load): void {
    this.#load = load
    for (const resident of this.#residents.values()) resident.feed(load)
  }

  sealed(blocks: readonly Sealed[]): void {
    this.#begun().tally.onSealed(blocks)
  }

  async sealAll(): Promise<void> {
    for (const resident of this.#residents.values()) await resident.sealAll()
  }

  look(): Look {
    const { tally } = this.#begun()
    const { user, system } = process.cpuUsage()
    return {
      standings: [...this.#residents.values()].map((resident) => resident.standing()),
      cpuUs: user + system,
      rssBytes: process.memoryUsage.rss(),
      deliveries: tally.deliveries,
      attestations: tally.attestations,
      finals: tally.finals,
      delivery: tally.delivery.state(),
      finality: tally.finality.state(),
    }
  }

  storedBytes(): { member: number; bytes: number }[] {
    const { directory, names } = this.#begun().worker
    return [...this.#residents.keys()].map((member) => {
      return { member, bytes: directory === undefined ? 0 : bytesIn(path.join(directory, names[member] ?? '')) }
    })
  }

  async findings(): Promise<Findings[]> {
    const all: Findings[] = []
    for (const resident of this.#residents.values()) all.push(await resident.findings())
    return all
  }

  async rootsAt({ member, size }: { member: number; size: number }): Promise<RootAt[]> {
    const key = [...this.#begun().members.keys()][member] ?? ''
    const roots: RootAt[] = []
    for (const [node, resident] of this.#residents) {
      roots.push({ node, root: await resident.rootAt(Uint8Array.from(Buffer.from(key, 'hex')), size) })
    }
    return roots
  }

  #begun(): ResidentInit {
    if (this.#init === undefined) throw new Error('a worker is told of its run first')
    return this.#init
  }
}

function bytesIn(directory: string): number {
  try {
    return readdirSync(directory).reduce((sum, file) => sum + statSync(path.join(directory, file)).size, 0)
  } catch {
    // LevelDB takes files away at any moment.
    return 0
  }
}
