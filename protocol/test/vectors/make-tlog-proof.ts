import { writeFileSync } from 'node:fs'
import { toBase64, toHex, toUtf8 } from '../../bytes.ts'
import { formatCheckpoint } from '../../checkpoint.ts'
import { logVerifierKey, signCosignature, witnessVerifierKey } from '../../cosignature.ts'
import { leafHash, sha256 } from '../../hash.ts'
import { formatNote, formatVerifierKey, NOTE_ED25519, noteKeyId } from '../../note.ts'
import { formatTlogProof, TLOG_PROOF_HEADER } from '../../tlog-proof.ts'
import { CompactRange, inclusionProof } from '../../tree.ts'
import { signerOf } from '../numbered-keys.ts'

/**
 * Proof files (rules P7 and P8). The published ones are the forms and refusals in the tests of transparency-dev/formats
 * (proof/tlog_proof_test.go), and the path of a real entry of a public log in those of project-oak/oak (a tree of 76,959
 * entries), under a checkpoint signed here. They are data, and checked, not made.
 */

const HASH_1 = toBase64(sha256(toUtf8('hash1')))
const HASH_2 = toBase64(sha256(toUtf8('hash2')))
const EXTRA = toBase64(toUtf8('extra information'))

/** Texts, what they say, and whether the format of transparency-dev/formats writes the same. */
const wellFormed = [
  {
    name: 'without extra data',
    text: `${TLOG_PROOF_HEADER}\nindex 5\n${HASH_1}\n${HASH_2}\n\ntest checkpoint\n`,
    index: 5,
    hashes: [HASH_1, HASH_2],
    checkpoint: 'test checkpoint\n',
  },
  {
    name: 'with extra data',
    text: `${TLOG_PROOF_HEADER}\nextra ${EXTRA}\nindex 10\n${HASH_1}\n\ncheckpoint data\n`,
    index: 10,
    hashes: [HASH_1],
    checkpoint: 'checkpoint data\n',
    extra: EXTRA,
  },
  {
    name: 'without hashes',
    text: `${TLOG_PROOF_HEADER}\nindex 0\n\ncheckpoint\n`,
    index: 0,
    hashes: [],
    checkpoint: 'checkpoint\n',
  },
  {
    name: 'with extra data of no bytes',
    text: `${TLOG_PROOF_HEADER}\nextra \nindex 0\n\ncp\n`,
    index: 0,
    hashes: [],
    checkpoint: 'cp\n',
    extra: '',
  },
  {
    name: 'with empty lines in the checkpoint',
    text: `${TLOG_PROOF_HEADER}\nindex 1\n\na\n\nb\n`,
    index: 1,
    hashes: [],
    checkpoint: 'a\n\nb\n',
  },
]

const malformed = [
  { name: 'nothing', text: '' },
  { name: 'another header', text: 'wrong-header\nindex 0\n\ncheckpoint\n' },
  { name: 'the header alone', text: `${TLOG_PROOF_HEADER}\n` },
  { name: 'extra data that is no base64', text: `${TLOG_PROOF_HEADER}\nextra !!notbase64!!\nindex 0\n\ncheckpoint\n` },
  { name: 'extra data whose last bits are set', text: `${TLOG_PROOF_HEADER}\nextra YR==\nindex 0\n\ncp\n` },
  { name: 'extra without a space', text: `${TLOG_PROOF_HEADER}\nextra\nindex 0\n\ncp\n` },
  { name: 'no index', text: `${TLOG_PROOF_HEADER}\n\n\ncheckpoint\n` },
  { name: 'an index that is no number', text: `${TLOG_PROOF_HEADER}\nindex notanumber\n\ncheckpoint\n` },
  { name: 'a negative index', text: `${TLOG_PROOF_HEADER}\nindex -5\n\ncheckpoint\n` },
  { name: 'a signed index', text: `${TLOG_PROOF_HEADER}\nindex +1\n\ncp\n` },
  { name: 'an index with a leading zero', text: `${TLOG_PROOF_HEADER}\nindex 007\n\ncp\n` },
  { name: 'two spaces before the index', text: `${TLOG_PROOF_HEADER}\nindex  1\n\ncp\n` },
  { name: 'an index above 2^53-1', text: `${TLOG_PROOF_HEADER}\nindex 9007199254740992\n\ncp\n` },
  { name: 'a hash that is no base64', text: `${TLOG_PROOF_HEADER}\nindex 0\n!!notbase64!!\n\ncheckpoint\n` },
  { name: 'a hash of 64 bytes', text: `${TLOG_PROOF_HEADER}\nindex 0\n${toBase64(new Uint8Array(64))}\n\ncheckpoint\n` },
  {
    name: 'a hash whose last bits are set',
    text: `${TLOG_PROOF_HEADER}\nindex 0\nypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLt=\n\ncp\n`,
  },
  { name: 'carriage returns', text: `${TLOG_PROOF_HEADER}\r\nindex 5\r\n\r\ncp line\r\n` },
  { name: 'no empty line', text: `${TLOG_PROOF_HEADER}\nindex 1\n` },
]

