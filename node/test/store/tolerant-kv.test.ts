import { expect } from 'chai'
import fc from 'fast-check'
import { WattnessError } from '../../../protocol/errors.ts'
import { type Kv, openMemoryKv, put } from '../../store/index.ts'
import { readU48 } from '../../store/keys.ts'
import { tolerantKv } from '../../store/tolerant-kv.ts'
import { refusalCode } from './temporary-directories.ts'

const key = (number: number): Uint8Array => {
  const bytes = new Uint8Array(7)
  bytes[0] = 4
  new DataView(bytes.buffer).setUint32(3, number)
  return bytes
}

/** A kv whose entries from `from` up to `to` stand in a block that cannot be parsed. */
function damagedKv(kv: Kv, from: number, to: number, code = 'STORE_DAMAGED'): Kv {
  const broken = (at: Uint8Array): boolean => readU48(at, 1) >= from && readU48(at, 1) < to
  const fail = (): never => {
    throw new WattnessError(code, 'bad entry in block')
  }
  return {
    get: async (at) => (broken(at) ? fail() : kv.get(at)),
    getMany: (keys) => kv.getMany(keys),
    batch: (operations) => kv.batch(operations),
    recover: () => kv.recover(),
    close: () => kv.close(),
    async *iterate(range) {
      for await (const entries of kv.iterate(range)) {
        const whole = entries.findIndex(([at]) => broken(at))
        if (whole < 0) yield entries
        else {
          if (whole > 0) yield entries.slice(0, whole)
          fail()
        }
      }
    },
  }
}

describe('reading a damaged kv', () => {
  const range = { gte: key(0), lt: Uint8Array.of(5) }

  const numbersOf = async (kv: Kv, limit?: number): Promise<number[]> => {
    const found: number[] = []
    for await (const entries of kv.iterate(limit === undefined ? range : { ...range, limit })) {
      for (const [at] of entries) found.push(readU48(at, 1))
    }
    return found
  }

  it('finds everything before and behind what cannot be read', async () => {
    const memory = await openMemoryKv()
    const all = Array.from({ length: 700 }, (_, i) => i * 3)
    await memory.batch(all.map((number) => put(key(number), Uint8Array.of(1))))
    await fc.assert(
      fc.asyncProperty(fc.nat(2_100), fc.integer({ min: 1, max: 200 }), async (from, length) => {
        const found = await numbersOf(tolerantKv(damagedKv(memory, from, from + length)))
        const expected = all.filter((number) => number < from || number >= from + length)
        // Steps double: as much as the damage is long may be left out behind it, and nothing else.
        expect(expected.filter((number) => number < from || number >= from + 4 * length)).to.satisfy((must: number[]) =>
          must.every((number) => found.includes(number)),
        )
        expect(found.every((number) => expected.includes(number))).to.equal(true)
        expect(found).to.deep.equal([...new Set(found)].toSorted((a, b) => a - b))
      }),
      { numRuns: 60 },
    )
    expect((await numbersOf(tolerantKv(damagedKv(memory, 9, 30)), 10)).length).to.equal(10)
    expect(await numbersOf(tolerantKv(damagedKv(memory, 0, 1e9)))).to.deep.equal([])
  })

  it('gives nothing for a key that cannot be read, and writes nothing', async () => {
    const memory = await openMemoryKv()
    await memory.batch([put(key(1), Uint8Array.of(1)), put(key(2), Uint8Array.of(2))])
    const kv = tolerantKv(damagedKv(memory, 1, 2))
    expect(await kv.getMany([key(1), key(2)])).to.deep.equal([undefined, Uint8Array.of(2)])
    expect(await refusalCode(kv.batch([]))).to.equal('STORE_DAMAGED')
    await kv.recover()
    await kv.close()
  })

  it('does not take another error for damage', async () => {
    const memory = await openMemoryKv()
    await memory.batch([put(key(1), Uint8Array.of(1))])
    const kv = tolerantKv(damagedKv(memory, 1, 2, 'STORE_FAILED'))
    expect(await refusalCode(kv.get(key(1)))).to.equal('STORE_FAILED')
    expect(await refusalCode(numbersOf(kv))).to.equal('STORE_FAILED')
  })
})
