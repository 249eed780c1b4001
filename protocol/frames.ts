import type { Holdings, Leaf } from './message-fields.ts'

export type { Holdings, Leaf, NamedLeaf } from './message-fields.ts'

/** What the frames of `/wattness/sync/1` say (section S of the specification); `messages.ts` has their bytes. */

export const SYNC_VERSION = 1
export const MAX_AGENT_BYTES = 64
/** Above what evidence needs today: two attestations of the largest size and their proofs, 29,672 bytes. */
export const MAX_EVIDENCE_FRAME_BYTES = 32_768
export const MAX_PEERS_PER_FRAME = 32
export const MAX_ADDRESSES_PER_PEER = 4
export const MAX_ADDRESS_BYTES = 256
/** Two rounds of all the witnesses that there can be. */
export const MAX_ATTESTATIONS_PER_FRAME = 64
/** Names of attestations in one frame: of as many witnesses as there can be, in 16 epochs. */
export const MAX_NAMES_PER_FRAME = 352
/** Of a witness's key in a name: enough that no two members share it, be it on purpose. */
export const WITNESS_PREFIX_BYTES = 8
/** Of the second half of a signature, which alone depends on all that was signed (rule S28). */
export const ATTESTATION_TAG_BYTES = 8

/** First on every stream, both ways. */
export interface HelloFrame extends Holdings {
  readonly type: 'hello'
  readonly networkId: Uint8Array
  readonly observer: boolean
  /** Some bodies are not held any more. */
  readonly pruned: boolean
  readonly known: KnownDigests
  /** Name and version of the software, for people; at most 64 bytes. */
  readonly agent: string
}

/** What else the sender knows, in short (rule S30): 16 bytes each. */
export interface KnownDigests {
  /** Addresses of members, as in a peers frame. */
  readonly addresses: Uint8Array
  /** The newest attestation of each witness and epoch, as in an attestations frame. */
  readonly attestations: Uint8Array
}

/** These chains have grown. */
export interface AnnounceFrame {
  readonly type: 'announce'
  readonly sizes: readonly ChainSize[]
}

export interface ChainSize {
  readonly index: number
  readonly size: number
}

/** Rule S9: holdings again, for the cross-check that comes round. */
export interface StatusFrame extends Holdings {
  readonly type: 'status'
}

/** Send blocks of one chain from height `from` on. `id` is the asker's own and comes back in the answer. */
export interface WantFrame {
  readonly type: 'want'
  readonly id: number
  readonly index: number
  readonly from: number
  readonly maxBlocks: number
  readonly maxBytes: number
}

/** `run` is a view of the frame's bytes, not decoded here. */
export interface RunFrame {
  readonly type: 'run'
  readonly id: number
  readonly index: number
  readonly from: number
  readonly run: Uint8Array
}

/** Pruned: the block is held without its body (rule S27). */
export type MissReason = 'not-held' | 'pruned' | 'busy' | 'quarantined' | 'damaged'

/** In order of their codes, 1 to 5. */
export const MISS_REASONS: readonly MissReason[] = ['not-held', 'pruned', 'busy', 'quarantined', 'damaged']

/** The answer where there is none to give. */
export interface MissFrame {
  readonly type: 'miss'
  readonly id: number
  readonly reason: MissReason
}

/** Rule S13; answered by LeavesFrame or MissFrame, as rule S20 pairs them. */
export interface AskLeavesFrame {
  readonly type: 'ask-leaves'
  readonly id: number
}

/** Every leaf of the sender's heads root, in order of member index: where two roots differ, this tells in which chain. */
export interface LeavesFrame {
  readonly type: 'leaves'
  readonly id: number
  readonly leaves: readonly Leaf[]
  readonly headsRoot: Uint8Array
}

/** Rule S15: send a signed checkpoint of this chain, of size `from` or the next one above. */
export interface WantCheckpointFrame {
  readonly type: 'want-checkpoint'
  readonly id: number
  readonly index: number
  readonly from: number
}

