import {
  decodeSignedAttestation,
  encodeSignedAttestation,
  MAX_ATTESTATION_BYTES,
  type SignedAttestation,
  verifyAttestation,
} from './attestation.ts'
import { type Block, bodyContent, KIND_MEMBERSHIP } from './block.ts'
import { equalBytes, Reader, toHex, Writer } from './bytes.ts'
import { type ChainState, EMPTY_CHAIN } from './chain-state.ts'
import type { VerifySignature } from './ed25519.ts'
import { type Epoch, Epochs } from './epochs.ts'
import { isWattnessError, WattnessError } from './errors.ts'
import type { Genesis } from './genesis.ts'
import { HASH_BYTES } from './hash.ts'
import { type HeadLeaf, HeadsTree, headLeafHash } from './heads.ts'
import { MAX_PROOF_HASHES, MAX_RUN_BYTES, MAX_SEALED_AT_MS, MAX_WITNESSES } from './limits.ts'
import { initialMembership, type Member, type Membership } from './membership.ts'
import { decodeMembershipBody, type MembershipOperation } from './membership-body.ts'
import { peekRun } from './run.ts'
import { verifyConsistency, verifyInclusion } from './tree.ts'
import { validateRun } from './validate.ts'

/**
 * Who the witnesses of each epoch are, shown to somebody who knows nothing but genesis (rules P13–P17): the registrar's chain
 * in pieces, and for each piece the word of a quorum of the witnesses that were in force.
 */

/** One witness's word for the registrar's chain, out of an attestation of all chains. */
export interface RegistrarAttestation {
  readonly signed: SignedAttestation
  /** Root of the registrar's leaf; its size is the first of the frontier. */
  readonly root: Uint8Array
  /** From that leaf to the attestation's heads root. */
  readonly inclusion: readonly Uint8Array[]
  /** From the end of the item's run to that leaf. */
  readonly consistency: readonly Uint8Array[]
}

export interface MembershipItem {
  /** An encoded run of the registrar's chain (rule B9) that goes on where the item before ended. */
  readonly run: Uint8Array
  readonly attestations: readonly RegistrarAttestation[]
}

export interface ProvenMembership {
  /** After all blocks of the proof that are final. */
  readonly membership: Membership
  /** Each of them shown to be the one in force (rule W3), up to the size of `membership`. */
  readonly epochs: Epochs
}

const ITEM_VERSION = 1
const MAX_ATTESTED_BYTES = 3 + MAX_ATTESTATION_BYTES + HASH_BYTES + 2 * (1 + MAX_PROOF_HASHES * HASH_BYTES)
export const MAX_MEMBERSHIP_ITEM_BYTES = 1 + 4 + MAX_RUN_BYTES + 1 + MAX_WITNESSES * MAX_ATTESTED_BYTES
/** Each epoch takes one, and one more for each 4,096 blocks or megabyte. */
export const MAX_MEMBERSHIP_ITEMS = 1_024

function writeHashes(writer: Writer, hashes: readonly Uint8Array[]): void {
  writer.varint(hashes.length)
  for (const hash of hashes) writer.bytes(hash)
}

function readHashes(reader: Reader): Uint8Array[] {
  const count = reader.varint(MAX_PROOF_HASHES)
  return Array.from({ length: count }, () => reader.bytes(HASH_BYTES).slice())
}

/** Rule P13. */
export function encodeMembershipItem({ run, attestations }: MembershipItem): Uint8Array {
  const writer = new Writer(run.length + 1_024).u8(ITEM_VERSION).varint(run.length).bytes(run).varint(attestations.length)
  for (const { signed, root, inclusion, consistency } of attestations) {
    const bytes = encodeSignedAttestation(signed)
    writer.varint(bytes.length).bytes(bytes).bytes(root)
    writeHashes(writer, inclusion)
    writeHashes(writer, consistency)
  }
  return writer.finish()
}

/** Rule P13. Throws UNKNOWN_VERSION, LIMIT_EXCEEDED and the codes of Reader. What it returns is well-formed, not yet proven. */
export function decodeMembershipItem(bytes: Uint8Array): MembershipItem {
  if (bytes.length > MAX_MEMBERSHIP_ITEM_BYTES) {
    const found = bytes.length
    throw new WattnessError('LIMIT_EXCEEDED', `membership item of ${found} bytes, at most ${MAX_MEMBERSHIP_ITEM_BYTES}`, {
      found,
    })
  }
  const reader = new Reader(bytes, 'membership item')
  const version = reader.u8()
  if (version !== ITEM_VERSION) {
    throw new WattnessError('UNKNOWN_VERSION', `membership item of version ${version}, expected ${ITEM_VERSION}`, { version })
  }
  const run = reader.bytes(reader.varint(MAX_RUN_BYTES)).slice()
  const count = reader.varint(MAX_WITNESSES)
  const attestations: RegistrarAttestation[] = []
  for (let i = 0; i < count; i++) {
    const signed = decodeSignedAttestation(reader.bytes(reader.varint(MAX_ATTESTATION_BYTES)))
    const root = reader.bytes(HASH_BYTES).slice()
    attestations.push({ signed, root, inclusion: readHashes(reader), consistency: readHashes(reader) })
  }
  reader.done()
  return { run, attestations }
}

/**
 * Takes the registrar's leaf out of an attestation (rule P15). `leaves` are those that the witness signed, in member order;
 * `consistency` leads from the end of the item's run to the registrar's leaf.
 */
