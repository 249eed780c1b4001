import { expect } from 'chai'
import fc from 'fast-check'
import { fromHex, Reader, toHex, Writer } from '../bytes.ts'
import { type Column, decodeColumn, encodeColumn, MISSING, qualityIndex } from '../columns.ts'
import { QUALITIES, type Quality } from '../reading.ts'
import { anyQuality, anyValue } from './arbitrary-readings.ts'
import { expectRefusal } from './refusal.ts'

type Cell = number | null

/** `null` is a missing cell; qualities are good where none are given. */
function encode(cells: readonly Cell[], qualities?: readonly Quality[]): Uint8Array {
  const named = qualities ?? cells.map((cell): Quality => (cell === null ? 'missing' : 'good'))
  const present = cells.filter((cell) => cell !== null)
  const writer = new Writer()
  encodeColumn(writer, Float64Array.from(present), present.length, Uint8Array.from(named, qualityIndex), cells.length)
  return writer.finish()
}

function decode(bytes: Uint8Array, rowCount: number): Column {
  const reader = new Reader(bytes, 'column')
  const column = decodeColumn(reader, rowCount)
  reader.done()
  return column
}

const cellsOf = (column: Column): Cell[] => column.values.map((value) => (Number.isNaN(value) ? null : value))

function refused(code: string, hex: string, rowCount: number): void {
  expectRefusal(code, () => decode(fromHex(hex), rowCount))
}

describe('columns', () => {
  it('R20, R21: one header byte, then residuals, where all cells have one quality', () => {
    expect(toHex(encode([5]))).to.equal('040a')
    expect(toHex(encode([5, -6], ['estimated', 'estimated']))).to.equal('0c0a0b')
    expect(toHex(encode([null, null]))).to.equal('14')
    expect(cellsOf(decode(fromHex('14'), 2))).to.deep.equal([null, null])
  })

  it('R22: runs of qualities where they differ, and no residual for a missing cell', () => {
    const bytes = encode([1, null, null, 2], ['good', 'missing', 'missing', 'overflow'])
    expect(toHex(bytes)).to.equal('00000102020401' + '0204')
    const column = decode(bytes, 4)
    expect(cellsOf(column)).to.deep.equal([1, null, null, 2])
    expect(column.qualities).to.deep.equal([0, MISSING, MISSING, 4])
  })

  it('R23: raw leaves values, delta their differences, delta-of-delta the change of those; the first stands for itself', () => {
    for (const [hex, values] of [
      ['040a140a', [5, 10, 5]],
      ['050a0a0b', [5, 10, 4]],
      ['060a0a02', [5, 10, 16]],
    ] as const) {
      expect(cellsOf(decode(fromHex(hex), 3)), hex).to.deep.equal(values)
    }
  })

  it('R23: the predictor passes over missing cells', () => {
    expect(toHex(encode([1_000, null, 1_001, 1_002]))).to.equal('01000102010002' + '8f50' + '0202')
  })

  it('R24: the predictor of the fewest bytes, the lowest of equals', () => {
    const predictor = (cells: readonly Cell[]): number => (encode(cells)[0] as number) & 3
    expect(predictor([1, 2, 3, 4]), 'all equal').to.equal(0)
    expect(predictor([1_000_000, 1_000_001, 1_000_000]), 'delta as good as delta-of-delta').to.equal(1)
    expect(predictor([0, 1_000, 2_000, 3_000]), 'even growth').to.equal(2)
    expect(predictor([0, 1_000, 0, 1_000]), 'back and forth').to.equal(0)
    expect(predictor([7]), 'one cell').to.equal(0)
  })

  it('R24: never longer than any of the three', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 1, maxLength: 20 }), (cells) => {
        const raw = new Writer().u8(4)
        for (const cell of cells) raw.signed(cell)
        expect(encode(cells).length).to.be.at.most(raw.length)
      }),
    )
  })

  it('R25: differences that are not safe rule a predictor out, even where their change would be small', () => {
    const max = Number.MAX_SAFE_INTEGER
    const third = Math.floor(max / 10)
    for (const cells of [
      [max, -max],
      [-max, max],
      [-max, -2 * third, 9 * third],
      [0, max, -max],
    ]) {
      expect(cellsOf(decode(encode(cells), cells.length))).to.deep.equal(cells)
      expect((encode(cells)[0] as number) & 3).to.equal(0)
    }
  })

  it('R25: OUT_OF_RANGE for a decoded value or difference that is not safe', () => {
    const column = (predictor: number, ...residuals: number[]): Uint8Array => {
      const writer = new Writer().u8(4 | predictor)
      for (const residual of residuals) writer.signed(residual)
      return writer.finish()
    }
    const max = Number.MAX_SAFE_INTEGER
    expectRefusal('OUT_OF_RANGE', () => decode(column(1, max, 1), 2))
    expectRefusal('OUT_OF_RANGE', () => decode(column(1, -max, -1), 2))
    expectRefusal('OUT_OF_RANGE', () => decode(column(2, max, 1), 2))
    expectRefusal('OUT_OF_RANGE', () => decode(column(2, -max, max, 10, -max), 4))
    expect(cellsOf(decode(column(1, max, -max), 2))).to.deep.equal([max, 0])
  })

  it('R20: OUT_OF_RANGE for a predictor or quality that does not exist', () => {
    refused('OUT_OF_RANGE', '0702', 1)
    refused('OUT_OF_RANGE', '2c02', 1)
    refused('OUT_OF_RANGE', '000501', 2)
    expectRefusal('OUT_OF_RANGE', () => qualityIndex('excellent' as Quality))
    for (const quality of QUALITIES) expect(QUALITIES[qualityIndex(quality)]).to.equal(quality)
  })

  it('R20: NON_CANONICAL for a reserved bit, and for a quality in the header without its flag', () => {
    refused('NON_CANONICAL', '4402', 1)
    refused('NON_CANONICAL', '8402', 1)
    refused('NON_CANONICAL', '08020002', 1)
  })

  it('R22: NON_CANONICAL for runs that could be one, and for one run in the form for several', () => {
    refused('NON_CANONICAL', '00000100010202', 3)
    refused('NON_CANONICAL', '00000202', 2)
  })

  it('R22: OUT_OF_RANGE for an empty run and one beyond the rows', () => {
    refused('OUT_OF_RANGE', '00000002', 2)
    refused('OUT_OF_RANGE', '000001010202', 2)
  })

  it('TRUNCATED at each byte of a column', () => {
    const bytes = encode([1_000, null, 1_001, 70_000])
    for (let length = 0; length < bytes.length; length++) expectRefusal('TRUNCATED', () => decode(bytes.subarray(0, length), 4))
  })

  it('every column comes back', () => {
    const cell = fc.tuple(anyQuality, anyValue)
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 40 }), (rows) => {
        const cells = rows.map(([quality, value]) => (quality === 'missing' ? null : value))
        const qualities = rows.map(([quality]) => quality)
        const column = decode(encode(cells, qualities), rows.length)
        expect(cellsOf(column)).to.deep.equal(cells)
        expect(column.qualities.map((index) => QUALITIES[index])).to.deep.equal(qualities)
      }),
      { numRuns: 500 },
    )
  })
})
