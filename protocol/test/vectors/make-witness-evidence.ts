import { writeFileSync } from 'node:fs'
import { toHex, toUtf8 } from '../../bytes.ts'
import { leafHash, sha256 } from '../../hash.ts'
import { encodeWitnessEvidence } from '../../witness-evidence.ts'
import { signerFromSeed } from '../signing.ts'
import { branchOf, evidenceOf } from '../two-leaves.ts'

/** Evidence against a witness (rules A9 to A12). Both branches share their first blocks and differ from `fork` on. */
const networkId = sha256(toUtf8('witness evidence vectors: network'))
const signer = signerFromSeed(sha256(toUtf8('witness evidence vectors: seed')))
const member = leafHash(toUtf8('witness evidence vectors: member'))

interface Kind {
  readonly name: string
  readonly fork: number
  /** Sizes of the two leaves, and the common one. */
  readonly sizes: readonly [number, number]
  readonly size: number
  readonly index: number
  readonly members: number
}

const KINDS: readonly Kind[] = [
  { name: 'same size, two roots', fork: 6, sizes: [11, 11], size: 11, index: 2, members: 4 },
  { name: 'one leaf below the other', fork: 6, sizes: [9, 21], size: 9, index: 0, members: 1 },
  { name: 'the common size below both', fork: 6, sizes: [21, 30], size: 7, index: 6, members: 7 },
  { name: '200 chains, a year of quarter hours', fork: 30_000, sizes: [35_040, 35_039], size: 30_001, index: 199, members: 200 },
]

async function makeCase(kind: Kind): Promise<object> {
  const [first, second] = kind.sizes
  const evidence = await evidenceOf({
    signer,
    networkId,
    member,
    index: kind.index,
    members: kind.members,
    size: kind.size,
    one: { branch: branchOf(first, kind.fork, 'one'), leafSize: first },
    other: { branch: branchOf(second, kind.fork, 'other'), leafSize: second },
  })
  const bytes = encodeWitnessEvidence(evidence)
  return { ...kind, byteLength: bytes.length, evidence: toHex(bytes) }
}

const cases: object[] = []
for (const kind of KINDS) cases.push(await makeCase(kind))

export const witnessEvidenceVectors = {
  comment: 'Evidence against a witness (rules A9 to A12); every case holds. Made by make-witness-evidence.ts.',
  networkId: toHex(networkId),
  witness: toHex(signer.publicKey),
  member: toHex(member),
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('witness-evidence.json', import.meta.url), `${JSON.stringify(witnessEvidenceVectors, null, 2)}\n`)
}
