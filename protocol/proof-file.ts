import type { Block, Header } from './block.ts'
import { decodeHeader } from './block.ts'
import { fromBase64, fromUtf8, toBase64, toUtf8 } from './bytes.ts'
import { formatCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import { cosignatureTime, logVerifierKey, witnessVerifierKey } from './cosignature.ts'
import { isWattnessError, WattnessError } from './errors.ts'
import type { Genesis } from './genesis.ts'
import { HASH_BYTES } from './hash.ts'
import { MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_PROOF_HASHES, MAX_WITNESSES } from './limits.ts'
import { decodeMembershipItem, encodeMembershipItem, MAX_MEMBERSHIP_ITEMS, type MembershipItem } from './membership-proof.ts'
import { formatNote, formatVerifierKey, type NoteSignature, noteKeyId, parseVerifierKey, type VerifierKey } from './note.ts'
import { type ReadingText, readingTexts } from './proof-readings.ts'
import { formatTlogProof } from './tlog-proof.ts'

/** One block, and all that somebody with nothing but the genesis needs to believe it, as one JSON file (rules P18 and P19). */
export interface ProofFile {
  /** The block's encoded header: the log's entry. */
  readonly header: Uint8Array
  readonly body: Uint8Array
  /** What the body says, for people; checked against it. */
  readonly readings: readonly ReadingText[]
  /** A tlog-proof of the header, as text (rule P7). */
  readonly proof: string
  readonly log: VerifierKey
  /** All witnesses of the epoch that the checkpoint's last block names, in member order. */
  readonly witnesses: readonly VerifierKey[]
  readonly quorum: number
  readonly genesis: Uint8Array
  readonly membership: readonly MembershipItem[]
  /** Where the checkpoint covers more than the block: its last block, which names the epoch. */
  readonly end?: ChainEnd
}

export interface ChainEnd {
  readonly header: Uint8Array
  /** Inclusion proof of the checkpoint's last entry. */
  readonly inclusion: readonly Uint8Array[]
}

/** The parts of the file, by their names in it; `file` is the file as a whole. */
export type ProofPart =
  | 'file'
  | 'header'
  | 'body'
  | 'readings'
  | 'proof'
  | 'log'
  | 'witnesses'
  | 'quorum'
  | 'genesis'
  | 'membership'
  | 'end'

/** A year of a neighbourhood's membership takes some 100 kB. */
export const MAX_PROOF_FILE_BYTES = 16_777_216

const FIELDS = ['header', 'body', 'readings', 'proof', 'log', 'witnesses', 'quorum', 'genesis', 'membership'] as const

export function refusePart(parts: readonly ProofPart[], detail: string, code = 'PROOF_FILE_INVALID'): never {
  throw new WattnessError(code, `proof: ${parts.join(' or ')}: ${detail}`, { parts })
}

interface JsonForm extends Record<(typeof FIELDS)[number], unknown> {
  readonly end?: unknown
}

function formOf(file: ProofFile): JsonForm {
  const form = {
    header: toBase64(file.header),
    body: toBase64(file.body),
    readings: file.readings,
    proof: file.proof,
    log: formatVerifierKey(file.log),
    witnesses: file.witnesses.map(formatVerifierKey),
    quorum: file.quorum,
    genesis: toBase64(file.genesis),
    membership: file.membership.map((item) => toBase64(encodeMembershipItem(item))),
  }
  if (file.end === undefined) return form
  return { ...form, end: { header: toBase64(file.end.header), inclusion: file.end.inclusion.map(toBase64) } }
}

const write = (form: JsonForm): string => `${JSON.stringify(form, null, 2)}\n`

/** Rule P18: the file's one text. */
export function formatProofFile(file: ProofFile): string {
  return write(formOf(file))
}

export interface ProofFileInit {
  readonly genesis: Genesis
  readonly block: Pick<Block, 'headerBytes' | 'body'>
  /** Signed by the block's member, of a size above its height. */
  readonly checkpoint: SignedCheckpoint
  /** Of the block's header in the checkpoint's tree (rule T4). */
  readonly inclusion: readonly Uint8Array[]
  /** Collected over formatCheckpoint(…) of that checkpoint; verified by who collected them. */
  readonly cosignatures: readonly NoteSignature[]
  /** Keys of the witnesses of the epoch that the checkpoint's last block names, in member order. */
  readonly witnesses: readonly Uint8Array[]
  readonly quorum: number
  readonly membership: readonly MembershipItem[]
  /** The checkpoint's last block, where that is another than the block. */
  readonly end?: ChainEnd
}

/** Rule P19: the file of one block; of the cosignatures it takes the `quorum` earliest. Throws QUORUM_MISSING. */
export function makeProofFile(init: ProofFileInit): ProofFile {
  const { genesis, block, checkpoint, quorum, end } = init
  const log = logVerifierKey(genesis.networkId, checkpoint.member)
  const chosen = earliest(init.cosignatures, quorum)
  const own = { name: log.name, keyId: noteKeyId(log.name, log.type, log.key), signature: checkpoint.signature }
  const header = decodeHeader(block.headerBytes)
  const note = formatNote(formatCheckpoint(log.name, checkpoint), [own, ...chosen])
  const file: ProofFile = {
    header: block.headerBytes,
    body: block.body,
    readings: readingTexts({ header, body: block.body }),
    proof: formatTlogProof({ index: header.height, hashes: init.inclusion, checkpoint: note }),
    log,
    witnesses: init.witnesses.map((key) => witnessVerifierKey(genesis.networkId, key)),
    quorum,
    genesis: genesis.bytes,
    membership: init.membership,
  }
  return end === undefined ? file : { ...file, end }
}

/** More than the quorum would only make the file longer, and a line lost from it unnoticed. */
function earliest(cosignatures: readonly NoteSignature[], quorum: number): NoteSignature[] {
  if (cosignatures.length < quorum) {
    const found = cosignatures.length
    throw new WattnessError('QUORUM_MISSING', `proof: ${found} cosignatures, ${quorum} expected`, { found, quorum })
  }
  const time = ({ signature }: NoteSignature): number => cosignatureTime(signature) ?? Number.MAX_SAFE_INTEGER
  return [...cosignatures].sort((a, b) => time(a) - time(b) || (a.name < b.name ? -1 : 1)).slice(0, quorum)
}

/** Rule P18. Throws PROOF_FILE_INVALID, with the part in its data; what it returns is well-formed, not yet proven. */
export function parseProofFile(text: string | Uint8Array): ProofFile {
  if (text.length > MAX_PROOF_FILE_BYTES) refusePart(['file'], `${text.length} bytes, at most ${MAX_PROOF_FILE_BYTES}`)
  const { all, form } = jsonOf(text)
  const file: ProofFile = {
    header: bytesOf(form.header, 'header', MAX_HEADER_BYTES),
    body: bytesOf(form.body, 'body', MAX_BODY_BYTES),
    readings: listOf(form.readings, 'readings') as readonly ReadingText[],
    proof: textOf(form.proof, 'proof'),
    log: keyOf(form.log, 'log'),
    witnesses: listOf(form.witnesses, 'witnesses', MAX_WITNESSES).map((vkey) => keyOf(vkey, 'witnesses')),
    quorum: quorumOf(form.quorum),
    genesis: bytesOf(form.genesis, 'genesis'),
    membership: listOf(form.membership, 'membership', MAX_MEMBERSHIP_ITEMS).map(itemOf),
  }
  const whole = form.end === undefined ? file : { ...file, end: endOf(form.end) }
  // One text for each content: a changed byte is noticed wherever it stands.
  if (write(formOf(whole)) !== all) refusePart(['file'], 'other spaces, order or spelling than the one form of such a file')
  return whole
}

function jsonOf(text: string | Uint8Array): { all: string; form: JsonForm } {
  let all: string
  let form: unknown
  try {
    all = typeof text === 'string' ? text : fromUtf8(text)
    form = JSON.parse(all)
  } catch (error) {
    return refusePart(['file'], `not JSON in UTF-8: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof form !== 'object' || form === null) return refusePart(['file'], 'not an object')
  for (const name of Object.keys(form)) {
    if (name !== 'end' && !(FIELDS as readonly string[]).includes(name))
      refusePart(['file'], `unknown field ${JSON.stringify(name)}`)
  }
  for (const name of FIELDS) if (!Object.hasOwn(form, name)) refusePart(['file'], `no field ${JSON.stringify(name)}`)
  return { all, form: form as JsonForm }
}

function textOf(value: unknown, part: ProofPart): string {
  return typeof value === 'string' ? value : refusePart([part], 'not text')
}

function listOf(value: unknown, part: ProofPart, most = Number.MAX_SAFE_INTEGER): readonly unknown[] {
  if (!Array.isArray(value)) return refusePart([part], 'not a list')
  return value.length <= most ? (value as unknown[]) : refusePart([part], `${value.length} of them, at most ${most}`)
}

function bytesOf(value: unknown, part: ProofPart, most = MAX_PROOF_FILE_BYTES): Uint8Array {
  const text = textOf(value, part)
  const bytes = within([part], () => fromBase64(text))
  return bytes.length <= most ? bytes : refusePart([part], `${bytes.length} bytes, at most ${most}`)
}

function keyOf(value: unknown, part: ProofPart): VerifierKey {
  return within([part], () => parseVerifierKey(textOf(value, part)))
}

function quorumOf(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_WITNESSES) return value
  return refusePart(['quorum'], `not a number of 0 to ${MAX_WITNESSES}`)
}

function itemOf(value: unknown, at: number): MembershipItem {
  return within(['membership'], () => decodeMembershipItem(bytesOf(value, 'membership')), `item ${at}: `)
}

function endOf(value: unknown): ChainEnd {
  if (typeof value !== 'object' || value === null) return refusePart(['end'], 'not an object')
  const { header, inclusion, ...rest } = value as { header?: unknown; inclusion?: unknown }
  if (Object.keys(rest).length > 0) refusePart(['end'], 'has more fields than "header" and "inclusion"')
  const hashes = listOf(inclusion, 'end', MAX_PROOF_HASHES).map((hash) => bytesOf(hash, 'end', HASH_BYTES))
  return { header: bytesOf(header, 'end', MAX_HEADER_BYTES), inclusion: hashes }
}

/** Says of which parts a fault is that `act` finds. */
export function within<T>(parts: readonly ProofPart[], act: () => T, where = ''): T {
  try {
    return act()
  } catch (error) {
    if (!isWattnessError(error) || Array.isArray(error.data.parts)) throw error
    return refusePart(parts, where + error.message, error.code)
  }
}

export function headerOf(bytes: Uint8Array, part: ProofPart): Header {
  return within([part], () => decodeHeader(bytes))
}

/** Rule P18: the same parts as files of their own, for tools that know the C2SP formats alone. */
export function splitProofFile(file: ProofFile): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  const text = (name: string, content: string) => ({ name, bytes: toUtf8(content) })
  const files = [
    { name: 'block.header', bytes: file.header },
    { name: 'block.body', bytes: file.body },
    text('readings.json', `${JSON.stringify(file.readings, null, 2)}\n`),
    text('block.tlog-proof', file.proof),
    text('policy', formatPolicy(file)),
    { name: 'genesis.json', bytes: file.genesis },
    ...file.membership.map((item, at) => ({
      name: `membership-${String(at).padStart(4, '0')}`,
      bytes: encodeMembershipItem(item),
    })),
  ]
  return file.end === undefined ? files : [...files, { name: 'end.header', bytes: file.end.header }]
}

/** Whom to believe, as C2SP tlog-policy writes it. */
function formatPolicy({ log, witnesses, quorum }: ProofFile): string {
  const names = witnesses.map((_, at) => `w${at}`)
  const lines = witnesses.map((key, at) => `witness w${at} ${formatVerifierKey(key)}\n`).join('')
  const rule = quorum === 0 ? 'quorum none\n' : `group witnesses ${quorum} ${names.join(' ')}\nquorum witnesses\n`
  return `log ${formatVerifierKey(log)}\n${lines}${rule}`
}
