import { expect } from 'chai'
import fc from 'fast-check'
import { isWattnessError } from '../../../protocol/errors.ts'
import { del, type Kv, type KvOperation, put } from '../../store/index.ts'
import { ITERATE_CHUNK, type KvRange } from '../../store/kv.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')

async function collect(kv: Kv, range: KvRange): Promise<[string, string][]> {
  const all: [string, string][] = []
  for await (const entries of kv.iterate(range)) for (const [key, value] of entries) all.push([hex(key), hex(value)])
  return all
}

/** What every Kv must do. An implementation runs it in three lines; `open` gives an empty one each time. */
export function kvContract(name: string, open: () => Promise<Kv>): void {
  describe(`kv contract: ${name}`, () => {
    let kv: Kv

    beforeEach(async () => {
      kv = await open()
    })

    afterEach(() => kv.close())

    it('gives what was put, and undefined for what was not', async () => {
      await kv.batch([put(bytes(1), bytes(10)), put(bytes(2), bytes())])
      expect(await kv.get(bytes(1))).to.deep.equal(bytes(10))
      expect(await kv.get(bytes(2))).to.deep.equal(bytes())
      expect(await kv.get(bytes(3))).to.equal(undefined)
      expect(await kv.getMany([bytes(3), bytes(1), bytes(2)])).to.deep.equal([undefined, bytes(10), bytes()])
      expect(await kv.getMany([])).to.deep.equal([])
    })

    it('gives plain Uint8Arrays', async () => {
      await kv.batch([put(bytes(1), bytes(10))])
      expect(Object.getPrototypeOf(await kv.get(bytes(1)))).to.equal(Uint8Array.prototype)
      for await (const [entry] of kv.iterate({ gte: bytes(0), lt: bytes(9) })) {
        for (const part of entry ?? []) expect(Object.getPrototypeOf(part)).to.equal(Uint8Array.prototype)
      }
    })

    it('a view shows what was there when it was made, until it is closed', async () => {
      await kv.batch([put(bytes(1), bytes(10)), put(bytes(2), bytes(20))])
      const view = kv.view?.()
      if (view === undefined) return
      await kv.batch([put(bytes(1), bytes(11)), del(bytes(2)), put(bytes(3), bytes(30))])
      expect(await view.get(bytes(1))).to.deep.equal(bytes(10))
      expect(await view.getMany([bytes(2), bytes(3)])).to.deep.equal([bytes(20), undefined])
      const seen: string[] = []
      for await (const entries of view.iterate({ gte: bytes(0), lt: bytes(9) })) seen.push(...entries.map(([key]) => hex(key)))
      expect(seen).to.deep.equal(['01', '02'])
      await view.close()
      expect(await kv.get(bytes(1))).to.deep.equal(bytes(11))
    })

    it('applies the operations of a batch in order', async () => {
      await kv.batch([put(bytes(1), bytes(1)), del(bytes(1)), put(bytes(2), bytes(1)), put(bytes(2), bytes(2))], { sync: true })
      expect(await collect(kv, { gte: bytes(0), lt: bytes(255) })).to.deep.equal([['02', '02']])
    })

    it('takes an empty batch, and one that deletes nothing', async () => {
      await kv.batch([])
      await kv.batch([del(bytes(7))], { sync: true })
      expect(await kv.get(bytes(7))).to.equal(undefined)
    })

    it('iterates from gte up to lt, either way, at most limit', async () => {
      await kv.batch([1, 2, 3, 4, 5].map((n) => put(bytes(n), bytes(n))))
      expect(await collect(kv, { gte: bytes(2), lt: bytes(4) })).to.deep.equal([
        ['02', '02'],
        ['03', '03'],
      ])
      const down = await collect(kv, { gte: bytes(2), lt: bytes(5), reverse: true, limit: 2 })
      expect(down.map(([key]) => key)).to.deep.equal(['04', '03'])
      expect(await collect(kv, { gte: bytes(6), lt: bytes(9) })).to.deep.equal([])
    })

    it('iterates in chunks of a bounded number of entries', async () => {
      const count = ITERATE_CHUNK * 2 + 5
      await kv.batch(Array.from({ length: count }, (_, i) => put(bytes(1, i >> 8, i & 255), bytes(i & 255))))
      const lengths: number[] = []
      for await (const entries of kv.iterate({ gte: bytes(1), lt: bytes(2) })) lengths.push(entries.length)
      expect(lengths.reduce((sum, length) => sum + length, 0)).to.equal(count)
      expect(Math.max(...lengths)).to.be.at.most(ITERATE_CHUNK)
      expect(Math.min(...lengths)).to.be.at.least(1)
    })

    it('iterates over what was there when it began', async () => {
      await kv.batch(Array.from({ length: 600 }, (_, i) => put(bytes(1, i >> 8, i & 255), bytes(1))))
      let seen = 0
      for await (const entries of kv.iterate({ gte: bytes(1), lt: bytes(2) })) {
        seen += entries.length
        await kv.batch([put(bytes(1, 200), bytes(2)), del(bytes(1, 2, 80))])
      }
      expect(seen).to.equal(600)
    })

    it('lets an iteration be left early', async () => {
      await kv.batch(Array.from({ length: 600 }, (_, i) => put(bytes(1, i >> 8, i & 255), bytes(1))))
      for await (const entries of kv.iterate({ gte: bytes(1), lt: bytes(2) })) if (entries.length > 0) break
      expect(await kv.get(bytes(1, 0, 5))).to.deep.equal(bytes(1))
    })

    it('has nothing to recover when nothing failed', async () => {
      await kv.batch([put(bytes(1), bytes(1))])
      await kv.recover()
      expect(await kv.get(bytes(1))).to.deep.equal(bytes(1))
    })

    it('STORE_CLOSED: refuses use after close, and closes twice', async () => {
      await kv.close()
      await kv.close()
      const refused = await kv.get(bytes(1)).catch((error: unknown) => error)
      expect(isWattnessError(refused, 'STORE_CLOSED')).to.equal(true)
    })

    it('behaves as a sorted map does', async () => {
      const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 })
      const operation = fc.oneof(
        fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 4 }) }),
        fc.record({ type: fc.constant('del' as const), key }),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 8 }), { maxLength: 8 }), async (batches: KvOperation[][]) => {
          const model = new Map<string, string>()
          const everything = await collect(kv, { gte: bytes(0), lt: bytes(255) })
          await kv.batch(everything.map(([name]) => del(Buffer.from(name, 'hex'))))
          for (const batch of batches) {
            await kv.batch(batch)
            for (const each of batch) {
              if (each.type === 'put') model.set(hex(each.key), hex(each.value))
              else model.delete(hex(each.key))
            }
          }
          const expected = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1))
          expect(await collect(kv, { gte: bytes(0), lt: bytes(255) })).to.deep.equal(expected)
          expect(await collect(kv, { gte: bytes(0), lt: bytes(255), reverse: true })).to.deep.equal(expected.toReversed())
        }),
        { numRuns: 30 },
      )
    })
  })
}
