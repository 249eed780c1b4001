import type { FuzzFormat } from './formats.ts'
import { FuzzRandom } from './fuzz-random.ts'

/** One input of a fuzz run, all of it told by format, seed and number. */
export interface FuzzCase {
  readonly input: Uint8Array
  /** Lengths of the pieces in which it comes; repeated as long as it lasts. */
  readonly pieces: readonly number[]
  /** The frame at the input's end must be read: nothing but noise and a separator stands before it. */
  readonly endsWith?: Uint8Array
}

/** Noise before a frame; the test of each format gives it 10 MB once. */
const MOST_NOISE = 20_000

type Mutation = (frame: Uint8Array, random: FuzzRandom, format: FuzzFormat) => Uint8Array

const MUTATIONS: readonly Mutation[] = [
  (frame, random) => frame.subarray(0, random.below(frame.length + 1)),
  (frame, random) => frame.subarray(random.below(frame.length + 1)),
  flipped,
  overwritten,
  (frame, random, format) => spliced(frame, format.make(random), random),
  (frame, random, format) => concatenated(frame, format.make(random)),
  (frame, random) => concatenated(frame.subarray(0, random.below(frame.length + 1)), frame),
  (frame, random) => concatenated(random.bytes(random.below(200)), frame, random.bytes(random.below(200))),
  repeated,
  (_frame, random) => random.bytes(random.below(2_000)),
]

export function fuzzCase(format: FuzzFormat, seed: number, number: number): FuzzCase {
  const random = new FuzzRandom(seed, number)
  const pieces = Array.from({ length: 1 + random.below(4) }, () => 1 + random.below(random.pick([3, 40, 70_000])))
  const frame = format.make(random)
  if (format.separator !== undefined && random.below(16) === 0) {
    // Without the bytes 0x80 and up that no text has, every other time.
    const noise = random.bytes(random.below(MOST_NOISE)).map((byte) => (number % 2 === 0 ? byte : byte & 0x7f))
    return { input: concatenated(noise, Buffer.from(format.separator, 'latin1'), frame), pieces, endsWith: frame }
  }
  let input = frame
  for (let times = 1 + random.below(3); times > 0; times--) input = random.pick(MUTATIONS)(input, random, format)
  return { input, pieces }
}

/** The input in its pieces. */
export function* cut({ input, pieces }: FuzzCase): Generator<Uint8Array> {
  for (let from = 0, turn = 0; from < input.length; turn++) {
    const length = pieces[turn % pieces.length] as number
    yield input.subarray(from, from + length)
    from += length
  }
}

export function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function flipped(frame: Uint8Array, random: FuzzRandom): Uint8Array {
  const copy = frame.slice()
  for (let times = 1 + random.below(8); times > 0 && copy.length > 0; times--) {
    const at = random.below(copy.length)
    copy[at] = (copy[at] as number) ^ (1 << random.below(8))
  }
  return copy
}

/** Bytes that mean much somewhere: lengths, ends, escapes, quotes. */
const SPECIAL = [
  0x00, 0x01, 0x02, 0x03, 0x0a, 0x0d, 0x16, 0x1a, 0x1b, 0x21, 0x22, 0x27, 0x28, 0x2f, 0x68, 0x7e, 0x7f, 0x80, 0x8f, 0xff,
]

function overwritten(frame: Uint8Array, random: FuzzRandom): Uint8Array {
  const copy = frame.slice()
  for (let times = 1 + random.below(8); times > 0 && copy.length > 0; times--)
    copy[random.below(copy.length)] = random.pick(SPECIAL)
  return copy
}

/** The beginning of one and the end of another. */
function spliced(one: Uint8Array, other: Uint8Array, random: FuzzRandom): Uint8Array {
  return concatenated(one.subarray(0, random.below(one.length + 1)), other.subarray(random.below(other.length + 1)))
}

/** A part of it many times. */
function repeated(frame: Uint8Array, random: FuzzRandom): Uint8Array {
  const from = random.below(frame.length + 1)
  const part = frame.subarray(from, from + 1 + random.below(64))
  return concatenated(frame.subarray(0, from), ...Array.from({ length: random.below(500) }, () => part), frame.subarray(from))
}
