import { expect } from 'chai'
import type { SourceItem } from '../../collect/source.ts'
import { FUZZ_FORMATS, type FuzzFormat } from './formats.ts'
import { FuzzRandom } from './fuzz-random.ts'
import { cut, fuzzCase } from './mutation.ts'
import { fuzz, runFuzz } from './run.ts'
import { heldBytes, verdictOf } from './verdict.ts'

/** `npm run fuzz` looks for longer; here is what it finds in a moment, and that it finds at all. */

const broken = (parse: FuzzFormat['parse']): FuzzFormat => ({ name: 'broken', make: (random) => random.bytes(8), parse })

async function* nothing(): AsyncGenerator<SourceItem> {
  yield* []
}

describe('fuzz', () => {
  for (const format of FUZZ_FORMATS) {
    it(`${format.name}: damaged frames end in nothing but its own errors`, async () => {
      for (let number = 1; number <= 60; number++)
        expect(await verdictOf(format, fuzzCase(format, 7, number))).to.equal(undefined)
    })

    it(`${format.name}: what it makes itself is read`, async () => {
      const input = format.make(new FuzzRandom(1, 1))
      let readings = 0
      async function* once(): AsyncGenerator<Uint8Array> {
        yield input
      }
      for await (const item of format.parse(once())) if (item.type === 'reading') readings++
      expect(readings).to.be.above(0)
    })
  }

  it('a seed and a number give the same input again, in the same pieces', () => {
    const [format] = FUZZ_FORMATS as readonly [FuzzFormat]
    expect(fuzzCase(format, 3, 9)).to.deep.equal(fuzzCase(format, 3, 9))
    expect(fuzzCase(format, 3, 9)).to.not.deep.equal(fuzzCase(format, 3, 10))
    for (let number = 0; number < 30; number++) {
      const one = fuzzCase(format, 3, number)
      expect(Buffer.concat(Array.from(cut(one)))).to.deep.equal(Buffer.from(one.input))
    }
  })

  it('finds a parser that throws, gives a value that is none or a code that is none, or does not find back', async () => {
    const one = { input: Uint8Array.of(1), pieces: [1] }
    const throwing = broken(() => {
      throw new TypeError('of its own making')
    })
    expect(await verdictOf(throwing, one)).to.match(/^threw TypeError: of its own making/)
    const valued = broken(async function* () {
      const register = { obis: { a: 1, b: 0, c: 1, d: 8, e: 0, f: 255 }, unit: 30, scaler: 0 }
      const values = [{ register, value: 0.5, quality: 'good' as const }]
      yield { type: 'reading' as const, reading: { time: 0, intervalMs: 0, timeSource: 'node-clock' as const, values } }
    })
    expect(await verdictOf(valued, one)).to.equal('a value is 0.5, of quality good')
    const coded = broken(async function* () {
      yield { type: 'fault' as const, code: 'oh', message: '', where: '' }
    })
    expect(await verdictOf(coded, one)).to.equal('a fault has the code oh')
    expect(await verdictOf(broken(nothing), { ...one, endsWith: one.input })).to.equal('the frame behind noise was not read')
    expect(await verdictOf(broken(nothing), one)).to.equal(undefined)
  })

  it('finds a parser that holds what it was given', async () => {
    const one = { input: new Uint8Array(10_000), pieces: [10_000] }
    const used = (): number => process.memoryUsage().arrayBuffers
    const hoarding = broken(async function* (pieces: AsyncIterable<Uint8Array>): AsyncGenerator<SourceItem> {
      const held: Uint8Array[] = []
      for await (const piece of pieces) held.push(piece.slice())
      yield { type: 'fault', code: 'HELD', message: String(held.length), where: '' }
    })
    expect(await heldBytes(hoarding, one, 4_000_000, used)).to.be.above(2_000_000)
  })

  it('is a command: it runs for its time in a thread of its own, and replays a case or hex', async () => {
    const lines: string[] = []
    const print = (line: string): void => void lines.push(line)
    expect(await runFuzz([], print)).to.equal(0)
    expect(await runFuzz(['gas-mask'], print)).to.equal(2)
    expect(await runFuzz(['sml', '--seed', '1', '--case', '5'], print)).to.equal(0)
    expect(await runFuzz(['sml', '--hex', '1b1b1b1b01010101'], print)).to.equal(0)
    expect(lines.filter((line) => line === 'nothing found')).to.have.length(2)
    const told = await fuzz(FUZZ_FORMATS[1] as FuzzFormat, { seed: 1, ms: 600 }, print)
    expect(told).to.include({ format: 'sml', finds: 0 })
  })
})
