import { writeFileSync } from 'node:fs'
import { fromHex } from '../../bytes.ts'
import { formatNote, formatVerifierKey, NOTE_ED25519, noteKeyId } from '../../note.ts'
import { signerFromSeed } from '../signing.ts'

/**
 * Signed notes and verifier keys (rules C13 to C17). The published ones are the examples of C2SP signed-note and of Go's
 * checksum database; they are data here, and checked, not made.
 */
const NEUMANN_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
const NEUMANN_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
const NEUMANN_LINE =
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
const ROOT_KEY = 'EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
const ROOT_LINE =
  '\u2014 EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n'
const C2SP_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const C2SP_TEXT = 'This is an example message.\n'
const C2SP_LINE =
  '\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n'

type Outcome = 'MALFORMED_NOTE' | 'INVALID_NOTE_SIGNATURE' | 'UNVERIFIED_NOTE'

interface Case {
  readonly name: string
  readonly note: string
  readonly verifierKeys: readonly string[]
  /** The error code, or the names whose signatures were verified. */
  readonly result: Outcome | readonly string[]
}

const neumann = `${NEUMANN_TEXT}\n${NEUMANN_LINE}`
const both = `${neumann}${ROOT_LINE}`

const published: Case[] = [
  { name: 'C2SP signed-note example', note: `${C2SP_TEXT}\n${C2SP_LINE}`, verifierKeys: [C2SP_KEY], result: ['example.com/foo'] },
  { name: 'Go checksum database example', note: neumann, verifierKeys: [NEUMANN_KEY], result: ['PeterNeumann'] },
  {
    name: 'two signatures, both known',
    note: both,
    verifierKeys: [NEUMANN_KEY, ROOT_KEY],
    result: ['PeterNeumann', 'EnochRoot'],
  },
  { name: 'two signatures, one known', note: both, verifierKeys: [ROOT_KEY], result: ['EnochRoot'] },
  { name: 'two signatures, none known', note: both, verifierKeys: [C2SP_KEY], result: 'UNVERIFIED_NOTE' },
  { name: 'the same signature twice', note: neumann + NEUMANN_LINE, verifierKeys: [NEUMANN_KEY], result: ['PeterNeumann'] },
]

const name = 'example.com/wattness'
const signer = signerFromSeed(fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'))
const keyId = noteKeyId(name, NOTE_ED25519, signer.publicKey)
const verifierKey = formatVerifierKey({ name, type: NOTE_ED25519, key: signer.publicKey })
const own = (text: string): string => formatNote(text, [{ name, keyId, signature: signer.sign(new TextEncoder().encode(text)) }])

const edges: Case[] = [
  { name: 'a text with empty lines', note: own('one\n\n\ntwo\n'), verifierKeys: [verifierKey], result: [name] },
  { name: 'an empty line as text', note: own('\n'), verifierKeys: [verifierKey], result: [name] },
  { name: 'letters beyond ASCII', note: own('\u00e8 subito sera\u2028.\n'), verifierKeys: [verifierKey], result: [name] },
  {
    name: 'a known name under another key id is an unknown key',
    note: neumann + NEUMANN_LINE.replace('x08g', 'xxxx'),
    verifierKeys: [NEUMANN_KEY],
    result: ['PeterNeumann'],
  },
  {
    name: 'a known key id under another name is an unknown key',
    note: neumann.replace('\u2014 PeterNeumann', '\u2014 CarmenSandiego'),
    verifierKeys: [NEUMANN_KEY],
    result: 'UNVERIFIED_NOTE',
  },
  {
    name: 'a known key whose signature fails refuses the note, whatever else fits',
    note: `${neumann}${ROOT_LINE.replace('Hp+vAF1', 'Hp+vAF2')}`,
    verifierKeys: [NEUMANN_KEY, ROOT_KEY],
    result: 'INVALID_NOTE_SIGNATURE',
  },
  {
    name: 'a second line of a known key that fails refuses the note',
    note: neumann + NEUMANN_LINE.replace('GUgYN1FF', 'GUgYN1FG'),
    verifierKeys: [NEUMANN_KEY],
    result: 'INVALID_NOTE_SIGNATURE',
  },
  { name: 'changed text', note: both.replace('think', 'thank'), verifierKeys: [NEUMANN_KEY], result: 'INVALID_NOTE_SIGNATURE' },
  { name: 'no signature block', note: NEUMANN_TEXT, verifierKeys: [NEUMANN_KEY], result: 'MALFORMED_NOTE' },
  { name: 'an empty signature block', note: `${NEUMANN_TEXT}\n`, verifierKeys: [NEUMANN_KEY], result: 'MALFORMED_NOTE' },
  { name: 'no newline at the end', note: neumann.slice(0, -1), verifierKeys: [NEUMANN_KEY], result: 'MALFORMED_NOTE' },
  { name: 'a control character', note: `\u0001${neumann}`, verifierKeys: [NEUMANN_KEY], result: 'MALFORMED_NOTE' },
  { name: 'a carriage return', note: neumann.replace(',\n', ',\r\n'), verifierKeys: [NEUMANN_KEY], result: 'MALFORMED_NOTE' },
  {
    name: 'a line that is no signature',
    note: `${neumann}Unexpected line.\n`,
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  {
    name: 'a hyphen for the dash',
    note: neumann.replace('\u2014', '-'),
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  {
    name: 'a space in the name',
    note: neumann.replace('\u2014 PeterNeumann', '\u2014 Peter Neumann'),
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  {
    name: 'a plus in the name',
    note: neumann.replace('\u2014 PeterNeumann', '\u2014 Peter+Neumann'),
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  {
    name: 'a Unicode space in the name',
    note: neumann.replace('\u2014 PeterNeumann', '\u2014 Peter\u0085Neumann'),
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  {
    name: 'two spaces before the signature',
    note: neumann.replace('PeterNeumann ', 'PeterNeumann  '),
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  {
    name: 'a signature of a key id alone',
    note: `a\n\n\u2014 name x08gow==\n`,
    verifierKeys: [NEUMANN_KEY],
    result: 'MALFORMED_NOTE',
  },
  { name: 'base64 without padding', note: neumann.replace('AM=', 'AM'), verifierKeys: [NEUMANN_KEY], result: 'MALFORMED_NOTE' },
]

export const noteVectors = {
  comment: 'C2SP signed notes: published examples and edges. result: an error code, or the names verified. Made by make-note.ts.',
  verifierKeys: [C2SP_KEY, NEUMANN_KEY, ROOT_KEY, verifierKey],
  badVerifierKeys: [
    '',
    'PeterNeumann',
    'PeterNeumann+c74f20a3',
    '+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==',
    'PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  ],
  cases: [...published, ...edges],
}

if (import.meta.main) {
  writeFileSync(new URL('note.json', import.meta.url), `${JSON.stringify(noteVectors, null, 2)}\n`)
}
