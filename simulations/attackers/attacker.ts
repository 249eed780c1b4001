import { type Channel, type GossipVerdict, topicsOf } from '../../node/index.ts'
import { type Bytes, decodeFrame, encodeFrame, type Frame, type KnownFrame } from '../../protocol/index.ts'
import type { VirtualPort } from '../network/virtual-port.ts'
import type { Deed } from '../scenario.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { CrookedPort, type Hands } from './crooked-port.ts'

/** What honest nodes make of those that are not. */
export interface Attack {
  /** In the order of their turning. */
  readonly attackers: Attacker[]
  /** Faults that honest nodes have charged attackers with, by kind. */
  readonly charged: Map<string, number>
  /** Links that honest nodes have ended for an attacker's faults. */
  hungUp: number
  /** Honest nodes that honest nodes have hung up on: what an attacker made others pay for. */
  readonly wronged: string[]
}

const attacks = new WeakMap<World, Attack>()

/** A world's attack; the first call, before the run, begins the count. */
export function attackOn(world: World): Attack {
  const standing = attacks.get(world)
  if (standing !== undefined) return standing
  const attack: Attack = { attackers: [], charged: new Map(), hungUp: 0, wronged: [] }
  attacks.set(world, attack)
  world.on('fault', (node, { peer, fault, detail, isLast }) => {
    if (!node.isHonest) return
    const accused = world.nodes.find(({ keyHex }) => keyHex === peer)
    if (accused !== undefined && world.isHonestMember(accused.member)) {
      if (isLast) attack.wronged.push(`${node.name} hangs up on ${accused.name}: ${fault}, ${detail}`)
      return
    }
    attack.charged.set(fault, (attack.charged.get(fault) ?? 0) + 1)
    if (isLast) attack.hungUp++
  })
  return attack
}

export function attackersOf(world: World): readonly Attacker[] {
  return attackOn(world).attackers
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
    attackOn(world).attackers.push(this)
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

  /** Done at an act's time; who is off does nothing. */
  act(): void {
    // Attackers that only change what passes by do nothing of their own.
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
    return topicsOf(this.world.genesis.networkId)[name]
  }

  gossip(topic: string, payload: Bytes): void {
    if (this.port?.isRunning === true) this.port.publish(topic, payload).catch(() => undefined)
  }
}

/** Puts an attacker into each of the boxes. */
export function turnInto(
  choose: (world: World) => readonly VirtualNode[],
  make: (world: World, box: VirtualNode) => Attacker,
): Deed {
  return (world) => choose(world).map((box) => make(world, box))
}

/** Every attacker does what it does at an act's time. */
export const actAll: Deed = (world) => {
  for (const attacker of attackersOf(world)) if (attacker.box.isUp) attacker.act()
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
