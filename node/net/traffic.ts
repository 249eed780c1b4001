import { Socket } from 'node:net'

/** Bytes on the wire since the start, as TCP carried them: encryption, muxer and all that is told beside blocks included. */
export interface Traffic {
  readonly receivedBytes: number
  readonly sentBytes: number
}

/**
 * Adds up what sockets count themselves, at no cost while bytes flow. As many sockets are kept as there are connections; one that
 * has ended leaves only its sums.
 */
export class SocketTally {
  readonly #open = new Set<Socket>()
  #receivedBytes = 0
  #sentBytes = 0

  /** libp2p's connection before anything is encrypted. One through a relay has none: its bytes are the relay connection's. */
  add(raw: object): void {
    const { socket } = raw as { readonly socket?: unknown }
    if (!(socket instanceof Socket) || socket.destroyed || this.#open.has(socket)) return
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.#receivedBytes += socket.bytesRead
      this.#sentBytes += socket.bytesWritten
    })
  }

  get open(): number {
    return this.#open.size
  }

  get traffic(): Traffic {
    let [receivedBytes, sentBytes] = [this.#receivedBytes, this.#sentBytes]
    for (const socket of this.#open) {
      receivedBytes += socket.bytesRead
      sentBytes += socket.bytesWritten
    }
    return { receivedBytes, sentBytes }
  }
}
