import { type NoiseComponents, noise } from '@chainsafe/libp2p-noise'
import type {
  AbortOptions,
  ConnectionEncrypter,
  MessageStream,
  SecureConnectionOptions,
  SecuredConnection,
} from '@libp2p/interface'
import { concat } from '../../protocol/bytes.ts'
import { noiseCrypto } from './noise-crypto.ts'
import type { SocketTally } from './traffic.ts'
import { WindowCredits } from './window-credits.ts'

/** A pack is sent at this size without waiting for the end of the turn. */
const PACK_BYTES = 65_536

type Data = Parameters<MessageStream['send']>[0]

/**
 * Noise, with what is written in one turn of the event loop packed into one message and one socket write. Bare, every muxer
 * frame (each window update is one) becomes a message of its own, and each message two writes.
 */
export function packedNoise(tally: SocketTally): (components: NoiseComponents) => ConnectionEncrypter {
  return (components) => {
    const encrypter: ConnectionEncrypter = noise({ crypto: noiseCrypto })(components)
    const secureInbound = encrypter.secureInbound.bind(encrypter)
    const secureOutbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (raw, options) => {
      tally.add(raw)
      return packed(raw, await secureInbound(raw, options))
    }
    encrypter.secureOutbound = async (raw, options?: SecureConnectionOptions) => {
      tally.add(raw)
      return packed(raw, await secureOutbound(raw, options))
    }
    return encrypter
  }
}

function packed(raw: MessageStream, secured: SecuredConnection): SecuredConnection {
  const { connection } = secured
  joinWrites(raw)
  sparePrefixErrors(connection)
  const packer = new Packer(connection)
  connection.send = (data) => packer.send(data)
  // The muxer's last words (ends of streams, its farewell) must not be left behind.
  const close = raw.close.bind(raw)
  raw.close = (options?: AbortOptions) => {
    packer.flush()
    return close(options)
  }
  return secured
}

/** One socket write a message instead of one for each part of it: length, cipher text, tag. */
function joinWrites(raw: MessageStream): void {
  const send = raw.send.bind(raw)
  raw.send = (data) => send(data instanceof Uint8Array ? data : data.subarray())
}

const NO_PREFIX = new RangeError('no message length yet')

/**
 * After each message Noise asks its decoder for the length of the next one, of which nothing has come: an error is made, thrown
 * and swallowed, stack and all, once a message (measured: 6 % of the CPU of a node that pulls). Here it is always the same one.
 */
function sparePrefixErrors(connection: MessageStream): void {
  const { decoder } = connection as { decoder?: { lengthDecoder?: (data: Uint8Array) => number } }
  const decode = decoder?.lengthDecoder
  if (decoder === undefined || decode === undefined) return
  decoder.lengthDecoder = (data) => {
    if (data.length < 2) throw NO_PREFIX
    return decode(data)
  }
}

class Packer {
  readonly #connection: MessageStream
  readonly #send: (data: Data) => boolean
  readonly #credits = new WindowCredits()
  #parts: Uint8Array[] = []
  #bytes = 0
  #scheduled = false

  constructor(connection: MessageStream) {
    this.#connection = connection
    this.#send = connection.send.bind(connection)
  }

  send(data: Data): boolean {
    if (this.#credits.take(data)) {
      if (!this.#credits.isDue) return !this.#connection.writableNeedsDrain
    } else if (data instanceof Uint8Array) this.#parts.push(data)
    else this.#parts.push(...data)
    this.#bytes += data.byteLength
    if (this.#bytes >= PACK_BYTES) this.flush()
    else if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.flush()
      })
    }
    // Says of the pack before this one that the socket is full: the muxer's streams then wait for its 'drain'.
    return !this.#connection.writableNeedsDrain
  }

  flush(): void {
    // Last: what opens a stream must go before its credit.
    const parts = this.#parts.concat(this.#credits.release())
    if (parts.length === 0) return
    this.#parts = []
    this.#bytes = 0
    if (this.#connection.status !== 'open') return
    try {
      this.#send(parts.length === 1 ? (parts[0] as Uint8Array) : concat(...parts))
    } catch (error) {
      // The muxer's call is long over: the end of the connection tells it.
      this.#connection.abort(error as Error)
    }
  }
}
