import type { GossipVerdict } from '../../node/index.ts'
import { type Bytes, encodeFrame, type KnownFrame } from '../../protocol/index.ts'
import { Attacker, frameOf } from './attacker.ts'
import { CORRUPTIONS, corruptRun, flipped } from './corruption.ts'

/** What it passes on untouched keeps it among its neighbours: changed is this share. */
const SHARE = 0.3

/** Frames that carry what others have signed, or what follows from it. */
const SIGNED: ReadonlySet<string> = new Set(['attestations', 'closings', 'evidence', 'checkpoint', 'leaves', 'attested-leaves'])

/** Passes on what others have sealed and signed with bytes changed: header, body, signature, order, length. */
export class Tamperer extends Attacker {
  override outgoing(bytes: Bytes): readonly Bytes[] {
    if (!this.random.chance(SHARE)) return [bytes]
    const frame = frameOf(bytes)
    if (frame?.type === 'run') return [this.#run(frame)]
    if (frame !== undefined && SIGNED.has(frame.type)) {
      this.note(frame.type)
      // The first byte is the frame's type.
      return [flipped(bytes, this.random, 1)]
    }
    return [bytes]
  }

  #run(frame: KnownFrame & { readonly type: 'run' }): Bytes {
    const how = this.random.pick(CORRUPTIONS)
    this.note(how)
    return encodeFrame({ ...frame, run: corruptRun(frame.run, this.random, how) })
  }

  /** A true payload goes on, and a changed copy of it beside. */
  override heard(topic: string, payload: Bytes, verdict: GossipVerdict): GossipVerdict {
    if (verdict === 'accept' && this.random.chance(SHARE)) {
      this.note('gossip')
      const isBlocks = topic === this.topic('blocks')
      this.gossip(topic, isBlocks ? corruptRun(payload, this.random) : flipped(payload, this.random))
    }
    return verdict
  }
}
