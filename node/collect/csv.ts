import { WattnessError } from '../../protocol/errors.ts'
import { fileBytes, pathOf, standardInputBytes } from './byte-input.ts'
import { CsvAssembler, type CsvRow } from './csv-assembler.ts'
import { builtInFor } from './csv-builtin.ts'
import { type CsvMapping, readMapping } from './csv-mapping.ts'
import { type CsvRecord, csvRecords } from './csv-records.ts'
import { csvTable, homeColumns, intervalOf } from './csv-table.ts'
import { valueReader } from './csv-value.ts'
import type { FaultItem, MeterSource, OfferedSource, SourceDeps, SourceFormat, SourceItem, SourceSpec } from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'

/** Interval and register CSV with a declared column mapping, or with a header that a built-in mapping knows. */
export const csvFormat: SourceFormat = {
  name: 'csv',
  describe: 'interval or register CSV with a column mapping; homes of wide files one by one',
  usage: ['csv:FILE?map=MAPPING.json', 'csv:FILE', 'csv:FILE#HOME'],
  quirks: [
    'a file that shows the doubled autumn hour once leaves its second pass missing',
    'nothing or zero in the hour that spring leaves out is padding and no value',
  ],
  recognise: (_fileName, firstBytes) => mappingByHeader(firstBytes) !== undefined,
  open,
  check: async (spec, deps) => void (await declaredMapping(spec, deps)),
  offer,
}

/** Homes of one file: beyond this it is no file of homes. */
const MAX_HOMES = 10_000

/** Lines before the header line of a built-in mapping. */
const MAX_PREFACE_LINES = 30

/** Records of a file that stands newest first: a year of quarter hours is 35,040. */
export const MAX_TURNED_RECORDS = 200_000

/** Tried in this order to read a header line of unknown form. */
const DELIMITERS = [',', ';', '\t']

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['map'])
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    intervalData: true,
    items: (signal) => csvItems(spec, deps, signal),
  }
}

function inputOf(path: string, deps: SourceDeps, signal: AbortSignal): AsyncIterable<Uint8Array> {
  return path === '-' ? standardInputBytes(deps, signal) : fileBytes(pathOf(path, deps), signal)
}

/** The built-in mapping for a file that begins so, judged by its header line, which may stand behind a preface. */
function mappingByHeader(firstBytes: Uint8Array): CsvMapping | undefined {
  const text = new TextDecoder().decode(firstBytes)
  // The last piece may be the beginning of a line.
  const lines = text.split(/\r\n|\n|\r/).slice(0, -1)
  for (const [skipLines, line] of lines.slice(0, MAX_PREFACE_LINES).entries()) {
    for (const delimiter of DELIMITERS) {
      // Header cells of the built-in mappings are plain or wholly quoted.
      const cells = line.split(delimiter).map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'))
      const found = builtInFor(cells)
      if (found === undefined || (found.mapping.delimiter ?? ',') !== delimiter) continue
      return skipLines === 0 ? found.mapping : { ...found.mapping, skipLines }
    }
  }
  return undefined
}

async function* csvItems(spec: SourceSpec, deps: SourceDeps, signal: AbortSignal): AsyncGenerator<SourceItem> {
  const given = await declaredMapping(spec, deps)
  const { mapping, bytes } = await mapped(inputOf(spec.target, deps, signal), spec, given)
  yield* mappedItems(bytes, mapping, spec, signal)
}

async function declaredMapping(spec: SourceSpec, deps: SourceDeps): Promise<CsvMapping | undefined> {
  const declared = spec.options.get('map')
  return declared === undefined ? undefined : readMapping(pathOf(declared, deps))
}

/** Finds the mapping: the one given, or by the first bytes, which are put back before the rest. */
async function mapped(
  input: AsyncIterable<Uint8Array>,
  spec: SourceSpec,
  given: CsvMapping | undefined,
): Promise<{ mapping: CsvMapping; bytes: AsyncIterable<Uint8Array> }> {
  if (given !== undefined) return { mapping: given, bytes: input }
  const iterator = input[Symbol.asyncIterator]()
  let first = new Uint8Array()
  while (first.length < 65_536 && mappingByHeader(first) === undefined) {
    const next = await iterator.next()
    if (next.done === true) break
    first = Buffer.concat([first, next.value])
  }
  const mapping = mappingByHeader(first)
  if (mapping === undefined) {
    await iterator.return?.()
    const found = JSON.stringify(new TextDecoder().decode(first.subarray(0, 120)).split(/[\r\n]/)[0])
    throw new WattnessError(
      'CSV_MAPPING_NEEDED',
      `${spec.text}: no built-in column mapping has the header ${found}; declare one with csv:FILE?map=MAPPING.json`,
      { found },
    )
  }
  return { mapping, bytes: putBack(first, iterator) }
}

