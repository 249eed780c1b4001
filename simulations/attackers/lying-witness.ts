import {
  type Bytes,
  encodeSignedAttestation,
  headsRoot,
  type Leaf,
  type SignedAttestation,
  signAttestation,
  toHex,
} from '../../protocol/index.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { Attacker, frameOf } from './attacker.ts'
import { NEVER_MS } from './silence.ts'

/** Lies that it can show the leaves of: the newest. */
const MAX_TOLD = 256

/** Blocks that it claims of a chain beyond what there are. */
const BEYOND = 3

/** Signs what is not: leaves that nobody holds, another to each neighbour, more blocks than there are, roots of nothing. */
export class LyingWitness extends Attacker {
  readonly #told = new Map<string, readonly Leaf[]>()
  #sequence = 0

  constructor(world: World, box: VirtualNode) {
    super(world, box)
    // What it signs, it signs by hand.
    box.altered.settings = { ...box.altered.settings, attestDelayMs: NEVER_MS }
  }

  override act(): void {
    const { world, box } = this
    const leaves = box.node?.sync.view.leaves() ?? []
    const victim = this.random.pick(world.honest.filter(({ member }) => (leaves[member]?.size ?? 0) > 0 || member === 0))
    for (const peerHex of [...this.channels.keys()]) {
      const root = this.random.bytes(32)
      const size = leaves[victim.member]?.size ?? 0
      if (size > 0) this.#tell('leaf', this.#changed(leaves, victim.member, { size, root }), peerHex)
      this.#tell('beyond', this.#changed(leaves, victim.member, { size: size + BEYOND, root }), peerHex)
      this.#tell('no leaves', leaves, peerHex, this.random.bytes(32))
    }
  }

  #changed(leaves: readonly Leaf[], at: number, leaf: Leaf): Leaf[] {
    return leaves.map((each, index) => (index === at ? leaf : each))
  }

  #tell(what: string, leaves: readonly Leaf[], peerHex: string, root?: Bytes): void {
    const attestation = this.#sign(leaves, root)
    this.note(what)
    const id = toHex(attestation.headsRoot)
    if (root === undefined) this.#told.set(id, leaves)
    if (this.#told.size > MAX_TOLD) this.#told.delete(this.#told.keys().next().value as string)
    this.send({ type: 'attestations', attestations: [encodeSignedAttestation(attestation)] }, peerHex)
  }

  #sign(leaves: readonly Leaf[], root?: Bytes): SignedAttestation {
    const { world, box } = this
    const heads = leaves.map((leaf, index) => ({ member: (world.nodes[index] as VirtualNode).key, ...leaf }))
    return signAttestation(box.signer, world.genesis.networkId, {
      witness: box.key,
      epoch: 0,
      sequence: ++this.#sequence,
      timeMs: world.time.nowMs,
      frontier: leaves.map(({ size }) => size),
      named: [],
      headsRoot: root ?? headsRoot(heads),
    })
  }

  /** A lie whose leaves can be shown is looked at, and more than a lie without. */
  override incoming(bytes: Bytes, peerHex: string): boolean {
    const frame = frameOf(bytes)
    if (frame?.type !== 'ask-attested-leaves') return true
    const leaves = this.#told.get(toHex(frame.headsRoot))
    if (leaves === undefined) return true
    this.note('shown')
    this.send({ type: 'attested-leaves', id: frame.id, leaves }, peerHex)
    return false
  }
}
