import { writeFileSync } from 'node:fs'
import { concat, equalBytes, fromHex, toHex, toUtf8 } from '../../bytes.ts'
import {
  add,
  BASE,
  challenge,
  decodePoint,
  encodePoint,
  expandSeed,
  fromLittleEndian,
  IDENTITY,
  L,
  multiply,
  negate,
  type Point,
  sha512,
  TORSION,
  toLittleEndian,
} from './edwards.ts'

/**
 * Signatures on which Ed25519 libraries disagree, with the answer of the pinned rule (C9–C12), worked out here in plain
 * integers. Run this file to write ed25519.json anew.
 */
interface Case {
  readonly name: string
  readonly key: string
  readonly message: string
  readonly signature: string
  /** Rule C9: may this key be admitted? */
  readonly acceptableKey: boolean
  /** The pinned rule with the key check in front: what verifyStrict answers. */
  readonly valid: boolean
  /** The equation of RFC 8032 without a cofactor, whatever the key: where this is true and `valid` is not, the checks decide. */
  readonly cofactorless: boolean
  /** The equation multiplied by 8, points decoded loosely: what some libraries answer. */
  readonly cofactored: boolean
}

const P = 2n ** 255n - 19n
const isSmallOrder = (point: Point): boolean => multiply(8n, point).y === 1n && multiply(8n, point).x === 0n

function acceptableKey(key: Uint8Array): boolean {
  const y = fromLittleEndian(key) & (2n ** 255n - 1n)
  if (y >= P) return false
  const point = decodePoint(key) ?? decodePoint(toLittleEndian(y))
  return point === undefined || !isSmallOrder(point)
}

/** Reads a point as lenient libraries do: y modulo p, sign ignored where x is 0. */
function decodeLoosely(bytes: Uint8Array): Point | undefined {
  const number = fromLittleEndian(bytes)
  const y = (number & (2n ** 255n - 1n)) % P
  return decodePoint(toLittleEndian(y | ((number >> 255n) << 255n))) ?? decodePoint(toLittleEndian(y))
}

function judge(name: string, key: Uint8Array, message: Uint8Array, signature: Uint8Array): Case {
  const r = signature.subarray(0, 32)
  const s = fromLittleEndian(signature.subarray(32))
  const point = decodeLoosely(key)
  const decodedR = decodeLoosely(r)
  let cofactorless = false
  let cofactored = false
  if (point !== undefined) {
    const expected = add(multiply(s, BASE), multiply(challenge(r, key, message).reduced, negate(point)))
    cofactorless = s < L && equalBytes(encodePoint(expected), r)
    if (decodedR !== undefined) cofactored = s < L && isSmallOrder(add(expected, negate(decodedR)))
  }
  const acceptable = acceptableKey(key)
  const smallR = decodedR !== undefined && isSmallOrder(decodedR)
  return {
    name,
    key: toHex(key),
    message: toHex(message),
    signature: toHex(signature),
    acceptableKey: acceptable,
    valid: acceptable && cofactorless && !smallR,
    cofactorless,
    cofactored,
  }
}

const seed = toUtf8('wattness ed25519 vector seed 0001').subarray(0, 32)
const { scalar, prefix } = expandSeed(seed)
const honestKey = encodePoint(multiply(scalar, BASE))

interface Made {
  readonly key: Uint8Array
  readonly signature: Uint8Array
}

/** Signs with nonce point R = r·B + addedToR under key A = a·B + addedToA; `rBytes` overrides how R is written. */
function sign(
  message: Uint8Array,
  options: { nonce?: bigint; addedToR?: Point; addedToA?: Point; rBytes?: Uint8Array } = {},
): Made {
  const nonce = options.nonce ?? fromLittleEndian(sha512(prefix, message)) % L
  const key = encodePoint(add(multiply(scalar, BASE), options.addedToA ?? IDENTITY))
  const r = options.rBytes ?? encodePoint(add(multiply(nonce, BASE), options.addedToR ?? IDENTITY))
  const s = (nonce + challenge(r, key, message).reduced * scalar) % L
  return { key, signature: concat(r, toLittleEndian(s)) }
}

/** Tries numbered messages until one fits. */
function search(fits: (message: Uint8Array) => Made | undefined): { message: Uint8Array; made: Made } {
  for (let i = 0; ; i++) {
    const message = toUtf8(`vector ${i}`)
    const made = fits(message)
    if (made !== undefined) return { message, made }
  }
}

const cases: Case[] = []
const push = (name: string, message: Uint8Array, made: Made): void => {
  cases.push(judge(name, made.key, message, made.signature))
}

// RFC 8032 section 7.1, tests 1 to 3.
const published: readonly (readonly [string, string, string])[] = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
      '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
      '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
]
published.forEach(([key, message, signature], i) => {
  cases.push(judge(`RFC 8032 test ${i + 1}`, fromHex(key), fromHex(message), fromHex(signature)))
})

const plain = toUtf8('plain')
const honest = sign(plain)
push('an honest signature', plain, honest)

const highS = honest.signature.slice()
highS.set(toLittleEndian(fromLittleEndian(honest.signature.subarray(32)) + L), 32)
push('S + L in place of S', plain, { key: honestKey, signature: highS })
const exactL = honest.signature.slice()
exactL.set(toLittleEndian(L), 32)
push('S = L', plain, { key: honestKey, signature: exactL })

