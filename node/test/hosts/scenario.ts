import { rm } from 'node:fs/promises'
import path from 'node:path'
import { later, type Status, wattness } from '../street/node-process.ts'
import { hold, Street, sum, widest } from '../street/street.ts'
import type { Mesh } from './mesh.ts'

export interface ScenarioInit {
  readonly dir: string
  readonly mesh: Mesh
  /** How long the partition lasts; the other troubles a third of it. */
  readonly partitionMs: number
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}

/** What each phase took or found; printed as JSON at the end. */
export type ScenarioResult = Readonly<Record<string, number>>

export const HOSTS = 5
/** The registrar with one witness against the other three witnesses, who are a quorum. */
const LEFT = [1, 2] as const
const RIGHT = [3, 4, 5] as const
const ALL = [...LEFT, ...RIGHT]
const WITNESSES = 4

const INTERVAL = '2s'
/** A cross-check every so often finds what was lost on the way. */
const CROSS_CHECK = '5s'
const START_MS = 90_000
const AGREE_MS = 120_000
/** What was on its way when the wall went up has come by then. */
const IN_FLIGHT_MS = 3_000
const LOSS_SHARE = 0.15
const SLOW_RATE = '64kbit'
const DELAY_MS = 150
const JITTER_MS = 100

/** The node of host 1 is number 0, the registrar. */
const numberOf = (host: number): number => host - 1
const numbers = (hosts: readonly number[]): number[] => hosts.map(numberOf)
const finalOf = (status: Status | undefined): number => sum(status?.chains.map(({ final }) => final) ?? [])

/** Five hosts, a node each; each phase throws where something is not as it should be. */
export class Scenario {
  readonly #init: ScenarioInit
  readonly #result: Record<string, number> = {}
  #street: Street | undefined

  constructor(init: ScenarioInit) {
    this.#init = init
  }

  async run(): Promise<ScenarioResult> {
    try {
      const street = await this.#open()
      await this.#mdns(street)
      await this.#partition(street)
      await this.#loss(street)
      await this.#delay(street)
      await this.#slowLink(street)
      await this.#unplugged(street)
      await this.#end(street)
      return this.#result
    } finally {
      await this.#street?.kill()
    }
  }

