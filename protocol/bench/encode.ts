import { encodeHeader, KIND_READINGS } from '../block.ts'
import { HASH_BYTES } from '../hash.ts'
import { SALT_BYTES } from '../limits.ts'
import type { Reading } from '../reading.ts'
import { decodeReadings, decodeTables, encodeReadings } from '../readings-body.ts'
import { loadHouseholdDays, REGISTERS, ROWS } from './household-days.ts'
import { fromProtobufRows, toJsonRows, toProtobufColumns, toProtobufRows } from './other-encodings.ts'

/**
 * `npm run bench -- encode`: bytes and microseconds of real readings. "All in" is what is stored and sent of a block: header,
 * body with its salt, and the root and signature of the checkpoint it makes.
 */

export interface BenchResult {
  readonly figures: Record<string, number>
  readonly yardstick: Record<string, number>
  readonly budget: Record<string, string>
  readonly ok: boolean
}

const SIGNATURE_BYTES = 64
const MEAN_BUDGET = 800
const P95_BUDGET = 880
const ONE_BUDGET = 240
const MICROSECONDS_BUDGET = 30

/** A year of quarter hours: the height a chain has after its first year, and the registrar's chain of a grown neighbourhood. */
const HEIGHT = 35_040
const REGISTRAR_SIZE = 120

/** Bytes of a whole block with its checkpoint. */
function allInBytes(content: Uint8Array, sealedAt: number): number {
  const bodyLength = SALT_BYTES + content.length
  const hash = new Uint8Array(HASH_BYTES)
  const header = encodeHeader({
    kind: KIND_READINGS,
    member: hash,
    height: HEIGHT,
    previous: hash,
    sealedAt,
    registrarSize: REGISTRAR_SIZE,
    bodyLength,
    bodyHash: hash,
  })
  return header.length + bodyLength + HASH_BYTES + SIGNATURE_BYTES
}

export async function run(_args: readonly string[] = []): Promise<BenchResult> {
  const { source, blocks } = loadHouseholdDays(process.env['WATTNESS_DATA'] ?? '../shared/data')
  console.log(`${blocks.length} blocks of ${ROWS} half-hours × 4 registers from ${source}, at height ${HEIGHT}`)

  const contents = blocks.map((block) => encodeReadings(block))
  const sizes = contents.map((content, i) => allInBytes(content, lastTime(blocks[i] as readonly Reading[])))
  const perValue = (bytes: number): number => round(bytes / (ROWS * 4), 2)
  const meanContent = mean(contents.map((content) => content.length))
  const json = mean(blocks.map((block) => toJsonRows(block).length))
  const protobufRows = mean(blocks.map((block) => toProtobufRows(block).length))
  const protobufColumns = mean(blocks.map((block) => toProtobufColumns(block).length))

  const bytes1x1 = Math.max(...oneRowSizes(blocks))
  const sample = blocks.slice(0, 64)
  const encoded = sample.map((block) => encodeReadings(block))
  const figures: Record<string, number> = {
    meanBytes96x4: round(mean(sizes), 1),
    p95Bytes96x4: quantile(sizes, 0.95),
    bytes1x1,
    maxBytes96x4: Math.max(...sizes),
    bytesPerValue: perValue(mean(sizes)),
    contentBytesPerValue: perValue(meanContent),
    encodeUs: microseconds(sample, encodeReadings),
    decodeUs: microseconds(encoded, decodeReadings),
    decodeTablesUs: microseconds(encoded, decodeTables),
  }
  const yardstick: Record<string, number> = {
    jsonBytesPerValue: perValue(json),
    protobufRowsBytesPerValue: perValue(protobufRows),
    protobufColumnsBytesPerValue: perValue(protobufColumns),
    jsonEncodeUs: microseconds(sample, toJsonRows),
    jsonDecodeUs: microseconds(sample.map(toJsonRows), (text) => JSON.parse(text) as unknown),
    protobufRowsEncodeUs: microseconds(sample, toProtobufRows),
    protobufRowsDecodeUs: microseconds(sample.map(toProtobufRows), fromProtobufRows),
  }
  const budget = {
    meanBytes96x4: `<= ${MEAN_BUDGET}`,
    p95Bytes96x4: `<= ${P95_BUDGET}`,
    bytes1x1: `<= ${ONE_BUDGET}`,
    encodeUs: `<= ${MICROSECONDS_BUDGET}`,
    decodeUs: `<= ${MICROSECONDS_BUDGET}`,
  }
  const within = (name: string, limit: number): boolean => (figures[name] as number) <= limit
  const ok =
    within('meanBytes96x4', MEAN_BUDGET) &&
    within('p95Bytes96x4', P95_BUDGET) &&
    within('bytes1x1', ONE_BUDGET) &&
    within('encodeUs', MICROSECONDS_BUDGET) &&
    within('decodeUs', MICROSECONDS_BUDGET)
  return { figures, yardstick, budget, ok }
}

/**
 * One row of one register, in the two ways a meter says one: the cumulative register, read at an instant, and the energy of an
 * interval. From each block the last row that is not missing.
 */
function oneRowSizes(blocks: readonly (readonly Reading[])[]): number[] {
  const sizes: number[] = []
  for (const block of blocks) {
    const row = block.findLast(({ values }) => values[0]?.value !== null)
    if (row === undefined) continue
    const total = row.values.filter(({ register }) => register === REGISTERS.importEnergy)
    const interval = row.values.filter(({ register }) => register === REGISTERS.intervalEnergy)
    sizes.push(allInBytes(encodeReadings([{ ...row, intervalMs: 0, values: total }]), row.time))
    sizes.push(allInBytes(encodeReadings([{ ...row, values: interval }]), row.time))
  }
  return sizes
}

function lastTime(block: readonly Reading[]): number {
  return (block.at(-1) as Reading).time
}

/** Median over 15 passes of the mean time of one call, after two passes to warm up: other work on the machine comes in bursts. */
function microseconds<T>(inputs: readonly T[], work: (input: T) => unknown): number {
  const passes: number[] = []
  for (let pass = 0; pass < 17; pass++) {
    const started = performance.now()
    for (let i = 0; i < 4; i++) for (const input of inputs) work(input)
    passes.push(((performance.now() - started) * 1_000) / (4 * inputs.length))
  }
  return round(quantile(passes.slice(2), 0.5), 1)
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] as number
}

function round(number: number, decimals: number): number {
  return Number(number.toFixed(decimals))
}
