import { writeFileSync } from 'node:fs'
import { toBase64, toHex } from '../../bytes.ts'
import { formatCheckpoint } from '../../checkpoint.ts'
import {
  COSIGNATURE_BYTES,
  cosignedMessage,
  logVerifierKey,
  signCosignature,
  witnessName,
  witnessVerifierKey,
} from '../../cosignature.ts'
import { sha256 } from '../../hash.ts'
import { formatNote, formatVerifierKey, noteKeyId } from '../../note.ts'
import { seedOf, signerOf } from '../numbered-keys.ts'

/**
 * Cosigned checkpoints (rules P1 to P6). The published ones are a checkpoint of a certificate log of 2026 with the
 * cosignatures of four witnesses (as it stands in the tests of florolf/tlog-scales; the witnesses' keys are the ones they
 * publish), and the example of C2SP tlog-cosignature. They are data here, and checked, not made.
 */

const ARCHE = 'arche2025h1.staging.ct.transparency.dev'
const ARCHE_KEY = `${ARCHE}+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f`
const WITNESS_KEYS = [
  'transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM',
  'witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO',
  'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
  'witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv',
]
const ARCHE_TEXT = `${ARCHE}\n1432088532\nU7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n`
const ARCHE_LINES: readonly (readonly [string, string])[] = [
  // Of a type (0x05) that is none of ours, by a key of the log's name: unknown, and passed over.
  [ARCHE, 'zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0='],
  [ARCHE, 'ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ='],
  [
    'transparency.dev/DEV:witness-little-garden',
    '2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==',
  ],
  [
    'witness1.smartit.nu/witness1',
    'pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==',
  ],
  ['remora.n621.de', '2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw=='],
  [
    'witness.stagemole.eu',
    'Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==',
  ],
]
const lines = (list: typeof ARCHE_LINES): string => list.map(([name, line]) => `\u2014 ${name} ${line}\n`).join('')
const arche = `${ARCHE_TEXT}\n${lines(ARCHE_LINES)}`
const archeCosigned = WITNESS_KEYS.map((key) => ({ name: key.slice(0, key.indexOf('+')), timeS: 1779573024 }))

type Outcome = 'MALFORMED_NOTE' | 'MALFORMED_CHECKPOINT' | 'INVALID_NOTE_SIGNATURE' | 'UNVERIFIED_NOTE' | 'ORIGIN_MISMATCH'

interface Case {
  readonly name: string
  readonly note: string
  readonly log: string
  readonly witnesses: readonly string[]
  /** The error code, or who cosigned and when. */
  readonly result:
    | Outcome
    | { readonly cosigned: readonly { readonly name: string; readonly timeS: number }[]; readonly unknown: number }
}

const networkId = sha256(new TextEncoder().encode('a network'))
const author = signerOf(1)
const log = logVerifierKey(networkId, author.publicKey)
const text = formatCheckpoint(log.name, { size: 35_040, root: sha256(seedOf(9)) })
const logLine = {
  name: log.name,
  keyId: noteKeyId(log.name, log.type, log.key),
  signature: author.sign(new TextEncoder().encode(text)),
}
const TIME_S = 1_767_225_600
const witnesses = [2, 3].map((n) => witnessVerifierKey(networkId, signerOf(n).publicKey))
const cosigned = [2, 3].map((n, i) =>
  signCosignature(signerOf(n), witnessName(networkId, signerOf(n).publicKey), text, TIME_S + i),
)
const [first, second] = cosigned as [(typeof cosigned)[0], (typeof cosigned)[0]]
const changed = (signature: Uint8Array, at: number): Uint8Array => signature.map((byte, i) => (i === at ? byte ^ 1 : byte))
const own = { log: formatVerifierKey(log), witnesses: witnesses.map(formatVerifierKey) }
const both = [
  { name: first.name, timeS: TIME_S },
  { name: second.name, timeS: TIME_S + 1 },
]

