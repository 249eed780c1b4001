import { writeFileSync } from 'node:fs'
import { Reader, toHex, Writer } from '../../bytes.ts'
import { WattnessError } from '../../errors.ts'

/** Values at each change of length, and both ends of the range. */
const EDGES = [7, 14, 21, 28, 35, 42, 49].flatMap((bits) => [2 ** bits - 1, 2 ** bits])
const SIGNED_EDGES = [6, 13, 20, 27, 34, 41, 48].flatMap((bits) => [2 ** bits - 1, 2 ** bits, -(2 ** bits), -(2 ** bits) - 1])

const refusedUnsigned = ['', '80', '8000', '8001', '81', 'ff', '8fffffffffffff', '9080808080808000', 'ffffffffffffffff7f']
const refusedSigned = ['', '80', '8000', '81', '9fffffffffffff7f', 'a08080808080808000', 'ffffffffffffffffff7f']

function refusal(hex: string, read: (reader: Reader) => number): string {
  try {
    const reader = new Reader(bytesOf(hex), 'vector')
    read(reader)
    reader.done()
  } catch (error) {
    if (error instanceof WattnessError) return error.code
  }
  throw new Error(`${hex} is not refused`)
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

const cases = [
  ...[0, 1, 127, ...EDGES, 1_356_998_400_000, Number.MAX_SAFE_INTEGER].map((value) => ({
    type: 'varint',
    value,
    hex: toHex(new Writer().varint(value).finish()),
  })),
  ...[0, -1, 1, ...SIGNED_EDGES, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER].map((value) => ({
    type: 'signed',
    value,
    hex: toHex(new Writer().signed(value).finish()),
  })),
  ...refusedUnsigned.map((hex) => ({ type: 'varint', hex, refused: refusal(hex, (reader) => reader.varint()) })),
  ...refusedSigned.map((hex) => ({ type: 'signed', hex, refused: refusal(hex, (reader) => reader.signed()) })),
]

export const varintVectors = {
  comment:
    'Unsigned (rule E2) and signed (rule E3) varints; "refused" names the error of bytes that encode nothing. ' +
    'Made by make-varint.ts.',
  cases,
}

if (import.meta.main) {
  writeFileSync(new URL('varint.json', import.meta.url), `${JSON.stringify(varintVectors, null, 2)}\n`)
}
