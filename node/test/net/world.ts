import { toHex } from '../../../protocol/bytes.ts'
import type { Admission, Channel, Direction, GossipVerdict, Link, Network } from '../../net/network.ts'

/** Where a suite's nodes live: real sockets and real time, or memory and virtual time. */
export interface World {
  /** A node that is not started; the same number gives the same key. */
  create(number: number): Promise<Network>
  /** Lets the world go on until the condition holds; the suite's time-out ends a vain wait. */
  until(holds: () => boolean, what: string): Promise<void>
  /** Lets the world go on for long enough that everything under way has arrived. */
  calm(): Promise<void>
  /** Waits for a promise while the world goes on. */
  wait<T>(promise: Promise<T>): Promise<T>
  end(): Promise<void>
}

/** A node with a memory of what it was told. */
export class Witness {
  readonly network: Network
  readonly links: Link[] = []
  readonly unlinked: string[] = []
  readonly channels: Channel[] = []
  readonly frames: Uint8Array[] = []
  readonly closed: (Error | undefined)[] = []
  readonly heard: { topic: string; payload: Uint8Array; from: string }[] = []
  readonly asked: { key: string; direction: Direction }[] = []
  admission: (key: Uint8Array, direction: Direction) => Admission = () => true
  verdict: () => GossipVerdict = () => 'accept'
  onChannel: (channel: Channel) => void = (channel) => {
    channel.onFrame = (frame) => void this.frames.push(frame)
  }

  constructor(network: Network) {
    this.network = network
  }

  get keyHex(): string {
    return toHex(this.network.self)
  }

  get address(): string {
    return this.network.addresses()[0] as string
  }

  /** The channel that was opened last. */
  get channel(): Channel {
    return this.channels.at(-1) as Channel
  }

  async start(): Promise<void> {
    await this.network.start({
      admits: (key, direction) => {
        this.asked.push({ key: toHex(key), direction })
        return this.admission(key, direction)
      },
      onLink: (link) => void this.links.push(link),
      onUnlink: (key) => void this.unlinked.push(toHex(key)),
      onChannel: (channel) => {
        this.channels.push(channel)
        channel.onClose = (error) => void this.closed.push(error)
        this.onChannel(channel)
      },
    })
  }

  join(topic: string): void {
    this.network.joinTopic(topic, async (payload, from) => {
      this.heard.push({ topic, payload, from: toHex(from) })
      return this.verdict()
    })
  }

  linkedTo(other: Witness): boolean {
    return this.network.links().some(({ keyHex }) => keyHex === other.keyHex)
  }
}

/** The code of the error that a promise rejects with; undefined when it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name
  }
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}
