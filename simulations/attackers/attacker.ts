import type { Channel, GossipVerdict } from '../../node/index.ts'
import { type Bytes, decodeFrame, encodeFrame, type Frame, type KnownFrame, toHex } from '../../protocol/index.ts'
import type { VirtualPort } from '../network/virtual-port.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { CrookedPort, type Hands } from './crooked-port.ts'

const attackers = new WeakMap<World, Attacker[]>()

/** Those that a world has, in the order of their turning. */
export function attackersOf(world: World): readonly Attacker[] {
  return attackers.get(world) ?? []
}

/**
 * A member that follows other orders. Behind it is a real node that finds neighbours, greets and holds every chain, so that it is
 * believed; what it says passes the attacker's hands, which change, hold back and add what they like.
 */
export class Attacker implements Hands {
  readonly world: World
  readonly box: VirtualNode
  readonly random: SeededRandom
  /** Open channels, by the key across. */
  readonly channels = new Map<string, Channel>()
  /** How often it has done what: an attack that never took place proves nothing. */
  readonly done = new Map<string, number>()
  port: VirtualPort | undefined

  constructor(world: World, box: VirtualNode) {
    this.world = world
    this.box = box
    this.random = world.random.stream(`attacker ${box.name}`)
    world.turn(box)
    box.altered.network = (port) => {
      this.port = port
      this.channels.clear()
      return new CrookedPort(port, this)
    }
    const all = attackers.get(world) ?? []
    attackers.set(world, all)
    all.push(this)
  }

  onChannel(channel: Channel): void {
    this.channels.set(channel.peerHex, channel)
  }

  onChannelEnd(channel: Channel): void {
    if (this.channels.get(channel.peerHex) === channel) this.channels.delete(channel.peerHex)
  }

  outgoing(frame: Bytes, _peerHex: string): readonly Bytes[] {
    return [frame]
  }

  incoming(_frame: Bytes, _peerHex: string): boolean {
    return true
  }

  publishing(_topic: string, payload: Bytes): readonly Bytes[] {
    return [payload]
  }

  heard(_topic: string, _payload: Bytes, verdict: GossipVerdict): GossipVerdict {
    return verdict
  }

  note(what: string, count = 1): void {
    this.done.set(what, (this.done.get(what) ?? 0) + count)
  }

  /** Behind the node's back. */
  send(frame: KnownFrame, peerHex?: string): void {
    this.sendBytes(encodeFrame(frame), peerHex)
  }

  /** To one neighbour, or to all. */
  sendBytes(bytes: Bytes, peerHex?: string): void {
    if (peerHex !== undefined) this.channels.get(peerHex)?.send(bytes)
    else for (const channel of [...this.channels.values()]) channel.send(bytes)
  }

  topic(name: 'attestations' | 'blocks' | 'evidence'): string {
    return `/wattness/${toHex(this.world.genesis.networkId).slice(0, 32)}/${name}/1`
  }

  gossip(topic: string, payload: Bytes): void {
    if (this.port?.isRunning === true) this.port.publish(topic, payload).catch(() => undefined)
  }
}

/** Undefined for what is none. */
export function frameOf(bytes: Bytes): Frame | undefined {
  try {
    return decodeFrame(bytes)
  } catch {
    return undefined
  }
}

/** The last meters, which are no witnesses where others can be had: a fifth of all, and at least one. */
export function lastMeters(world: World, share = 5): VirtualNode[] {
  const { meters, witnesses } = world.settings
  const count = Math.max(1, Math.min(Math.floor(meters / share), meters - witnesses))
  return world.meters.slice(-count)
}

/** The first witnesses: as many as `liars` says, and no more than can be borne. */
export function bearableWitnesses(world: World): readonly VirtualNode[] {
  const { liars, witnesses } = world.settings
  return world.witnesses.slice(0, Math.min(liars, mostLiars(witnesses)))
}

/** Of n witnesses ⌊(n − 1) / 3⌋ may lie. */
export function mostLiars(witnesses: number): number {
  return Math.max(0, Math.floor((witnesses - 1) / 3))
}
