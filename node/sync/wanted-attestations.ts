import type { AttestationName } from '../../protocol/index.ts'
import type { Clock } from '../platform.ts'
import { type AttestationBook, keyOf, textOf } from './attestation-book.ts'
import { ANSWER_TIMEOUT_MS } from './bounds.ts'
import type { Session } from './session.ts'

/** Attestations that one neighbour alone may make wanted: more than all witnesses sign between two rounds, in two epochs. */
export const MAX_WANTED_OF_ONE = 128

/** Of all neighbours together; the first one named goes first. */
export const MAX_WANTED = 4_096

/** Neighbours that may be asked for one of them, in turn. */
export const MAX_TELLERS = 4

/** Times that one of them is asked for in all: a name of nothing is asked for no more after that. */
export const MAX_ASKS = 8

interface Wanted {
  readonly key: string
  readonly name: AttestationName
  /** Who named it first. */
  readonly by: Session
  /** Who named it and is asked next, first. */
  readonly tellers: Session[]
  asks: number
  askedMs: number
}

/** What neighbours name and this node lacks: each attestation is asked of one of them, and of the next where no answer came. */
export class WantedAttestations {
  readonly #book: AttestationBook
  readonly #clock: Clock
  readonly #wanted = new Map<string, Wanted>()
  /** How many each neighbour was the first to name: what one makes up must not push out what others name. */
  readonly #counts = new WeakMap<Session, number>()

  constructor(book: AttestationBook, clock: Clock) {
    this.#book = book
    this.#clock = clock
  }

  get size(): number {
    return this.#wanted.size
  }

  /** True where it is to be asked for. */
  note(session: Session, key: string, name: AttestationName): boolean {
    if (!this.#book.isNews(key, name)) return false
    const id = idOf(key, name)
    const known = this.#wanted.get(id)
    if (known !== undefined) {
      if (known.tellers.length < MAX_TELLERS && !known.tellers.includes(session)) known.tellers.push(session)
      return known.asks === 0
    }
    const count = this.#counts.get(session) ?? 0
    if (count >= MAX_WANTED_OF_ONE) return false
    if (this.#wanted.size >= MAX_WANTED) this.#delete(this.#wanted.keys().next().value as string)
    this.#counts.set(session, count + 1)
    this.#wanted.set(id, { key, name, by: session, tellers: [session], asks: 0, askedMs: Number.NEGATIVE_INFINITY })
    return true
  }

  /** It has come, whatever was made of it. */
  settle(name: AttestationName): void {
    if (this.#wanted.size > 0) this.#delete(idOf(keyOf(name), name))
  }

  /** Whom to ask for what now: as few neighbours as name it all, and nobody for what is on its way. */
  due(): Map<Session, AttestationName[]> {
    const now = this.#clock.monotonicMs()
    const due = new Map<Session, AttestationName[]>()
    for (const [id, wanted] of this.#wanted) {
      if (wanted.asks >= MAX_ASKS || !this.#book.isNews(wanted.key, wanted.name)) this.#delete(id)
      else if (now - wanted.askedMs >= ANSWER_TIMEOUT_MS) this.#assign(id, wanted, now, due)
    }
    return due
  }

  #assign(id: string, wanted: Wanted, now: number, due: Map<Session, AttestationName[]>): void {
    const { tellers, name } = wanted
    for (let i = tellers.length - 1; i >= 0; i--) if (tellers[i]?.isOpen !== true) tellers.splice(i, 1)
    const first = tellers[0]
    if (first === undefined) return this.#delete(id)
    // Who was asked in vain comes last.
    const session = (wanted.asks === 0 ? tellers.find((teller) => due.has(teller)) : undefined) ?? first
    tellers.splice(tellers.indexOf(session), 1)
    tellers.push(session)
    wanted.asks++
    wanted.askedMs = now
    const names = due.get(session)
    if (names === undefined) due.set(session, [name])
    else names.push(name)
  }

  #delete(id: string): void {
    const by = this.#wanted.get(id)?.by
    if (by !== undefined) this.#counts.set(by, (this.#counts.get(by) ?? 1) - 1)
    this.#wanted.delete(id)
  }

  clear(): void {
    for (const id of [...this.#wanted.keys()]) this.#delete(id)
  }
}

function idOf(key: string, { sequence, tag }: AttestationName): string {
  return `${key}/${sequence}/${textOf(tag)}`
}
