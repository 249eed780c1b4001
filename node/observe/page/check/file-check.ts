import {
  checkEvidenceFile,
  checkProofFile,
  type EvidenceReport,
  explainEvidenceFile,
  explainProof,
  fromUtf8,
  isEvidenceFile,
  MAX_PROOF_FILE_BYTES,
  type ProofReport,
  parseGenesis,
  toHex,
} from '../../../../protocol/index.ts'
import type { SignatureChecker } from './signatures.ts'

/** What a file of `wattness prove` or `wattness evidence` proves, found out here and nowhere else. */
export type FileReport =
  | { readonly type: 'proof'; readonly report: ProofReport; readonly words: string; readonly network: NetworkName | undefined }
  | {
      readonly type: 'evidence'
      readonly report: EvidenceReport
      readonly words: string
      readonly network: NetworkName | undefined
    }
  | { readonly type: 'too-large'; readonly bytes: number }

export interface NetworkName {
  readonly name: string
  readonly id: string
}

/** `bytes` is the file as it was dropped. Never throws for what is in it. */
export async function checkFile(bytes: Uint8Array, checker: SignatureChecker): Promise<FileReport> {
  if (bytes.length > MAX_PROOF_FILE_BYTES) return { type: 'too-large', bytes: bytes.length }
  if (isEvidenceFile(textOf(bytes))) {
    const report = await checker.settle((verify) => checkEvidenceFile(bytes, { verify }))
    return { type: 'evidence', report, words: explainEvidenceFile(report), network: networkOf(report) }
  }
  const report = await checker.settle((verify) => checkProofFile(bytes, { verify }))
  return { type: 'proof', report, words: explainProof(report), network: networkOf(report) }
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes)
  } catch {
    return ''
  }
}

function networkOf(report: ProofReport | EvidenceReport): NetworkName | undefined {
  if (!report.ok) return undefined
  const { name, networkId } = parseGenesis(report.proven.genesis.bytes)
  return { name, id: toHex(networkId) }
}
