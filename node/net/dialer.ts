import { fromHex, toHex } from '../../protocol/bytes.ts'
import { isWattnessError } from '../../protocol/errors.ts'
import type { Clock, Random, Timer, Timers } from '../platform.ts'
import { AddressBook, type KnownAddress } from './address-book.ts'
import { backoffMs, randomFraction } from './backoff.ts'
import {
  BAN_MS,
  DIAL_RETRY_MS,
  MAX_BANS,
  MAX_DIAL_RETRY_MS,
  MAX_PARALLEL_DIALS,
  STABLE_LINK_MS,
  STRAY_MS,
  TARGET_LINKS,
} from './limits.ts'
import type { Link, Network } from './network.ts'

export interface DialerInit {
  readonly network: Network
  readonly timers: Timers
  readonly clock: Clock
  readonly random: Random
  /** Dials while there are fewer links than this. */
  readonly targetLinks?: number
}

/**
 * Keeps a node connected: dials known addresses while there are too few links, and again, with growing pauses, for ever. Its
 * owner tells it of links and their ends.
 */
export class Dialer {
  readonly #network: Network
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #random: Random
  readonly #targetLinks: number
  readonly #selfHex: string
  readonly #book: AddressBook
  readonly #dialling = new Map<KnownAddress, AbortController>()
  readonly #linkedAtMs = new Map<string, number>()
  readonly #bannedUntilMs = new Map<string, number>()
  #timer: Timer | undefined
  #strayTimer: Timer | undefined
  #running = false

  constructor(init: DialerInit) {
    this.#network = init.network
    this.#timers = init.timers
    this.#clock = init.clock
    this.#random = init.random
    this.#targetLinks = init.targetLinks ?? TARGET_LINKS
    this.#selfHex = toHex(init.network.self)
    this.#book = new AddressBook((address) => init.network.keyOf(address))
  }

  start(): void {
    this.#running = true
    this.#review()
    this.#planStray()
  }

