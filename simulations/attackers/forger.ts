import {
  type Bytes,
  encodeFrame,
  encodeMembershipBody,
  encodeSignedAttestation,
  KIND_MEMBERSHIP,
  labelHash,
  ROLE_METER,
  ROLE_WITNESS,
  type SignedAttestation,
  signAttestation,
  toUtf8,
} from '../../protocol/index.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import { signerNamed } from '../world/virtual-node.ts'
import { Attacker, frameOf } from './attacker.ts'
import { forgeEvidence, forgeRun } from './forgery.ts'

/** Forgeries that wait to be asked for, by member index and height: the newest. */
const MAX_WAITING = 64

/** Makes what only others could make: blocks in their names, blocks of keys that are no members, attestations and evidence. */
export class Forger extends Attacker {
  readonly #waiting = new Map<string, Bytes>()

  override act(): void {
    const { world } = this
    const victim = this.random.pick(world.honest.filter(({ isUp }) => isUp))
    this.#forgeBlock(victim)
    this.#forgeBlock(world.nodes[0] as VirtualNode, {
      kind: KIND_MEMBERSHIP,
      content: encodeMembershipBody([
        {
          type: 'admit',
          key: this.#stranger().publicKey,
          roles: ROLE_METER | ROLE_WITNESS,
          labelHash: labelHash(toUtf8(`${'-'.repeat(16)}sybil`)),
        },
      ]),
    })
    this.#forgeOfStranger()
    this.#forgeAttestations()
    this.#forgeEvidence(victim)
  }

  /** The key of somebody who was never admitted. */
  #stranger(): ReturnType<typeof signerNamed> {
    return signerNamed(this.world.seed, `stranger ${this.random.below(1_000_000)}`)
  }

  /** Said to be there, gossiped, and handed to whoever asks for it. */
  #forgeBlock({ key, member, store }: VirtualNode, fields = {}): void {
    const { world, random, box } = this
    const state = this.box.store?.head(key)
    const { run, height } = forgeRun({
      networkId: world.genesis.networkId,
      member: key,
      state,
      signer: box.signer,
      sealedAt: world.time.nowMs,
      random,
      // The registrar's chain counts itself.
      fields: { ...(member === 0 ? { registrarSize: state?.size ?? 0 } : {}), ...fields },
    })
    if (store === undefined) return
    this.note('block')
    this.#waiting.delete(`${member}/${height}`)
    this.#waiting.set(`${member}/${height}`, run)
    if (this.#waiting.size > MAX_WAITING) this.#waiting.delete(this.#waiting.keys().next().value as string)
    this.send({ type: 'announce', sizes: [{ index: member, size: height + 1 }] })
    this.gossip(this.topic('blocks'), run)
  }

  #forgeOfStranger(): void {
    const { world, random } = this
    const signer = this.#stranger()
    const { networkId } = world.genesis
    this.note('stranger')
    const { run } = forgeRun({ networkId, member: signer.publicKey, signer, sealedAt: world.time.nowMs, random })
    this.gossip(this.topic('blocks'), run)
  }

  /** In a witness's name, and in its own: it is no witness. */
  #forgeAttestations(): void {
    const { world, box } = this
    const view = box.node?.sync.view
    const witness = world.witnesses.find(({ isHonest }) => isHonest)
    if (view === undefined || witness === undefined) return
    const attestation = {
      epoch: 0,
      sequence: 1_000_000 + this.random.below(1_000_000),
      timeMs: world.time.nowMs,
      frontier: view.frontier,
      named: [],
      headsRoot: this.random.bytes(32),
    }
    const own = signAttestation(box.signer, world.genesis.networkId, { ...attestation, witness: box.key })
    const forged: SignedAttestation = { ...own, witness: witness.key }
    this.note('attestation', 2)
    for (const each of [own, forged].map(encodeSignedAttestation)) {
      this.send({ type: 'attestations', attestations: [each] })
      this.gossip(this.topic('attestations'), each)
    }
  }

  #forgeEvidence({ key }: VirtualNode): void {
    const signed = this.box.store?.head(key)?.checkpoint
    if (signed === undefined) return
    const evidence = forgeEvidence(signed, this.random)
    this.note('evidence')
    this.send({ type: 'evidence', evidence })
    this.gossip(this.topic('evidence'), evidence)
  }

  /** Who asks for a block that was announced gets the forged one. */
  override incoming(bytes: Bytes, peerHex: string): boolean {
    const frame = frameOf(bytes)
    const run = frame?.type === 'want' ? this.#waiting.get(`${frame.index}/${frame.from}`) : undefined
    if (run === undefined || frame?.type !== 'want') return true
    this.note('answer')
    this.sendBytes(encodeFrame({ type: 'run', id: frame.id, index: frame.index, from: frame.from, run }), peerHex)
    return false
  }
}