const OAK_PATH = [
  'fGRlLyuz+L9Jb8+uTSut/2aVc4z7fKFW+clvsb6xjEM=',
  'F6LautOHD5eppkWC0xn/lz00X5g2yLlZAkl2jCI/wdE=',
  'qH7OJxFNup+TDvJuohd2HphKVngfMeMzUK8QChEDcas=',
  '+Y3g758yXtPCRh/eqhLTA3bdcx+cCV1Uah0JdgB0YEs=',
  'vq8cJSjj8dPVmFBRUqDLlaMqW6aAYR2GKugVhgudXLs=',
  'J0z3X5qTb9WFC1gABhVFx0bW1rVZRL+DAoBL2e2h4G4=',
  'NmSbYg25xNFzTRerIsF3HbEMyTIDqW87AQd9ekzopE8=',
  'L8BZipjURnkctkjJtGJs+YyTXMssvNKA7+a8nV2JT/s=',
  'pva4RFzCejMkVMVmYc93As2lbk7WAyrw58TvrzEOjNc=',
]
const OAK_ENTRY = 'hello tesseroak\n'
const OAK_ROOT = 'QYfrD7XAd4qUHbRBs4dDyDZwpZN4M/cccXr2G56pxkY='

const author = signerOf(1)
const oakOrigin = 'example.com/log'
const oakText = `${oakOrigin}\n76959\n${OAK_ROOT}\n`
const oakKey = { name: oakOrigin, type: NOTE_ED25519, key: author.publicKey }
const oakNote = formatNote(oakText, [
  { name: oakOrigin, keyId: noteKeyId(oakOrigin, NOTE_ED25519, author.publicKey), signature: author.sign(toUtf8(oakText)) },
])
const oakProof = [TLOG_PROOF_HEADER, 'index 76958', ...OAK_PATH, '', oakNote].join('\n')

/** A log of seven entries and four witnesses, of whom three cosign its sixth entry's checkpoint. */
const networkId = sha256(toUtf8('a network'))
const log = logVerifierKey(networkId, author.publicKey)
const entries = Array.from({ length: 7 }, (_, i) => toUtf8(`entry ${i}`))
const nodes = new Map<string, Uint8Array>()
const range = CompactRange.empty()
range.appendAll(entries.map(leafHash), (level, index, hash) => nodes.set(`${level}/${index}`, hash))
const text = formatCheckpoint(log.name, { size: 7, root: range.root() })
const logLine = { name: log.name, keyId: noteKeyId(log.name, log.type, log.key), signature: author.sign(toUtf8(text)) }
const witnesses = [2, 3, 4, 5].map((n) => witnessVerifierKey(networkId, signerOf(n).publicKey))
const TIME_S = 1_767_225_600
const cosigned = [2, 3, 4].map((n, i) =>
  signCosignature(signerOf(n), (witnesses[i] as { name: string }).name, text, TIME_S + 10 * i),
)
const hashes = await inclusionProof((level, index) => nodes.get(`${level}/${index}`) as Uint8Array, 5, 7)
const proof = formatTlogProof({ index: 5, hashes, checkpoint: formatNote(text, [logLine, ...cosigned]) })
const policy = { log: formatVerifierKey(log), witnesses: witnesses.map(formatVerifierKey), quorum: 3 }
const entry = toHex(entries[5] as Uint8Array)

