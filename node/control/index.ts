/** The room where a running node answers its operator: over a socket in its directory, in the words of the command line. */
export { type ArchiveLine, type ArchiveOrder } from './archive-lines.ts'
export {
  type BlockHeadLine,
  type BlockLine,
  type BlockQuery,
  blockHeadLine,
  blockLine,
  blockQueryOf,
  formatBlockLine,
  MAX_BLOCK_LIMIT,
  readBlockLines,
} from './block-lines.ts'
export { askControl, type ControlAnswer, streamControl } from './client.ts'
export { type EvidenceLine, formatEvidenceLine, readEvidenceLines } from './evidence-lines.ts'
export { checkFile, type FileCheck } from './file-check.ts'
export type { FinalityStatus, WitnessLine } from './finality-status.ts'
export type { FrameBlock, FrameProof, FrameState, FrameVerdict } from './frame-blocks.ts'
export { type FrameAnswer, type FrameLine, type FrameOrder, frameParameters, readFrameLines } from './frame-lines.ts'
export { findMember, nameOf } from './member-name.ts'
export {
  type AdmitOrder,
  type AdmitResult,
  admitMember,
  changeRoles,
  type RevokeResult,
  type RolesLine,
  type RolesResult,
  revokeMember,
  type WitnessChange,
} from './membership-desk.ts'
export { type ProveOrder, type ProveResult, type ProvingNode, proveBlock } from './proof-desk.ts'
export { type PrunedLine, type PruneLine, type PruneOrder, type PruneReport, pruneLines } from './prune-desk.ts'
export { formatQuorum } from './quorum-text.ts'
export {
  type ExportedLine,
  type ReadingLineOrProgress,
  type ReadingOrder,
  readingParameters,
  readReadingLines,
} from './reading-lines.ts'
export { type ReplaceOrder, type ReplaceResult, type ReplaceTools, replaceMember } from './replacement-desk.ts'
export { type ControlInit, ControlServer } from './server.ts'
export {
  type ChainLine,
  type ControlledNode,
  chainLine,
  describeMembers,
  describeRunning,
  describeStatus,
  formatStatus,
  type LedgerView,
  type ListedMember,
  type MemberLine,
  type PeerLine,
  type RunningNode,
  type Status,
} from './status.ts'
export { askMembers, askStatus, readStatus, type StatusAnswer, unknownText } from './status-answer.ts'
export type { VerifyLine } from './verify-lines.ts'
