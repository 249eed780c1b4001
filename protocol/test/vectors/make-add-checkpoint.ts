import { writeFileSync } from 'node:fs'
import { fromHex, toBase64, toUtf8 } from '../../bytes.ts'
import { formatCheckpoint } from '../../checkpoint.ts'
import { EMPTY_ROOT } from '../../hash.ts'
import { formatNote, formatVerifierKey, NOTE_ED25519, noteKeyId } from '../../note.ts'
import { formatAddCheckpointRequest } from '../../witness-protocol.ts'
import { keyOf, signerOf } from '../numbered-keys.ts'

/**
 * Requests of C2SP tlog-witness (rules P10 and P11) and what a witness answers that has recorded `recorded`. Those of the
 * sigsum log are the exchange in the tests of FiloSottile/torchwood (cmd/litewitness/testdata/litewitness.txt), those of
 * "monkeys" come from the tests of transparency-dev/witness (witness/witness_test.go). They are data, and checked, not made.
 */

const SIGSUM = 'sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562'
const SIGSUM_KEY = {
  name: SIGSUM,
  type: NOTE_ED25519,
  key: fromHex('ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f'),
}
const SIGSUM_SIGNED = new Map([
  [1, 'UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY='],
  [3, 'UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go='],
  [5, 'UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww='],
])
const SIGSUM_ROOTS = new Map([
  [1, 'KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='],
  [3, 'RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0='],
  [5, 'QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY='],
])
const TO_3 = ['KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', 'KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']
const TO_5 = [
  'KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  'KgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
  'wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=',
  'KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
]

interface Recorded {
  readonly size: number
  readonly root: string
}

interface Case {
  readonly name: string
  readonly body: string
  /** Key of the log, where the witness knows it. */
  readonly log?: string
  readonly recorded?: Recorded
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  /** Of the answer, where the specification says it. */
  readonly answer?: string
}

const lines = (hashes: readonly string[]): string => hashes.map((hash) => `${hash}\n`).join('')
const sigsumNote = (size: number, signature = SIGSUM_SIGNED.get(size) as string, origin = SIGSUM): string =>
  `${origin}\n${size}\n${SIGSUM_ROOTS.get(size)}\n\n\u2014 ${origin} ${signature}\n`
const sigsum = (old: number, hashes: readonly string[], size: number): string =>
  `old ${old}\n${lines(hashes)}\n${sigsumNote(size)}`
const sigsumAt = (size: number): { log: string; recorded?: Recorded } => {
  const log = formatVerifierKey(SIGSUM_KEY)
  return size === 0 ? { log } : { log, recorded: { size, root: SIGSUM_ROOTS.get(size) as string } }
}
const OTHER_ORIGIN = SIGSUM.replace('e562', 'e563')

const MONKEYS = 'monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT'
const MONKEYS_5 = '41smjBUiAU70EtKlT6lIOIYtRTYxYXsDB+XHfcvu/BE='
const MONKEYS_8 = [
  'monkeys\n8\nV8K9aklZ4EPB+RMOk1/8VsJUdFZR77GDtZUQq84vSbo=\n\n\u2014 monkeys ',
  '202ffoUEboiQYpHzICeaFmoy3RNviHTpAxYrq/eO4QQVQMvu9UebKBMX2MJC76NLthZaKsnKbCA8GxrjePZhvDCH7Ag=\n',
].join('')
const MONKEYS_PROOF = [
  'b9e1d62618f7fee8034e4c5010f727ab24d8e4705cb296c374bf2025a87a10d2',
  'aac66cd7a79ce4012d80762fe8eec3a77f22d1ca4145c3f4cee022e7efcd599d',
  '89d0f753f66a290c483b39cd5e9eafb12021293395fad3d4a2ad053cfbcfdc9e',
  '29e40bb79c966f4c6fe96aff6f30acfce5f3e8d84c02215175d6e018a5dee833',
].map((hash) => toBase64(fromHex(hash)))
/** A key that is trusted under the log's name, and has not signed. */
const STRANGER = formatVerifierKey({ ...SIGSUM_KEY, name: 'monkeys' })
const monkeysAt5 = { log: MONKEYS, recorded: { size: 5, root: MONKEYS_5 } }
const monkeys = (old: number, hashes: readonly string[], note = MONKEYS_8): string => `old ${old}\n${lines(hashes)}\n${note}`

