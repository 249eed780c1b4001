import {
  type Bytes,
  consistencyProof,
  decodeFrame,
  EMPTY_ROOT,
  encodeFrame,
  type Frame,
  type Holdings,
  headsRoot,
  type KnownDigests,
  type KnownFrame,
  NO_DIGESTS,
  type WantFrame,
} from '../../../protocol/index.ts'
import type { ChainAuthor } from '../../../protocol/test/chain-author.ts'
import { topicsOf } from '../../gossip/index.ts'
import type { Channel, Network } from '../../net/index.ts'
import { type Neighbourhood, signerOf } from './neighbourhood.ts'

/** What a liar does with a frame that it gets; the answers are its own affair. */
type Answerer = (frame: Frame, liar: LiarPeer) => void

/** A member that keeps no ledger and speaks raw frames: whatever a test wants a neighbour to say, it says. */
export class LiarPeer {
  readonly network: Network
  readonly received: Frame[] = []
  channel: Channel | undefined
  /** Called for each frame; by default nothing is ever answered. */
  onFrame: Answerer = () => undefined
  links = 0
  /** Whether it greets on its own when a channel opens. */
  greeting: Holdings | undefined
  /** What its greeting says that it knows besides. */
  known: KnownDigests = NO_DIGESTS
  readonly #all: Neighbourhood

  private constructor(all: Neighbourhood, name: string) {
    this.#all = all
    this.network = all.hub.network(signerOf(name).publicKey)
    this.greeting = this.holdings([])
  }

  /** `name` must be a member (see `absent` of the neighbourhood) or observers be open. */
  static async start(all: Neighbourhood, name: string): Promise<LiarPeer> {
    const liar = new LiarPeer(all, name)
    await liar.network.start({
      admits: () => true,
      onLink: () => void liar.links++,
      onUnlink: () => void liar.links--,
      onChannel: (channel) => liar.#onChannel(channel),
    })
    return liar
  }

  #onChannel(channel: Channel): void {
    this.channel = channel
    channel.onFrame = (bytes) => {
      const frame = decodeFrame(bytes)
      this.received.push(frame)
      this.onFrame(frame, this)
    }
    channel.onClose = () => {
      if (this.channel === channel) this.channel = undefined
    }
    if (this.greeting !== undefined) this.hello(this.greeting)
  }

  async dial(name: string): Promise<void> {
    const address = this.#all.get(name).node.network.addresses()[0] as string
    await this.#all.time.wait(this.network.dial(address))
    await this.#all.time.advance(100)
  }

  /** True while the node lets it stay. */
  get isLinked(): boolean {
    return this.links > 0
  }

  send(frame: KnownFrame): void {
    this.channel?.send(encodeFrame(frame))
  }

  sendBytes(bytes: Bytes): void {
    this.channel?.send(bytes)
  }

  hello(holdings: Holdings): void {
    this.send({
      type: 'hello',
      networkId: this.#all.genesis.networkId,
      observer: false,
      pruned: false,
      known: this.known,
      agent: 'liar',
      ...holdings,
    })
  }

  status(holdings: Holdings): void {
    this.send({ type: 'status', ...holdings })
  }

  /** These sizes, under a heads root that need not be theirs. */
  holdings(frontier: readonly number[], root: Bytes = EMPTY_ROOT): Holdings {
    return { timeMs: this.#all.time.clock.now(), frontier, headsRoot: root, named: [] }
  }

  /** An honest word on these leaves, in member order; those left out are empty. */
  honestly(leaves: readonly { size: number; root: Bytes }[]): Holdings {
    const { members } = this.#all.get('registrar').node.membership
    const all = members.map(({ key }, i) => ({ member: key, ...(leaves[i] ?? { size: 0, root: EMPTY_ROOT }) }))
    return { ...this.holdings(all.map(({ size }) => size)), headsRoot: headsRoot(all) }
  }

  /** Gossips on one of the network's topics. */
  async gossip(topic: 'attestations' | 'blocks' | 'evidence', payload: Bytes): Promise<void> {
    const { genesis, time } = this.#all
    await time.wait(this.network.publish(topicsOf(genesis.networkId)[topic], payload))
    await time.advance(100)
  }

  wants(): WantFrame[] {
    return this.received.filter((frame) => frame.type === 'want')
  }
}

/** Answers wants, questions for checkpoints and for leaves as an honest neighbour would that holds these chains. */
export function serving(all: Neighbourhood, chains: ReadonlyMap<number, ChainAuthor>): Answerer {
  const answer = async (frame: Frame, liar: LiarPeer): Promise<void> => {
    if (frame.type === 'ask-leaves') {
      const leaves = leavesOf(all, chains)
      return liar.send({ type: 'leaves', id: frame.id, leaves, headsRoot: liar.honestly(leaves).headsRoot })
    }
    if (frame.type !== 'want' && frame.type !== 'want-checkpoint') return
    const { id, index, from } = frame
    const author = chains.get(index)
    if (author === undefined || author.size < from + (frame.type === 'want' ? 1 : 0)) {
      return liar.send({ type: 'miss', id, reason: 'not-held' })
    }
    if (frame.type === 'want') {
      let end = from
      let bytes = 0
      while (end < Math.min(author.size, from + Math.min(frame.maxBlocks, 1_000))) {
        bytes += author.blocks[end]?.bytes.length ?? 0
        if (end > from && bytes > frame.maxBytes) break
        end++
      }
      return liar.send({ type: 'run', id, index, from, run: author.run(from, end) })
    }
    const { size, root, signature } = author.checkpoint()
    const oldRoot = author.state(from).root
    const proof = await consistencyProof(author.read, from, size)
    liar.send({ type: 'checkpoint', id, index, size, root, signature, oldSize: from, oldRoot, proof })
  }
  return (frame, liar) => void answer(frame, liar)
}

/** In member order, up to the last chain named. */
export function leavesOf(all: Neighbourhood, chains: ReadonlyMap<number, ChainAuthor>): { size: number; root: Bytes }[] {
  const { members } = all.get('registrar').node.membership
  return members.map(({ index }) => {
    const state = chains.get(index)?.state()
    return { size: state?.size ?? 0, root: state?.root ?? EMPTY_ROOT }
  })
}
