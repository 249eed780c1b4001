import type { Home } from './loads/homes.ts'
import type { NetworkPlan } from './networks.ts'
import { isQuiet } from './quiet.ts'
import type { Act, Breakage, Checker, Scenario } from './scenario.ts'
import { Tally } from './tally.ts'
import type { Commons } from './world/commons.ts'
import { noteEvents } from './world/noted.ts'
import { World } from './world/world.ts'

export interface NeighbourhoodInit {
  readonly plan: NetworkPlan
  readonly commons: Commons
  /** Of the whole run. */
  readonly homes: readonly Home[]
  readonly scenario: Scenario
  readonly breakage: Breakage | undefined
  readonly violate: (checker: string, what: string) => void
}

/** One network of a run: its world, what is counted of it, its checkers, and what is done to it. */
export class Neighbourhood {
  /** Empty where it is the only one. */
  readonly name: string
  readonly world: World
  readonly tally: Tally
  violations = 0
  /** Virtual time from the end of the run until all of it agreed; undefined while they do not. */
  drainedMs: number | undefined
  readonly #init: NeighbourhoodInit
  readonly #endings: (() => unknown)[] = []

  constructor(init: NeighbourhoodInit) {
    const { plan, commons, homes } = init
    const { name, seed, settings, firstHome } = plan
    this.#init = init
    this.name = name
    this.world = new World({ name, commons, seed, settings, homes: homes.slice(firstHome, firstHome + settings.meters) })
    this.tally = new Tally(this.world)
  }

  /** As it is called in what is said of all networks together. */
  says(what: string): string {
    return this.name === '' ? what : `${this.name}: ${what}`
  }

  async begin(checkers: ReadonlyMap<string, Checker>): Promise<void> {
    const { world } = this
    const { scenario, breakage } = this.#init
    noteEvents(world)
    for (const [name, checker] of checkers) this.#endings.push(checker.watch(world, (what) => this.#violate(name, what)))
    await scenario.stage?.(world)
    await breakage?.stage?.(world)
    world.begin()
  }

  plan(): void {
    const { scenario, breakage } = this.#init
    for (const act of [...(scenario.acts ?? []), ...(breakage?.acts ?? [])]) this.#plan(act)
  }

  #plan(act: Act): void {
    const { world } = this
    const { forMs } = world.settings
    const last = act.every === undefined ? act.at : (act.until ?? 1)
    for (let at = act.at; at <= last; at += act.every ?? Number.POSITIVE_INFINITY) {
      world.time.after(at * forMs, () => {
        world.log.note(act.what)
        world.run(act.what, () => act.deed(world))
      })
    }
  }

  #violate(checker: string, what: string): void {
    this.violations++
    this.world.log.note(`violation of ${checker}: ${what}`, 'violation')
    this.#init.violate(checker, this.says(what))
  }

  /** Everything is mended and switched on, and nothing more is read. */
  mend(): void {
    const { world } = this
    world.log.note('the run is over: all is mended and nothing more is read', 'run')
    world.stopFeeding()
    world.network.heal()
    for (const node of world.nodes) {
      node.disk.fate = () => 'ok'
      node.disk.capacityBytes = Number.POSITIVE_INFINITY
      node.setClock(0)
      world.network.repair(node.host)
      if (!node.isOn) world.run(`${node.name} starts for the end`, () => node.start())
    }
  }

  /** Whether all agree by now; `sinceMs`: since it was mended. */
  isDrained(sinceMs: number): boolean {
    if (!isQuiet(this.world)) this.drainedMs = undefined
    else this.drainedMs ??= sinceMs
    return this.drainedMs !== undefined
  }

  /** What still waits in spools. */
  sealWaiting(): void {
    for (const { node, store } of this.world.nodes) {
      if ((store?.spool.size ?? 0) > 0) node?.sealNow().catch(() => undefined)
    }
  }

  /** The checkers' last word. */
  async judge(): Promise<void> {
    for (const end of this.#endings) await end()
  }

  /** What the run ended with goes into its hash too. */
  logEnd(): void {
    const { log, nodes } = this.world
    for (const { name, node } of nodes) {
      log.add(`${name} ends with ${node === undefined ? 'nothing' : Buffer.from(node.sync.view.headsRoot()).toString('hex')}`)
    }
  }
}
