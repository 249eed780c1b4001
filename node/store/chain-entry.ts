import { equalBytes, toHex } from '../../protocol/bytes.ts'
import type { ChainState } from '../../protocol/chain-state.ts'
import { KEY_BYTES } from '../../protocol/ed25519.ts'
import { WattnessError } from '../../protocol/errors.ts'
import type { TileEdge } from './tiles.ts'

/** One chain as memory knows it. Never changed in place: an accepted batch puts a new entry in its stead. */
export interface ChainEntry {
  readonly id: number
  readonly member: Uint8Array
  readonly state: ChainState
  readonly edge: TileEdge
  /**
   * Names the chain and its branch, by a number that no other has: a new one when the chain is loaded, cut back or has its
   * tail replaced. Reads that span such a moment are of neither branch. 0 where no store holds it.
   */
  readonly branch: number
  readonly pruned: Pruned
}

/** How far a chain is pruned: sizes of its beginning. */
export interface Pruned {
  /** Blocks below have their bodies dropped, but for the few that are kept (pruning.ts). */
  readonly to: number
  /** Query values of the blocks below are dropped as well. */
  readonly valuesTo: number
}

export const NOT_PRUNED: Pruned = { to: 0, valuesTo: 0 }

/** The same of a chain that was cut to `size` blocks. */
export const prunedUpTo = ({ to, valuesTo }: Pruned = NOT_PRUNED, size: number): Pruned => ({
  to: Math.min(to, size),
  valuesTo: Math.min(valuesTo, size),
})

/**
 * Records beside the chains; `own`: fewer of this node's own blocks are held than it has signed; `owed`: fewer blocks of a
 * chain than this node signed as a witness, or knows to be final.
 */
export type DamageKind =
  | 'spool'
  | 'frame'
  | 'evidence'
  | 'witness-evidence'
  | 'label'
  | 'invitation'
  | 'query'
  | 'own'
  | 'owed'
  | 'witness'
  | 'final'
  | 'attestation'
  | 'closing'

/** What was found damaged or lost, and from where on a chain must be fetched again. */
export interface Damage {
  readonly what: string
  /** Where it matters what is to be done about it. */
  readonly kind?: DamageKind
  readonly member?: Uint8Array
  /** First height that is no longer held. */
  readonly height?: number
  /** Blocks given up, from `height` on. */
  readonly lost?: number
  readonly file?: string
  readonly offset?: number
}

/** Member keys that are remembered, with their text: those of many nodes in one process, and a few that push each other out. */
export const KNOWN_KEYS = 4_096

/** A member key as a map key. One byte a character. */
export function memberText(member: Uint8Array): string {
  return member.length === KEY_BYTES ? knownKey(member).text : Buffer.from(member).toString('latin1')
}

/**
 * A member key to be kept, not to be written to: the one that others keep as well, where it is still remembered. A key of
 * its own in each record of each of hundreds of nodes would be the larger part of most of them.
 */
export const keptKey = (member: Uint8Array): Uint8Array => (member.length === KEY_BYTES ? knownKey(member).key : member.slice())

interface KnownKey {
  readonly key: Uint8Array
  readonly text: string
}

function knownKey(member: Uint8Array): KnownKey {
  // Keys are as good as random. One string for each is found in a map by its identity, and is not made again for every look.
  const place = ((member[0] as number) | ((member[1] as number) << 8)) % KNOWN_KEYS
  const known = KNOWN[place]
  if (known !== undefined && equalBytes(known.key, member)) return known
  const key = new Uint8Array(member)
  const made = { key, text: Buffer.from(member).toString('latin1') }
  KNOWN[place] = made
  return made
}

const KNOWN = new Array<KnownKey | undefined>(KNOWN_KEYS)

export function damaged(member: Uint8Array, height: number, what: string): WattnessError {
  return new WattnessError('STORE_DAMAGED', `block ${height} of ${toHex(member).slice(0, 16)}…: ${what}`, {
    member: toHex(member),
    height,
    what,
  })
}
