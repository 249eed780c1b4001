import { writeFileSync } from 'node:fs'
import { type Bytes, concat, toHex, Writer } from '../../bytes.ts'
import { isWattnessError } from '../../errors.ts'
import { decodeRun } from '../../run.ts'
import { registrarChain, vectorGenesis } from './make-block.ts'

/** Runs of the chain of block.json, in both forms of end, and bytes that are no run (rules B9 to B11). */
const chain = registrarChain
const { root, signature } = chain.checkpoint(2)
const block = chain.blocks[0]?.bytes as Bytes
const signedEnd = concat(Uint8Array.of(0), root, signature)

function covered(proofCount: number): Bytes {
  const writer = new Writer().varint(1).bytes(block).u8(1).varint(2).bytes(root).bytes(signature).varint(proofCount)
  for (let i = 0; i < proofCount; i++) writer.bytes(root)
  return writer.finish()
}

const runs: readonly (readonly [string, Bytes])[] = [
  ['the first block', chain.run(0, 1)],
  ['the last block', chain.run(4, 5)],
  ['all blocks under their own end', chain.run(0, 5)],
  ['blocks 0 to 2 covered by the checkpoint of size 5', await chain.coveredRun(0, 3)],
  ['block 3 covered by the checkpoint of size 5: a proof from a perfect tree', await chain.coveredRun(3, 4)],
  ['64 hashes of proof: form alone', covered(64)],
  ['65 hashes of proof', covered(65)],
  ['no block', concat(Uint8Array.of(0), signedEnd)],
  ['a count of 4,097 blocks', concat(Uint8Array.of(0xa0, 0x01), block, signedEnd)],
  ['an end of type 2', concat(Uint8Array.of(1), block, Uint8Array.of(2), root, signature)],
  ['a count with a leading zero group', concat(Uint8Array.of(0x80, 0x01), block, signedEnd)],
  ['one block fewer than counted', concat(Uint8Array.of(2), block, signedEnd)],
  ['one block more than counted', concat(Uint8Array.of(1), block, block, signedEnd)],
  ['no end', concat(Uint8Array.of(1), block)],
  ['one byte too few', chain.run(0, 1).subarray(0, -1)],
  ['one byte too many', concat(chain.run(0, 1), Uint8Array.of(0))],
]

/** What a reader must find in `bytes`: the parts in hex, or the code with which they are refused. */
export function readRunCase(bytes: Bytes): object {
  try {
    const { blocks, end } = decodeRun(bytes)
    const { type, root, signature } = end
    const rest = end.type === 'covered' ? { size: end.size, proof: end.proof.map(toHex) } : {}
    const headers = blocks.map(({ headerBytes }) => toHex(headerBytes))
    return { headers, end: { type, root: toHex(root), signature: toHex(signature), ...rest } }
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return { refused: error.code }
  }
}

export const runVectors = {
  comment: 'Runs of blocks, and bytes that are none (rules B9 to B11). Made by make-run.ts.',
  networkId: toHex(vectorGenesis.networkId),
  cases: runs.map(([name, bytes]) => ({ name, run: toHex(bytes), ...readRunCase(bytes) })),
}

if (import.meta.main) {
  writeFileSync(new URL('run.json', import.meta.url), `${JSON.stringify(runVectors, null, 2)}\n`)
}
