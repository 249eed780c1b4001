import type { ConnectionGater, PeerId } from '@libp2p/interface'
import { toHex } from '../../protocol/bytes.ts'
import type { Admission, Direction } from './network.ts'
import { keyOfPeer } from './peer-keys.ts'

/** Decisions that wait for their connection to be complete: as many as there may be handshakes. */
const MAX_PENDING = 512

/**
 * Decides after the Noise handshake, when the peer has proved its key, and before the multiplexer: no stranger ever opens a
 * stream. What was decided is kept for the connection that comes of it.
 */
export class Gater {
  readonly #admits: (key: Uint8Array, keyHex: string, direction: Direction) => Admission
  readonly #decided = new Map<string, Admission>()

  constructor(admits: (key: Uint8Array, keyHex: string, direction: Direction) => Admission) {
    this.#admits = admits
  }

  readonly libp2p: ConnectionGater = {
    denyInboundEncryptedConnection: (peer) => this.#denies(peer, 'inbound'),
    denyOutboundEncryptedConnection: (peer) => this.#denies(peer, 'outbound'),
  }

  /** The decision on a connection that has just opened. */
  take(peer: PeerId, direction: Direction): Admission {
    const name = `${direction} ${peer.toString()}`
    const admission = this.#decided.get(name)
    this.#decided.delete(name)
    return admission ?? this.#ask(peer, direction)
  }

  #denies(peer: PeerId, direction: Direction): boolean {
    const admission = this.#ask(peer, direction)
    if (admission === false) return true
    if (this.#decided.size >= MAX_PENDING) this.#decided.delete(this.#decided.keys().next().value as string)
    this.#decided.set(`${direction} ${peer.toString()}`, admission)
    return false
  }

  #ask(peer: PeerId, direction: Direction): Admission {
    const key = keyOfPeer(peer)
    return key === undefined ? false : this.#admits(key, toHex(key), direction)
  }
}
