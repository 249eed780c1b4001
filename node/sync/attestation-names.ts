import {
  type AttestationName,
  type Bytes,
  MAX_ATTESTATIONS_PER_FRAME,
  MAX_NAMES_PER_FRAME,
  type SignedAttestation,
} from '../../protocol/index.ts'
import type { Clock, Timer, Timers } from '../platform.ts'
import { msToNextRound } from '../rounds.ts'
import { AttestationBook, type HeldAttestation, keyOf } from './attestation-book.ts'
import { KnownAttestations } from './known-attestations.ts'
import type { Session } from './session.ts'
import { WantedAttestations } from './wanted-attestations.ts'

/** Under gossip a cross-check tells so many of the neighbours, in turn; two where that is more. What was lost comes by others. */
const SHARE_TOLD = 1 / 3
const LEAST_TOLD = 2

/**
 * Names are told in rounds of this length, or of that of blocks where it is shorter, milliseconds. What witnesses sign at one
 * moment goes from neighbour to neighbour as one wave: longer rounds would save no frame, and make blocks final later.
 */
const NAMES_ROUND_MS = 2_500

/** What several neighbours name at the same moment comes within this time: then it is asked of as few of them as hold it all. */
const NAMES_ASK_MS = 200

interface Waiting {
  readonly held: HeldAttestation
  /** Gossip has brought it, or took it. */
  readonly isGossiped: boolean
}

export interface AttestationNamesInit {
  readonly clock: Clock
  readonly timers: Timers
  /** Length of the rounds in which blocks are told of, milliseconds. */
  readonly announceDelayMs: number
  /** Pairs of witness and epoch that are told of at most. */
  readonly limit: number
  /** Gossip carries new attestations at present: whom it leaves out is told in rounds, the others at cross-checks. */
  readonly isGossiped: () => boolean
  /** Neighbours, keys in hex, that gossip brings what it brings here. */
  readonly gossipMesh: () => ReadonlySet<string>
}

/**
 * Who holds which attestation (rules S28 and S29): what is new is named to neighbours in rounds; what they name and this node
 * lacks is asked of one of them. Where each neighbour sends a copy, ten of eleven come for nothing.
 */
export class AttestationNames {
  readonly #init: AttestationNamesInit
  readonly #known = new Map<Session, KnownAttestations>()
  readonly #book: AttestationBook
  /** New since the last round, the newest of each witness and epoch. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #wanted: WantedAttestations
  readonly #roundMs: number
  #roundTimer: Timer | undefined
  #askTimer: Timer | undefined

  constructor(init: AttestationNamesInit) {
    this.#init = init
    this.#book = new AttestationBook(init.limit)
    this.#wanted = new WantedAttestations(this.#book, init.clock)
    this.#roundMs = Math.min(init.announceDelayMs, NAMES_ROUND_MS)
  }

  /** Attestations that wait for the end of the round. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Attestations that neighbours name and this node does not hold. */
  get wanted(): number {
    return this.#wanted.size
  }

  /** A neighbour has greeted. */
  add(session: Session): void {
    this.#known.set(session, new KnownAttestations(2 * this.#init.limit))
  }

  delete(session: Session): void {
    this.#known.delete(session)
  }

  isKnownTo(session: Session, attestation: Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence'>): boolean {
    return this.#known.get(session)?.has(keyOf(attestation), attestation.sequence) === true
  }

  /** The neighbour has sent it, or was sent it. False where it was known before. */
  noteKnown(session: Session, attestation: Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence'>): boolean {
    return this.#known.get(session)?.add(keyOf(attestation), attestation.sequence) === true
  }

  /** Of all that is held (rule S30). */
  get digest(): Bytes {
    return this.#book.digest
  }

