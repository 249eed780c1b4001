import { type Accusation, accusedOf, assertAccusation, decodeAccusation, explainAccusation } from './accusation.ts'
import { equalBytes, fromBase64, fromUtf8, toBase64, toHex } from './bytes.ts'
import type { VerifySignature } from './ed25519.ts'
import { isWattnessError, WattnessError } from './errors.ts'
import { MAX_EVIDENCE_FRAME_BYTES } from './frames.ts'
import { type Genesis, parseGenesis } from './genesis.ts'
import { MAX_GENESIS_BYTES } from './limits.ts'

/** Evidence of either kind with the genesis that it is to be checked under, as one JSON file (rule A14). */
export interface EvidenceFile {
  readonly genesis: Uint8Array
  /** As it travels (rules F5 and A12). */
  readonly evidence: Uint8Array
}

export const EVIDENCE_FILE_TYPE = 'wattness-evidence/1'

/** The parts of the file, by their names in it; `file` is the file as a whole. */
export type EvidenceFilePart = 'file' | 'type' | 'genesis' | 'evidence'

/** What such a file proves to who believes its genesis. */
export interface ProvenEvidence {
  readonly genesis: Genesis
  readonly accusation: Accusation
  /** The key that signed both stories. */
  readonly accused: Uint8Array
  /** What genesis calls it: members that were admitted later are not in the file. */
  readonly label: string | undefined
}

export type EvidenceReport =
  | { readonly ok: true; readonly proven: ProvenEvidence }
  /** `parts` names the part that is wrong. */
  | { readonly ok: false; readonly parts: readonly EvidenceFilePart[]; readonly code: string; readonly message: string }

export interface EvidenceFileContext {
  readonly verify: VerifySignature
  /** The bytes of the genesis that the reader believes, as in a ticket; the file's own is believed where there is none. */
  readonly ticketGenesis?: Uint8Array | undefined
}

const FIELDS = ['type', 'genesis', 'evidence'] as const

/** Base64 of both, and the rest of the JSON. */
export const MAX_EVIDENCE_FILE_BYTES = Math.ceil(((MAX_GENESIS_BYTES + MAX_EVIDENCE_FRAME_BYTES) * 4) / 3) + 1_024

/** Rule A14: the file's one text. */
export function formatEvidenceFile({ genesis, evidence }: EvidenceFile): string {
  const form = { type: EVIDENCE_FILE_TYPE, genesis: toBase64(genesis), evidence: toBase64(evidence) }
  return `${JSON.stringify(form, null, 2)}\n`
}

/** Whether a file claims to be one of these, of whatever version; it may still be wrong. */
export function isEvidenceFile(text: string): boolean {
  if (text.length > MAX_EVIDENCE_FILE_BYTES) return false
  try {
    const form: unknown = JSON.parse(text)
    const type = typeof form === 'object' && form !== null && 'type' in form ? form.type : undefined
    return typeof type === 'string' && type.startsWith('wattness-evidence/')
  } catch {
    return false
  }
}

function refuse(part: EvidenceFilePart, detail: string, code = 'EVIDENCE_FILE_INVALID'): never {
  throw new WattnessError(code, `evidence file: ${part}: ${detail}`, { parts: [part] })
}

/** Rule A14. Throws EVIDENCE_FILE_INVALID, with the part in its data; what is in the parts is not looked at. */
export function parseEvidenceFile(text: string | Uint8Array): EvidenceFile {
  if (text.length > MAX_EVIDENCE_FILE_BYTES) refuse('file', `longer than ${MAX_EVIDENCE_FILE_BYTES} bytes`)
  const { all, form } = jsonOf(text)
  if (form.type !== EVIDENCE_FILE_TYPE) {
    refuse('type', `expected ${JSON.stringify(EVIDENCE_FILE_TYPE)}, found ${JSON.stringify(form.type)?.slice(0, 80)}`)
  }
  const file = { genesis: bytesOf(form.genesis, 'genesis'), evidence: bytesOf(form.evidence, 'evidence') }
  // One text for each content: a changed byte is noticed wherever it stands.
  if (formatEvidenceFile(file) !== all) refuse('file', 'other spaces, order or spelling than the one form of such a file')
  return file
}