type Outcome = 'MALFORMED_PROOF' | 'QUORUM_MISSING' | 'NOT_INCLUDED' | 'ORIGIN_MISMATCH' | 'INVALID_NOTE_SIGNATURE'

interface Case {
  readonly name: string
  readonly proof: string
  /** The logged bytes, hex. */
  readonly entry: string
  readonly log: string
  readonly witnesses: readonly string[]
  readonly quorum: number
  readonly result: Outcome | { readonly index: number; readonly size: number; readonly times: readonly number[] }
}

const cases: Case[] = [
  {
    name: 'the path of an entry of a public log',
    proof: oakProof,
    entry: toHex(toUtf8(OAK_ENTRY)),
    log: formatVerifierKey(oakKey),
    witnesses: [],
    quorum: 0,
    result: { index: 76_958, size: 76_959, times: [] },
  },
  {
    name: 'the same for another entry',
    proof: oakProof,
    entry: toHex(toUtf8('hello tesseract\n')),
    log: formatVerifierKey(oakKey),
    witnesses: [],
    quorum: 0,
    result: 'NOT_INCLUDED',
  },
  {
    name: 'three of four witnesses',
    proof,
    entry,
    ...policy,
    result: { index: 5, size: 7, times: [0, 10, 20].map((s) => TIME_S + s) },
  },
  {
    name: 'opaque data is passed over',
    proof: proof.replace('\nindex', '\nextra dGVzdA==\nindex'),
    entry,
    ...policy,
    result: { index: 5, size: 7, times: [0, 10, 20].map((s) => TIME_S + s) },
  },
  {
    name: 'a cosignature missing',
    proof: formatTlogProof({ index: 5, hashes, checkpoint: formatNote(text, [logLine, ...cosigned.slice(1)]) }),
    entry,
    ...policy,
    result: 'QUORUM_MISSING',
  },
  {
    name: 'a witness that is not known',
    proof,
    entry,
    ...policy,
    witnesses: policy.witnesses.slice(1),
    result: 'QUORUM_MISSING',
  },
  { name: 'another index', proof: proof.replace('index 5', 'index 4'), entry, ...policy, result: 'NOT_INCLUDED' },
  { name: 'an index beyond the tree', proof: proof.replace('index 5', 'index 7'), entry, ...policy, result: 'NOT_INCLUDED' },
  {
    name: 'a hash too few',
    proof: formatTlogProof({ index: 5, hashes: hashes.slice(1), checkpoint: formatNote(text, [logLine, ...cosigned]) }),
    entry,
    ...policy,
    result: 'NOT_INCLUDED',
  },
  { name: 'another size', proof: proof.replace('\n7\n', '\n8\n'), entry, ...policy, result: 'INVALID_NOTE_SIGNATURE' },
  { name: 'the proof of another log', proof, entry, ...policy, log: formatVerifierKey(oakKey), result: 'ORIGIN_MISMATCH' },
  { name: 'no proof', proof: 'no proof\n', entry, ...policy, result: 'MALFORMED_PROOF' },
]

export const tlogProofVectors = {
  comment: 'C2SP tlog-proof files. entry: the logged bytes. result: a code, or what is proven. Made by make-tlog-proof.ts.',
  wellFormed,
  malformed,
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('tlog-proof.json', import.meta.url), `${JSON.stringify(tlogProofVectors, null, 2)}\n`)
}
