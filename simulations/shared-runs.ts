import { type CheckedRun, checkRun, type RunCheck } from '../node/index.ts'
import { type Bytes, type DoorContext, equalBytes, type Member, type VerifySignature } from '../protocol/index.ts'
import { Generations, nameAt } from './generations.ts'

/** Runs of one generation; two are looked through: what every node stores it stores within minutes. */
export const RUNS_KEPT = 8_192

type AcceptedRun = Extract<CheckedRun, { verdict: 'accept' }>

/** One that was accepted, and all that its acceptance stood on. */
interface Known {
  readonly bytes: Bytes
  readonly context: DoorContext
  readonly writer: Member
  readonly run: AcceptedRun
}

/**
 * A run that the door of one node has accepted is the same on the same chain at its two hundred neighbours in the same process.
 * What the answer stands on is compared: bytes, chain, the author's place among the members, clock. What differs, or was
 * refused, is checked as any node does; so is whatever a node that checks signatures in its own way is shown.
 */
export class SharedRuns {
  readonly #verify: VerifySignature
  readonly #known = new Generations<Known>(RUNS_KEPT)
  asked = 0
  made = 0

  constructor(verify: VerifySignature) {
    this.#verify = verify
  }

  readonly check: RunCheck = (bytes, context) => {
    this.asked++
    // Of the signature, where the run ends with it.
    const name = nameAt(bytes, bytes.length - 6)
    const known = this.#known.get(name)
    if (known !== undefined && this.#holdsIn(known, bytes, context)) return known.run
    this.made++
    const run = checkRun(bytes, context)
    if (run.verdict !== 'accept') return run
    const writer = context.membership.member(run.member)
    if (context.verify !== this.#verify || writer === undefined) return run
    this.#known.set(name, { bytes, context, writer, run })
    return run
  }

  #holdsIn({ bytes, context: before, writer, run }: Known, shown: Bytes, context: DoorContext): boolean {
    const { chain, membership } = context
    // The root stands for every block below.
    if (!equalBytes(chain.root, before.chain.root) || context.quarantined) return false
    if (context.verify !== this.#verify || context.genesis !== before.genesis || context.nowMs < before.nowMs) return false
    const member = membership.member(run.member)
    const isSameWriter = member !== undefined && membership.size >= before.membership.size && isSamePlace(member, writer)
    return isSameWriter && Buffer.compare(bytes, shown) === 0
  }
}

/** Who was revoked, or goes on for somebody, is checked each time. */
function isSamePlace(a: Member, b: Member): boolean {
  if (a.revoked !== undefined || b.revoked !== undefined || a.replaces !== undefined || b.replaces !== undefined) return false
  return a.index === b.index && a.roles === b.roles && a.admittedAt === b.admittedAt && a.meterUntil === b.meterUntil
}
