import { expect } from 'chai'
import fc from 'fast-check'
import { type KeyText, SortedMap } from '../disk/sorted-map.ts'

const KEYS = fc.array(fc.constantFrom(0, 1, 7, 255), { minLength: 1, maxLength: 5 }).map((codes) => String.fromCharCode(...codes))
const VALUES = fc.uint8Array({ maxLength: 3 })

type Made<A> = A extends fc.Arbitrary<infer T> ? T : never
type Entry = [KeyText, Uint8Array]

/** The same, the plain way. */
class Plain {
  readonly entries = new Map<KeyText, Uint8Array>()

  range(gte: KeyText, lt: KeyText, isReverse: boolean, limit: number): Entry[] {
    const found = [...this.entries].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1))
    return (isReverse ? found.reverse() : found).slice(0, limit)
  }

  get bytes(): number {
    return [...this.entries].reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  }
}

describe('a sorted map', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('set' as const), key: KEYS, value: VALUES }),
    fc.record({ type: fc.constant('delete' as const), key: KEYS }),
    fc.record({ type: fc.constant('snapshot' as const) }),
  )
  const question = fc.tuple(KEYS, fc.oneof(KEYS, fc.constant('\uffff')), fc.boolean(), fc.nat(8))

  it('is one, whatever is put in and taken out, and so is each of its snapshots, whichever of the two is written to', () => {
    const property = (steps: readonly Made<typeof step>[], asked: Made<typeof question>): void => {
      const maps = [{ map: new SortedMap(), plain: new Plain() }]
      for (const [number, each] of steps.entries()) {
        const { map, plain } = maps[number % maps.length] as (typeof maps)[number]
        if (each.type === 'snapshot') {
          const copy = new Plain()
          for (const [key, value] of plain.entries) copy.entries.set(key, value)
          maps.push({ map: map.snapshot(), plain: copy })
        } else if (each.type === 'set') {
          expect(map.set(each.key, each.value)).to.equal(plain.entries.get(each.key))
          plain.entries.set(each.key, each.value)
        } else {
          expect(map.delete(each.key)).to.equal(plain.entries.get(each.key))
          plain.entries.delete(each.key)
        }
      }
      for (const { map, plain } of maps) {
        expect(map.range(...asked)).to.deep.equal(plain.range(...asked))
        expect(map.range('', '\uffff', false, 1_000)).to.deep.equal(plain.range('', '\uffff', false, 1_000))
        for (const [key, value] of plain.entries) expect(map.get(key)).to.equal(value)
        expect(map.get(asked[0])).to.equal(plain.entries.get(asked[0]))
        expect([map.size, map.bytes()]).to.deep.equal([plain.entries.size, plain.bytes])
      }
    }
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), question, property), { numRuns: 300 })
  })
})