  #flags(host: number, more: readonly string[]): readonly string[] {
    const { mesh } = this.#init
    const flags = ['--listen', mesh.listening(host), '--interval', INTERVAL, '--cross-check', CROSS_CHECK, ...more]
    return host === 1 ? flags : [...flags, '--source', `household:${host}?solar=4kWp&interval=1s`]
  }

  async #open(): Promise<Street> {
    const { dir, mesh, note, signal } = this.#init
    const street = await Street.open(
      {
        dir,
        meters: HOSTS - 1,
        witnesses: WITNESSES,
        flags: (number) => this.#flags(number + 1, ['--mdns', 'no']),
        place: (number) => mesh.place(number + 1),
        note,
        signal,
      },
      (made) => {
        this.#street = made
      },
    )
    this.#result['openMs'] = await this.#caughtUp(street, START_MS)
    return street
  }

  /** All hold, as soon as may be, what anybody held when this was asked. */
  async #caughtUp(street: Street, limitMs: number, hosts: readonly number[] = ALL): Promise<number> {
    const wanted = widest([...(await street.statuses(numbers(hosts))).values()])
    if (wanted.length < HOSTS || wanted.slice(1).some((size) => size === 0)) {
      await street.until('a block of everybody', limitMs, numbers(hosts), (all) =>
        widest(all)
          .slice(1)
          .every((size) => size > 0),
      )
      return this.#caughtUp(street, limitMs, hosts)
    }
    return street.until('agreement', limitMs, numbers(hosts), hold(wanted))
  }

  /** Nobody knows an address. Without mDNS everybody stays alone, with it all find each other. */
  async #mdns(street: Street): Promise<void> {
    const { note } = this.#init
    note('mDNS: every hint of an address is taken away')
    await street.stop()
    for (const { dir } of street.nodes) {
      for (const hint of ['entry.json', 'neighbours.json']) await rm(path.join(dir, hint), { force: true })
    }
    await Promise.all(ALL.map((host) => this.#startAgain(street, host, ['--mdns', 'no'])))
    await later(IN_FLIGHT_MS, this.#init.signal)
    for (const [number, { running }] of await street.statuses()) {
      if (running?.peers.length !== 0) throw new Error(`${street.node(number).name} knows a neighbour that nobody named`)
    }
    await street.stop()
    const startMs = Date.now()
    await Promise.all(ALL.map((host) => this.#startAgain(street, host, [])))
    await street.until('neighbours by mDNS', START_MS, numbers(ALL), (all) =>
      all.every(({ running }) => (running?.peers.length ?? 0) >= HOSTS - 1),
    )
    this.#result['mdnsMs'] = Date.now() - startMs
    this.#result['mdnsAgreementMs'] = await this.#caughtUp(street, AGREE_MS)
  }

  async #startAgain(street: Street, host: number, more: readonly string[]): Promise<void> {
    const node = street.node(numberOf(host))
    node.flags = this.#flags(host, more)
    await node.start()
  }

  /** Each side goes on for itself; finality only where the quorum is; all of it comes together again. */
  async #partition(street: Street): Promise<void> {
    const { mesh, note, partitionMs, signal } = this.#init
    note(`partition of ${LEFT.join(', ')} against ${RIGHT.join(', ')} for ${partitionMs / 1_000} s`)
    await mesh.split(LEFT, RIGHT)
    await later(IN_FLIGHT_MS, signal)
    const before = await street.statuses()
    await later(partitionMs, signal)
    const after = await street.statuses()
    const grown = (host: number, member: number): number =>
      (after.get(numberOf(host))?.frontier[member] ?? 0) - (before.get(numberOf(host))?.frontier[member] ?? 0)
    for (const host of ALL) {
      const here: readonly number[] = LEFT.some((each) => each === host) ? LEFT : RIGHT
      for (const writer of ALL.slice(1)) {
        const blocks = grown(host, numberOf(writer))
        const isNear = here.includes(writer)
        if (isNear && blocks === 0) throw new Error(`host ${host} got no block of host ${writer}, which is on its side`)
        if (!isNear && blocks > 0) throw new Error(`host ${host} got ${blocks} blocks of host ${writer} through the partition`)
      }
    }
    const finalGrown = (host: number): number => finalOf(after.get(numberOf(host))) - finalOf(before.get(numberOf(host)))
    for (const host of LEFT) {
      if (finalGrown(host) !== 0) throw new Error(`host ${host} knows ${finalGrown(host)} new final blocks without a quorum`)
    }
    for (const host of RIGHT) {
      if (finalGrown(host) <= 0) throw new Error(`host ${host} is with a quorum and knows no new final block`)
    }
    this.#result['blocksApart'] = sum(RIGHT.map((host) => grown(3, numberOf(host)))) + grown(1, numberOf(2))
    await mesh.heal(LEFT, RIGHT)
    note('healed')
    this.#result['healedMs'] = await this.#caughtUp(street, AGREE_MS)
  }

  async #loss(street: Street): Promise<void> {
    const { mesh, note, partitionMs, signal } = this.#init
    note(`host 2 loses ${LOSS_SHARE * 100} % of all packets`)
    await mesh.lose(2, LOSS_SHARE)
    await later(partitionMs / 3, signal)
    this.#result['lossAgreementMs'] = await this.#caughtUp(street, AGREE_MS)
    await mesh.loseNothing(2, LOSS_SHARE)
  }

  async #delay(street: Street): Promise<void> {
    const { mesh, note, partitionMs, signal } = this.#init
    note(`every link takes ${DELAY_MS} to ${DELAY_MS + JITTER_MS} ms each way`)
    // Connections that are there would go on past the cable.
    await street.stop()
    for (const host of ALL) await mesh.delay(host, DELAY_MS, JITTER_MS)
    await Promise.all(ALL.map((host) => this.#startAgain(street, host, [])))
    await later(partitionMs / 3, signal)
    this.#result['delayAgreementMs'] = await this.#caughtUp(street, AGREE_MS)
    await street.stop()
    for (const host of ALL) await mesh.delayNothing(host)
    mesh.endDelays()
    await Promise.all(ALL.map((host) => this.#startAgain(street, host, [])))
    await this.#caughtUp(street, AGREE_MS)
  }

  async #slowLink(street: Street): Promise<void> {
    const { mesh, note, partitionMs, signal } = this.#init
    note(`host 3 sends at ${SLOW_RATE} at most`)
    await mesh.slow(3, SLOW_RATE)
    await later(partitionMs / 3, signal)
    this.#result['slowAgreementMs'] = await this.#caughtUp(street, AGREE_MS)
    await mesh.fast(3)
  }

  /** Its readings wait for nobody: it seals on, and its blocks come when the cable is in again. */
  async #unplugged(street: Street): Promise<void> {
    const { mesh, note, partitionMs, signal } = this.#init
    note('the cable of host 4 is pulled, and put in again')
    const before = (await street.statuses([3])).get(3)?.frontier[3] ?? 0
    await mesh.unplug(4)
    await later(partitionMs / 3, signal)
    const after = (await street.statuses([3])).get(3)?.frontier[3] ?? 0
    if (after <= before) throw new Error('host 4 sealed nothing while its cable was out')
    await mesh.plug(4)
    this.#result['pluggedMs'] = await this.#caughtUp(street, AGREE_MS)
  }

  /** Nobody was accused of anything, and every store is whole. */
  async #end(street: Street): Promise<void> {
    const { note } = this.#init
    note('every store is checked')
    const statuses = await street.statuses()
    this.#result['blocks'] = sum(widest([...statuses.values()]))
    for (const [number, { chains, damage, finality }] of statuses) {
      const { name } = street.node(number)
      const accused = chains.filter(({ quarantined, contradicted }) => quarantined || contradicted)
      if (accused.length > 0) throw new Error(`${name} holds evidence against ${accused.map(({ label }) => label).join(', ')}`)
      if (damage.length > 0) throw new Error(`${name}: damage: ${damage.join('; ')}`)
      if (finality.halted !== null) throw new Error(`${name} is a halted witness: ${finality.halted}`)
    }
    const killed = await street.stop()
    if (killed.length > 0) throw new Error(`${killed.join(', ')} did not end when told to`)
    for (const { dir } of street.nodes) await wattness(['verify', '--dir', dir])
  }
}
