import { bodyHash, decodeBlock, type Header } from './block.ts'
import { assertContent } from './block-rules.ts'
import { concat, equalBytes } from './bytes.ts'
import { parseCheckpointOrigin } from './checkpoint.ts'
import { witnessVerifierKey } from './cosignature.ts'
import type { VerifySignature } from './ed25519.ts'
import type { Epoch } from './epochs.ts'
import { isWattnessError } from './errors.ts'
import { type Genesis, parseGenesis } from './genesis.ts'
import { leafHash } from './hash.ts'
import { agreesWithEnd, type Member, mayWrite } from './membership.ts'
import { openMembershipProof, type ProvenMembership } from './membership-proof.ts'
import { formatVerifierKey, NOTE_ED25519 } from './note.ts'
import { headerOf, type ProofFile, type ProofPart, parseProofFile, refusePart, within } from './proof-file.ts'
import { type ReadingText, readingTexts } from './proof-readings.ts'
import { existedBy, type OpenedTlogProof, openTlogProof } from './tlog-proof.ts'
import { verifyInclusion } from './tree.ts'

/** What a proof file proves to who believes its genesis (rule P20). */
export interface ProvenBlock {
  readonly genesis: Genesis
  /** Who wrote the block. Its label is known only where genesis has it. */
  readonly member: Member
  readonly header: Header
  readonly headerBytes: Uint8Array
  readonly body: Uint8Array
  readonly readings: readonly ReadingText[]
  /** How many blocks of the chain the witnesses saw, and the root over them. */
  readonly size: number
  readonly root: Uint8Array
  readonly epoch: Epoch
  /** Who cosigned, and when by its own clock; POSIX seconds, in the order of the note. */
  readonly cosignatures: readonly { readonly witness: Member; readonly timeS: number }[]
  /** By then the block existed, unless more than `epoch.tolerated` witnesses lie; POSIX seconds. */
  readonly existedByS: number
}

export type ProofReport =
  | { readonly ok: true; readonly proven: ProvenBlock }
  /** `parts` names the part that is wrong; two where they do not fit each other and each is whole by itself. */
  | { readonly ok: false; readonly parts: readonly ProofPart[]; readonly code: string; readonly message: string }

export interface ProofContext {
  readonly verify: VerifySignature
  /** The bytes of the genesis that the reader believes, as in a ticket; the file's own is believed where there is none. */
  readonly ticketGenesis?: Uint8Array | undefined
}

/** Rule P20. Throws nothing but what is no fault of the file. */
export function checkProofFile(text: string | Uint8Array, context: ProofContext): ProofReport {
  try {
    return { ok: true, proven: prove(parseProofFile(text), context) }
  } catch (error) {
    if (!isWattnessError(error) || !Array.isArray(error.data.parts)) throw error
    return { ok: false, parts: error.data.parts as ProofPart[], code: error.code, message: error.message }
  }
}

/** Each step relies on those before: what has passed is genuine, so that a fault is laid at the right part's door. */
function prove(file: ProofFile, { verify, ticketGenesis }: ProofContext): ProvenBlock {
  const genesis = checkGenesis(file, ticketGenesis)
  const header = headerOf(file.header, 'header')
  checkKeys(file, genesis, header)
  const opened = openProof(verify, file, header)
  const endHeader = checkEnd(file, opened, header)
  if (!equalBytes(bodyHash(file.body), header.bodyHash)) {
    refusePart(['body'], 'not the one that the header commits to', 'BODY_HASH_MISMATCH')
  }
  const readings = within(['body'], () => {
    const block = decodeBlock(concat(file.header, file.body))
    assertContent(block, equalBytes(header.member, genesis.registrar))
    return readingTexts(block)
  })
  if (JSON.stringify(readings) !== JSON.stringify(file.readings)) refusePart(['readings'], 'not what the body says')
  const proven = within(['membership'], () => openMembershipProof(verify, genesis, file.membership))
  const epoch = checkEpoch(file, genesis, proven, endHeader)
  const { size, root } = opened.checkpoint
  const member = checkWriter(proven, header, size, root)
  const cosignatures = opened.cosignatures.map(({ key, timeS }) => ({
    witness: proven.membership.member(key.key) as Member,
    timeS,
  }))
  const existedByS = existedBy(cosignatures, epoch.tolerated) as number
  const { header: headerBytes, body } = file
  return { genesis, member, header, headerBytes, body, readings, size, root, epoch, cosignatures, existedByS }
}

/** Rule P20, 1. */
function checkGenesis(file: ProofFile, ticketGenesis: Uint8Array | undefined): Genesis {
  const genesis = within(['genesis'], () => parseGenesis(file.genesis))
  if (ticketGenesis !== undefined && !equalBytes(ticketGenesis, genesis.bytes)) {
    refusePart(['genesis'], 'of another network than the ticket', 'WRONG_NETWORK')
  }
  return genesis
}

