import { writeFileSync } from 'node:fs'
import { toHex } from '../../bytes.ts'
import { formatProofFile } from '../../proof-file.ts'
import { keyOf } from '../numbered-keys.ts'
import { admit, ProofSetting, proofOf, seal } from '../proof-setting.ts'

/** Proof files of one block (rules P18 to P20), and what they prove. */

const setting = new ProofSetting(4).operate([admit(6)])
const first = await setting.item(0, 1, 0, [2, 3, 4])
const witnesses = [2, 3, 4, 5].map(keyOf)

/** A chain of seven blocks: five under the witnesses of genesis, two under the next ones. */
const meter = setting.meter(3)
for (let height = 0; height < 5; height++) seal(meter, 0)
const early = await proofOf(setting, meter, 4, { cosigners: [5, 3, 2], witnesses, quorum: 3, membership: [] })
seal(meter, 1)
seal(meter, 1)
const late = await proofOf(setting, meter, 4, {
  cosigners: [6, 2, 3, 5],
  witnesses: [...witnesses, keyOf(6)],
  quorum: 4,
  membership: [first],
})

export const earlyProof = formatProofFile(early)
export const lateProof = formatProofFile(late)

export const proofFileVectors = {
  comment: 'Proof files and what they prove; existedBy in seconds. Made by make-proof-file.ts.',
  cases: [
    {
      name: 'the last block of a chain, three of four witnesses of genesis',
      file: earlyProof,
      proves: { member: toHex(keyOf(3)), height: 4, size: 5, epoch: 0, cosigned: [4, 2, 1], existedBy: 1_767_225_670 },
    },
    {
      name: 'a block below the last, four of five witnesses of the next epoch',
      file: lateProof,
      proves: { member: toHex(keyOf(3)), height: 4, size: 7, epoch: 1, cosigned: [5, 1, 2, 4], existedBy: 1_767_225_670 },
    },
  ],
}

if (import.meta.main) {
  writeFileSync(new URL('proof-file.json', import.meta.url), `${JSON.stringify(proofFileVectors, null, 2)}\n`)
}
