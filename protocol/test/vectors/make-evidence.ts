import { writeFileSync } from 'node:fs'
import { toHex, toUtf8 } from '../../bytes.ts'
import { signCheckpoint } from '../../checkpoint.ts'
import { buildEvidence, encodeEvidence } from '../../evidence.ts'
import { leafHash, sha256 } from '../../hash.ts'
import { CompactRange, consistencyProof, type NodeReader, rootAt } from '../../tree.ts'
import { signerFromSeed } from '../signing.ts'

/** Evidence of every kind of fork (rules F1 to F6). Both chains share their first blocks and differ from `fork` on. */
const networkId = sha256(toUtf8('evidence vectors: network'))
const seed = sha256(toUtf8('evidence vectors: seed'))
const signer = signerFromSeed(seed)

interface Branch {
  readonly read: NodeReader
}

function grow(size: number, fork: number, name: string): Branch {
  const nodes = new Map<string, Uint8Array>()
  const range = CompactRange.empty()
  for (let i = 0; i < size; i++) {
    const entry = toUtf8(`${i < fork ? 'shared' : name} ${i}`)
    range.append(leafHash(entry), (level, index, hash) => nodes.set(`${level}/${index}`, hash))
  }
  return { read: (level, index) => nodes.get(`${level}/${index}`) as Uint8Array }
}

interface Kind {
  readonly name: string
  readonly fork: number
  readonly heldSize: number
  readonly otherSize: number
  /** The common size. */
  readonly size: number
}

const KINDS: readonly Kind[] = [
  { name: 'same size, two roots', fork: 6, heldSize: 11, otherSize: 11, size: 11 },
  { name: 'another first block', fork: 0, heldSize: 1, otherSize: 1, size: 1 },
  { name: 'the other below the held one', fork: 6, heldSize: 21, otherSize: 9, size: 9 },
  { name: 'the other beyond the held one', fork: 6, heldSize: 9, otherSize: 21, size: 9 },
  { name: 'both beyond the common size', fork: 6, heldSize: 21, otherSize: 30, size: 7 },
  { name: 'from a perfect tree', fork: 3, heldSize: 21, otherSize: 30, size: 8 },
  { name: 'a year of quarter hours, one proof', fork: 30_000, heldSize: 35_040, otherSize: 30_001, size: 30_001 },
  { name: 'a year of quarter hours, two proofs', fork: 30_000, heldSize: 35_040, otherSize: 35_039, size: 30_001 },
]

async function makeCase({ name, fork, heldSize, otherSize, size }: Kind): Promise<object> {
  const held = grow(heldSize, fork, 'held')
  const other = grow(otherSize, fork, 'other')
  const heldCheckpoint = signCheckpoint(signer, networkId, heldSize, await rootAt(held.read, heldSize))
  const checkpoint = signCheckpoint(signer, networkId, otherSize, await rootAt(other.read, otherSize))
  const root = await rootAt(other.read, size)
  const proof = await consistencyProof(other.read, size, otherSize)
  const evidence = await buildEvidence(held.read, heldCheckpoint, { checkpoint, root, proof }, size)
  if (evidence === undefined) throw new Error(`${name}: no contradiction`)
  const bytes = encodeEvidence(evidence)
  return { name, fork, heldSize, otherSize, size, byteLength: bytes.length, evidence: toHex(bytes) }
}

const cases: object[] = []
for (const kind of KINDS) cases.push(await makeCase(kind))

export const evidenceVectors = {
  comment: 'Evidence of equivocation, encoded (rules F1 to F6); every case holds. Made by make-evidence.ts.',
  networkId: toHex(networkId),
  member: toHex(signer.publicKey),
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('evidence.json', import.meta.url), `${JSON.stringify(evidenceVectors, null, 2)}\n`)
}
