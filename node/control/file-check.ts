import {
  checkEvidenceFile,
  checkProofFile,
  type EvidenceReport,
  explainEvidenceFile,
  explainProof,
  isEvidenceFile,
  type Member,
  type ProofReport,
  toHex,
  type VerifySignature,
} from '../../protocol/index.ts'

/** What a file of `prove` or `evidence` proves: for programs, and in plain words. */
export interface FileCheck {
  readonly ok: boolean
  readonly result: object
  readonly words: string
}

export interface FileCheckContext {
  readonly verify: VerifySignature
  /** The genesis that the reader believes; without it the file's own is believed. */
  readonly ticketGenesis?: Uint8Array | undefined
}

/** Either kind of file, told apart by what it says it is. Throws nothing but what is no fault of the file. */
export function checkFile(bytes: Uint8Array, context: FileCheckContext): FileCheck {
  if (isEvidenceFile(Buffer.from(bytes).toString('utf8'))) {
    const report = checkEvidenceFile(bytes, context)
    return { ok: report.ok, result: evidenceResult(report), words: explainEvidenceFile(report).trimEnd() }
  }
  const report = checkProofFile(bytes, context)
  return { ok: report.ok, result: proofResult(report), words: explainProof(report).trimEnd() }
}

const iso = (ms: number): string => new Date(ms).toISOString()

function who({ index, keyHex, label }: Member): { readonly index: number; readonly key: string; readonly label: string | null } {
  return { index, key: keyHex, label: label ?? null }
}

function proofResult(report: ProofReport): object {
  if (!report.ok) return { type: 'proof', ...report }
  const { genesis, member, header, size, root, epoch, cosignatures, existedByS, readings } = report.proven
  return {
    type: 'proof',
    ok: true,
    network: genesis.name,
    networkId: toHex(genesis.networkId),
    member: who(member),
    height: header.height,
    sealedAt: iso(header.sealedAt),
    existedBy: iso(existedByS * 1_000),
    size,
    root: toHex(root),
    epoch: epoch.number,
    witnesses: epoch.witnesses.length,
    quorum: epoch.quorum,
    cosignatures: cosignatures.map(({ witness, timeS }) => ({ ...who(witness), time: iso(timeS * 1_000) })),
    readings,
  }
}

function evidenceResult(report: EvidenceReport): object {
  if (!report.ok) return { type: 'evidence', ...report }
  const { genesis, accusation, accused, label } = report.proven
  return {
    type: 'evidence',
    ok: true,
    network: genesis.name,
    networkId: toHex(genesis.networkId),
    kind: accusation.kind,
    key: toHex(accused),
    label: label ?? null,
  }
}
