import {
  attestRegistrar,
  type Bytes,
  decodeSignedAttestation,
  type Epoch,
  type Epochs,
  encodeRun,
  equalBytes,
  type Leaf,
  MAX_RUN_BLOCKS,
  MAX_RUN_BYTES,
  type MembershipItem,
  type RegistrarAttestation,
  type SignedAttestation,
  WattnessError,
} from '../../protocol/index.ts'
import type { LedgerStore } from '../store/index.ts'
import type { OwnChains } from './own-chains.ts'

/** Room in a run for everything beside its blocks. */
const END_BYTES = 4_096

export interface RegistrarProofInit {
  readonly store: LedgerStore
  readonly chains: OwnChains
  readonly epochs: () => Epochs
  /** Leaves of an attestation by this node's own chains; undefined where they are others. */
  readonly ownLeavesOf: (attestation: SignedAttestation) => Promise<readonly Leaf[] | undefined>
}

/**
 * Who the witnesses were up to registrar size `size`, for who knows nothing but genesis (rules P13 to P17), out of what this
 * node holds: the registrar's chain cut where epochs begin, each piece with the word of a quorum. Throws NOT_FINAL.
 */
export async function proveMembership(init: RegistrarProofInit, size: number): Promise<MembershipItem[]> {
  const items: MembershipItem[] = []
  const epochs = init.epochs()
  let from = 0
  for (const epoch of epochs.all) {
    if (from === size) break
    const end = Math.min(size, epochs.get(epoch.number + 1)?.fromSize ?? size)
    items.push(...(await itemsOf(init, epoch, from, end)))
    from = end
  }
  return items
}

/** The word of the quorum is for the whole piece: it stands once, behind the last of its runs. */
async function itemsOf(init: RegistrarProofInit, epoch: Epoch, from: number, end: number): Promise<MembershipItem[]> {
  const items: MembershipItem[] = []
  for (let at = from; at < end; ) {
    const { run, size } = await runOf(init, at, end)
    items.push({ run, attestations: size === end ? await attestationsOf(init, epoch, end) : [] })
    at = size
  }
  return items
}

async function runOf({ store, chains }: RegistrarProofInit, from: number, end: number): Promise<{ run: Bytes; size: number }> {
  const registrar = chains.key(0) as Bytes
  const count = Math.min(end - from, MAX_RUN_BLOCKS)
  const blocks = await store.readBlocks(registrar, from, count, MAX_RUN_BYTES - END_BYTES)
  const size = from + blocks.length
  const signed = blocks.length === 0 ? undefined : await store.signatureAtOrAbove(registrar, size - 1)
  if (signed === undefined || signed.size > chains.size(0)) throw notFinal(`no signature covers its first ${end} blocks`, end)
  const bytes = blocks.map((block) => block.bytes)
  const { root, signature } = signed
  if (signed.size === size) return { run: encodeRun(bytes, { type: 'signed', root, signature }), size }
  const proof = await store.consistencyProof(registrar, size, signed.size)
  return { run: encodeRun(bytes, { type: 'covered', size: signed.size, root, signature, proof }), size }
}

/** Rules P15 and P16: as many as the quorum, in member order; none where nobody witnesses. */
async function attestationsOf(init: RegistrarProofInit, epoch: Epoch, end: number): Promise<RegistrarAttestation[]> {
  const { number, quorum = 0, witnesses } = epoch
  const { store, chains } = init
  const found = new Map<number, RegistrarAttestation>()
  for (const table of [store.witness.closings, store.witness.attestations]) {
    for (const { bytes, leaves } of await table.list(number)) {
      const signed = decodeSignedAttestation(bytes)
      const witness = witnesses.find((index) => isKeyOf(chains, index, signed.witness))
      if (found.size >= quorum || witness === undefined || found.has(witness)) continue
      const attested = await attestedOf(init, signed, leaves, end)
      if (attested !== undefined) found.set(witness, attested)
    }
  }
  if (found.size < quorum) {
    const words = `${found.size} of ${witnesses.length} witnesses of epoch ${number} have attested its first ${end} blocks`
    throw notFinal(`${words} as far as is known here, ${quorum} are needed`, end)
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, attested]) => attested)
}

function isKeyOf(chains: OwnChains, index: number, key: Bytes): boolean {
  const known = chains.key(index)
  return known !== undefined && equalBytes(known, key)
}

async function attestedOf(
  { store, chains, ownLeavesOf }: RegistrarProofInit,
  signed: SignedAttestation,
  supplied: readonly Leaf[] | undefined,
  end: number,
): Promise<RegistrarAttestation | undefined> {
  if ((signed.frontier[0] as number) < end) return undefined
  const leaves = supplied ?? (await ownLeavesOf(signed))
  const [registrar] = leaves ?? []
  if (leaves === undefined || registrar === undefined || (await chains.isOn(0, registrar)) !== true) return undefined
  const heads = leaves.map((leaf, index) => ({ member: chains.key(index) as Bytes, ...leaf }))
  return attestRegistrar(signed, heads, await store.consistencyProof(chains.key(0) as Bytes, end, registrar.size))
}

function notFinal(detail: string, size: number): WattnessError {
  return new WattnessError('NOT_FINAL', `the registrar's chain is not final up to size ${size}: ${detail}`, { size })
}
