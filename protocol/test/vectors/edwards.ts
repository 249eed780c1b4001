import { createHash } from 'node:crypto'

/**
 * The curve of RFC 8032 section 5.1 in plain integers, to make signatures that no library will make. Slow and leaking time:
 * for vectors only.
 */
const P = 2n ** 255n - 19n
export const L = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n

const mod = (value: bigint, by = P): bigint => ((value % by) + by) % by

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = mod(base)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}

const invert = (value: bigint): bigint => power(value, P - 2n)
const D = mod(-121_665n * invert(121_666n))
const SQRT_MINUS_ONE = power(2n, (P - 1n) / 4n)

/** Affine coordinates outside; sums are done in the extended ones of RFC 8032 section 5.1.4, which need no division. */
export interface Point {
  readonly x: bigint
  readonly y: bigint
}

type Extended = readonly [x: bigint, y: bigint, z: bigint, t: bigint]

const extend = ({ x, y }: Point): Extended => [x, y, 1n, mod(x * y)]

function affine([x, y, z]: Extended): Point {
  const inverse = invert(z)
  return { x: mod(x * inverse), y: mod(y * inverse) }
}

function sum([x1, y1, z1, t1]: Extended, [x2, y2, z2, t2]: Extended): Extended {
  const a = mod((y1 - x1) * (y2 - x2))
  const b = mod((y1 + x1) * (y2 + x2))
  const c = mod(2n * D * t1 * t2)
  const d = 2n * z1 * z2
  const e = b - a
  const f = d - c
  const g = d + c
  const h = b + a
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)]
}

export const IDENTITY: Point = { x: 0n, y: 1n }

export const add = (a: Point, b: Point): Point => affine(sum(extend(a), extend(b)))

export const negate = (a: Point): Point => ({ x: mod(-a.x), y: a.y })

export function multiply(scalar: bigint, point: Point): Point {
  let result = extend(IDENTITY)
  let doubled = extend(point)
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = sum(result, doubled)
    doubled = sum(doubled, doubled)
  }
  return affine(result)
}

export function toLittleEndian(value: bigint): Uint8Array {
  const out = new Uint8Array(32)
  let rest = value
  for (let i = 0; i < 32; i++) {
    out[i] = Number(rest & 255n)
    rest >>= 8n
  }
  return out
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number)
  return value
}

export const encodePoint = (point: Point): Uint8Array => toLittleEndian(point.y | ((point.x & 1n) << 255n))

/** Undefined for what is no point, or not in its one canonical encoding. */
export function decodePoint(bytes: Uint8Array): Point | undefined {
  const number = fromLittleEndian(bytes)
  const sign = number >> 255n
  const y = number & (2n ** 255n - 1n)
  if (y >= P) return undefined
  const square = mod((y * y - 1n) * invert(D * y * y + 1n))
  let x = power(square, (P + 3n) / 8n)
  if (mod(x * x) !== square) x = mod(x * SQRT_MINUS_ONE)
  if (mod(x * x) !== square) return undefined
  if (x === 0n && sign === 1n) return undefined
  if ((x & 1n) !== sign) x = mod(-x)
  return { x, y }
}

export const BASE = decodePoint(toLittleEndian(mod(4n * invert(5n)))) as Point

/** A point of order 8: what is left of the first curve point found once its prime-order part is multiplied away. */
function findTorsion(): Point {
  for (let y = 2n; ; y++) {
    const point = decodePoint(toLittleEndian(y))
    if (point === undefined) continue
    const torsion = multiply(L, point)
    if (multiply(4n, torsion).y !== 1n) return torsion
  }
}

export const TORSION = findTorsion()

export const sha512 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** h of RFC 8032 section 5.1.7, before and after reduction. */
export const challenge = (r: Uint8Array, key: Uint8Array, message: Uint8Array): { full: bigint; reduced: bigint } => {
  const full = fromLittleEndian(sha512(r, key, message))
  return { full, reduced: full % L }
}

/** The secret scalar and nonce prefix of a seed. */
export function expandSeed(seed: Uint8Array): { scalar: bigint; prefix: Uint8Array } {
  const digest = sha512(seed)
  digest[0] = (digest[0] as number) & 248
  digest[31] = ((digest[31] as number) & 127) | 64
  return { scalar: fromLittleEndian(digest.subarray(0, 32)), prefix: digest.subarray(32) }
}
