import { writeFileSync } from 'node:fs'
import { type Attestation, decodeSignedAttestation, encodeSignedAttestation, signAttestation } from '../../attestation.ts'
import { concat, toHex, toUtf8 } from '../../bytes.ts'
import { isWattnessError } from '../../errors.ts'
import { EMPTY_ROOT, sha256 } from '../../hash.ts'
import { type HeadLeaf, headsRoot } from '../../heads.ts'
import { signerFromSeed } from '../signing.ts'

/** Signed attestations (rules A1 to A4), their leaves (A7), and bytes that are refused. */
const networkId = sha256(toUtf8('attestation vectors: network'))
const signer = signerFromSeed(sha256(toUtf8('attestation vectors: seed')))

const keyOf = (index: number): Uint8Array => sha256(toUtf8(`attestation vectors: member ${index}`))
const rootOf = (index: number, size: number): Uint8Array =>
  size === 0 ? EMPTY_ROOT : sha256(toUtf8(`attestation vectors: root ${index} ${size}`))

interface Kind {
  readonly name: string
  readonly epoch: number
  readonly sequence: number
  readonly timeMs: number
  readonly frontier: readonly number[]
  /** Indices of the members whose leaves are named. */
  readonly named: readonly number[]
}

const year = 35_040
const KINDS: readonly Kind[] = [
  { name: 'the registrar alone, nothing sealed', epoch: 0, sequence: 1, timeMs: 0, frontier: [0], named: [] },
  { name: 'three chains', epoch: 0, sequence: 2, timeMs: 1_767_225_600_000, frontier: [3, 0, 300], named: [] },
  { name: 'two of them named', epoch: 1, sequence: 128, timeMs: 1_767_225_600_000, frontier: [3, 0, 300], named: [1, 2] },
  {
    name: '200 chains of a year of quarter hours',
    epoch: 2,
    sequence: 1_000_000,
    timeMs: 1_767_225_600_000,
    frontier: Array.from({ length: 200 }, (_, i) => (i === 0 ? 201 : year + i)),
    named: [],
  },
  {
    name: 'the largest numbers',
    epoch: 2 ** 48 - 1,
    sequence: Number.MAX_SAFE_INTEGER,
    timeMs: 2 ** 48 - 1,
    frontier: [2 ** 48 - 1],
    named: [0],
  },
]

function leavesOf({ frontier }: Kind): HeadLeaf[] {
  return frontier.map((size, index) => ({ member: keyOf(index), size, root: rootOf(index, size) }))
}

function attestationOf(kind: Kind): Attestation {
  const { epoch, sequence, timeMs, frontier } = kind
  const named = kind.named.map((index) => {
    const size = frontier[index] as number
    return { index, size, root: rootOf(index, size) }
  })
  return { witness: signer.publicKey, epoch, sequence, timeMs, frontier, named, headsRoot: headsRoot(leavesOf(kind)) }
}

const good = KINDS.map((kind) => {
  const bytes = encodeSignedAttestation(signAttestation(signer, networkId, attestationOf(kind)))
  const leaves = leavesOf(kind).map(({ member, size, root }) => ({ member: toHex(member), size, root: toHex(root) }))
  return { name: kind.name, byteLength: bytes.length, leaves: leaves.length > 3 ? undefined : leaves, attestation: toHex(bytes) }
})

const witness = signer.publicKey
const hash = new Uint8Array(32).fill(9)
const signature = new Uint8Array(64)
/** An attestation by hand: everything after the witness key but the signature. */
const made = (...rest: readonly (number | Uint8Array)[]): Uint8Array =>
  concat(Uint8Array.of(1), witness, ...rest.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)), signature)

const BAD: readonly (readonly [string, Uint8Array])[] = [
  ['another version', made(0, 1, 0, 1, 0, 0, hash).fill(2, 0, 1)],
  ['sequence 0', made(0, 0, 0, 1, 0, 0, hash)],
  ['no chain', made(0, 1, 0, 0, 0, hash)],
  ['257 chains', made(0, 1, 0, 0x82, 1)],
  ['a size above 48 bits', made(0, 1, 0, 1, Uint8Array.of(0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0), 0, hash)],
  ['a time above 48 bits', made(0, 1, Uint8Array.of(0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0), 1, 0, 0, hash)],
  ['a size with a leading zero group', made(0, 1, 0, 1, 0x80, 5, 0, hash)],
  ['more named leaves than chains', made(0, 1, 0, 1, 5, 2, 0, 5, hash, 0, 5, hash, hash)],
  ['a named leaf twice', made(0, 1, 0, 2, 5, 6, 2, 0, 5, hash, 0, 5, hash, hash)],
  ['named leaves in descending order', made(0, 1, 0, 2, 5, 6, 2, 1, 6, hash, 0, 5, hash, hash)],
  ['a named leaf beyond the frontier', made(0, 1, 0, 1, 5, 1, 1, 5, hash, hash)],
  ['a named leaf of another size', made(0, 1, 0, 1, 5, 1, 0, 4, hash, hash)],
  ['a named leaf of size 0 with a root', made(0, 1, 0, 1, 0, 1, 0, 0, hash, hash)],
  ['one byte less', made(0, 1, 0, 1, 0, 0, hash).subarray(0, -1)],
  ['one byte more', made(0, 1, 0, 1, 0, 0, hash, 0)],
]

/** The code with which the decoder refuses; undefined where it does not. */
export function refusalOf(bytes: Uint8Array): string | undefined {
  try {
    decodeSignedAttestation(bytes)
    return undefined
  } catch (error) {
    if (!isWattnessError(error)) throw error
    return error.code
  }
}

export const attestationVectors = {
  comment:
    'Signed attestations (rules A1 to A4) with their leaves (A7), and bytes that are refused. Made by make-attestation.ts.',
  networkId: toHex(networkId),
  witness: toHex(witness),
  good,
  bad: BAD.map(([name, bytes]) => ({ name, attestation: toHex(bytes), refused: refusalOf(bytes) })),
}

if (import.meta.main) {
  writeFileSync(new URL('attestation.json', import.meta.url), `${JSON.stringify(attestationVectors, null, 2)}\n`)
}
