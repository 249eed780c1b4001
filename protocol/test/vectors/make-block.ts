import { writeFileSync } from 'node:fs'
import {
  type Block,
  blockHash,
  bodyContent,
  decodeBlock,
  KIND_EVENT,
  KIND_MEMBERSHIP,
  KIND_READINGS,
  makeBlock,
  type NewBlock,
} from '../../block.ts'
import { type Bytes, concat, toHex, toUtf8 } from '../../bytes.ts'
import { encodeEvents } from '../../event-body.ts'
import { formatGenesis, parseGenesis } from '../../genesis.ts'
import { sha256 } from '../../hash.ts'
import { encodeMembershipBody } from '../../membership-body.ts'
import { parseObis } from '../../obis.ts'
import { encodeReadings } from '../../readings-body.ts'
import { ROLE_METER, ROLE_OBSERVER, ROLE_WITNESS } from '../../roles.ts'
import { ChainAuthor, FIRST_SEALED_MS, INTERVAL_MS } from '../chain-author.ts'
import { codeOf } from '../codes.ts'
import { keyOf, signerOf } from '../numbered-keys.ts'

/**
 * The network of the vectors: keys from seeds that are one byte 32 times (numbered-keys.ts): 1 the registrar, 2 a meter, 3 an
 * observer, 4 a meter, 5 a meter that is admitted later, 9 a stranger.
 */
export const vectorGenesisBytes = formatGenesis({
  name: 'vectors',
  registrar: keyOf(1),
  limits: { maxBodyBytes: 2_048, minBlockIntervalMs: 1_000, maxClockDriftMs: 120_000 },
  members: [
    { key: keyOf(2), roles: ROLE_METER | ROLE_WITNESS, label: 'meter 2' },
    { key: keyOf(3), roles: ROLE_OBSERVER, label: 'observer 3' },
    { key: keyOf(4), roles: ROLE_METER, label: 'meter 4' },
  ],
})
export const vectorGenesis = parseGenesis(vectorGenesisBytes)

export const readingContent = (value: number): Bytes => {
  const register = { obis: parseObis('1-0:1.8.0'), unit: 30, scaler: 0 }
  return encodeReadings([
    { time: FIRST_SEALED_MS, intervalMs: 0, timeSource: 'meter-clock', values: [{ register, value, quality: 'good' }] },
  ])
}

/** Admits member 5: counts from size 1 of the registrar's chain. */
export const admissionContent = encodeMembershipBody([
  { type: 'admit', key: keyOf(5), roles: ROLE_METER, labelHash: sha256(toUtf8('a label record')) },
])

const powerFail = encodeEvents([{ time: FIRST_SEALED_MS + 2 * INTERVAL_MS - 5_000, code: 1, detail: 'phase 2' }])

/** The registrar's chain: the one that may carry every kind. */
export const registrarChain = new ChainAuthor(signerOf(1), vectorGenesis.networkId, true)
  .append({ kind: KIND_MEMBERSHIP, content: admissionContent })
  .append({ kind: KIND_READINGS, content: readingContent(1_234_567) })
  .append({ kind: KIND_EVENT, content: powerFail })
  .append({ kind: 200, content: toUtf8('a kind of a later version') })
  .append({ kind: KIND_READINGS, content: readingContent(1_234_890) })

const names = ['membership', 'readings', 'event', 'a kind of a later version', 'readings']

function caseOf({ header, headerBytes, body }: Block, name: string): object {
  const { height } = header
  const { root, signature } = registrarChain.checkpoint(height + 1)
  return {
    name,
    kind: header.kind,
    height,
    previous: toHex(header.previous),
    sealedAt: header.sealedAt,
    registrarSize: header.registrarSize,
    salt: toHex(body.subarray(0, 16)),
    content: toHex(bodyContent(body)),
    bodyHash: toHex(header.bodyHash),
    header: toHex(headerBytes),
    body: toHex(body),
    hash: toHex(blockHash(headerBytes)),
    root: toHex(root),
    signature: toHex(signature),
  }
}

interface BlockCase {
  readonly name: string
  readonly kind: number
  readonly height: number
  readonly previous: string
  readonly sealedAt: number
  readonly registrarSize: number
  readonly salt: string
  readonly content: string
  readonly bodyHash: string
  readonly header: string
  readonly body: string
  readonly hash: string
  readonly root: string
  readonly signature: string
}

const plain: NewBlock = {
  kind: KIND_EVENT,
  member: keyOf(2),
  height: 1,
  previous: new Uint8Array(32).fill(0x11),
  sealedAt: FIRST_SEALED_MS,
  registrarSize: 0,
  salt: new Uint8Array(16).fill(0x22),
  content: powerFail,
}
const good = makeBlock(plain).bytes
/** Where the varints of `good` stand: height takes 1 byte, sealed-at 6, registrar size 1, body length 1. */
const HEIGHT_AT = 34
const SEALED_AT = HEIGHT_AT + 1 + 32
const REGISTRAR_AT = SEALED_AT + 6
const LENGTH_AT = REGISTRAR_AT + 1

/** `count` bytes at `at` become `bytes`. */
const spliced = (at: number, count: number, ...bytes: number[]): Bytes =>
  concat(good.subarray(0, at), Uint8Array.of(...bytes), good.subarray(at + count))

const refusedBlocks: readonly (readonly [string, Bytes])[] = [
  ['version 0', spliced(0, 1, 0)],
  ['version 2', spliced(0, 1, 2)],
  ['a height with a leading zero group', spliced(HEIGHT_AT, 1, 0x80, 0x01)],
  ['a height of 2^48 - 1', spliced(HEIGHT_AT, 1, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
  ['a time of sealing of 2^48', spliced(SEALED_AT, 6, 0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)],
  ['a registrar size of 2^48', spliced(REGISTRAR_AT, 1, 0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00)],
  ['a body of 15 bytes', spliced(LENGTH_AT, 1, 15)],
  ['a body of 65,536 bytes', spliced(LENGTH_AT, 1, 0x84, 0x80, 0x00)],
  ['one byte too few', good.subarray(0, good.length - 1)],
  ['one byte too many', concat(good, Uint8Array.of(0))],
  ['nothing', new Uint8Array(0)],
]

export const blockVectors = {
  comment:
    'The five blocks of one chain, in order, each with its block hash, the root over the chain up to it, and the signature ' +
    'over the checkpoint that it makes (rules B1 to B8, C2, C4); then bytes that are no block. Made by make-block.ts.',
  networkId: toHex(vectorGenesis.networkId),
  genesis: toHex(vectorGenesisBytes),
  memberSeed: '01'.repeat(32),
  member: toHex(keyOf(1)),
  cases: registrarChain.blocks.map((block, i) => caseOf(block, names[i] as string)) as BlockCase[],
  refused: refusedBlocks.map(([name, bytes]) => ({ name, block: toHex(bytes), refused: codeOf(() => decodeBlock(bytes)) })),
}

if (import.meta.main) {
  writeFileSync(new URL('block.json', import.meta.url), `${JSON.stringify(blockVectors, null, 2)}\n`)
}
