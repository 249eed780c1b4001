import { Epochs } from '../epochs.ts'
import type { Leaf } from '../frames.ts'
import type { Member } from '../membership.ts'
import { Membership } from '../membership.ts'
import { ROLE_METER, ROLE_REGISTRAR, ROLE_WITNESS } from '../roles.ts'
import { EMPTY_LEAF, type HeldChains } from '../witness.ts'
import { keyOf } from './numbered-keys.ts'

/** A membership of `count` members at a registrar size, of whom those named are witnesses. */
export function membershipWith(size: number, witnesses: readonly number[], count = 8): Membership {
  const members = Array.from({ length: count }, (_, index): Member => {
    const roles = index === 0 ? ROLE_REGISTRAR : witnesses.includes(index) ? ROLE_WITNESS : ROLE_METER
    return { index, key: keyOf(index), keyHex: `${index}`, roles, admittedAt: 0 }
  })
  return new Membership(size, members, new Set())
}

/** Epochs of a registrar's chain: the witnesses of genesis, then those after each block. */
export function epochsAfter(genesis: readonly number[], ...sets: readonly (readonly number[])[]): Epochs {
  let epochs = Epochs.of(membershipWith(0, genesis))
  for (const [at, witnesses] of sets.entries()) epochs = epochs.extended(membershipWith(at + 1, witnesses))
  return epochs
}

const roots = new Map<string, Uint8Array>()

/** A root that stands for the first `size` blocks along a branch of a chain. */
export function rootOn(branch: string, size: number): Uint8Array {
  if (size === 0) return EMPTY_LEAF.root
  const name = `${branch}/${size}`
  const root = roots.get(name) ?? Uint8Array.from({ length: 32 }, (_, i) => (i < 4 ? (roots.size >> (8 * i)) & 255 : 7))
  roots.set(name, root)
  return root
}

export function leafOn(branch: string, size: number): Leaf {
  return { size, root: rootOn(branch, size) }
}

export interface HeldBranch {
  readonly branch: string
  readonly size: number
  /** How much of it counts for its leaf; all of it unless given. */
  readonly counts?: number
  readonly isQuarantined?: boolean
  /** By size, the epoch of the leaf; 0 where nothing is given. */
  readonly epochs?: Readonly<Record<number, number>>
}

/** Chains by member index; a root that is none of a branch's own is not held. */
export function holding(...held: readonly HeldBranch[]): HeldChains {
  const at = (index: number): HeldBranch => held[index] ?? { branch: 'none', size: 0 }
  return {
    count: held.length,
    leaf: (index) => leafOn(at(index).branch, at(index).counts ?? at(index).size),
    rootAt: (index, size) => (size > at(index).size ? undefined : rootOn(at(index).branch, size)),
    leafEpoch: (index, size) => at(index).epochs?.[size] ?? 0,
    isQuarantined: (index) => at(index).isQuarantined === true,
  }
}
