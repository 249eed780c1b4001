import { signAttestation } from '../attestation.ts'
import { toUtf8 } from '../bytes.ts'
import type { Signer } from '../ed25519.ts'
import { leafHash, sha256 } from '../hash.ts'
import { HeadsTree } from '../heads.ts'
import { CompactRange, consistencyProof, type NodeReader, rootAt } from '../tree.ts'
import { orderWitnessEvidence, type WitnessEvidence, type WitnessSide } from '../witness-evidence.ts'

/** A chain whose blocks are shared with every other one below `fork`. */
export function branchOf(length: number, fork: number, name: string): NodeReader {
  const nodes = new Map<string, Uint8Array>()
  const range = CompactRange.empty()
  for (let i = 0; i < length; i++) {
    const entry = toUtf8(`${i < fork ? 'shared' : name} ${i}`)
    range.append(leafHash(entry), (level, index, hash) => nodes.set(`${level}/${index}`, hash))
  }
  return (level, index) => nodes.get(`${level}/${index}`) as Uint8Array
}

export interface Story {
  readonly branch: NodeReader
  readonly leafSize: number
  /** Of the attestation, where it matters. */
  readonly epoch?: number
  readonly sequence?: number
}

export interface TwoLeaves {
  readonly signer: Signer
  readonly networkId: Uint8Array
  /** Whose chain it is, and its place among so many members. */
  readonly member: Uint8Array
  readonly index: number
  readonly members: number
  /** The common size. */
  readonly size: number
  readonly one: Story
  readonly other: Story
}

/** An attestation of the story's leaf among those of made-up members, and what proves the leaf to be in it. */
export async function sideOf(two: TwoLeaves, story: Story): Promise<WitnessSide> {
  const { signer, networkId, member, index, members, size } = two
  const leafRoot = await rootAt(story.branch, story.leafSize)
  const tree = HeadsTree.empty()
  const frontier: number[] = []
  for (let at = 0; at < members; at++) {
    const filler = sha256(toUtf8(`member ${at}`))
    const leaf = at === index ? { member, size: story.leafSize, root: leafRoot } : { member: filler, size: 35_040, root: filler }
    tree.set(at, leaf)
    frontier.push(leaf.size)
  }
  const attestation = signAttestation(signer, networkId, {
    witness: signer.publicKey,
    epoch: story.epoch ?? 3,
    sequence: story.sequence ?? story.leafSize,
    timeMs: 1_767_225_600_000,
    frontier,
    named: [],
    headsRoot: tree.root(),
  })
  return {
    attestation,
    leafRoot,
    inclusion: tree.inclusionProof(index),
    root: await rootAt(story.branch, size),
    proof: await consistencyProof(story.branch, size, story.leafSize),
  }
}

export async function evidenceOf(two: TwoLeaves): Promise<WitnessEvidence> {
  const { index, member, size } = two
  return orderWitnessEvidence(index, member, size, await sideOf(two, two.one), await sideOf(two, two.other))
}
