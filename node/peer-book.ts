import {
  addressesDigest,
  type Bytes,
  equalBytes,
  type Frame,
  type Holdings,
  isSameKnown,
  type KeyLabel,
  MAX_ADDRESSES_PER_PEER,
  MAX_MEMBERS,
  MAX_PEERS_PER_FRAME,
  type Membership,
  type PeerAddresses,
} from '../protocol/index.ts'
import type { Roster } from './membership/index.ts'
import type { Network } from './net/index.ts'
import type { Timer, Timers } from './platform.ts'
import type { Session } from './sync/index.ts'

/** Peers whose addresses are remembered: every member, and as many again that are on their way in. */
const MAX_BOOK = 512

/** What is learnt is told together after so long, milliseconds: many may start at once, and know one neighbour to begin with. */
export const TELL_MS = 1_000

export interface PeerBookInit {
  readonly network: Network
  readonly roster: Roster
  readonly timers: Timers
  readonly sessions: () => Iterable<Session>
  readonly onAddress: (address: string) => void
  /** Changes whenever one of the addresses that were told there may have been given up for another. */
  readonly addressChanges: () => number
  /** Labels became known. */
  readonly onLabels: () => void
  readonly onDamage: (error: Error) => void
}

interface Entry extends PeerAddresses {
  /** The peer said so itself: hearsay does not replace it. */
  readonly isFirstHand: boolean
  /** Of the book, when these addresses came into it. */
  readonly edition: number
}

/** How the book, and this node's own addresses, stood when a neighbour was told of them. */
interface Told {
  readonly edition: number
  readonly own: string
}

/** What a neighbour was told of labels. */
interface ToldLabels {
  /** By member index: 1 where it was told. */
  readonly members: Uint8Array
  /** As it was then, and how many of the members the neighbour knew. */
  membership: Membership | undefined
  known: number
}

/** What neighbours tell each other about members beside the ledger: where they are found, and what they are called. */
export class PeerBook {
  readonly #init: PeerBookInit
  readonly #addresses = new Map<string, Entry>()
  readonly #toldPeers = new WeakMap<Session, Told>()
  #digest: { readonly told: Told; readonly bytes: Bytes } | undefined
  /** Counts changes of the book. */
  #edition = 0
  #timer: Timer | undefined
  /** `addressChanges` when all were told to the dialer last. */
  #offered: number | undefined
  readonly #toldLabels = new WeakMap<Session, ToldLabels>()

  constructor(init: PeerBookInit) {
    this.#init = init
  }