async function* putBack(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield first
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function* mappedItems(
  bytes: AsyncIterable<Uint8Array>,
  mapping: CsvMapping,
  spec: SourceSpec,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  const readers = mapping.values.map((value) => valueReader(value, mapping))
  const always = mapping.quality?.always ?? 'good'
  const assembler = new CsvAssembler({ readers, intervalMs: intervalOf(mapping), names: mapping.time.names, always })
  if (mapping.layout === 'columns' && spec.home === undefined) refuseHomes(spec, 'its columns')
  let table: ReturnType<typeof csvTable> | undefined
  const turned: (CsvRow | FaultItem)[][] = []
  let seenHome = spec.home
  let found = false
  for await (const record of csvRecords(bytes, { ...formOf(mapping), ...keepHome(mapping, spec.home) })) {
    if (signal.aborted) return
    if (record.type === 'fault') {
      yield record
    } else if (table === undefined) {
      table = csvTable(mapping, record, spec.home)
    } else {
      const home = table.homeOf(record)
      seenHome ??= home
      if (home !== undefined && home !== seenHome) {
        if (spec.home === undefined) refuseHomes(spec, `${String(seenHome)}, ${home}, …`)
        continue
      }
      found = true
      const rows = table.rows(record)
      if (mapping.order !== 'newest-first') yield* rowItems(assembler, rows)
      else if (turned.push(rows) > MAX_TURNED_RECORDS) {
        throw new WattnessError('LIMIT_EXCEEDED', `${spec.text}: more than ${MAX_TURNED_RECORDS} records that stand newest first`)
      }
    }
  }
  for (const rows of turned.reverse()) yield* rowItems(assembler, rows)
  yield* assembler.end()
  if (!found && spec.home !== undefined && !signal.aborted) {
    throw new WattnessError('SOURCE_UNREADABLE', `${spec.text}: the file has no row of home ${spec.home}`, { home: spec.home })
  }
}

function* rowItems(assembler: CsvAssembler, rows: readonly (CsvRow | FaultItem)[]): Generator<SourceItem> {
  for (const row of rows) yield* 'type' in row ? [row] : assembler.take(row)
}

function refuseHomes(spec: SourceSpec, homes: string): never {
  throw new WattnessError(
    'CSV_HOME_NEEDED',
    `${spec.text}: the file holds several homes (${homes}); name one as ${spec.text}#HOME`,
    { homes },
  )
}

function formOf(mapping: CsvMapping): { encoding?: string; delimiter?: string; skipLines?: number } {
  const { encoding, delimiter, skipLines } = mapping
  return {
    ...(encoding === undefined ? {} : { encoding }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(skipLines === undefined ? {} : { skipLines }),
  }
}

/** Lines without the home's name cannot be its rows; a name with quotes may be written otherwise and is not looked for. */
function keepHome(mapping: CsvMapping, home: string | undefined): { keep?: (text: string) => boolean } {
  if (mapping.home === undefined || home === undefined || home.includes('"')) return {}
  return { keep: (text) => text.includes(home) }
}

/** One source per home. */
async function offer(path: string): Promise<readonly OfferedSource[]> {
  const { mapping, bytes } = await mapped(
    fileBytes(path),
    { text: `csv:${path}`, kind: 'csv', target: path, options: new Map() },
    undefined,
  )
  const quality = mapping.quality?.always ?? 'good'
  const source = (home: string | undefined): OfferedSource => ({
    spec: home === undefined ? `csv:${path}` : `csv:${path}#${home}`,
    quality,
  })
  if (mapping.layout !== 'columns' && mapping.home === undefined) {
    return [source(undefined)]
  }
  const homes = new Set<string>()
  let header: CsvRecord | undefined
  for await (const record of csvRecords(bytes, formOf(mapping))) {
    if (record.type === 'fault') continue
    if (header === undefined) {
      header = record
      if (mapping.layout === 'columns') return homeColumns(mapping, record).map(source)
      continue
    }
    const home = csvHome(mapping, header, record)
    if (home !== undefined && home !== '') homes.add(home)
    if (homes.size > MAX_HOMES) throw new WattnessError('LIMIT_EXCEEDED', `${path} names more than ${MAX_HOMES} homes`, { path })
  }
  return Array.from(homes, source)
}

function csvHome(mapping: CsvMapping, header: CsvRecord, record: CsvRecord): string | undefined {
  return record.cells[header.cells.indexOf(mapping.home ?? '')]
}