function jsonOf(text: string | Uint8Array): { all: string; form: Record<(typeof FIELDS)[number], unknown> } {
  let all: string
  let form: unknown
  try {
    all = typeof text === 'string' ? text : fromUtf8(text)
    form = JSON.parse(all)
  } catch (error) {
    return refuse('file', `not JSON in UTF-8: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof form !== 'object' || form === null) return refuse('file', 'not an object')
  for (const name of FIELDS) if (!Object.hasOwn(form, name)) refuse('file', `no field ${JSON.stringify(name)}`)
  return { all, form: form as Record<(typeof FIELDS)[number], unknown> }
}

function bytesOf(value: unknown, part: EvidenceFilePart): Uint8Array {
  if (typeof value !== 'string') return refuse(part, 'not text')
  return within(part, () => fromBase64(value))
}

function within<T>(part: EvidenceFilePart, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return refuse(part, error.message, error.code)
  }
}

/** Rules A14, F4 and A11. Throws nothing but what is no fault of the file. */
export function checkEvidenceFile(text: string | Uint8Array, context: EvidenceFileContext): EvidenceReport {
  try {
    return { ok: true, proven: prove(parseEvidenceFile(text), context) }
  } catch (error) {
    if (!isWattnessError(error) || !Array.isArray(error.data.parts)) throw error
    return { ok: false, parts: error.data.parts as EvidenceFilePart[], code: error.code, message: error.message }
  }
}

function prove(file: EvidenceFile, { verify, ticketGenesis }: EvidenceFileContext): ProvenEvidence {
  const genesis = within('genesis', () => parseGenesis(file.genesis))
  if (ticketGenesis !== undefined && !equalBytes(ticketGenesis, genesis.bytes)) {
    refuse('genesis', 'of another network than the ticket', 'WRONG_NETWORK')
  }
  const accusation = within('evidence', () => {
    const decoded = decodeAccusation(file.evidence)
    assertAccusation(verify, genesis.networkId, decoded)
    return decoded
  })
  const accused = accusedOf(accusation)
  return { genesis, accusation, accused, label: labelIn(genesis, accused) }
}

function labelIn({ registrar, members }: Genesis, key: Uint8Array): string | undefined {
  if (equalBytes(registrar, key)) return 'registrar'
  return members.find((member) => equalBytes(member.key, key))?.label
}

/** What such a file proves, or which part of it is wrong, in plain words. */
export function explainEvidenceFile(report: EvidenceReport): string {
  if (!report.ok) return `Not proven. What is wrong: ${report.parts.join(' or ')} (${report.code}).\n${report.message}\n`
  const { genesis, accusation, label } = report.proven
  const isAuthor = accusation.kind === 'author'
  const who =
    label === undefined
      ? `Genesis does not name this key: whether it was ${isAuthor ? 'a member' : 'a witness'} then is in the registrar's chain.`
      : `Genesis calls this key ${JSON.stringify(label)}.`
  const follows = isAuthor
    ? 'Its chain is stopped for good on every honest node; the blocks that each had accepted before stay.'
    : 'No chain is stopped by it, and what this witness signs still counts. The remedy is to revoke it.'
  const lines = [
    `Proven, for whoever believes the genesis of the network ${JSON.stringify(genesis.name)} (${toHex(genesis.networkId)}):`,
    '',
    explainAccusation(genesis.networkId, accusation),
    who,
    '',
    `What follows: ${follows}`,
    'Not proven: why. The key may have been copied, or a node restored from an old copy of its disk.',
  ]
  return `${lines.join('\n')}\n`
}