const wrong = honest.signature.slice()
wrong[40] = (wrong[40] as number) ^ 1
push('one bit of S changed', plain, { key: honestKey, signature: wrong })
const otherR = honest.signature.slice()
otherR[31] = (otherR[31] as number) ^ 0x80
push('the sign of R changed', plain, { key: honestKey, signature: otherR })

for (let order = 1; order < 8; order++) {
  push(`R with torsion ${order}/8 added, key of prime order`, plain, sign(plain, { addedToR: multiply(BigInt(order), TORSION) }))
}

push('R is the neutral point', plain, sign(plain, { nonce: 0n }))
push('R is the neutral point, written with y = p + 1', plain, sign(plain, { nonce: 0n, rBytes: toLittleEndian(P + 1n) }))
push(
  'R is the neutral point, written with its sign set',
  plain,
  sign(plain, { nonce: 0n, rBytes: toLittleEndian(1n | (1n << 255n)) }),
)
push('R is a point of order 8', plain, sign(plain, { nonce: 0n, addedToR: TORSION }))
push(
  'R has order 2, written with its sign set',
  plain,
  sign(plain, { nonce: 0n, rBytes: toLittleEndian((P - 1n) | (1n << 255n)) }),
)
push('R is no point', plain, sign(plain, { rBytes: toLittleEndian(2n) }))
push('R has y = p + 3', plain, sign(plain, { rBytes: toLittleEndian(P + 3n) }))

const mixed = { addedToA: TORSION }
const fitting = search((message) => {
  const made = sign(message, mixed)
  return challenge(made.signature.subarray(0, 32), made.key, message).reduced % 8n === 0n ? made : undefined
})
push('key of mixed order, h a multiple of 8', fitting.message, fitting.made)
const unfitting = search((message) => {
  const made = sign(message, mixed)
  return challenge(made.signature.subarray(0, 32), made.key, message).reduced % 8n !== 0n ? made : undefined
})
push('key of mixed order, h no multiple of 8', unfitting.message, unfitting.made)
const unreduced = search((message) => {
  const made = sign(message, mixed)
  const h = challenge(made.signature.subarray(0, 32), made.key, message)
  return h.full % 8n === 0n && h.reduced % 8n !== 0n ? made : undefined
})
push('key of mixed order, h a multiple of 8 only before reduction modulo L', unreduced.message, unreduced.made)
const compensated = search((message) => {
  const made = sign(message, { ...mixed, addedToR: multiply(3n, TORSION) })
  const h = challenge(made.signature.subarray(0, 32), made.key, message)
  return (h.reduced + 3n) % 8n === 0n ? made : undefined
})
push('key of mixed order, its torsion made up for in R', compensated.message, compensated.made)
const smallRMixed = search((message) => {
  const made = sign(message, { ...mixed, nonce: 0n, addedToR: TORSION })
  const h = challenge(made.signature.subarray(0, 32), made.key, message)
  return (h.reduced + 1n) % 8n === 0n ? made : undefined
})
push('key of mixed order, R of order 8 and the equation holds', smallRMixed.message, smallRMixed.made)

/** Under a key of small order anyone signs: S = r fits whenever h·A is the neutral point. */
function forged(name: string, key: Uint8Array): void {
  const point = decodeLoosely(key)
  const found = search((message) => {
    const nonce = fromLittleEndian(sha512(prefix, message)) % L
    const signature = concat(encodePoint(multiply(nonce, BASE)), toLittleEndian(nonce))
    const h = challenge(signature.subarray(0, 32), key, message).reduced
    const made = { key, signature }
    return point === undefined || multiply(h % 8n, point).y === 1n ? made : undefined
  })
  push(name, found.message, found.made)
}

for (let order = 0; order < 8; order++) {
  forged(`key of small order ${order}/8`, encodePoint(multiply(BigInt(order), TORSION)))
}
forged('neutral key written with its sign set', toLittleEndian(1n | (1n << 255n)))
forged('key of order 2 written with its sign set', toLittleEndian((P - 1n) | (1n << 255n)))
forged('neutral key written with y = p + 1', toLittleEndian(P + 1n))
forged('neutral key written with y = p + 1 and its sign set', toLittleEndian((P + 1n) | (1n << 255n)))
forged('key of order 4 written with y = p', toLittleEndian(P))
forged('key of order 4 written with y = p and its sign set', toLittleEndian(P | (1n << 255n)))
for (const offset of [3n, 4n, 18n]) {
  push(`key written with y = p + ${offset}`, plain, { key: toLittleEndian(P + offset), signature: honest.signature })
}
push('key is no point', plain, { key: toLittleEndian(2n), signature: honest.signature })

export const ed25519Vectors = {
  comment:
    'Ed25519 signatures on which libraries differ (rules C9 to C12). valid: what the pinned rule says. Made by make-ed25519.ts.',
  seed: toHex(seed),
  publicKey: toHex(honestKey),
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('ed25519.json', import.meta.url), `${JSON.stringify(ed25519Vectors, null, 2)}\n`)
}