/** The example of the specification: its checkpoint has two signature lines, of a log that this witness does not know. */
const EXAMPLE = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`

const own = { name: 'example.com/log', type: NOTE_ED25519, key: keyOf(1) }
const ownNote = (size: number, root: Uint8Array): string => {
  const text = formatCheckpoint(own.name, { size, root })
  return formatNote(text, [
    { name: own.name, keyId: noteKeyId(own.name, own.type, own.key), signature: signerOf(1).sign(toUtf8(text)) },
  ])
}
const ownKey = formatVerifierKey(own)
const otherRoot = new Uint8Array(32).fill(7)
const request = (old: number, size: number, root: Uint8Array): string => formatAddCheckpointRequest(old, [], ownNote(size, root))

const cases: Case[] = [
  { name: 'the first checkpoint of a log', body: sigsum(0, [], 1), ...sigsumAt(0), status: 200 },
  {
    // As it stands in those tests, where the answer is 403: its last bits are set, which no base64 of RFC 4648 has.
    name: "a log's signature that is no canonical base64",
    body: sigsum(1, TO_3, 3).replace('Vrx6go=', 'Vrx6gx='),
    ...sigsumAt(1),
    status: 400,
  },
  {
    name: "a log's signature with a byte changed",
    body: sigsum(1, TO_3, 3).replace('Vrx6go=', 'Vrx6ho='),
    ...sigsumAt(1),
    status: 403,
  },
  {
    name: 'an unknown log',
    body: `old 1\n${lines(TO_3)}\n${sigsumNote(3, SIGSUM_SIGNED.get(3), OTHER_ORIGIN)}`,
    status: 404,
  },
  { name: 'no proof where one is needed', body: sigsum(1, [], 3), ...sigsumAt(1), status: 422 },
  {
    name: 'a proof with a byte changed',
    body: sigsum(1, [TO_3[0] as string, 'KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABA='], 3),
    ...sigsumAt(1),
    status: 422,
  },
  { name: 'the next checkpoint', body: sigsum(1, TO_3, 3), ...sigsumAt(1), status: 200 },
  {
    name: 'an older size than the recorded one',
    body: sigsum(1, TO_5.slice(0, 3), 5),
    ...sigsumAt(3),
    status: 409,
    answer: '3\n',
  },
  { name: 'the one after', body: sigsum(3, TO_5, 5), ...sigsumAt(3), status: 200 },
  { name: 'asked with old size 0', body: sigsum(0, [], 5), ...sigsumAt(5), status: 409, answer: '5\n' },
  { name: 'the recorded checkpoint again', body: sigsum(5, [], 5), ...sigsumAt(5), status: 200 },
  { name: 'going back', body: sigsum(3, [], 3), ...sigsumAt(5), status: 409, answer: '5\n' },
  { name: 'an old size above the checkpoint', body: sigsum(5, [], 3), ...sigsumAt(5), status: 400 },
  { name: 'a proof for the recorded checkpoint', body: sigsum(5, TO_3, 5), ...sigsumAt(5), status: 422 },
  { name: 'a proof from old size 0', body: sigsum(0, TO_3, 3), ...sigsumAt(0), status: 422 },
  { name: 'five to eight', body: monkeys(5, MONKEYS_PROOF), ...monkeysAt5, status: 200 },
  {
    name: 'five to eight from another five',
    body: monkeys(5, MONKEYS_PROOF),
    log: MONKEYS,
    recorded: { size: 5, root: toBase64(otherRoot) },
    status: 422,
  },
  { name: 'a proof without its last hash', body: monkeys(5, MONKEYS_PROOF.slice(0, 3)), ...monkeysAt5, status: 422 },
  { name: 'without a signature of the log', body: monkeys(5, MONKEYS_PROOF), ...monkeysAt5, log: STRANGER, status: 403 },
  { name: 'the example of the specification', body: EXAMPLE, status: 404 },
  { name: 'an empty log', body: request(0, 0, EMPTY_ROOT), log: ownKey, status: 200 },
  { name: 'an empty log with another root', body: request(0, 0, otherRoot), log: ownKey, status: 422 },
  {
    name: 'another root of the recorded size',
    body: request(4, 4, otherRoot),
    log: ownKey,
    recorded: { size: 4, root: toBase64(EMPTY_ROOT) },
    status: 422,
  },
  { name: 'nothing', body: '', status: 400 },
  { name: 'no old size', body: monkeys(5, []).replace('old 5', '5'), ...monkeysAt5, status: 400 },
  { name: 'an old size with a leading zero', body: monkeys(5, []).replace('old 5', 'old 05'), ...monkeysAt5, status: 400 },
  { name: 'an old size above 2^53-1', body: monkeys(5, []).replace('old 5', 'old 9007199254740992'), ...monkeysAt5, status: 400 },
  { name: 'a hash that is no base64', body: monkeys(5, ['Z043']).replace('Z043', 'Z04'), ...monkeysAt5, status: 400 },
  { name: 'a hash of three bytes', body: monkeys(5, ['Z043']), ...monkeysAt5, status: 400 },
  { name: 'no empty line', body: `old 5\n${lines(MONKEYS_PROOF)}monkeys\n`, ...monkeysAt5, status: 400 },
  {
    name: 'no signature',
    body: 'old 0\n\nmonkeys\n8\nV8K9aklZ4EPB+RMOk1/8VsJUdFZR77GDtZUQq84vSbo=\n',
    ...monkeysAt5,
    status: 400,
  },
  { name: 'a checkpoint without a root', body: monkeys(5, [], MONKEYS_8.replace(/V8K9\S+\n/, '')), ...monkeysAt5, status: 400 },
  {
    name: '64 hashes',
    body: monkeys(
      5,
      Array.from({ length: 64 }, () => MONKEYS_PROOF[0] as string),
    ),
    ...monkeysAt5,
    status: 400,
  },
]

export const addCheckpointVectors = {
  comment: 'Requests of C2SP tlog-witness, what is recorded, and status and body of the answer. Made by make-add-checkpoint.ts.',
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('add-checkpoint.json', import.meta.url), `${JSON.stringify(addCheckpointVectors, null, 2)}\n`)
}
