import { type Member, type Membership, type Reading, ROLE_METER, toHex } from '../../../protocol/index.ts'
import type { LedgerStore } from '../../store/index.ts'
import { MadeHome, openStore } from './made-home.ts'

/** Members as a registrar's chain would have made them, and a store with what they say. */
export class MadeStreet {
  readonly store: LedgerStore
  readonly members: Member[] = []
  readonly #homes: MadeHome[] = []

  private constructor(store: LedgerStore) {
    this.store = store
  }

  static async create(): Promise<MadeStreet> {
    return new MadeStreet(await openStore())
  }

  /** The next member, by default a meter named `home N`. */
  add(more: Partial<Member> = {}): Member {
    const index = this.members.length
    const home = new MadeHome(this.store, index)
    this.#homes.push(home)
    const { key } = home
    const member = { index, key, keyHex: toHex(key), roles: ROLE_METER, label: `home ${index}`, admittedAt: 0, ...more }
    this.members.push(member)
    return member
  }

  change(index: number, more: Partial<Member>): void {
    this.members[index] = { ...(this.members[index] as Member), ...more }
  }

  seal(index: number, readings: readonly Reading[], rows?: number): Promise<void> {
    return (this.#homes[index] as MadeHome).seal(readings, rows)
  }

  get membership(): Membership {
    const { members } = this
    return {
      members,
      size: 0,
      at: (index: number) => members[index],
      member: (key: Uint8Array) => members.find(({ keyHex }) => keyHex === toHex(key)),
    } as unknown as Membership
  }
}