export function attestRegistrar(
  signed: SignedAttestation,
  leaves: readonly HeadLeaf[],
  consistency: readonly Uint8Array[],
): RegistrarAttestation {
  const [registrar] = leaves
  if (registrar === undefined || leaves.length !== signed.frontier.length || registrar.size !== signed.frontier[0]) {
    const detail = `${leaves.length} leaves for a frontier of ${signed.frontier.length} chains`
    throw new WattnessError('OUT_OF_RANGE', `membership proof: other leaves than the attestation's: ${detail}`)
  }
  return { signed, root: registrar.root, inclusion: HeadsTree.from(leaves).inclusionProof(0), consistency }
}

/** The operations of one block of the registrar's chain: none for a block of another kind. */
function operationsOf({ header, body }: Block): readonly MembershipOperation[] {
  return header.kind === KIND_MEMBERSHIP ? decodeMembershipBody(bodyContent(body)) : []
}

function refuse(item: number, detail: string): never {
  throw new WattnessError('MEMBERSHIP_UNPROVEN', `membership: item ${item}: ${detail}`, { item })
}

/**
 * Rules P14 to P17. The items in their order; none where genesis alone is to be shown. Throws MEMBERSHIP_UNPROVEN, with the
 * place of the item in its data.
 */
export function openMembershipProof(
  verify: VerifySignature,
  genesis: Genesis,
  items: readonly MembershipItem[],
): ProvenMembership {
  if (items.length > MAX_MEMBERSHIP_ITEMS) refuse(MAX_MEMBERSHIP_ITEMS, `more than ${MAX_MEMBERSHIP_ITEMS} of them`)
  let chain: ChainState = EMPTY_CHAIN
  let membership = initialMembership(genesis)
  let epochs = Epochs.of(membership)
  /** What is final, or accepted in an epoch without witnesses; the rest waits for a later item of the same epoch. */
  let proven = membership
  for (const [at, { run, attestations }] of items.entries()) {
    const epoch = epochs.latest
    const { state, blocks } = checkRun(verify, genesis, membership, chain, run, at)
    chain = state
    for (const block of blocks) {
      const { number, fromSize } = epochs.latest
      // Rule P14: the block that changes the witnesses is the last that the old ones speak for.
      if (number !== epoch.number) refuse(at, `goes on beyond registrar size ${fromSize}, where epoch ${number} begins`)
      membership = membership.apply(operationsOf(block)).membership
      epochs = epochs.extended(membership)
    }
    const witnesses = epoch.witnesses.map((index) => membership.at(index) as Member)
    if (isFinal(verify, genesis, epoch, witnesses, chain, attestations, at)) proven = membership
    // Rule P17: nobody believes new witnesses before the old ones have said that they are.
    else if (epochs.latest !== epoch) refuse(at, `no quorum of epoch ${epoch.number} for the change of witnesses that ends it`)
  }
  return { membership: proven, epochs }
}

/** Rule P14: the registrar's next blocks, through the one door. */
function checkRun(
  verify: VerifySignature,
  genesis: Genesis,
  membership: Membership,
  chain: ChainState,
  run: Uint8Array,
  at: number,
): { readonly state: ChainState; readonly blocks: readonly Block[] } {
  let member: Uint8Array | undefined
  try {
    const peeked = peekRun(run)
    if (peeked.from === chain.size) member = peeked.member
  } catch (error) {
    if (!isWattnessError(error)) throw error
    refuse(at, error.message)
  }
  if (member === undefined) refuse(at, `does not go on at registrar size ${chain.size}`)
  if (!equalBytes(member, genesis.registrar)) refuse(at, `holds blocks of ${toHex(member)}, who is not the registrar`)
  const result = validateRun(run, { genesis, membership, chain, quarantined: false, nowMs: MAX_SEALED_AT_MS, verify })
  if (result.verdict !== 'accept') return refuse(at, `${result.code}: ${result.message}`)
  return result
}

/** Rules P15 and P16: whether the chain up to here is final in `epoch`. False where nobody is named; throws for a false word. */
function isFinal(
  verify: VerifySignature,
  genesis: Genesis,
  epoch: Epoch,
  witnesses: readonly Member[],
  chain: ChainState,
  attestations: readonly RegistrarAttestation[],
  at: number,
): boolean {
  let above = -1
  for (const attested of attestations) {
    const { signed } = attested
    const witness = witnesses.find(({ key }) => equalBytes(key, signed.witness))
    if (witness === undefined) refuse(at, `${toHex(signed.witness)} is no witness of epoch ${epoch.number}`)
    if (witness.index <= above) refuse(at, `member ${witness.index} after member ${above}: once each, in member order`)
    above = witness.index
    if (signed.epoch !== epoch.number) refuse(at, `an attestation of epoch ${signed.epoch} in epoch ${epoch.number}`)
    checkLeaf(genesis, chain, attested, at)
    if (!verifyAttestation(verify, genesis.networkId, signed)) refuse(at, `not signed by ${toHex(signed.witness)}`)
  }
  const found = attestations.length
  const { quorum = 0 } = epoch
  if (found > 0 && found < quorum) refuse(at, `${found} witnesses of epoch ${epoch.number}, ${quorum} expected`)
  return found >= quorum
}

/** Rule P15: the attestation's registrar leaf contains the chain up to here. */
function checkLeaf(genesis: Genesis, chain: ChainState, attested: RegistrarAttestation, at: number): void {
  const { signed, root, inclusion, consistency } = attested
  const size = signed.frontier[0] as number
  const leaf = headLeafHash({ member: genesis.registrar, size, root })
  if (!verifyInclusion(leaf, 0, signed.frontier.length, inclusion, signed.headsRoot)) {
    refuse(at, `the registrar's leaf is not in what ${toHex(signed.witness)} attested`)
  }
  if (!verifyConsistency(chain.size, chain.root, size, root, consistency)) {
    refuse(at, `what ${toHex(signed.witness)} attested does not go on from registrar size ${chain.size}`)
  }
}
