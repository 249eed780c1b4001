import { writeFileSync } from 'node:fs'
import { toHex } from '../../bytes.ts'
import type { Genesis } from '../../genesis.ts'
import { encodeMembershipItem, type MembershipItem } from '../../membership-proof.ts'
import { admit, ProofSetting, revoke } from '../proof-setting.ts'

/** Proofs of who the witnesses are (rules P13 to P17): four in genesis, a fifth admitted, one revoked. */

const setting = new ProofSetting(4).operate([admit(6)])
setting.registrar.append()
setting.operate([revoke(3)])

const first = await setting.item(0, 1, 0, [2, 3, 4])
const second = await setting.item(1, 3, 1, [2, 3, 4, 5])
const alone = new ProofSetting(0).operate([admit(6)])

interface Case {
  readonly name: string
  /** The genesis file, hex. */
  readonly genesis: string
  readonly items: readonly string[]
  /** MEMBERSHIP_UNPROVEN, or the registrar size that is proven and each epoch: from where, quorum, witnesses. */
  readonly result:
    | 'MEMBERSHIP_UNPROVEN'
    | { readonly size: number; readonly epochs: readonly (readonly [number, number, readonly number[]])[] }
}

function made(name: string, { bytes }: Genesis, items: readonly MembershipItem[], result: Case['result']): Case {
  return { name, genesis: toHex(bytes), items: items.map((item) => toHex(encodeMembershipItem(item))), result }
}

const FOUR = [0, 3, [1, 2, 3, 4]] as const
const FIVE = [1, 4, [1, 2, 3, 4, 5]] as const

const cases: Case[] = [
  made('genesis alone', setting.genesis, [], { size: 0, epochs: [FOUR] }),
  made('a fifth witness', setting.genesis, [first], { size: 1, epochs: [FOUR, FIVE] }),
  made('a fifth witness, then one less', setting.genesis, [first, second], {
    size: 3,
    epochs: [FOUR, FIVE, [3, 3, [1, 3, 4, 5]]],
  }),
  made('a registrar without witnesses', alone.genesis, [await alone.item(0, 1, 0, [])], {
    size: 1,
    epochs: [
      [0, 0, []],
      [1, 1, [1]],
    ],
  }),
  made('quorum - 1', setting.genesis, [{ ...first, attestations: first.attestations.slice(1) }], 'MEMBERSHIP_UNPROVEN'),
  made('no closing quorum', setting.genesis, [{ ...first, attestations: [] }, second], 'MEMBERSHIP_UNPROVEN'),
  made('an item left out', setting.genesis, [second], 'MEMBERSHIP_UNPROVEN'),
  made('witnesses of the next epoch', setting.genesis, [await setting.item(0, 1, 0, [2, 3, 6])], 'MEMBERSHIP_UNPROVEN'),
]

export const membershipProofVectors = {
  comment:
    'Membership proofs. result: a code, or what is proven (epochs: size, quorum, members). Made by make-membership-proof.ts.',
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('membership-proof.json', import.meta.url), `${JSON.stringify(membershipProofVectors, null, 2)}\n`)
}
