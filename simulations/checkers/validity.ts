import { verifySignature } from '../../node/index.ts'
import {
  applyMembership,
  assertBodyAllowed,
  assertContent,
  assertContinuation,
  assertMayWrite,
  assertRegistrarSize,
  assertTime,
  type Block,
  type Bytes,
  blockHash,
  bodyContent,
  bodyHash,
  CompactRange,
  decodeBlock,
  decodeEvidence,
  decodeMembershipBody,
  decodeSignedAttestation,
  EMPTY_ROOT,
  equalBytes,
  type Header,
  initialMembership,
  KIND_MEMBERSHIP,
  type Membership,
  type SignedCheckpoint,
  toHex,
  verifyAttestation,
  verifyCheckpoint,
  verifyEvidence,
  ZERO_HASH,
} from '../../protocol/index.ts'
import { actAll, lastMeters } from '../attackers/attacker.ts'
import { Forger } from '../attackers/forger.ts'
import type { Checker } from '../scenario.ts'
import { SharedChecks } from '../shared-checks.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'

/** Blocks read at a time. */
const READ_BLOCKS = 256

export const checker: Checker = {
  rule: 'No honest node ever keeps what the specification refuses: blocks, signatures and proofs are checked again.',

  watch(world, violate) {
    const { verify } = new SharedChecks(verifySignature)
    const { networkId } = world.genesis
    /** The newest of each chain that was found right: what one node stores its two hundred neighbours store within minutes. */
    const right = new Map<string, SignedCheckpoint>()
    const isRightlySigned = (member: string, checkpoint: SignedCheckpoint): boolean => {
      const known = right.get(member)
      if (known !== undefined && isSameCheckpoint(known, checkpoint)) return true
      if (toHex(checkpoint.member) !== member || !verifyCheckpoint(verify, networkId, checkpoint)) return false
      right.set(member, checkpoint)
      return true
    }
    // As stored: a block that should never have been taken may be replaced before the end.
    world.on('stored', (node, { member, from, count, state }) => {
      if (!node.isHonest) return
      const where = `${node.name} stores ${nameOf(world, member)} ${from}+${count}`
      const { checkpoint } = state
      if (checkpoint === undefined) return violate(`${where} without a signature`)
      const isOfState = checkpoint.size > state.size || equalBytes(checkpoint.root, state.root)
      const isRight = state.size === from + count && checkpoint.size >= state.size && isOfState
      if (!isRight) violate(`${where} under a checkpoint of something else`)
      else if (!isRightlySigned(member, checkpoint)) {
        violate(`${where} under a signature that is not the author's`)
      } else if (node.node !== undefined && node.node.heldMembership.member(checkpoint.member) === undefined) {
        violate(`${where}, who is no member`)
      }
    })
    return async () => {
      const audit = new Audit(world, verify, violate)
      for (const node of world.honest) await audit.node(node)
    }
  },

  breakage: {
    what: 'a node that takes every signature for right, beside a forger',
    stage: (world) => {
      const [forger, ...others] = [...lastMeters(world), ...world.meters].filter((meter, at, all) => all.indexOf(meter) === at)
      if (forger !== undefined) new Forger(world, forger).note('staged')
      const believer = others.at(-1)
      if (believer !== undefined) believer.altered.verify = () => true
    },
    acts: [{ at: 0.2, every: 0.02, until: 0.8, what: 'a forger forges', deed: actAll }],
  },
}

type Verify = typeof verifySignature

/** A block with its hash, and the root of the chain up to it. */
interface Right {
  readonly bytes: Bytes
  readonly hash: Bytes
  readonly root: Bytes
}

/** Every chain of every honest node, block by block. What one node holds as another does, byte for byte, is right on both. */
class Audit {
  readonly #world: World
  readonly #verify: Verify
  readonly #violate: (what: string) => void
  /** By member, then by height: blocks found right, each behind the one before. */
  readonly #right = new Map<string, Right[]>()

  constructor(world: World, verify: Verify, violate: (what: string) => void) {
    this.#world = world
    this.#verify = verify
    this.#violate = violate
  }

  async node(node: VirtualNode): Promise<void> {
    const membership = await this.#membershipOf(node)
    if (membership === undefined) return
    for (const { key } of membership.members) await this.#guard(node, key, () => this.#chain(node, key, membership))
    await this.#proofs(node)
    await this.#attestations(node, membership)
  }

