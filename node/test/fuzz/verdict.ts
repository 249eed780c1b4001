import { WattnessError } from '../../../protocol/errors.ts'
import type { FuzzFormat } from './formats.ts'
import { cut, type FuzzCase } from './mutation.ts'

/** What one case found, or undefined where the parser did as it must. */
export async function verdictOf(format: FuzzFormat, one: FuzzCase): Promise<string | undefined> {
  let read = 0
  const times: number[] = []
  try {
    for await (const item of format.parse(streamed(cut(one)))) {
      if (item.type === 'reading') {
        read++
        times.push(item.reading.time)
        for (const { value, quality } of item.reading.values) {
          const isRight = quality === 'missing' ? value === null : Number.isSafeInteger(value)
          if (!isRight) return `a value is ${value}, of quality ${quality}`
        }
      } else if (item.type === 'fault' && !/^[A-Z][A-Z0-9_]+$/.test(item.code)) return `a fault has the code ${item.code}`
    }
  } catch (error) {
    if (!(error instanceof WattnessError)) return `threw ${error instanceof Error ? error.stack : String(error)}`
    return undefined
  }
  return one.endsWith !== undefined && read === 0 ? 'the frame behind noise was not read' : undefined
}

/** Fed again and again to one parser; resolves to the bytes held at its end, of what was there before. */
export async function heldBytes(format: FuzzFormat, one: FuzzCase, mostBytes: number, collect: () => number): Promise<number> {
  const before = collect()
  let held = 0
  const times = Math.ceil(mostBytes / Math.max(1, one.input.length))
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (let turn = 0; turn < times; turn++) yield* cut({ ...one, pieces: one.pieces.map((length) => length + FEWER_PIECES) })
    held = collect() - before
  }
  try {
    for await (const item of format.parse(endless())) void item
  } catch (error) {
    if (!(error instanceof WattnessError)) throw error
  }
  return held
}

/** Single bytes cost a turn each, which is not what is looked for here. */
const FEWER_PIECES = 4_096

async function* streamed(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces
}
