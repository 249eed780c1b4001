import type { AttestationName } from '../../protocol/index.ts'
import type { Clock } from '../platform.ts'
import { type AttestationBook, keyOf, textOf } from './attestation-book.ts'
import { ANSWER_TIMEOUT_MS } from './bounds.ts'
import type { Session } from './session.ts'

/** Attestations that are named by neighbours and not held here: more than all witnesses sign between two cross-checks. */
export const MAX_WANTED = 1_024

/** Neighbours that may be asked for one of them, in turn. */
export const MAX_TELLERS = 4

/** Times that one of them is asked for in all: a name of nothing is asked for no more after that. */
export const MAX_ASKS = 8

interface Wanted {
  readonly key: string
  readonly name: AttestationName
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
    if (this.#wanted.size >= MAX_WANTED) this.#wanted.delete(this.#wanted.keys().next().value as string)
    this.#wanted.set(id, { key, name, tellers: [session], asks: 0, askedMs: Number.NEGATIVE_INFINITY })
    return true
  }

  /** It has come, whatever was made of it. */
  settle(name: AttestationName): void {
    if (this.#wanted.size > 0) this.#wanted.delete(idOf(keyOf(name), name))
  }

  /** Whom to ask for what now: as few neighbours as name it all, and nobody for what is on its way. */
  due(): Map<Session, AttestationName[]> {
    const now = this.#clock.monotonicMs()
    const due = new Map<Session, AttestationName[]>()
    for (const [id, wanted] of this.#wanted) {
      if (wanted.asks >= MAX_ASKS || !this.#book.isNews(wanted.key, wanted.name)) this.#wanted.delete(id)
      else if (now - wanted.askedMs >= ANSWER_TIMEOUT_MS) this.#assign(id, wanted, now, due)
    }
    return due
  }

  #assign(id: string, wanted: Wanted, now: number, due: Map<Session, AttestationName[]>): void {
    const { tellers, name } = wanted
    for (let i = tellers.length - 1; i >= 0; i--) if (tellers[i]?.isOpen !== true) tellers.splice(i, 1)
    const first = tellers[0]
    if (first === undefined) return void this.#wanted.delete(id)
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

  clear(): void {
    this.#wanted.clear()
  }
}

function idOf(key: string, { sequence, tag }: AttestationName): string {
  return `${key}/${sequence}/${textOf(tag)}`
}
