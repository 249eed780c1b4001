import {
  admissionOf,
  type Bytes,
  decodeJoinRequest,
  encodeJoinAnswer,
  equalBytes,
  type Genesis,
  hasRoles,
  type JoinAnswer,
  type JoinRequest,
  type LabelRecord,
  labelHash,
  MAX_MEMBERS,
  MAX_WITNESSES,
  type Membership,
  type MembershipOperation,
  ROLE_WITNESS,
  type Roles,
  type VerifySignature,
  validateJoinRequest,
  WattnessError,
  witnessesOf,
} from '../../protocol/index.ts'
import type { Network } from '../net/index.ts'
import type { Clock } from '../platform.ts'
import type { Roster } from './roster.ts'

export const JOIN_PROTOCOL = '/wattness/join/1'

export interface JoinServiceInit {
  readonly genesis: Genesis
  readonly roster: Roster
  readonly clock: Clock
  readonly verify: VerifySignature
  /** Seals a membership block; resolves once it is on disk. */
  readonly seal: (operations: readonly MembershipOperation[]) => Promise<unknown>
}

/**
 * The registrar's side of joining. One request at a time: whether an invitation is spent is decided by the registrar's own
 * chain, so the block that spends it must be stored before the next request is looked at. It need not count yet.
 */
export class JoinService {
  readonly #init: JoinServiceInit
  #turn: Promise<unknown> = Promise.resolve()

  constructor(init: JoinServiceInit) {
    this.#init = init
  }

  serve(network: Network): void {
    network.serve(JOIN_PROTOCOL, async (bytes, from) => encodeJoinAnswer(await this.#answer(bytes, from)))
  }

  async #answer(bytes: Bytes, from: Bytes): Promise<JoinAnswer> {
    const request = decodeJoinRequest(bytes)
    // Who asks over the network asks for itself: the connection proves that it holds the key.
    if (!equalBytes(request.member, from)) return { type: 'refused', code: 'BAD_SIGNATURE' }
    // What keeps the registrar from sealing (no neighbour's word yet, a full disk) passes: whoever asks may come again.
    return this.admit(request, 'required').catch(() => ({ type: 'refused', code: 'BUSY' }))
  }

  /**
   * Admits a key on its operator's word alone; the answer is the registrar's size from which it counts, for one that is a
   * member already too. Throws REVOKED for a key that was sent away: its owner comes back under another one; MEMBERS_FULL,
   * WITNESSES_FULL.
   */
  admitKey(key: Bytes, roles: Roles, label: LabelRecord): Promise<number> {
    const next = this.#turn.then(async () => {
      const { roster, seal } = this.#init
      const present = roster.held.member(key)
      if (present?.revoked !== undefined) {
        throw new WattnessError('REVOKED', `${present.keyHex} was revoked: its owner may come back under another key`)
      }
      if (present !== undefined) return present.admittedAt
      assertRoom(roster.held, roles)
      await seal([{ type: 'admit', key, roles, labelHash: labelHash(label) }])
      await roster.learnLabel(key, label)
      return roster.held.size
    })
    this.#turn = next.catch(() => undefined)
    return next
  }

  /** Admits, or says why not. `optional`: the operator has looked at the request, no invitation is needed. */
  admit(request: JoinRequest, invitation: 'required' | 'optional'): Promise<JoinAnswer> {
    const next = this.#turn.then(() => this.#admit(request, invitation))
    this.#turn = next.catch(() => undefined)
    return next
  }

  async #admit(request: JoinRequest, invitation: 'required' | 'optional'): Promise<JoinAnswer> {
    const { genesis, roster, clock, verify, seal } = this.#init
    const { networkId } = genesis
    const refusal = validateJoinRequest(request, {
      membership: roster.held,
      networkId,
      nowMs: clock.now(),
      verify,
      invitation,
    })
    if (refusal === 'ALREADY_MEMBER') {
      // The answer was lost, or the label after it: whoever asks again with the same label gets both.
      await roster.learnLabel(request.member, request.label).catch(() => false)
      return { type: 'accepted', registrarSize: roster.held.member(request.member)?.admittedAt ?? 0 }
    }
    if (refusal !== undefined) return { type: 'refused', code: refusal }
    await seal([admissionOf(request)])
    await roster.learnLabel(request.member, request.label)
    return { type: 'accepted', registrarSize: roster.held.size }
  }
}

/** An admission that is void would stand in the registrar's chain for ever, to no effect. */
function assertRoom(membership: Membership, roles: Roles): void {
  if (membership.members.length >= MAX_MEMBERS) {
    throw new WattnessError('MEMBERS_FULL', `the network has ${MAX_MEMBERS} members, revoked ones included: it can have no more`)
  }
  if (hasRoles(roles, ROLE_WITNESS) && witnessesOf(membership).length >= MAX_WITNESSES) {
    throw new WattnessError(
      'WITNESSES_FULL',
      `the network has ${MAX_WITNESSES} witnesses, and can have no more: give other roles`,
    )
  }
}
