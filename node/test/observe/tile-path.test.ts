import { expect } from 'chai'
import fc from 'fast-check'
import { isWattnessError } from '../../../protocol/errors.ts'
import { formatTilePath, parseTilePath, type TilePath } from '../../observe/tile-path.ts'

function isRefused(path: string): boolean {
  try {
    parseTilePath(path)
    return false
  } catch (error) {
    return isWattnessError(error, 'PATH_MALFORMED')
  }
}

describe('tile paths', () => {
  it('an index stands in groups of three digits, all but the last behind an x', () => {
    expect(parseTilePath('0/x001/x234/067')).to.deep.equal({ level: 0, index: 1_234_067, width: 256 })
    expect(parseTilePath('63/000')).to.deep.equal({ level: 63, index: 0, width: 256 })
    expect(parseTilePath('1/x001/000.p/255')).to.deep.equal({ level: 1, index: 1_000, width: 255 })
    expect(parseTilePath('entries/999.p/1')).to.deep.equal({ level: 'entries', index: 999, width: 1 })
    expect(formatTilePath({ level: 0, index: 1_234_067, width: 256 })).to.equal('0/x001/x234/067')
  })

  it('a path is read as it is written', () => {
    const level: fc.Arbitrary<TilePath['level']> = fc.oneof(fc.nat(63), fc.constant('entries' as const))
    const index = fc.oneof(fc.nat(2_000), fc.maxSafeNat())
    const width = fc.integer({ min: 1, max: 256 })
    fc.assert(
      fc.property(fc.record({ level, index, width }, { noNullPrototype: true }), (path) => {
        expect(parseTilePath(formatTilePath(path))).to.deep.equal(path)
      }),
    )
  })

  it('each tile has one path: whatever is accepted is written the same again', () => {
    const piece = fc.constantFrom('0', '00', '000', '001', 'x000', 'x001', '/', '.p/', '255', '256', 'entries', '1', '63', '64')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = pieces.join('')
        expect(isRefused(path) || formatTilePath(parseTilePath(path)) === path).to.equal(true)
      }),
      { numRuns: 2_000 },
    )
  })

  for (const [what, path] of [
    ['a level above 63', '64/000'],
    ['a level with a leading zero', '00/000'],
    ['a level that is none', 'data/000'],
    ['an index of one digit', '0/1'],
    ['an index of four digits', '0/0001'],
    ['a group without its x', '0/001/234/067'],
    ['a last group with an x', '0/x001/x234'],
    ['leading groups of zeros', '0/x000/001'],
    ['a width of 0', '0/000.p/0'],
    ['a width of 256', '0/000.p/256'],
    ['a width with a leading zero', '0/000.p/08'],
    ['a width without a number', '0/000.p/'],
    ['a second suffix', '0/000.p/1.p/1'],
    ['another alphabet of digits', '0/٠٠٠'],
    ['something before it', '/0/000'],
    ['something behind it', '0/000/'],
    ['a newline behind it', '0/000\n'],
    ['nothing', ''],
  ] as const) {
    it(`PATH_MALFORMED: ${what}`, () => expect(isRefused(path)).to.equal(true))
  }
})