/** Rule P20, 2: whose log, and of which network. */
function checkKeys({ log, witnesses }: ProofFile, { networkId }: Genesis, { member }: Header): void {
  const names = parseCheckpointOrigin(log.name)
  if (names === undefined || log.type !== NOTE_ED25519 || !equalBytes(names.member, log.key)) {
    return refusePart(['log'], 'not the key of a chain of Wattness')
  }
  if (!equalBytes(names.networkId, networkId)) refusePart(['genesis', 'log'], 'of different networks', 'WRONG_NETWORK')
  if (!equalBytes(log.key, member)) refusePart(['header', 'log'], 'of different members')
  for (const key of witnesses) {
    if (formatVerifierKey(key) === formatVerifierKey(witnessVerifierKey(networkId, key.key))) continue
    refusePart(['witnesses'], `${key.name} is no witness of this network`)
  }
}

const PARTS_OF: Readonly<Record<string, readonly ProofPart[]>> = {
  ORIGIN_MISMATCH: ['proof', 'log'],
  QUORUM_MISSING: ['proof', 'quorum'],
  NOT_INCLUDED: ['proof', 'header'],
}

/** Rule P20, 3. */
function openProof(
  verify: VerifySignature,
  { proof, header, log, witnesses, quorum }: ProofFile,
  { height }: Header,
): OpenedTlogProof {
  let opened: OpenedTlogProof
  try {
    opened = openTlogProof(verify, proof, leafHash(header), { log, witnesses, quorum })
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return refusePart(PARTS_OF[error.code] ?? ['proof'], error.message, error.code)
  }
  if (opened.index !== height) refusePart(['proof', 'header'], `index ${opened.index} for the block of height ${height}`)
  const [stranger] = opened.unknown
  if (stranger !== undefined) refusePart(['proof', 'witnesses'], `signed by ${stranger.name}, who is not among the witnesses`)
  return opened
}

/** Rule P20, 4: the last block under the checkpoint names the epoch whose witnesses count. */
function checkEnd({ end }: ProofFile, { checkpoint }: OpenedTlogProof, header: Header): Header {
  const { size, root } = checkpoint
  const isLast = header.height === size - 1
  if (end === undefined) {
    return isLast ? header : refusePart(['end'], `missing, and the checkpoint has ${size} blocks`)
  }
  if (isLast) refusePart(['end'], 'given, and the block itself is the last one')
  const last = headerOf(end.header, 'end')
  if (last.height === size - 1 && verifyInclusion(leafHash(end.header), size - 1, size, end.inclusion, root)) return last
  return refusePart(['end'], 'not the last block under the checkpoint', 'NOT_INCLUDED')
}

/** Rule P20, 6: the file's witnesses are those of the epoch, all of them, and the quorum theirs. */
function checkEpoch(file: ProofFile, genesis: Genesis, proven: ProvenMembership, { registrarSize }: Header): Epoch {
  const shown = proven.membership.size
  if (registrarSize > shown) {
    refusePart(
      ['membership'],
      `shows the registrar's first ${shown} blocks, and the checkpoint's last block names ${registrarSize}`,
    )
  }
  const epoch = proven.epochs.at(registrarSize)
  const expected = epoch.witnesses.map((index) => {
    const { key } = proven.membership.at(index) as Member
    return formatVerifierKey(witnessVerifierKey(genesis.networkId, key))
  })
  if (expected.length === 0)
    refusePart(['membership'], `epoch ${epoch.number} has no witnesses: nothing is final`, 'NO_WITNESSES')
  const found = file.witnesses.map(formatVerifierKey)
  if (found.length !== expected.length || found.some((key, at) => key !== expected[at])) {
    refusePart(['witnesses', 'membership'], `not the ${expected.length} witnesses of epoch ${epoch.number}`)
  }
  if (file.quorum !== epoch.quorum) refusePart(['quorum'], `${file.quorum}, and that of epoch ${epoch.number} is ${epoch.quorum}`)
  return epoch
}

/** Rule P20, 7: the block's author may write it, and its chain is not the branch that a revocation cut off. */
function checkWriter({ membership }: ProvenMembership, header: Header, size: number, root: Uint8Array): Member {
  const refusal = mayWrite(membership, header.member, header.registrarSize, header.height)
  if (refusal !== undefined) refusePart(['header', 'membership'], `its author may not write it: ${refusal}`, refusal)
  const member = membership.member(header.member) as Member
  if (!agreesWithEnd(member, size, root)) refusePart(['proof', 'membership'], 'the chain was ended under another root', 'REVOKED')
  return member
}
