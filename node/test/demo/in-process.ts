import { Host } from '../../demo/host.ts'
import type { HostLink, HostLinkInit, OpenHost } from '../../demo/host-link.ts'
import type { Order, Word } from '../../demo/messages.ts'
import { createMemoryHub } from '../../net/index.ts'
import { openNode } from '../../open-node.ts'
import { systemPlatform } from '../../platform.ts'

/** What a test does to a word on its way to the main process: another word, or none. */
export type Meddle = (word: Word, link: InProcessHost) => Word | undefined

/** A host in this process: real nodes in real directories, on a network in memory. */
export class InProcessHost implements HostLink {
  readonly names: readonly string[]
  readonly orders: Order[] = []
  isAlive = true
  readonly #host: Host
  readonly #init: HostLinkInit

  constructor(init: HostLinkInit, host: (say: (word: Word) => void) => Host, meddle: Meddle) {
    this.names = init.names
    this.#init = init
    this.#host = host((word) => {
      const passed = meddle(word, this)
      if (passed !== undefined && this.isAlive) init.onWord(passed)
    })
  }

  tell(order: Order): void {
    this.orders.push(order)
    if (this.isAlive) void this.#host.obey(order)
  }

  async stop(): Promise<void> {
    await this.#host.stop()
    this.isAlive = false
  }

  kill(): void {
    this.isAlive = false
  }

  /** Ends without having been told to. */
  die(reason: string): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.#init.onDeath(reason)
  }
}

export interface InProcess {
  readonly open: OpenHost
  readonly hosts: InProcessHost[]
}

export function inProcessHosts(meddle: Meddle = (word) => word): InProcess {
  const hub = createMemoryHub({ ...systemPlatform, latencyMs: 1 })
  const hosts: InProcessHost[] = []
  const makeHost = (say: (word: Word) => void): Host =>
    new Host({ say, open: (init) => openNode({ ...init, network: (key) => hub.network(key) }) })
  return {
    hosts,
    open: (init) => {
      const host = new InProcessHost(init, makeHost, meddle)
      hosts.push(host)
      return host
    },
  }
}
