import { writeFileSync } from 'node:fs'
import { fromHex, toHex } from '../../bytes.ts'
import { WattnessError } from '../../errors.ts'
import { parseObis } from '../../obis.ts'
import type { Quality, Reading, Register, RegisterValue, TimeSource } from '../../reading.ts'
import { decodeTables, encodeReadings } from '../../readings-body.ts'

/** Readings in a form that JSON holds: registers as [OBIS, unit, scaler], cells as [value, quality], rows as [time, …cells]. */
interface VectorTable {
  readonly registers: readonly (readonly [string, number, number])[]
  readonly intervalMs: number
  readonly timeSource: TimeSource
  readonly rows: readonly (readonly [number, ...(readonly [number | null, Quality])[]])[]
}

interface VectorInput {
  readonly name: string
  readonly framesRoot?: string
  readonly tables: readonly VectorTable[]
}

const START = Date.parse('2013-01-01T00:00:00Z')
const HALF_HOUR = 1_800_000
const IMPORT = ['1-0:1.8.0', 30, 0] as const
const VOLTAGE = ['1-0:32.7.0', 35, -1] as const
const GAS = ['0-1:24.2.1', 13, -3] as const

const good = (value: number): readonly [number, Quality] => [value, 'good']

function halfHours(count: number, cells: (row: number) => readonly (readonly [number | null, Quality])[]): VectorTable['rows'] {
  return Array.from({ length: count }, (_, row) => [START + (row + 1) * HALF_HOUR, ...cells(row)] as const)
}

const meter = { intervalMs: HALF_HOUR, timeSource: 'meter-clock' } as const

const inputs: readonly VectorInput[] = [
  {
    name: 'one row of one register, at an instant: 19 bytes',
    tables: [{ registers: [IMPORT], intervalMs: 0, timeSource: 'meter-clock', rows: [[START, good(1_234_567)]] }],
  },
  {
    name: 'regular rows of two registers: delta-of-delta and raw',
    tables: [
      { ...meter, registers: [IMPORT, VOLTAGE], rows: halfHours(6, (row) => [good(1_000_000 + row * 250), good(row - 3)]) },
    ],
  },
  {
    name: 'delta',
    tables: [{ ...meter, registers: [IMPORT], rows: halfHours(5, (row) => [good(1_000_000 + (row % 2) * 40 + row * 10)]) }],
  },
  {
    name: 'each quality, and missing cells',
    tables: [
      {
        ...meter,
        registers: [IMPORT],
        rows: halfHours(7, (row) => [
          [
            [good(10)],
            [good(11)],
            [[null, 'missing']],
            [[null, 'missing']],
            [[12, 'estimated']],
            [[13, 'clock-doubtful']],
            [[14, 'overflow']],
          ][row]?.[0] as readonly [number | null, Quality],
        ]),
      },
    ],
  },
  {
    name: 'nothing but missing cells',
    tables: [{ ...meter, registers: [IMPORT], rows: halfHours(3, () => [[null, 'missing']]) }],
  },
  {
    name: 'two tables, a frames root, a register in the long form, seconds and milliseconds',
    framesRoot: '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20',
    tables: [
      { registers: [GAS], intervalMs: 0, timeSource: 'node-clock', rows: [[START + 7_000, good(12_785_123)]] },
      { registers: [['1-0:1.8.0*3', 30, 2]], intervalMs: 0, timeSource: 'interval-end', rows: [[START + 1, good(-5)]] },
    ],
  },
  {
    name: 'irregular times that go back',
    tables: [
      {
        registers: [VOLTAGE],
        intervalMs: 0,
        timeSource: 'node-clock',
        rows: [5, 6, 9, 9, 4].map((minutes) => [START + minutes * 60_000, good(2_300)] as const),
      },
    ],
  },
  {
    name: 'the largest and the smallest value',
    tables: [
      {
        ...meter,
        registers: [IMPORT],
        rows: halfHours(2, (row) => [good(row === 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER)]),
      },
    ],
  },
]

/** The readings that a vector stands for. */
export function readingsOf(tables: readonly VectorTable[]): Reading[] {
  return tables.flatMap(({ registers, intervalMs, timeSource, rows }) => {
    const named = registers.map(([obis, unit, scaler]): Register => ({ obis: parseObis(obis), unit, scaler }))
    return rows.map(([time, ...cells]): Reading => {
      const values = cells.map(([value, quality], i): RegisterValue => ({ register: named[i] as Register, value, quality }))
      return { time, intervalMs, timeSource, values }
    })
  })
}

/** Bytes that no encoder makes. `HEAD` is one register, one row, the first minute. */
const HEAD = '01010101' + '08001e0001'
const refusedInputs = [
  ['no byte', ''],
  ['no table', '00'],
  ['33 tables', '21'],
  ['a table without registers', '0100'],
  ['65 registers', '0141'],
  ['register form 2', '010102'],
  ['long form of a register that has a short one', '0101000100010800ff1e0001020104'],
  ['a register twice', '0102' + '010108001e00' + '010108001e00' + '0102010404'],
  ['no rows', '0101010108001e0000'],
  ['4,097 rows', '0101010108001e00a001'],
  [
    'more than 65,536 cells',
    `0111${Array.from({ length: 17 }, (_, i) => `0101${i.toString(16).padStart(2, '0')}001e00`).join('')}a000`,
  ],
  ['reserved bit of the time header', `${HEAD}42010402`],
  ['time unit 3', `${HEAD}03010402`],
  ['time source 3', `${HEAD}0e010402`],
  ['an interval of 0', `${HEAD}2200010402`],
  ['a minute in seconds', `${HEAD}013c0402`],
  ['reserved bit of a column header', `${HEAD}02014402`],
  ['predictor 3', `${HEAD}02010702`],
  ['quality 5', `${HEAD}02012c02`],
  ['one run of qualities in the form for several', `${HEAD}020100000102`],
  ['no residual', `${HEAD}020104`],
  ['a residual with a leading zero group', `${HEAD}0201048002`],
  ['two tables of one shape', `02${HEAD.slice(2)}02010402${HEAD.slice(2)}02020402`],
  ['a byte too many', `${HEAD}0201040200`],
] as const

function refusal(name: string, hex: string): string {
  try {
    decodeTables(fromHex(hex))
  } catch (error) {
    if (error instanceof WattnessError) return error.code
  }
  throw new Error(`${name} is not refused`)
}

const cases = inputs.map((input) => ({
  ...input,
  hex: toHex(encodeReadings(readingsOf(input.tables), input.framesRoot === undefined ? undefined : fromHex(input.framesRoot))),
}))

export const readingsBodyVectors = {
  comment:
    'Content of bodies of kind readings (rules R9 to R27), without salt. registers: [OBIS, unit, scaler]; ' +
    'rows: [time, [value, quality], …]. Made by make-readings-body.ts.',
  cases,
  refused: refusedInputs.map(([name, hex]) => ({ name, hex, refused: refusal(name, hex) })),
}

if (import.meta.main) {
  writeFileSync(new URL('readings-body.json', import.meta.url), `${JSON.stringify(readingsBodyVectors, null, 2)}\n`)
}
