import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { later, NodeProcess, type Status, wattness } from './node-process.ts'

export const REGISTRAR = 'registrar'
export const meterName = (number: number): string => `meter-${number}`

export interface StreetInit {
  readonly dir: string
  /** Beside the registrar, who is number 0. */
  readonly meters: number
  /** Appointed once all have joined: the meters 1 to this. */
  readonly witnesses: number
  /** Flags of `run` for the node of that number, its listening address among them. */
  readonly flags: (number: number) => readonly string[]
  /** What stands before that node's commands. */
  readonly place?: (number: number) => readonly string[]
  /** For Node itself, of all nodes. */
  readonly nodeFlags?: readonly string[]
  /** Told of each step. */
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}

const LOOK_MS = 500

/** A neighbourhood of real processes: a registrar and meters that joined it by invitations. */
export class Street {
  readonly nodes: readonly NodeProcess[]
  readonly #init: StreetInit

  private constructor(init: StreetInit) {
    this.#init = init
    this.nodes = Array.from({ length: init.meters + 1 }, (_, number) => {
      const name = number === 0 ? REGISTRAR : meterName(number)
      const dir = path.join(init.dir, name)
      const { nodeFlags = [] } = init
      return new NodeProcess({ name, dir, flags: init.flags(number), place: init.place?.(number) ?? [], nodeFlags })
    })
  }

  /** Makes the network, lets everybody join and start. `street` is told at once: a failure half-way leaves nothing running. */
  static async open(init: StreetInit, street: (street: Street) => void): Promise<Street> {
    const made = new Street(init)
    street(made)
    await made.#found()
    return made
  }

  node(number: number): NodeProcess {
    const node = this.nodes[number]
    if (node === undefined) throw new RangeError(`there is no node ${number}`)
    return node
  }

  async #found(): Promise<void> {
    const { meters, witnesses, note, signal, place = () => [] } = this.#init
    const registrar = this.node(0)
    await mkdir(this.#init.dir, { recursive: true })
    note(`a network of ${meters + 1} members`)
    await wattness(['network', 'create', '--name', 'Long Street', '--dir', registrar.dir], place(0))
    await registrar.start()
    for (let number = 1; number <= meters; number++) {
      signal.throwIfAborted()
      const ticket = (await wattness(['ticket', '--dir', registrar.dir, '--invite'], place(0))).trim()
      const { dir } = this.node(number)
      await wattness(['join', ticket, '--dir', dir, '--label', `Long Street ${number}`], place(number))
      await this.node(number).start()
    }
    if (witnesses === 0) return
    note(`${witnesses} witnesses`)
    const members = Array.from({ length: witnesses }, (_, i) => i + 1).join(',')
    await wattness(['member', 'role', members, 'meter,witness', '--dir', registrar.dir], place(0))
  }

  /** Of the nodes of these numbers, all unless given; those that do not answer are left out. */
  async statuses(numbers: readonly number[] = [...this.nodes.keys()]): Promise<Map<number, Status>> {
    const found = new Map<number, Status>()
    await Promise.all(
      numbers.map(async (number) => {
        const status = await this.node(number).status()
        if (status !== undefined) found.set(number, status)
      }),
    )
    return found
  }

  /** Looks again and again until `wanted` holds of all that were asked; throws with what they said last. */
  async until(
    what: string,
    limitMs: number,
    numbers: readonly number[],
    wanted: (statuses: readonly Status[]) => boolean,
  ): Promise<number> {
    const startMs = Date.now()
    for (;;) {
      const found = await this.statuses(numbers)
      if (found.size === numbers.length && wanted([...found.values()])) return Date.now() - startMs
      if (Date.now() - startMs > limitMs) {
        const said = [...found].map(([number, status]) => `${this.node(number).name}: ${outline(status)}`)
        throw new Error(`${what}: not within ${limitMs / 1_000} s; ${said.join('; ')}`)
      }
      await later(LOOK_MS, this.#init.signal)
    }
  }

  /** Ends all of them; names of those that had to be killed. */
  async stop(): Promise<string[]> {
    const ends = await Promise.all(this.nodes.map(async (node) => ((await node.stop()) ? [] : [node.name])))
    return ends.flat()
  }

  async kill(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()))
  }
}

const outline = ({ frontier, headsRoot, running, finality }: Status): string =>
  `frontier ${frontier.join(' ')}, root ${headsRoot.slice(0, 8)}, ` +
  `${running?.peers.length ?? 0} peers, quorum ${finality.quorum}` +
  (typeof running?.heldBack === 'string' ? `, ${running.heldBack}` : '')

/** Every node holds as much of every chain, and the same. Meaningful only where nothing is being sealed. */
export const agree = (statuses: readonly Status[]): boolean =>
  new Set(statuses.map(({ headsRoot, frontier }) => `${headsRoot} ${frontier.join(' ')}`)).size === 1

/** Blocks of each chain that the best informed one holds. */
export const widest = (statuses: readonly Status[]): number[] =>
  statuses.reduce<number[]>((most, { frontier }) => {
    const length = Math.max(most.length, frontier.length)
    return Array.from({ length }, (_, i) => Math.max(most[i] ?? 0, frontier[i] ?? 0))
  }, [])

export const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)

/** Everybody holds at least `least` of every chain. */
export const hold =
  (least: readonly number[]) =>
  (statuses: readonly Status[]): boolean =>
    statuses.every(({ frontier }) => least.every((size, i) => (frontier[i] ?? 0) >= size))
