import { type Block, bodyContent, KIND_EVENT } from './block.ts'
import { toHex } from './bytes.ts'
import { decodeEvents, EVENT_CODES } from './event-body.ts'
import type { Membership } from './membership.ts'

/** Where the chain of a replaced key ends and the one of the new key begins. */
export interface Continuation {
  /** The key before. */
  readonly key: Uint8Array
  /** Blocks of its chain that stay, and the root over them. */
  readonly endSize: number
  readonly endRoot: Uint8Array
}

/** What `key` goes on with; undefined for a key that replaces none. */
export function continuationOf(membership: Membership, key: Uint8Array): Continuation | undefined {
  const before = membership.at(membership.member(key)?.replaces ?? -1)
  if (before?.revoked === undefined) return undefined
  const { endSize, endRoot } = before.revoked
  return { key: before.key, endSize, endRoot }
}

/** The detail of the event `continues` (rule M20): at most 145 characters. */
export function formatContinuation({ key, endSize, endRoot }: Continuation): string {
  return `${toHex(key)} ${endSize} ${toHex(endRoot)}`
}

/** Rule M20: true for a first block that names what its chain goes on with; its content is canonical. */
export function continues({ header, body }: Block, continuation: Continuation): boolean {
  if (header.kind !== KIND_EVENT) return false
  const [first] = decodeEvents(bodyContent(body))
  return first?.code === EVENT_CODES.continues && first.detail === formatContinuation(continuation)
}