const cases: Case[] = [
  {
    name: 'a certificate log and four public witnesses',
    note: arche,
    log: ARCHE_KEY,
    witnesses: WITNESS_KEYS,
    result: { cosigned: archeCosigned, unknown: 1 },
  },
  {
    name: 'the same with one witness known',
    note: arche,
    log: ARCHE_KEY,
    witnesses: WITNESS_KEYS.slice(2, 3),
    result: { cosigned: archeCosigned.slice(2, 3), unknown: 4 },
  },
  {
    name: 'the same of another size',
    note: arche.replace('1432088532', '1432088533'),
    log: ARCHE_KEY,
    witnesses: WITNESS_KEYS,
    result: 'INVALID_NOTE_SIGNATURE',
  },
  {
    name: 'the same with a witness a second later',
    note: arche.replace('2net5wAAAABqEiEg', '2net5wAAAABqEiEh'),
    log: ARCHE_KEY,
    witnesses: WITNESS_KEYS,
    result: 'INVALID_NOTE_SIGNATURE',
  },
  {
    name: "the same without the log's own signature",
    note: `${ARCHE_TEXT}\n${lines(ARCHE_LINES.slice(2))}`,
    log: ARCHE_KEY,
    witnesses: WITNESS_KEYS,
    result: 'UNVERIFIED_NOTE',
  },
  {
    name: 'a member and two witnesses',
    note: formatNote(text, [logLine, first, second]),
    ...own,
    result: { cosigned: both, unknown: 0 },
  },
  { name: 'nobody cosigned', note: formatNote(text, [logLine]), ...own, result: { cosigned: [], unknown: 0 } },
  {
    name: 'one witness twice counts once',
    note: formatNote(text, [logLine, first, signCosignature(signerOf(2), first.name, text, TIME_S + 60)]),
    ...own,
    result: { cosigned: both.slice(0, 1), unknown: 0 },
  },
  {
    name: "a witness's key under another name is an unknown key",
    note: formatNote(text, [logLine, { ...first, name: 'somebody.example' }]),
    ...own,
    result: { cosigned: [], unknown: 1 },
  },
  {
    name: "a witness's key as a plain note signature (0x01) is an unknown key",
    note: formatNote(text, [
      logLine,
      {
        name: first.name,
        keyId: noteKeyId(first.name, 1, signerOf(2).publicKey),
        signature: signerOf(2).sign(cosignedMessage(TIME_S, text)),
      },
    ]),
    ...own,
    result: { cosigned: [], unknown: 1 },
  },
  {
    name: 'extension lines are cosigned too',
    note: ((): string => {
      const longer = `${text}extension\n`
      return formatNote(longer, [
        { ...logLine, signature: author.sign(new TextEncoder().encode(longer)) },
        signCosignature(signerOf(2), first.name, longer, TIME_S),
      ])
    })(),
    ...own,
    result: { cosigned: both.slice(0, 1), unknown: 0 },
  },
  {
    name: 'a time beyond 2^53-1',
    note: formatNote(text, [logLine, { ...first, signature: changed(first.signature, 0) }]),
    ...own,
    result: 'INVALID_NOTE_SIGNATURE',
  },
  {
    name: 'a cosignature of 71 bytes',
    note: formatNote(text, [logLine, { ...first, signature: first.signature.subarray(0, COSIGNATURE_BYTES - 1) }]),
    ...own,
    result: 'INVALID_NOTE_SIGNATURE',
  },
  {
    name: 'a cosignature changed in its last byte',
    note: formatNote(text, [logLine, { ...first, signature: changed(first.signature, 71) }]),
    ...own,
    result: 'INVALID_NOTE_SIGNATURE',
  },
  {
    name: "another log's checkpoint",
    note: formatNote(text, [logLine, first]),
    log: ARCHE_KEY,
    witnesses: own.witnesses,
    result: 'ORIGIN_MISMATCH',
  },
  { name: 'no checkpoint', note: formatNote(`${log.name}\n`, [logLine]), ...own, result: 'MALFORMED_CHECKPOINT' },
  { name: 'no note', note: text, ...own, result: 'MALFORMED_NOTE' },
]

export const cosignatureVectors = {
  comment:
    'Cosigned checkpoints. result: a code, or who cosigned and how many lines are of unknown keys. Made by make-cosignature.ts.',
  /** The example of C2SP tlog-cosignature: its message, and the time in its line. */
  example: {
    text: 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
    payload: 'jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==',
    timeS: 1679315147,
    message:
      'cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
  },
  /** Rules P1 to P3, step by step, for the seed of 32 bytes of value 2. */
  made: {
    networkId: toHex(networkId),
    member: toHex(signerOf(2).publicKey),
    name: first.name,
    verifierKey: own.witnesses[0],
    message: toHex(cosignedMessage(TIME_S, text)),
    payload: toBase64(new Uint8Array([...first.keyId, ...first.signature])),
  },
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('cosignature.json', import.meta.url), `${JSON.stringify(cosignatureVectors, null, 2)}\n`)
}
