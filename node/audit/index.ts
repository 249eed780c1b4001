/** The room where everything that is stored is checked again, from genesis on. */
export {
  type VerifyDirectoryInit,
  type VerifyInit,
  type VerifyOpenInit,
  verifyDirectory,
  verifyOpenStore,
} from './directory-audit.ts'
export { auditLedger, type LedgerAudit, type LedgerAuditInit, type Progress } from './ledger-audit.ts'
export { type Mended, type MendInit, mendDirectory } from './mend.ts'
export {
  type AuditedChain,
  type DamageLine,
  type FileLine,
  formatReport,
  type MemberRef,
  reportOf,
  type VerifyReport,
} from './report.ts'