  /** The neighbour holds the same: all of it. */
  noteEqual(session: Session): void {
    const known = this.#known.get(session)
    for (const { key, name } of this.#book.all()) known?.add(key, name.sequence)
  }

  /** It has come, whatever is made of it. */
  settle(name: AttestationName): void {
    this.#wanted.settle(name)
  }

  /** Held here, and nothing new. */
  noteHeld(attestation: Pick<SignedAttestation, 'witness' | 'epoch' | 'sequence'>, bytes: Bytes): void {
    this.#book.note(attestation, bytes)
  }

  /** One that was accepted here, or signed. It is not told to whom it came from. */
  noteNew(attestation: SignedAttestation, bytes: Bytes, sourceHex: string): void {
    const held = this.#book.note(attestation, bytes)
    if (held === undefined) return
    let isGossiped = this.#init.isGossiped()
    for (const [session, known] of this.#known) {
      // Who is known to hold it has sent it by itself, or named it: gossip may have brought it to nobody.
      if (session.peerHex === sourceHex && !known.add(held.key, attestation.sequence)) isGossiped = false
    }
    if (sourceHex === 'own' && !isGossiped && !this.#isCopied) return this.#push(held)
    this.#waiting.set(held.key, { held, isGossiped })
    if (this.#waiting.size > this.#init.limit) this.#waiting.delete(this.#waiting.keys().next().value as string)
    const { clock, timers } = this.#init
    this.#roundTimer ??= timers.set(msToNextRound(clock.now(), this.#roundMs), () => this.#endRound())
  }

  /** In short rounds a copy costs less than a question and its answer (`npm run bench -- witness`: 18 % for names, not 13 %). */
  get #isCopied(): boolean {
    return this.#init.announceDelayMs < NAMES_ROUND_MS
  }

  /** What this node has just signed nobody else can have: it goes whole to all at once, in no round and after no question. */
  #push({ key, name, bytes }: HeldAttestation): void {
    for (const [session, known] of this.#known) {
      if (known.add(key, name.sequence)) session.send({ type: 'attestations', attestations: [bytes] })
    }
  }

  #endRound(): void {
    this.#roundTimer = undefined
    const waiting = [...this.#waiting.values()]
    const all = waiting.map(({ held }) => held)
    const ungossiped = waiting.filter((each) => !each.isGossiped).map(({ held }) => held)
    const mesh = this.#init.isGossiped() ? this.#init.gossipMesh() : undefined
    for (const session of this.#known.keys()) {
      const news = mesh?.has(session.peerHex) === true ? ungossiped : all
      // Most of whom gossip leaves out hear it from others of the mesh.
      if (mesh !== undefined || !this.#isCopied) this.#name(session, news)
      else this.#copy(session, news)
    }
    this.#waiting.clear()
  }

  /** Whole, to a neighbour that is not known to hold it. */
  #copy(session: Session, held: readonly HeldAttestation[]): void {
    const known = this.#known.get(session)
    const news = held.filter(({ key, name }) => known?.add(key, name.sequence)).map(({ bytes }) => bytes)
    for (let i = 0; i < news.length; i += MAX_ATTESTATIONS_PER_FRAME) {
      session.send({ type: 'attestations', attestations: news.slice(i, i + MAX_ATTESTATIONS_PER_FRAME) })
    }
  }

  /** From then on it counts as known: by the name the neighbour can ask for it. */
  #name(session: Session, all: Iterable<HeldAttestation>): void {
    const known = this.#known.get(session)
    if (known === undefined) return
    const names: AttestationName[] = []
    for (const { key, name } of all) if (known.add(key, name.sequence)) names.push(name)
    for (let i = 0; i < names.length; i += MAX_NAMES_PER_FRAME) {
      session.send({ type: 'attested', names: names.slice(i, i + MAX_NAMES_PER_FRAME) })
    }
  }

  /** Repairs: whatever a neighbour is not known to hold. Gossip does not tell who holds what: most would be told in vain. */
  onCrossCheck(): void {
    const all = [...this.#known]
    const told = this.#init.isGossiped() ? all.slice(0, Math.max(LEAST_TOLD, Math.ceil(all.length * SHARE_TOLD))) : all
    // What is new in this round comes with its end.
    const held = [...this.#book.all()].filter(({ key }) => !this.#waiting.has(key))
    for (const [session, known] of told) {
      this.#known.delete(session)
      this.#known.set(session, known)
      this.#name(session, held)
    }
    this.ask()
  }

  onNames(session: Session, names: readonly AttestationName[]): void {
    const known = this.#known.get(session)
    if (known === undefined) return
    let isWanted = false
    for (const name of names) {
      const key = keyOf(name)
      known.add(key, name.sequence)
      if (this.#wanted.note(session, key, name)) isWanted = true
    }
    if (isWanted) this.#askTimer ??= this.#init.timers.set(Math.min(NAMES_ASK_MS, this.#roundMs / 4), () => this.ask())
  }

  /** Asks for what neighbours named: each of one of them. */
  ask(): void {
    if (this.#askTimer !== undefined) this.#init.timers.clear(this.#askTimer)
    this.#askTimer = undefined
    for (const [session, names] of this.#wanted.due()) {
      for (let i = 0; i < names.length; i += MAX_ATTESTATIONS_PER_FRAME) {
        session.send({ type: 'want-attestations', names: names.slice(i, i + MAX_ATTESTATIONS_PER_FRAME) })
      }
    }
  }

  /** For a neighbour that asks: what is held by now, which may be newer than what was named. */
  give(session: Session, names: readonly Pick<AttestationName, 'witness' | 'epoch'>[]): Bytes[] {
    const known = this.#known.get(session)
    const given: Bytes[] = []
    for (const name of names) {
      const held = this.#book.get(keyOf(name))
      if (held === undefined) continue
      known?.add(held.key, held.name.sequence)
      given.push(held.bytes)
    }
    return given
  }

  stop(): void {
    for (const timer of [this.#roundTimer, this.#askTimer]) if (timer !== undefined) this.#init.timers.clear(timer)
    this.#waiting.clear()
    this.#wanted.clear()
  }
}