  async #guard(node: VirtualNode, key: Bytes, check: () => Promise<void>): Promise<void> {
    try {
      await check()
    } catch (error) {
      this.#violate(`${node.name} holds of ${nameOf(this.#world, toHex(key))}: ${(error as Error).message}`)
    }
  }

  /** By the registrar's chain as it is stored. */
  async #membershipOf(node: VirtualNode): Promise<Membership | undefined> {
    if (node.store === undefined) return undefined
    const { genesis } = this.#world
    let membership = initialMembership(genesis)
    for await (const block of blocksOf(node, genesis.registrar)) {
      const isChange = block.header.kind === KIND_MEMBERSHIP
      membership = applyMembership(membership, isChange ? decodeMembershipBody(bodyContent(block.body)) : []).membership
    }
    return membership
  }

  async #chain(node: VirtualNode, key: Bytes, membership: Membership): Promise<void> {
    const head = node.store?.head(key)
    if (head === undefined || head.size === 0) return
    const right = this.#right.get(toHex(key)) ?? []
    this.#right.set(toHex(key), right)
    const end = membership.member(key)?.revoked?.endSize ?? Number.POSITIVE_INFINITY
    let range: CompactRange | undefined
    let size = 0
    let root: Bytes = EMPTY_ROOT
    let previous: Header | undefined
    let previousHash = ZERO_HASH
    for await (const block of blocksOf(node, key)) {
      const { header, headerBytes, bytes } = block
      const known = range === undefined ? right[size] : undefined
      if (known !== undefined && equalBytes(known.bytes, bytes)) {
        previousHash = known.hash
        root = known.root
      } else {
        range ??= rangeOf(right.slice(0, size))
        // What lies beyond the end of a revoked chain counts for nothing, and is kept where it came first.
        if (header.height < end) this.#block(block, key, size, previous, previousHash, membership)
        previousHash = blockHash(headerBytes)
        range.append(previousHash)
        root = range.root()
        if (right.length === size && header.height < end) right.push({ bytes, hash: previousHash, root })
      }
      previous = header
      size++
    }
    if (size !== head.size) throw new Error(`${size} blocks, ${head.size} by its head`)
    if (!equalBytes(root, head.root)) throw new Error('its head has another root than its blocks make')
    if (head.checkpoint === undefined) throw new Error('nothing vouches for its head')
    if (!verifyCheckpoint(this.#verify, this.#world.genesis.networkId, head.checkpoint))
      throw new Error('a head that is not signed')
    if (head.checkpoint.size === head.size && !equalBytes(head.checkpoint.root, head.root))
      throw new Error('another head than the signed one')
  }

  #block(
    block: Block,
    key: Bytes,
    height: number,
    previous: Header | undefined,
    previousHash: Bytes,
    membership: Membership,
  ): void {
    const { genesis } = this.#world
    const { header } = block
    const isRegistrar = equalBytes(key, genesis.registrar)
    const refuse = (what: string): never => {
      throw new Error(`block ${height}: ${what}`)
    }
    if (!equalBytes(header.member, key) || header.height !== height) refuse('of another chain or height')
    if (!equalBytes(header.previous, previousHash)) refuse('previous is not the hash of the block before')
    if (!equalBytes(bodyHash(block.body), header.bodyHash)) refuse('another body than its header names')
    assertBodyAllowed(header, genesis)
    assertMayWrite(header, membership)
    assertTime(header, previous, genesis)
    assertRegistrarSize(header, previous, isRegistrar)
    assertContent(block, isRegistrar)
    assertContinuation(block, membership)
  }

  async #proofs(node: VirtualNode): Promise<void> {
    const { nodes, genesis } = this.#world
    for (const { key, name } of nodes) {
      const proof = await node.store?.evidence.get(key)
      if (proof === undefined) continue
      const evidence = decodeEvidence(proof)
      if (!equalBytes(evidence.a.member, key) || !verifyEvidence(this.#verify, genesis.networkId, evidence)) {
        this.#violate(`${node.name} keeps a proof against ${name} that proves nothing`)
      }
    }
  }

  async #attestations(node: VirtualNode, membership: Membership): Promise<void> {
    const { store, node: ledger } = node
    if (store === undefined || ledger === undefined) return
    for (const epoch of store.witness.attestations.epochs()) {
      for (const { bytes, witness } of await store.witness.attestations.list(epoch)) {
        const attestation = decodeSignedAttestation(bytes)
        const index = membership.member(witness)?.index
        const isSeated = index !== undefined && ledger.epochs.get(epoch)?.witnesses.includes(index) === true
        const isRight = equalBytes(attestation.witness, witness) && attestation.epoch === epoch
        if (isSeated && isRight && verifyAttestation(this.#verify, this.#world.genesis.networkId, attestation)) continue
        this.#violate(`${node.name} keeps an attestation of ${nameOf(this.#world, toHex(witness))} that is none`)
      }
    }
  }
}

function rangeOf(blocks: readonly Right[]): CompactRange {
  const range = CompactRange.empty()
  for (const { hash } of blocks) range.append(hash)
  return range
}

async function* blocksOf({ store }: VirtualNode, key: Bytes): AsyncGenerator<Block> {
  const size = store?.head(key)?.size ?? 0
  for (let from = 0; from < size; from += READ_BLOCKS) {
    for (const { bytes } of (await store?.readBlocks(key, from, READ_BLOCKS)) ?? []) yield decodeBlock(bytes)
  }
}

function isSameCheckpoint(a: SignedCheckpoint, b: SignedCheckpoint): boolean {
  const isOfSame = a.size === b.size && equalBytes(a.member, b.member)
  return isOfSame && equalBytes(a.root, b.root) && equalBytes(a.signature, b.signature)
}

function nameOf(world: World, member: string): string {
  return world.nodes.find(({ keyHex }) => keyHex === member)?.name ?? member.slice(0, 8)
}
