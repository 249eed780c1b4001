import { type SignedAttestation, verifyAttestation } from './attestation.ts'
import { toHex } from './bytes.ts'
import type { VerifySignature } from './ed25519.ts'
import { WattnessError } from './errors.ts'
import type { Member, Membership } from './membership.ts'

/** What a node holds that an attestation is judged by (rule A5). */
export interface AttestationContext {
  readonly networkId: Uint8Array
  /** The node's clock, UTC milliseconds. */
  readonly now: number
  /** Of genesis (rule G6). */
  readonly maxClockDriftMs: number
  /** After all blocks of the registrar's chain that are held, counted or not. */
  readonly membership: Membership
  /** Member indices of an epoch's witnesses; undefined for an epoch that has not begun here. */
  witnessesOf(epoch: number): readonly number[] | undefined
}

/**
 * Rule A5: the witness that signed it. Throws NOT_A_WITNESS, EPOCH_AHEAD, CLOCK_AHEAD, FRONTIER_TOO_LONG, and BAD_SIGNATURE
 * last: what is ignored anyway is not worth a signature check. `bytes`: see verifyAttestation.
 */
export function assertAttestation(
  verify: VerifySignature,
  context: AttestationContext,
  signed: SignedAttestation,
  bytes?: Uint8Array,
): Member {
  const { membership, now, maxClockDriftMs, networkId } = context
  const { witness, epoch, timeMs, frontier } = signed
  const member = membership.member(witness)
  const refuse = (code: string, found: string, data: Record<string, unknown> = {}): never => {
    throw new WattnessError(code, `attestation ${signed.sequence} of ${toHex(witness)}: ${found}`, { epoch, ...data })
  }
  if (member === undefined) return refuse('NOT_A_WITNESS', 'signed by no member')
  const witnesses = context.witnessesOf(epoch)
  if (witnesses === undefined) return refuse('EPOCH_AHEAD', `epoch ${epoch} has not begun here`)
  if (!witnesses.includes(member.index)) return refuse('NOT_A_WITNESS', `member ${member.index} is no witness of epoch ${epoch}`)
  const latest = now + maxClockDriftMs
  if (timeMs > latest) return refuse('CLOCK_AHEAD', `time ${timeMs}, expected at most ${latest}`, { timeMs, latest })
  const registrarSize = frontier[0] as number
  const most = membersAt(membership, registrarSize)
  if (registrarSize <= membership.size && frontier.length > most) {
    const found = `${frontier.length} chains in its frontier, and ${most} members at registrar size ${registrarSize}`
    return refuse('FRONTIER_TOO_LONG', found, { chains: frontier.length, members: most, registrarSize })
  }
  if (!verifyAttestation(verify, networkId, signed, bytes)) return refuse('BAD_SIGNATURE', 'not signed by it for this network')
  return member
}

/** Members at a registrar size that is not above the state's own: they stand in the order of their admission. */
export function membersAt({ members }: Membership, registrarSize: number): number {
  let count = members.length
  while (count > 0 && (members[count - 1] as Member).admittedAt > registrarSize) count--
  return count
}
