import { createHash, createPublicKey, verify } from 'node:crypto'

/**
 * A verifier of c2sp.org/tlog-proof@v1 files, written from the texts of C2SP (tlog-proof, tlog-checkpoint, tlog-cosignature,
 * signed-note) and RFC 6962 alone. It imports nothing of this project: what it accepts, a stranger's tool accepts.
 */

export interface Policy {
  /** Verifier key of the log; its name is the origin. */
  readonly log: string
  /** Verifier keys of the witnesses, timestamped Ed25519 (type 0x04). */
  readonly witnesses: readonly string[]
  /** How many of them must have cosigned. */
  readonly quorum: number
}

export interface Proven {
  readonly index: bigint
  readonly size: bigint
  /** POSIX seconds, one a witness that cosigned, by its name. */
  readonly times: ReadonlyMap<string, bigint>
}

interface Key {
  readonly name: string
  readonly id: string
  readonly type: number
  readonly raw: Buffer
}

function fail(what: string): never {
  throw new Error(what)
}

/** RFC 4648 section 4, and no other spelling of the same bytes. */
function base64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : fail('not base64')
}

function decimal(text: string): bigint {
  return /^(0|[1-9][0-9]*)$/.test(text) && text.length <= 20 ? BigInt(text) : fail('not a decimal number')
}

function sha256(...parts: readonly (Buffer | string)[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function keyId(name: string, typeAndKey: Buffer): string {
  return sha256(name, '\n', typeAndKey).subarray(0, 4).toString('hex')
}

function readKey(vkey: string, type: number): Key {
  const [name, id] = vkey.split('+', 2)
  if (name === undefined || id === undefined) fail('not a verifier key')
  const typeAndKey = base64(vkey.slice(name.length + id.length + 2))
  if (typeAndKey.length !== 33 || typeAndKey[0] !== type) fail('a key of another type')
  if (keyId(name, typeAndKey) !== id) fail('a key id that is not of this key')
  return { name, id, type, raw: typeAndKey.subarray(1) }
}

function ed25519(raw: Buffer, message: string, signature: Buffer): boolean {
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' })
  return signature.length === 64 && verify(null, Buffer.from(message), key, signature)
}

/** The time of a cosignature that holds. */
function cosignedAt({ raw }: Key, text: string, signature: Buffer): bigint {
  if (signature.length !== 8 + 64) fail('a cosignature of another length')
  const time = signature.readBigUInt64BE(0)
  if (time >= 1n << 63n) fail('a time beyond 2^63 - 1')
  if (!ed25519(raw, `cosignature/v1\ntime ${time}\n${text}`, signature.subarray(8))) fail('a cosignature that does not fit')
  return time
}

interface Line {
  readonly name: string
  readonly id: string
  readonly signature: Buffer
}

function readLine(line: string): Line {
  const match = /^\u2014 ([^\p{White_Space}+]+) ([A-Za-z0-9+/=]+)$/u.exec(line) ?? fail('not a signature line')
  const bytes = base64(match[2] as string)
  if (bytes.length < 5) fail('a signature of no bytes')
  return { name: match[1] as string, id: bytes.subarray(0, 4).toString('hex'), signature: bytes.subarray(4) }
}

/** RFC 6962 section 2.1.1: the root that PATH(index, D[size]) leads to. */
function rootOf(leaf: Buffer, index: bigint, size: bigint, path: readonly Buffer[]): Buffer {
  if (size === 1n) return path.length === 0 ? leaf : fail('a path that is too long')
  const sibling = path.at(-1) ?? fail('a path that is too short')
  let split = 1n
  while (split * 2n < size) split *= 2n
  const rest = path.slice(0, -1)
  const one = Buffer.of(1)
  if (index < split) return sha256(one, rootOf(leaf, index, split, rest), sibling)
  return sha256(one, sibling, rootOf(leaf, index - split, size - split, rest))
}

/** Throws unless `proof` proves, by `policy`, that the log holds `entry`. */
export function verifyTlogProof(proof: Buffer, entry: Buffer, policy: Policy): Proven {
  const all = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(proof)
  const lines = all.split('\n')
  if (lines.shift() !== 'c2sp.org/tlog-proof@v1') fail('another header')
  if (lines[0]?.startsWith('extra ') === true) base64((lines.shift() as string).slice(6))
  const index = decimal(/^index (.*)$/.exec(lines.shift() ?? '')?.[1] ?? fail('no index'))
  const path: Buffer[] = []
  for (let line = lines.shift(); line !== ''; line = lines.shift()) {
    const hash = base64(line ?? fail('no checkpoint'))
    path.push(hash.length === 32 ? hash : fail('a hash of another length'))
  }

  const note = lines.join('\n')
  for (const char of note) if (char < ' ' && char !== '\n') fail('a control character')
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) fail('not a signed note')
  const text = note.slice(0, end + 1)
  const signatures = note
    .slice(end + 2, -1)
    .split('\n')
    .map(readLine)

  const [origin, sizeText, rootText, ...extensions] = text.slice(0, -1).split('\n')
  if (origin === undefined || origin === '' || sizeText === undefined || rootText === undefined) fail('not a checkpoint')
  if (extensions.includes('')) fail('an empty extension line')
  const size = decimal(sizeText)
  const root = base64(rootText)

  const log = readKey(policy.log, 1)
  const witnesses = policy.witnesses.map((vkey) => readKey(vkey, 4))
  if (origin !== log.name) fail('another log')
  let isSigned = false
  const times = new Map<string, bigint>()
  for (const { name, id, signature } of signatures) {
    const isOf = (key: Key): boolean => key.name === name && key.id === id
    if (isOf(log)) {
      if (!ed25519(log.raw, text, signature)) fail("the log's signature does not fit")
      isSigned = true
    }
    const witness = witnesses.find(isOf)
    if (witness !== undefined) times.set(name, cosignedAt(witness, text, signature))
  }
  if (!isSigned) fail('not signed by the log')
  if (times.size < policy.quorum) fail('too few cosignatures')

  if (index >= size || path.length > 64) fail('an index beyond the tree')
  if (!rootOf(sha256(Buffer.of(0), entry), index, size, path).equals(root)) fail('the entry is not in the tree')
  return { index, size, times }
}
