import { WattnessError } from '../../protocol/index.ts'
import type { Timers } from '../platform.ts'
import type { HostLink, OpenHost } from './host-link.ts'
import { Lags } from './lags.ts'
import type { NodeReport, Order, StartOrder, Word } from './messages.ts'

/** Answers to one round of questions are waited for so long; a host that is busy is seen in the next round. */
const REPORT_MS = 2_000

export interface CrewInit {
  readonly openHost: OpenHost
  readonly timers: Timers
  /** Something that a person should know of, with the node's name in it. */
  readonly note: (text: string) => void
}

/** Different notes that are told in one run; what goes wrong a hundred times is told once. */
const MAX_NOTES = 500

interface Seat {
  readonly link: HostLink
  isReady: boolean
  hasEndedSealing: boolean
  /** The last round of questions that it answered. */
  answered: number
}

/** All nodes of the demonstration as the main process knows them: by what their hosts say. */
export class Crew {
  readonly #init: CrewInit
  readonly #seats: Seat[] = []
  readonly #reports = new Map<string, NodeReport>()
  readonly #addresses = new Map<string, readonly string[]>()
  readonly #http = new Map<string, string>()
  readonly #dead = new Map<string, string>()
  readonly #waiting = new Set<() => void>()
  readonly #noted = new Set<string>()
  readonly #lags = new Lags()
  #failure: Error | undefined
  #round = 0

  constructor(init: CrewInit) {
    this.#init = init
  }

  /** Nodes that have ended though nobody told them to, and why. */
  get dead(): ReadonlyMap<string, string> {
    return this.#dead
  }

  /** Nodes that live and did not answer the last round of questions. */
  get silent(): ReadonlySet<string> {
    const late = this.#seats.filter(({ link, answered }) => link.isAlive && answered < this.#round)
    return new Set(late.flatMap(({ link }) => link.names))
  }

  /** Names by process. */
  get hosts(): readonly (readonly string[])[] {
    return this.#seats.map(({ link }) => link.names)
  }

  /** The last word of every node that has said one. */
  get reports(): ReadonlyMap<string, NodeReport> {
    return this.#reports
  }

  /** From sealed to final, of every block at every node. */
  get finalLags(): Lags {
    return this.#lags
  }

  /** Starts the processes, without any node yet: what loading costs is paid side by side. */
  open(hosts: readonly (readonly string[])[]): void {
    for (const names of hosts) {
      const seat: Seat = {
        link: this.#init.openHost({
          names,
          onWord: (word) => this.#onWord(seat, word),
          onDeath: (reason) => this.#onDeath(seat, reason),
        }),
        isReady: false,
        hasEndedSealing: false,
        answered: 0,
      }
      this.#seats.push(seat)
    }
  }

  /** Starts the nodes of one process. */
  start(name: string, order: StartOrder): void {
    this.#seats.find(({ link }) => link.names.includes(name))?.link.tell(order)
  }

  /** Where a started node is reached. */
  addressesOf(name: string): readonly string[] {
    return this.#addresses.get(name) ?? []
  }

  /** Where a started node serves its page, if it does. */
  httpOf(name: string): string | undefined {
    return this.#http.get(name)
  }

  /** Resolves when these nodes run. Throws DEMO_NOT_STARTED where one of any cannot, or the signal's reason. */
  untilStarted(names: readonly string[], signal: AbortSignal): Promise<void> {
    return this.#until(() => names.every((name) => this.#addresses.has(name)), signal)
  }

  tellAll(order: Order): void {
    for (const { link } of this.#seats) link.tell(order)
  }

  /** Asks every node how it stands, all at the same moment; resolves when they have answered. */
  async ask(): Promise<void> {
    const id = ++this.#round
    this.tellAll({ type: 'report', id })
    await this.#within(REPORT_MS, () => this.#seats.every(({ link, answered }) => !link.isAlive || answered >= id))
  }

  /** No node begins a block after this has resolved; a host that does not answer in time is gone on without. */
  async endSealing(limitMs: number): Promise<void> {
    this.tellAll({ type: 'end-sealing' })
    await this.#within(limitMs, () => this.#seats.every(({ link, hasEndedSealing }) => !link.isAlive || hasEndedSealing))
  }

  /** Resolves when every process has ended, by force after `limitMs`. */
  async stop(limitMs: number): Promise<void> {
    await Promise.all(this.#seats.map(({ link }) => link.stop(limitMs)))
  }

  kill(): void {
    for (const { link } of this.#seats) link.kill()
  }

  #onWord(seat: Seat, word: Word): void {
    switch (word.type) {
      case 'started':
        this.#addresses.set(word.name, word.addresses)
        if (word.http !== undefined) this.#http.set(word.name, word.http)
        break
      case 'ready':
        seat.isReady = true
        break
      case 'report':
        seat.answered = Math.max(seat.answered, word.id)
        for (const report of word.nodes) {
          this.#reports.set(report.name, report)
          this.#lags.add(report.finalLagsMs)
        }
        break
      case 'note':
        this.#note(`${word.name}: ${word.text}`)
        break
      case 'sealing-ended':
        seat.hasEndedSealing = true
        break
      case 'failed':
        if (seat.isReady) this.#note(`${word.name}: ${word.text}`)
        else this.#fail(`${word.name}: ${word.text}`, word.code)
    }
    this.#say()
  }

  #onDeath({ link, isReady }: Seat, reason: string): void {
    for (const name of link.names) this.#dead.set(name, reason)
    const text = `${link.names.join(', ')} ended by ${reason}`
    if (isReady) this.#note(text)
    else this.#fail(text, 'UNEXPECTED')
    this.#say()
  }

  #note(text: string): void {
    if (this.#noted.has(text) || this.#noted.size >= MAX_NOTES) return
    this.#noted.add(text)
    this.#init.note(text)
  }

  #fail(text: string, cause: string): void {
    this.#failure ??= new WattnessError('DEMO_NOT_STARTED', `the demonstration could not start: ${text}`, { cause })
  }

  #say(): void {
    for (const wake of this.#waiting) wake()
  }

  #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        this.#waiting.delete(look)
        signal.removeEventListener('abort', look)
        end()
      }
      const look = (): void => {
        const failure = this.#failure
        if (signal.aborted) settle(() => reject(signal.reason as Error))
        else if (failure !== undefined) settle(() => reject(failure))
        else if (holds()) settle(resolve)
      }
      this.#waiting.add(look)
      signal.addEventListener('abort', look)
      look()
    })
  }

  #within(limitMs: number, holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#init.timers.clear(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const look = (): void => {
        if (holds()) end()
      }
      const timer = this.#init.timers.set(limitMs, end)
      this.#waiting.add(look)
      look()
    })
  }
}
