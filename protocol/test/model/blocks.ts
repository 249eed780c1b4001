import { toHex } from '../../bytes.ts'
import { Epochs } from '../../epochs.ts'
import type { Leaf } from '../../frames.ts'
import { type Member, Membership } from '../../membership.ts'
import type { MembershipOperation } from '../../membership-body.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_REGISTRAR, ROLE_WITNESS } from '../../roles.ts'

/** Blocks without bytes: a root stands for a block and all before it, and is the same object wherever it turns up. */
export interface Block {
  readonly member: number
  readonly height: number
  readonly registrarSize: number
  /** Of the tree over this block and all before it. */
  readonly root: Uint8Array
  /** From height 0 to this block. */
  readonly path: readonly Block[]
  /** After this block of the registrar's chain. */
  readonly state?: RegistrarState
}

export interface RegistrarState {
  readonly membership: Membership
  readonly epochs: Epochs
}

export const keyNumbered = (n: number): Uint8Array => new Uint8Array(32).fill(n + 1)

const NO_RECORD = new Uint8Array(32)

/** All blocks that anybody has made in one run. */
export class Blocks {
  readonly #byRoot = new Map<Uint8Array, Block>()
  readonly #byMember = new Map<number, Block[]>()
  readonly genesis: RegistrarState
  #roots = 0

  /** Member 0 is the registrar; then witnesses, reserves (observers) and meters. */
  constructor(witnesses: number, reserves: number, meters: number) {
    this.genesis = genesisWith(witnesses, reserves, meters)
  }

  newRoot(): Uint8Array {
    const root = new Uint8Array(32)
    this.#roots++
    root[0] = this.#roots & 255
    root[1] = this.#roots >> 8
    return root
  }

  seal(member: number, parent: Block | undefined, registrarSize: number): Block {
    return this.#add(
      { member, height: parent === undefined ? 0 : parent.height + 1, registrarSize, root: this.newRoot() },
      parent,
    )
  }

  /** Of the registrar, which names its own height. */
  sealRegistrar(parent: Block | undefined, operations: readonly MembershipOperation[]): Block {
    const before = parent?.state ?? this.genesis
    const { membership } = before.membership.apply(operations)
    const state = { membership, epochs: before.epochs.extended(membership) }
    const height = membership.size - 1
    return this.#add({ member: 0, height, registrarSize: height, root: this.newRoot(), state }, parent)
  }

  #add(fields: Omit<Block, 'path'>, parent: Block | undefined): Block {
    const path: Block[] = parent === undefined ? [] : [...parent.path]
    const block: Block = { ...fields, path }
    path.push(block)
    this.#byRoot.set(block.root, block)
    const all = this.#byMember.get(block.member)
    if (all === undefined) this.#byMember.set(block.member, [block])
    else all.push(block)
    return block
  }

  /** Undefined for a root of nothing. */
  withRoot(root: Uint8Array): Block | undefined {
    return this.#byRoot.get(root)
  }

  of(member: number): readonly Block[] {
    return this.#byMember.get(member) ?? []
  }
}

export const leafOf = ({ height, root }: Block): Leaf => ({ size: height + 1, root })

export const isOn = (path: readonly Block[], { size, root }: Leaf): boolean => path[size - 1]?.root === root

const geneses = new Map<string, RegistrarState>()

function genesisWith(witnesses: number, reserves: number, meters: number): RegistrarState {
  const name = `${witnesses} ${reserves} ${meters}`
  const known = geneses.get(name)
  if (known !== undefined) return known
  const members = Array.from({ length: 1 + witnesses + reserves + meters }, (_, index): Member => {
    const roles =
      index === 0
        ? ROLE_REGISTRAR
        : index <= witnesses
          ? ROLE_WITNESS
          : index <= witnesses + reserves
            ? ROLE_OBSERVER
            : ROLE_METER
    const key = keyNumbered(index)
    return { index, key, keyHex: toHex(key), roles, admittedAt: 0 }
  })
  const membership = new Membership(0, members, new Set())
  const state = { membership, epochs: Epochs.of(membership) }
  geneses.set(name, state)
  return state
}

export const grantWitness = (key: Uint8Array): MembershipOperation => ({ type: 'change-roles', key, roles: ROLE_WITNESS })
export const withdrawWitness = (key: Uint8Array): MembershipOperation => ({ type: 'change-roles', key, roles: ROLE_OBSERVER })
export const admitWitness = (key: Uint8Array): MembershipOperation => ({
  type: 'admit',
  key,
  roles: ROLE_WITNESS,
  labelHash: NO_RECORD,
})
export const revoke = (key: Uint8Array, { size, root }: Leaf): MembershipOperation => ({
  type: 'revoke',
  key,
  endSize: size,
  endRoot: root,
})