/** A signed checkpoint, and the consistency proof from `oldSize`, `oldRoot` to it. */
export interface CheckpointFrame {
  readonly type: 'checkpoint'
  readonly id: number
  readonly index: number
  readonly size: number
  readonly root: Uint8Array
  readonly signature: Uint8Array
  readonly oldSize: number
  readonly oldRoot: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export interface EvidenceFrame {
  readonly type: 'evidence'
  readonly evidence: Uint8Array
}

/** Where other members can be found. */
export interface PeersFrame {
  readonly type: 'peers'
  readonly peers: readonly PeerAddresses[]
}

export interface PeerAddresses {
  readonly key: Uint8Array
  readonly addresses: readonly string[]
}

/** Label records, of which the registrar's chain carries the hashes. */
export interface LabelsFrame {
  readonly type: 'labels'
  readonly labels: readonly KeyLabel[]
}

export interface KeyLabel {
  readonly key: Uint8Array
  readonly record: Uint8Array
}

/** Rule S21: signed attestations, new to the receiver as far as the sender knows; not decoded here. None: that was all. */
export interface AttestationsFrame {
  readonly type: 'attestations'
  readonly attestations: readonly Uint8Array[]
}

/** An attestation by its name (rule S28): what a neighbour holds already need not be sent to it. */
export interface AttestationName {
  /** First bytes of the witness's key. */
  readonly witness: Uint8Array
  readonly epoch: number
  readonly sequence: number
  /** Tells two of one sequence apart. */
  readonly tag: Uint8Array
}

/** These attestations are held: the newest of each witness and epoch. */
export interface AttestedFrame {
  readonly type: 'attested'
  readonly names: readonly AttestationName[]
}

/** Send the newest attestation of each of these witnesses and epochs. */
export interface WantAttestationsFrame {
  readonly type: 'want-attestations'
  readonly names: readonly Pick<AttestationName, 'witness' | 'epoch'>[]
}

/** Rule S22: send the leaves that this attestation's heads root is over. A witness may have signed two of one sequence. */
export interface AskAttestedLeavesFrame {
  readonly type: 'ask-attested-leaves'
  readonly id: number
  readonly witness: Uint8Array
  readonly epoch: number
  readonly sequence: number
  readonly headsRoot: Uint8Array
}

/** In member order, as many as the attestation's frontier is long. */
export interface AttestedLeavesFrame {
  readonly type: 'attested-leaves'
  readonly id: number
  readonly leaves: readonly Leaf[]
}

/** Rule S24: send blocks from height `from` on, of the branch whose root at `size` is `root`. Answered by RunFrame. */
export interface WantBranchFrame {
  readonly type: 'want-branch'
  readonly id: number
  readonly index: number
  readonly from: number
  readonly size: number
  readonly root: Uint8Array
  readonly maxBlocks: number
  readonly maxBytes: number
}

/** Closing attestations of one epoch, signed; not decoded here. */
export interface ClosingsFrame {
  readonly type: 'closings'
  readonly id: number
  readonly epoch: number
  readonly attestations: readonly Uint8Array[]
}

/** Rule S26: send the closing attestations of a past epoch. */
export interface AskClosingsFrame {
  readonly type: 'ask-closings'
  readonly id: number
  readonly epoch: number
}

/** A frame of a later version: ignored by who does not know it (rule S2). */
export interface UnknownFrame {
  readonly type: 'unknown'
  readonly code: number
}

export type KnownFrame =
  | HelloFrame
  | AnnounceFrame
  | StatusFrame
  | WantFrame
  | RunFrame
  | MissFrame
  | AskLeavesFrame
  | LeavesFrame
  | WantCheckpointFrame
  | CheckpointFrame
  | EvidenceFrame
  | PeersFrame
  | LabelsFrame
  | AttestationsFrame
  | AskAttestedLeavesFrame
  | AttestedLeavesFrame
  | AttestedFrame
  | WantAttestationsFrame
  | WantBranchFrame
  | ClosingsFrame
  | AskClosingsFrame

export type Frame = KnownFrame | UnknownFrame
