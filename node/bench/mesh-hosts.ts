import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeSettings } from '../settings.ts'
import { type Host, startHost } from './host-process.ts'
import type { NodeHostCommands } from './node-host.ts'
import { Street } from './street.ts'

export interface MeshInit {
  readonly nodes: number
  readonly processes: number
  readonly settings: Partial<NodeSettings>
  /** How many of the meters, the first ones, are witnesses too. */
  readonly witnesses?: number
}

/** Each node dials those so many places on: degree six, four hops across at most where there are 32. */
const STEPS = [1, 5, 11]
const SETTLE_MS = 3_000

/**
 * The meters of a street in several processes, each linked with six others. The registrar is away: it writes when somebody
 * joins or leaves.
 */
export class MeshHosts {
  readonly hosts: readonly Host<NodeHostCommands>[]
  readonly #init: MeshInit
  readonly #dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))

  private constructor(init: MeshInit) {
    this.#init = init
    this.hosts = Array.from({ length: init.processes }, () => startHost<NodeHostCommands>('./node-host.ts'))
  }

  /** What `use` makes of it, all processes and files gone afterwards. */
  static async run<T>(init: MeshInit, use: (mesh: MeshHosts) => Promise<T>): Promise<T> {
    const mesh = new MeshHosts(init)
    try {
      await mesh.#connect()
      const result = await use(mesh)
      await Promise.all(mesh.hosts.map((host) => host.call('closeAll')))
      return result
    } finally {
      await Promise.all(mesh.hosts.map((host) => host.stop()))
      rmSync(mesh.#dir, { recursive: true })
    }
  }

  /** Names of the nodes in one of the processes. */
  namesOf(host: number): string[] {
    const { nodes, processes } = this.#init
    return Array.from({ length: nodes }, (_, i) => `meter ${i}`).filter((_, i) => i % processes === host)
  }

  async #connect(): Promise<void> {
    const { nodes, witnesses, settings } = this.#init
    const genesisBytes = new Street(nodes, witnesses).genesis.bytes
    const hostOf = (i: number): Host<NodeHostCommands> => this.hosts[i % this.hosts.length] as Host<NodeHostCommands>
    const addresses: string[] = []
    for (let i = 0; i < nodes; i++) {
      const init = { name: `meter ${i}`, dir: join(this.#dir, `${i}`), genesisBytes, settings, dialsNobody: true }
      addresses.push(await hostOf(i).call('open', init))
    }
    for (let i = 0; i < nodes; i++) {
      for (const step of STEPS) {
        await hostOf(i).call('dial', { name: `meter ${i}`, address: addresses[(i + step) % nodes] as string })
      }
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  }

  /** CPU of all threads of all processes since they began, microseconds. */
  async cpuUs(): Promise<number> {
    const used = await Promise.all(this.hosts.map((host) => host.call('usage')))
    return used.reduce((sum, { cpuUs }) => sum + cpuUs, 0)
  }
}
