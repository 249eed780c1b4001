import { type Bytes, type Genesis, type Membership, toHex } from '../../protocol/index.ts'
import type { Admission, Direction } from '../net/index.ts'

/** Strangers that an open network lets in to read, at a time: a flood of them must not crowd out the members. */
export const MAX_STRANGERS = 32

export interface AdmissionInit {
  readonly genesis: Genesis
  readonly membership: () => Membership
  /** True for keys in addresses that this node's operator configured: they are dialled before membership is known. */
  readonly isConfigured: (keyHex: string) => boolean
  /** True where this node answers requests to join. */
  readonly servesJoin: boolean
  readonly linkedStrangers: () => number
}

/** Who may connect: members that are not revoked; observers by the rule of genesis; who asks to join, as a guest. */
export function admission(init: AdmissionInit, key: Bytes, direction: Direction): Admission {
  const member = init.membership().member(key)
  if (member !== undefined) return member.revoked === undefined
  if (direction === 'outbound' && init.isConfigured(toHex(key))) return true
  if (init.genesis.observers === 'open' && init.linkedStrangers() < MAX_STRANGERS) return true
  return init.servesJoin ? 'guest' : false
}
