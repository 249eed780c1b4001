import type { GossipVerdict } from '../../node/index.ts'
import {
  type Bytes,
  decodeRun,
  EMPTY_ROOT,
  encodeFrame,
  equalBytes,
  type Holdings,
  headsRoot,
  type KnownFrame,
  type Leaf,
  toHex,
} from '../../protocol/index.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { Attacker, attackersOf, frameOf, turnInto } from './attacker.ts'

export interface WithheldInit {
  /** Whose blocks nobody is to get. */
  readonly author: VirtualNode
  /** True: and the author is to get nobody's. */
  readonly isEclipsed: boolean
}

/** Tells nobody of one member's blocks, as if there were none; where the member is eclipsed, tells it of nobody's either. */
export class Withholder extends Attacker {
  readonly #author: VirtualNode
  readonly #isEclipsed: boolean

  constructor(world: World, box: VirtualNode, { author, isEclipsed }: WithheldInit) {
    super(world, box)
    this.#author = author
    this.#isEclipsed = isEclipsed
  }

  #isHidden(index: number, peerHex: string): boolean {
    return peerHex === this.#author.keyHex ? this.#isEclipsed && index !== this.#author.member : index === this.#author.member
  }

  override outgoing(bytes: Bytes, peerHex: string): readonly Bytes[] {
    const frame = frameOf(bytes)
    if (frame === undefined || frame.type === 'unknown') return [bytes]
    const answer = this.#altered(frame, peerHex)
    if (answer === frame) return [bytes]
    this.note(frame.type)
    return answer === undefined ? [] : [encodeFrame(answer)]
  }

  /** What goes out in its place; undefined for nothing. */
  #altered(frame: KnownFrame, peerHex: string): KnownFrame | undefined {
    switch (frame.type) {
      case 'hello':
      case 'status':
        return { ...frame, ...this.#holdings(frame, peerHex) }
      case 'announce': {
        const sizes = frame.sizes.filter(({ index }) => !this.#isHidden(index, peerHex))
        if (sizes.length === frame.sizes.length) return frame
        return sizes.length === 0 ? undefined : { ...frame, sizes }
      }
      case 'run':
      case 'checkpoint':
        return this.#isHidden(frame.index, peerHex) ? { type: 'miss', id: frame.id, reason: 'not-held' } : frame
      case 'leaves': {
        const leaves = this.#hide(frame.leaves, peerHex)
        return { ...frame, leaves, headsRoot: this.#rootOf(leaves) }
      }
      case 'peers': {
        if (peerHex !== this.#author.keyHex)
          return { ...frame, peers: frame.peers.filter(({ key }) => !equalBytes(key, this.#author.key)) }
        const known = new Set(attackersOf(this.world).map(({ box }) => box.keyHex))
        return { ...frame, peers: frame.peers.filter(({ key }) => known.has(toHex(key))) }
      }
      case 'attestations':
      case 'evidence':
        return this.#isEclipsed && peerHex === this.#author.keyHex ? undefined : frame
      default:
        return frame
    }
  }

  /** A word that is right in itself: of a ledger without the chains that are hidden. */
  #holdings({ frontier }: Holdings, peerHex: string): Pick<Holdings, 'frontier' | 'headsRoot' | 'named'> {
    const held = this.box.node?.sync.view.leaves() ?? []
    const leaves = this.#hide(
      frontier.map((size, index) => ({ size, root: held[index]?.root ?? EMPTY_ROOT })),
      peerHex,
    )
    return { frontier: leaves.map(({ size }) => size), headsRoot: this.#rootOf(leaves), named: [] }
  }

  #hide(leaves: readonly Leaf[], peerHex: string): Leaf[] {
    return leaves.map((leaf, index) => (this.#isHidden(index, peerHex) ? { size: 0, root: EMPTY_ROOT } : leaf))
  }

  #rootOf(leaves: readonly Leaf[]): Bytes {
    return headsRoot(leaves.map((leaf, index) => ({ member: (this.world.nodes[index] as VirtualNode).key, ...leaf })))
  }

  override publishing(_topic: string, payload: Bytes): readonly Bytes[] {
    return this.#isEclipsed ? [] : [payload]
  }

  /** By gossip the author's blocks end here. */
  override heard(topic: string, payload: Bytes, verdict: GossipVerdict): GossipVerdict {
    if (verdict !== 'accept') return verdict
    // The mesh asks nobody whom it passes something on to.
    if (this.#isEclipsed) return 'ignore'
    if (topic !== this.topic('blocks')) return verdict
    const member = decodeRun(payload).blocks[0]?.header.member
    if (member === undefined || !equalBytes(member, this.#author.key)) return verdict
    this.note('gossip')
    return 'ignore'
  }
}

/** The last honest meter: the one that the siege is about. */
export function victimOf(world: World): VirtualNode {
  return world.meters.findLast(({ isHonest }) => isHonest) as VirtualNode
}

/** Between the victim and the honest nodes that are not named nothing passes, either way. */
export function surround(world: World, victim: VirtualNode, allowed: readonly VirtualNode[]): void {
  world.network.heal()
  for (const { host } of world.honest) {
    if (host === victim.host || allowed.some((each) => each.host === host)) continue
    world.network.cut(victim.host, host)
    world.network.cut(host, victim.host)
  }
}

/** Whose links all lead to those that hold back: half of the meters that are no witnesses, two at least, turn. */
export function stageSiege(isEclipsed: boolean): (world: World) => void {
  return (world) => {
    const { meters, witnesses } = world.settings
    const count = Math.max(2, Math.min(6, Math.floor((meters - witnesses) / 2)))
    const author = world.meters.at(-1) as VirtualNode
    const around = world.meters.slice(-1 - count, -1)
    turnInto(
      () => around,
      (_, box) => new Withholder(world, box, { author, isEclipsed }),
    )(world)
    author.altered.settings = { ...author.altered.settings, bootstrap: around.map(({ address }) => address) }
    surround(world, author, [])
  }
}

/** One honest way opens, and one honest node dials. */
export function openOneWay(world: World): void {
  const victim = victimOf(world)
  const friend = world.honest.find(({ isUp, host }) => isUp && host !== victim.host && host > 0)
  if (friend === undefined) return
  surround(world, victim, [friend])
  world.log.note(`${friend.name} reaches ${victim.name}`)
  friend.node?.network.dial(victim.address).catch(() => undefined)
}