  stop(): void {
    if (this.#timer !== undefined) this.#init.timers.clear(this.#timer)
    this.#timer = undefined
  }

  /** Tells a neighbour where others are found, each address once: all when it comes, later what was learnt since. */
  tellPeers(session: Session): void {
    const { network } = this.#init
    const own = this.#own()
    const before = this.#toldPeers.get(session)
    const now: Told = { edition: this.#edition, own: own.join(' ') }
    // A neighbour is asked about every half minute; addresses change a few times a day.
    if (before?.edition === now.edition && before.own === now.own) return
    this.#toldPeers.set(session, now)
    if (before === undefined && this.#knowsSame(session)) return
    const peers: PeerAddresses[] = []
    if (own.length > 0 && before?.own !== now.own) peers.push({ key: network.self, addresses: own })
    for (const peer of this.#addresses.values()) if (peer.edition > (before?.edition ?? 0)) peers.push(peer)
    for (let at = 0; at < peers.length; at += MAX_PEERS_PER_FRAME) {
      session.send({ type: 'peers', peers: peers.slice(at, at + MAX_PEERS_PER_FRAME) })
    }
  }

  #own(): string[] {
    return this.#init.network.addresses().slice(0, MAX_ADDRESSES_PER_PEER)
  }

  /** Of all that a newcomer would be told (rule S30). */
  digest(): Bytes {
    const { network, roster } = this.#init
    // Nobody passes on where a stranger is found: an observer can know all that its neighbour tells.
    const own = roster.membership.member(network.self) === undefined ? [] : this.#own()
    const told: Told = { edition: this.#edition, own: own.join(' ') }
    if (this.#digest?.told.edition !== told.edition || this.#digest.told.own !== told.own) {
      const ownEntry = own.length > 0 ? [{ key: network.self, addresses: own }] : []
      this.#digest = { told, bytes: addressesDigest([...this.#addresses.values(), ...ownEntry]) }
    }
    return this.#digest.bytes
  }

  /** What a neighbour says in so few bytes counts as told: that of itself is at first hand, and the others are dialled again. */
  #knowsSame({ hello, peerHex }: Session): boolean {
    if (hello === undefined || !isSameKnown(this.digest(), hello.known.addresses)) return false
    const entry = this.#addresses.get(peerHex)
    if (entry !== undefined) this.#addresses.set(peerHex, { ...entry, isFirstHand: true })
    this.#offerAgain()
    return true
  }

  /** Neighbours come and go every few minutes, and addresses are given up where strangers fill the dialer with others. */
  #offerAgain(): void {
    const { onAddress, addressChanges } = this.#init
    if (addressChanges() === this.#offered) return
    for (const { addresses } of this.#addresses.values()) for (const address of addresses) onAddress(address)
    this.#offered = addressChanges()
  }

  /**
   * Tells a neighbour what was learnt since it came, and the labels of the members that it knows of, each once. Labels are for
   * members and listed observers, not for whoever an open network lets in to read.
   */
  onHoldings(session: Session, { frontier }: Holdings): void {
    const { roster, onDamage } = this.#init
    this.tellPeers(session)
    if (roster.membership.member(session.peer) === undefined) return
    this.#tellLabels(session, frontier.length).catch(onDamage)
  }

  async #tellLabels(session: Session, knownMembers: number): Promise<void> {
    const { membership } = this.#init.roster
    const told = this.#toldLabels.get(session) ?? { members: new Uint8Array(MAX_MEMBERS), membership: undefined, known: 0 }
    this.#toldLabels.set(session, told)
    // Members and labels change a few times a year.
    if (told.membership === membership && told.known === knownMembers) return
    Object.assign(told, { membership, known: knownMembers })
    const labels: KeyLabel[] = []
    for (const { index, labelHash, label } of membership.members) {
      if (index >= knownMembers) break
      if (labelHash === undefined || label === undefined || told.members[index] === 1) continue
      told.members[index] = 1
      const record = await this.#init.roster.labelRecord(index)
      if (record !== undefined) labels.push(record)
    }
    if (labels.length > 0) session.send({ type: 'labels', labels })
  }

  onFrame(session: Session, frame: Frame): void {
    if (frame.type === 'peers') for (const peer of frame.peers) this.#learnAddresses(peer, session.peerHex)
    else if (frame.type === 'labels') void this.#learnLabels(frame.labels)
  }

  #learnAddresses(peer: PeerAddresses, sourceHex: string): void {
    const { network, roster, onAddress } = this.#init
    const member = roster.membership.member(peer.key)
    // Hearsay about strangers is not passed on, and an address must name the key that it is said to be of.
    if (member === undefined || equalBytes(peer.key, network.self)) return
    const { key, keyHex } = member
    const known = this.#addresses.get(keyHex)
    // Each neighbour tells of everybody: nearly all of it is known, and right.
    if (known !== undefined && (known.isFirstHand || keyHex !== sourceHex) && isSame(known.addresses, peer.addresses)) {
      for (const address of known.addresses) onAddress(address)
      return
    }
    const addresses = peer.addresses.filter((address) => {
      const named = network.keyOf(address)
      return named !== undefined && equalBytes(named, key)
    })
    if (addresses.length === 0) return
    const before = known
    const isFirstHand = keyHex === sourceHex
    if (before === undefined ? this.#addresses.size < MAX_BOOK : isFirstHand || !before.isFirstHand) {
      const isKnown = before !== undefined && isSame(before.addresses, addresses)
      // Somebody new is told of soon, and each is new once: who tells of ever other addresses makes nobody tell them on at once.
      if (before === undefined) this.#tellSoon()
      const edition = isKnown ? before.edition : ++this.#edition
      // Copied: an array that was filled one by one keeps room for sixteen more.
      this.#addresses.set(keyHex, { key, addresses: [...addresses], isFirstHand, edition })
    }
    for (const address of addresses) onAddress(address)
  }

  #tellSoon(): void {
    const { timers, sessions } = this.#init
    this.#timer ??= timers.set(TELL_MS, () => {
      this.#timer = undefined
      // Who has not greeted yet is told when it does.
      for (const session of sessions()) if (session.hello !== undefined) this.tellPeers(session)
    })
  }

  async #learnLabels(labels: readonly KeyLabel[]): Promise<void> {
    let learned = 0
    for (const { key, record } of labels) if (await this.#learnLabel(key, record)) learned++
    if (learned > 0) this.#init.onLabels()
  }

  async #learnLabel(key: Bytes, record: Bytes): Promise<boolean> {
    try {
      return await this.#init.roster.learnLabel(key, record)
    } catch {
      // A label that is not the one whose hash the registrar wrote down is no label; who sent it may only have an old one.
      return false
    }
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((address, i) => address === b[i])
}
