import { type Bytes, type ChainState, encodeFrame, MAX_BODY_BYTES, MAX_RUN_BYTES, SALT_BYTES } from '../../protocol/index.ts'
import type { VirtualNode } from '../world/virtual-node.ts'
import type { World } from '../world/world.ts'
import { Attacker, frameOf } from './attacker.ts'
import { corruptRun } from './corruption.ts'
import { forgeRun } from './forgery.ts'

/** Of a kind that nobody interprets: its content may be anything, at the largest size. */
const KIND_OF_NOBODY = 200

/** Its own requests are told by their numbers from those of the node behind it. */
const FIRST_ID = 1_000_000

/** Requests in one go: four times what may wait, and still no flood. */
const REQUESTS = 512
const FLOOD_FRAMES = 5_000
const PAYLOADS = 64

/** Spammers that act one after another, and how long after each other. */
const TURNS = 20
const TURN_MS = 1_000

/** What makes its neighbours hang up comes last. */
const WAYS = ['requests', 'largest', 'calls', 'noise', 'flood', 'requests', 'invalid'] as const

/** Costs others as much as it can: largest blocks, true and untrue, requests and frames in floods, payloads of noise. */
export class Spammer extends Attacker {
  #chain: ChainState | undefined
  #acts = 0

  constructor(world: World, box: VirtualNode) {
    super(world, box)
    // It writes its chain by hand.
    box.altered.settings = { ...box.altered.settings, seals: false }
  }

  /** Each a little later than the one before: what forty send at one moment would be held here, and not by those who take it. */
  override act(): void {
    this.world.time.after((this.box.member % TURNS) * TURN_MS, () => this.#spam())
  }

  /** One way after the other; while nobody is linked with it, it waits. */
  #spam(): void {
    if (this.channels.size === 0) return
    const way = WAYS[this.#acts++ % WAYS.length]
    if (way === 'requests') this.#requests()
    else if (way === 'largest') this.#largest()
    else if (way === 'calls') this.#calls()
    else if (way === 'noise') this.#noise()
    else if (way === 'flood') this.#flood()
    else this.#invalid()
  }

  /** Answers to what the node behind it never asked. */
  override incoming(bytes: Bytes): boolean {
    const frame = frameOf(bytes)
    if (frame === undefined || !('id' in frame) || frame.id < FIRST_ID || frame.type === 'want') return true
    this.note('answer')
    this.note('answered bytes', bytes.length)
    return false
  }

  /** Rules allow it: a member's own chain of largest blocks. */
  #largest(): void {
    for (let i = 0; i < 4; i++) {
      const { run, state } = this.#block()
      this.#chain = state
      this.note('largest')
      this.gossip(this.topic('blocks'), run)
    }
  }

  #block(): ReturnType<typeof forgeRun> {
    const { world, box, random } = this
    const content = random.bytes(MAX_BODY_BYTES - SALT_BYTES)
    return forgeRun({
      networkId: world.genesis.networkId,
      member: box.key,
      state: this.#chain ?? box.store?.head(box.key),
      signer: box.signer,
      sealedAt: world.time.nowMs,
      random,
      fields: { kind: KIND_OF_NOBODY, content },
    })
  }

  #invalid(): void {
    const { run } = this.#block()
    for (let i = 0; i < PAYLOADS; i++) {
      this.note('invalid')
      this.gossip(this.topic('blocks'), corruptRun(run, this.random, 'signature'))
    }
    this.sendBytes(encodeFrame({ type: 'run', id: 1, index: 1, from: 0, run: this.random.bytes(MAX_RUN_BYTES) }))
  }

  /** Below what counts as a flood: everything that is held, again and again. */
  #requests(): void {
    for (const peerHex of [...this.channels.keys()]) {
      for (let i = 0; i < REQUESTS; i++) {
        this.note('request')
        const index = this.random.below(this.world.settings.meters + 1)
        this.send({ type: 'want', id: FIRST_ID + i, index, from: 0, maxBlocks: 4_096, maxBytes: MAX_RUN_BYTES }, peerHex)
      }
      for (let i = 0; i < 16; i++) this.send({ type: 'ask-leaves', id: 2 * FIRST_ID + i }, peerHex)
    }
  }

  #noise(): void {
    for (const topic of ['blocks', 'evidence', 'attestations'] as const) {
      for (let i = 0; i < PAYLOADS; i++) {
        this.note('noise')
        this.gossip(this.topic(topic), this.random.bytes(1 + this.random.below(2_000)))
      }
    }
  }

  /** One-shot requests to whoever serves them. */
  #calls(): void {
    const { port, world, random } = this
    for (const node of world.honest) {
      for (let i = 0; i < 8; i++) {
        this.note('call')
        const protocol = random.pick(['/wattness/cosign/1', '/wattness/join/1'])
        port?.request(node.address, protocol, random.bytes(random.below(2_000))).catch(() => undefined)
      }
    }
  }

  #flood(): void {
    for (const peerHex of [...this.channels.keys()]) {
      for (let i = 0; i < FLOOD_FRAMES; i++) {
        this.note('flood')
        this.send({ type: 'ask-leaves', id: 3 * FIRST_ID + i }, peerHex)
      }
    }
  }
}
