import { isWattnessError } from '../../protocol/index.ts'
import { type OpenedNode, type OpenNodeInit, openNode } from '../open-node.ts'
import { type Platform, systemPlatform } from '../platform.ts'
import type { NodeOrder, Order, StartOrder, Word } from './messages.ts'
import { Resident } from './resident.ts'

export interface HostInit {
  readonly say: (word: Word) => void
  readonly platform?: Platform
  /** In place of openNode. */
  readonly open?: (init: OpenNodeInit) => Promise<OpenedNode>
}

/** Some nodes of the demonstration in one process, which do what they are told. */
export class Host {
  readonly #say: (word: Word) => void
  readonly #platform: Platform
  readonly #open: (init: OpenNodeInit) => Promise<OpenedNode>
  readonly #residents: Resident[] = []
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(init: HostInit) {
    this.#say = init.say
    this.#platform = init.platform ?? systemPlatform
    this.#open = init.open ?? openNode
  }

  /** Never throws: what goes wrong is said. */
  async obey(order: Order): Promise<void> {
    try {
      await this.#carryOut(order)
    } catch (error) {
      this.#sayFailed(`while told to ${order.type}`, error)
    }
  }

  /** Ends all nodes, those that are just starting too. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #carryOut(order: Order): Promise<void> {
    switch (order.type) {
      case 'start':
        this.#starting = this.#start(order)
        return this.#starting
      case 'feed':
        for (const resident of this.#residents) resident.startFeeding()
        return
      case 'report':
        this.#say({ type: 'report', id: order.id, nodes: await Promise.all(this.#residents.map((each) => each.report())) })
        return
      case 'end-sealing':
        await Promise.all(this.#residents.map((resident) => resident.endSealing()))
        this.#say({ type: 'sealing-ended' })
        return
      case 'cross-check':
        for (const resident of this.#residents) resident.crossCheck()
        return
      case 'stop':
        return this.stop()
    }
  }

  /** One after the other: nodes that share a core do not start sooner side by side. */
  async #start(start: StartOrder): Promise<void> {
    for (const order of start.nodes) {
      if (this.#stopping !== undefined) return
      const resident = await this.#startOne(order, start)
      if (resident === undefined) return
      this.#residents.push(resident)
      const { name, addresses, httpAddress } = resident
      this.#say({ type: 'started', name, addresses, ...(httpAddress === undefined ? {} : { http: httpAddress }) })
    }
    this.#say({ type: 'ready' })
  }

  async #startOne(order: NodeOrder, start: StartOrder): Promise<Resident | undefined> {
    const { name } = order
    const note = (text: string): void => this.#say({ type: 'note', name, text })
    try {
      return await Resident.start({ order, start, open: this.#open, platform: this.#platform, note })
    } catch (error) {
      this.#sayFailed(name, error)
      return undefined
    }
  }

  async #stop(): Promise<void> {
    await this.#starting
    const ends = await Promise.allSettled(this.#residents.map((resident) => resident.stop()))
    for (const [at, end] of ends.entries()) {
      if (end.status === 'rejected') this.#sayFailed((this.#residents[at] as Resident).name, end.reason)
    }
  }

  #sayFailed(name: string, error: unknown): void {
    const code = isWattnessError(error) ? error.code : 'UNEXPECTED'
    this.#say({ type: 'failed', name, code, text: error instanceof Error ? error.message : String(error) })
  }
}
