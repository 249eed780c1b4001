import { type Bytes, type Frame, MAX_ADDRESSES_PER_PEER, MAX_PEERS_PER_FRAME, type PeerAddresses, toHex } from '../protocol/index.ts'
import type { Roster } from './membership/index.ts'
import type { Network } from './net/index.ts'
import type { Session } from './sync/index.ts'

/** Peers whose addresses are remembered: every member, and as many again that are on their way in. */
const MAX_BOOK = 512

export interface PeerBookInit {
  readonly network: Network
  readonly roster: Roster
  readonly onAddress: (address: string) => void
  /** A label became known. */
  readonly onLabel: () => void
}

/** What neighbours tell each other about members beside the ledger: where they are found, and what they are called. */
export class PeerBook {
  readonly #init: PeerBookInit
  readonly #addresses = new Map<string, PeerAddresses>()

  constructor(init: PeerBookInit) {
    this.#init = init
  }

  /** Tells a neighbour that just came what this node knows. */
  greet(session: Session): void {
    const { network, roster } = this.#init
    const own: PeerAddresses = { key: network.self, addresses: network.addresses().slice(0, MAX_ADDRESSES_PER_PEER) }
    const peers = [own, ...this.#addresses.values()].filter(({ addresses }) => addresses.length > 0)
    for (let at = 0; at < peers.length; at += MAX_PEERS_PER_FRAME) {
      session.send({ type: 'peers', peers: peers.slice(at, at + MAX_PEERS_PER_FRAME) })
    }
    // Labels are for members and listed observers, not for whoever an open network lets in to read.
    if (roster.membership.member(session.peer) !== undefined) void this.#sendLabels(session)
  }

  async #sendLabels(session: Session): Promise<void> {
    const labels = await this.#init.roster.labelRecords()
    if (labels.length > 0) session.send({ type: 'labels', labels })
  }

  onFrame(_session: Session, frame: Frame): void {
    if (frame.type === 'peers') for (const peer of frame.peers) this.#learnAddresses(peer)
    else if (frame.type === 'labels') for (const { key, record } of frame.labels) void this.#learnLabel(key, record)
  }

  #learnAddresses(peer: PeerAddresses): void {
    const { network, roster, onAddress } = this.#init
    const keyHex = toHex(peer.key)
    // Hearsay about strangers is not passed on, and an address must name the key that it is said to be of.
    if (roster.membership.member(peer.key) === undefined || keyHex === toHex(network.self)) return
    const addresses = peer.addresses.filter((address) => {
      const key = network.keyOf(address)
      return key !== undefined && toHex(key) === keyHex
    })
    if (addresses.length === 0) return
    if (!this.#addresses.has(keyHex) && this.#addresses.size >= MAX_BOOK) return
    this.#addresses.set(keyHex, { key: peer.key, addresses })
    for (const address of addresses) onAddress(address)
  }

  async #learnLabel(key: Bytes, record: Bytes): Promise<void> {
    try {
      if (await this.#init.roster.learnLabel(key, record)) this.#init.onLabel()
    } catch {
      // A label that is not the one whose hash the registrar wrote down is no label; who sent it may only have an old one.
    }
  }
}
