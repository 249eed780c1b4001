import {
  decodeSignedAttestation,
  equalBytes,
  type Member,
  type SignedCheckpoint,
  toBase64,
  toHex,
  WattnessError,
} from '../../protocol/index.ts'
import type { HeldBlock, StoredAttestation } from '../store/index.ts'
import type { ObservedNode } from './observed-node.ts'
import { refOf } from './paging.ts'
import type { BlockAnswer } from './schemas/index.ts'

type Proven = Pick<
  BlockAnswer,
  | 'header'
  | 'body'
  | 'pruned'
  | 'root'
  | 'signature'
  | 'checkpoint'
  | 'inclusion'
  | 'newest'
  | 'consistency'
  | 'next'
  | 'attestedBy'
  | 'epoch'
  | 'quorum'
  | 'witnesses'
>

/** What ties a block to its member's signature, and who else has signed it. Throws STORE_CONFLICT, STORE_DAMAGED. */
export async function proveInChain(node: ObservedNode, member: Member, block: HeldBlock): Promise<Proven> {
  const { store, epochs, membership } = node
  const { key } = member
  const { height } = block.header
  const root = await store.rootAt(key, height + 1)
  const head = store.head(key)
  if (root === undefined || head === undefined) throw replaced(member)
  const checkpoint = await checkpointOver(node, key, height, head.size)
  const newest = head.checkpoint !== undefined && head.checkpoint.size === head.size ? head.checkpoint : undefined
  const inclusion = checkpoint === undefined ? undefined : await store.inclusionProof(key, height, checkpoint.size)
  const isOlder = checkpoint !== undefined && newest !== undefined && checkpoint.size < newest.size
  const consistency = isOlder ? await store.consistencyProof(key, checkpoint.size, newest.size) : undefined
  const [after] = await store.readHeld(key, height + 1, 1)
  const [now] = await store.readHeld(key, height, 1)
  // Everything above is of one branch, or of none.
  if (now === undefined || !equalBytes(now.hash, block.hash)) throw replaced(member)
  const epoch = epochs.at(membership.size)
  return {
    header: toBase64(block.headerBytes),
    body: block.body === undefined ? null : toBase64(block.body),
    pruned: block.body === undefined,
    root: toHex(root),
    signature: block.signature === undefined ? null : toBase64(block.signature),
    checkpoint: checkpoint === undefined ? null : checkpointText(checkpoint),
    inclusion:
      checkpoint === undefined || inclusion === undefined
        ? null
        : { index: height, size: checkpoint.size, root: toHex(checkpoint.root), hashes: inclusion.map(toHex) },
    newest: newest === undefined ? null : checkpointText(newest),
    consistency:
      consistency === undefined || checkpoint === undefined || newest === undefined
        ? null
        : {
            fromSize: checkpoint.size,
            fromRoot: toHex(checkpoint.root),
            toSize: newest.size,
            toRoot: toHex(newest.root),
            hashes: consistency.map(toHex),
          },
    next: after === undefined ? null : toHex(after.hash),
    attestedBy: await attestersOf(node, member, height),
    epoch: epoch.number,
    quorum: epoch.quorum ?? null,
    witnesses: epoch.witnesses.length,
  }
}

function checkpointText({ size, root, signature }: SignedCheckpoint): NonNullable<BlockAnswer['checkpoint']> {
  return { size, root: toHex(root), signature: toBase64(signature) }
}

function replaced({ keyHex }: Member): WattnessError {
  return new WattnessError('STORE_CONFLICT', `chain ${keyHex} changed while it was read: ask again`, { member: keyHex })
}

/** The next signature from the block on whose tree is here; none while a chain is being fetched. */
async function checkpointOver(
  { store }: ObservedNode,
  key: Uint8Array,
  height: number,
  size: number,
): Promise<SignedCheckpoint | undefined> {
  const signed = await store.signatureAtOrAbove(key, height)
  return signed === undefined || signed.size > size ? undefined : signed
}

/** Witnesses of the epoch in force whose newest attestation has a leaf of this very branch above the block. */
async function attestersOf(node: ObservedNode, member: Member, height: number): Promise<BlockAnswer['attestedBy']> {
  const { store, epochs, membership } = node
  const epoch = epochs.at(membership.size)
  const found: BlockAnswer['attestedBy'] = []
  for (const stored of await store.witness.attestations.list(epoch.number)) {
    const attestation = decodeSignedAttestation(stored.bytes)
    const size = attestation.frontier[member.index] ?? 0
    const witness = membership.member(attestation.witness)
    if (witness === undefined || size <= height || !epoch.witnesses.includes(witness.index)) continue
    const root = rootIn(stored, attestation.named, member.index)
    const held = root === undefined ? undefined : await store.rootAt(member.key, size)
    // A leaf that is not named is the held one: only then its heads root came out.
    if (root !== undefined && (held === undefined || !equalBytes(held, root))) continue
    found.push({ ...refOf(witness), sequence: attestation.sequence, attestedAt: new Date(attestation.timeMs).toISOString() })
  }
  return found.sort((a, b) => a.index - b.index)
}

function rootIn(
  { leaves }: StoredAttestation,
  named: readonly { readonly index: number; readonly root: Uint8Array }[],
  index: number,
): Uint8Array | undefined {
  return leaves?.[index]?.root ?? named.find((each) => each.index === index)?.root
}
