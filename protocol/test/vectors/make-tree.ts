import { writeFileSync } from 'node:fs'
import { toHex, toUtf8 } from '../../bytes.ts'
import { leafHash } from '../../hash.ts'
import { CompactRange, consistencyProof, inclusionProof, type NodeReader, rootAt } from '../../tree.ts'

/**
 * Roots and proofs of rules T1 to T7. The first eight leaves are those of the certificate-transparency project, whose
 * published roots and proofs are repeated in tree.test.ts by hand; the others are numbered texts.
 */
const KNOWN = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']

const entries = [...KNOWN]
for (let i = entries.length; i < 21; i++) entries.push(toHex(toUtf8(`entry ${i}`)))

const nodes = new Map<string, Uint8Array>()
const range = CompactRange.empty()
for (const entry of entries) {
  range.append(leafHash(Uint8Array.from(Buffer.from(entry, 'hex'))), (level, index, hash) => nodes.set(`${level}/${index}`, hash))
}
const read: NodeReader = (level, index) => nodes.get(`${level}/${index}`) as Uint8Array

const roots: string[] = []
for (let size = 0; size <= entries.length; size++) roots.push(toHex(await rootAt(read, size)))

const inclusion: object[] = []
const consistency: object[] = []
for (const size of [1, 2, 3, 5, 7, 8, 13, 16, 21]) {
  for (let index = 0; index < size; index += 1 + (size >> 2)) {
    inclusion.push({ index, size, proof: (await inclusionProof(read, index, size)).map(toHex) })
  }
  for (let size1 = 0; size1 <= size; size1 += 1 + (size >> 2)) {
    consistency.push({ size1, size2: size, proof: (await consistencyProof(read, size1, size)).map(toHex) })
  }
}

export const treeVectors = {
  comment: 'RFC 6962 trees: entries, the root of every size, inclusion and consistency proofs. Made by make-tree.ts.',
  cases: [{ entries, roots, inclusion, consistency }],
}

if (import.meta.main) {
  writeFileSync(new URL('tree.json', import.meta.url), `${JSON.stringify(treeVectors, null, 2)}\n`)
}