  #planStray(): void {
    if (!this.#running) return
    const ms = STRAY_MS * (0.5 + randomFraction(this.#random))
    this.#strayTimer = this.#timers.set(ms, () => void this.#stray().then(() => this.#planStray()))
  }

  /** Links with somebody new, and gives up another link for it that this node has dialled. */
  async #stray(): Promise<void> {
    const before = this.#network.links()
    if (before.length < this.#targetLinks || this.#dialling.size > 0) return
    const linked = new Set(before.map(({ keyHex }) => keyHex))
    const nowMs = this.#clock.monotonicMs()
    const others = this.#candidates(linked, true).filter((entry) => !entry.keep && this.#dueMs(entry) <= nowMs)
    const [entry] = this.#ordered(others)
    if (entry === undefined) return
    await this.#dial(entry)
    if (entry.keyHex === undefined || !this.#linkedAtMs.has(entry.keyHex) || !this.#running) return
    const dialled = before.filter(({ keyHex, direction }) => direction === 'outbound' && this.#linkedAtMs.has(keyHex))
    const given = dialled[Math.floor(randomFraction(this.#random) * dialled.length)]
    const isKept = given === undefined || this.#book.of(given.keyHex).some(({ keep }) => keep)
    if (!isKept) await this.#network.hangUp(given.key)
  }

  stop(): void {
    this.#running = false
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
    if (this.#strayTimer !== undefined) this.#timers.clear(this.#strayTimer)
    this.#strayTimer = undefined
    for (const controller of this.#dialling.values()) controller.abort(new Error('the dialer stopped'))
  }

  /** Counts addresses that came new: one may have taken the place of another. */
  get addressChanges(): number {
    return this.#book.changes
  }

  /** Known addresses, the node's own excluded. */
  known(): string[] {
    return [...this.#book.values()].map(({ address }) => address)
  }

  /** `keep`: dial it whenever it is not linked, however many links there are. Own addresses are passed over. */
  addKnown(address: string, keep = false): void {
    const before = this.#book.changes
    const entry = this.#book.add(address, keep, this.#clock.monotonicMs())
    if (entry?.keyHex === this.#selfHex) this.#book.delete(entry)
    // Neighbours tell hundreds of addresses, nearly all of them known.
    else if (this.#book.changes !== before) this.#review()
  }

  onLink(link: Link): void {
    this.#linkedAtMs.set(link.keyHex, this.#clock.monotonicMs())
    for (const entry of this.#book.values()) {
      // An address that names no key shows by its link whom it leads to.
      if (entry.keyHex === undefined && link.direction === 'outbound' && link.address.startsWith(`${entry.address}/p2p/`)) {
        entry.keyHex = link.keyHex
      }
      if (entry.keyHex === link.keyHex && link.address.startsWith(entry.address)) entry.proven = true
    }
  }

  onUnlink(key: Uint8Array): void {
    const keyHex = toHex(key)
    const nowMs = this.#clock.monotonicMs()
    const lastedMs = nowMs - (this.#linkedAtMs.get(keyHex) ?? nowMs)
    this.#linkedAtMs.delete(keyHex)
    for (const entry of this.#book.of(keyHex)) {
      // A peer that hangs up at once is no better than one that does not answer.
      entry.failures = lastedMs >= STABLE_LINK_MS ? 0 : entry.failures + 1
      entry.dueMs = nowMs + this.#pauseMs(entry)
    }
    this.#review()
  }

  /** Hangs up and does not dial the peer for BAN_MS. */
  ban(keyHex: string): void {
    this.#bannedUntilMs.delete(keyHex)
    if (this.#bannedUntilMs.size >= MAX_BANS) this.#bannedUntilMs.delete(this.#bannedUntilMs.keys().next().value as string)
    this.#bannedUntilMs.set(keyHex, this.#clock.monotonicMs() + BAN_MS)
    for (const [entry, controller] of this.#dialling) if (entry.keyHex === keyHex) controller.abort(new Error('banned'))
    void this.#network.hangUp(fromHex(keyHex, 'peer key'))
  }

  /** For the admission of those who dial us. */
  isBanned(keyHex: string): boolean {
    return this.#clock.monotonicMs() < (this.#bannedUntilMs.get(keyHex) ?? 0)
  }

  /** Starts the dials that are due and wanted, and sets the timer for the next one. */
  #review(): void {
    if (!this.#running) return
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
    const linked = new Set(this.#network.links().map(({ keyHex }) => keyHex))
    const nowMs = this.#clock.monotonicMs()
    const isShort = linked.size < this.#targetLinks
    const waiting = this.#candidates(linked, isShort)
    const hasRoom = (): boolean => linked.size + this.#dialling.size < this.#targetLinks
    // A neighbour tells hundreds of addresses, one after another: they are put in order only where one of them is dialled.
    const wanted = hasRoom() ? waiting : waiting.filter(({ keep }) => keep)
    const due = wanted.filter((entry) => this.#dueMs(entry) <= nowMs)
    if (due.length > 0 && this.#dialling.size >= MAX_PARALLEL_DIALS) return
    for (const entry of this.#ordered(due)) {
      if (this.#dialling.size >= MAX_PARALLEL_DIALS) return
      if (this.#isDialled(entry.keyHex)) continue
      if (entry.keep || hasRoom()) void this.#dial(entry)
    }
    let nextMs = Number.POSITIVE_INFINITY
    for (const entry of waiting) {
      const dueMs = this.#dueMs(entry)
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs)
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = this.#timers.set(nextMs - nowMs, () => this.#review())
  }

  #dueMs({ keyHex, dueMs }: KnownAddress): number {
    return keyHex === undefined ? dueMs : Math.max(dueMs, this.#bannedUntilMs.get(keyHex) ?? 0)
  }

  /** Who may be dialled now or later; with links enough only those to keep. */
  #candidates(linked: ReadonlySet<string>, isShort: boolean): KnownAddress[] {
    const found: KnownAddress[] = []
    for (const entry of this.#book.values()) {
      const { keyHex } = entry
      if (!(entry.keep || isShort) || this.#dialling.has(entry)) continue
      if (keyHex !== undefined && linked.has(keyHex)) continue
      found.push(entry)
    }
    return found
  }

  /** Those to keep first, then what failed least; of equals a random one, so that nodes with one list spread over it. */
  #ordered(entries: readonly KnownAddress[]): KnownAddress[] {
    const ranked = entries.map((entry) => ({
      entry,
      rank: (entry.keep ? 0 : 1_000) + Math.min(entry.failures, 999) + randomFraction(this.#random),
    }))
    return ranked.sort((a, b) => a.rank - b.rank).map(({ entry }) => entry)
  }

  #isDialled(keyHex: string | undefined): boolean {
    if (keyHex === undefined) return false
    for (const entry of this.#dialling.keys()) if (entry.keyHex === keyHex) return true
    return false
  }

  async #dial(entry: KnownAddress): Promise<void> {
    const controller = new AbortController()
    this.#dialling.set(entry, controller)
    let isSelf = false
    try {
      await this.#network.dial(entry.address, controller.signal)
    } catch (error) {
      isSelf = isWattnessError(error, 'DIAL_SELF') || isWattnessError(error, 'ADDRESS_INVALID')
    } finally {
      this.#dialling.delete(entry)
    }
    if (isSelf) this.#book.delete(entry)
    else if (entry.keyHex === undefined || !this.#linkedAtMs.has(entry.keyHex)) {
      entry.failures++
      entry.dueMs = this.#clock.monotonicMs() + this.#pauseMs(entry)
    }
    this.#review()
  }

  #pauseMs({ failures }: KnownAddress): number {
    return backoffMs(Math.max(0, failures - 1), DIAL_RETRY_MS, MAX_DIAL_RETRY_MS, this.#random)
  }
}
