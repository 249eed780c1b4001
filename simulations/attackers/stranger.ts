import { type Channel, networkLimits } from '../../node/index.ts'
import { type Bytes, EMPTY_ROOT, encodeFrame, NO_DIGESTS, type Signer } from '../../protocol/index.ts'
import type { VirtualPort } from '../network/virtual-port.ts'
import type { Deed } from '../scenario.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { Machine } from '../time/virtual-time.ts'
import { signerNamed, type VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Far from the hosts of members and of their twins. */
const FIRST_HOST = 1_000_000

/** Blocks that it says it holds of each chain: whoever believes it asks for them. */
const BOASTED = 1_000_000

const strangers = new WeakMap<World, Stranger[]>()

export function strangersOf(world: World): readonly Stranger[] {
  return strangers.get(world) ?? []
}

/** A key that was never admitted, of which anybody can make as many as they like; it speaks the exchange's frames by hand. */
export class Stranger {
  readonly #world: World
  readonly #signer: Signer
  readonly #random: SeededRandom
  readonly port: VirtualPort
  dials = 0
  /** Dials that were answered. */
  links = 0

  constructor(world: World, number: number) {
    this.#world = world
    this.#signer = signerNamed(world.seed, `stranger ${number}`)
    this.#random = world.random.stream(`stranger ${number}`)
    const { platform } = new Machine(world.time, this.#random)
    this.port = world.network.port(FIRST_HOST + number, this.#signer.publicKey, platform)
  }

  start(): Promise<void> {
    return this.port.start({
      admits: () => true,
      onLink: () => void this.links++,
      onUnlink: () => undefined,
      onChannel: (channel) => this.#onChannel(channel),
    })
  }

  #onChannel(channel: Channel): void {
    channel.onFrame = () => undefined
    channel.send(this.#hello())
  }

  #hello(): Bytes {
    const { genesis, settings, time } = this.#world
    return encodeFrame({
      type: 'hello',
      networkId: genesis.networkId,
      observer: true,
      pruned: false,
      known: NO_DIGESTS,
      agent: 'stranger',
      timeMs: time.nowMs,
      frontier: Array.from({ length: settings.meters + 1 }, () => BOASTED),
      headsRoot: EMPTY_ROOT,
      named: [],
    })
  }

  /** Takes a place with everybody where there is one, and a request's place besides. */
  async dialAll(): Promise<void> {
    const to = this.#world.honest.filter(({ isUp }) => isUp)
    for (const node of this.#random.sample(to, to.length)) {
      if (this.port.connections.size >= networkLimits.MAX_LINKS) return
      this.dials++
      await this.#dial(node)
    }
  }

  async #dial({ address }: VirtualNode): Promise<void> {
    await this.port.dial(address).catch(() => undefined)
    if (!this.port.isRunning) return
    await this.port.request(address, '/wattness/join/1', this.#random.bytes(200)).catch(() => undefined)
  }
}

/** As many as all nodes together let in, and half as many again come before anybody else. */
export const bringStrangers: Deed = (world) => {
  const count = 48
  const all = Array.from({ length: count }, (_, i) => new Stranger(world, i))
  strangers.set(world, all)
  for (const each of all) world.run('a stranger starts', () => each.start())
}

/** All dial everybody. */
export const strangersDial: Deed = (world) => {
  for (const stranger of strangersOf(world)) world.run('a stranger dials', () => stranger.dialAll())
}
