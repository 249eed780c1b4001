import { parseDecimal } from '../../protocol/decimal.ts'
import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import { fileBytes, pathOf } from './byte-input.ts'
import { type EspiCatalog, type EspiSeries, espiCatalog } from './espi-catalog.ts'
import { type EspiRegister, espiQuality, espiRegister } from './espi-register.ts'
import { type EspiReading, espiItems } from './espi-xml.ts'
import { ScalerMemory } from './scaler-memory.ts'
import {
  fault,
  type MeterSource,
  type OfferedSource,
  type ReadingItem,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown, refuseOption } from './source-spec.ts'

/**
 * Green Button (NAESB ESPI, Atom XML): what North American utilities let their customers download.
 *
 * Quirks: times are UTC epoch seconds whatever LocalTimeParameters say; blocks come in any order, newest first too; types and
 * links may stand behind the readings they explain; prefixes of namespaces differ; links are absolute or not; an entry may stand
 * alone.
 */
export const greenButtonFormat: SourceFormat = {
  name: 'green-button',
  describe: 'Green Button exports of utilities (ESPI XML); usage points one by one',
  usage: ['green-button:FILE', 'green-button:FILE#USAGE-POINT'],
  quirks: [
    'blocks and readings come in any order, newest first too, and are given on as they come',
    'types and links may stand behind the readings they explain: the file is looked through twice',
    'a file whose ReadingType leaves the unit open is refused: what its numbers are is not said',
    'cubic feet and gallons become cubic metres exactly, US therms joules; a Btu is refused, since there are several',
  ],
  recognise,
  open,
  offer,
}

const ESPI_MARK = /naesb\.org\/espi|<(?:\w+:)?(?:UsagePoint|IntervalBlock|IntervalReading|ReadingType)[\s>]/

function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(firstBytes)
  if (ESPI_MARK.test(text)) return true
  // A long preface (licence, advertisement) may fill what is shown: an Atom feed that speaks of Green Button.
  return /<(?:\w+:)?feed[\s>]/.test(text)
    ? /green ?button/i.test(text)
    : /^\s*(?:<\?xml|<!--)/.test(text) && /green ?button/i.test(text)
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, [])
  if (spec.target === '-') refuseOption(spec, 'FILE', 'the file is read twice, so it cannot be standard input')
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    intervalData: true,
    items: (signal) => items(spec, pathOf(spec.target, deps), signal),
  }
}

async function offer(path: string): Promise<readonly OfferedSource[]> {
  const { homes } = await espiCatalog(fileBytes(path))
  const spec = `green-button:${path}`
  return homes.length < 2 ? [{ spec, quality: 'good' }] : homes.map((home) => ({ spec: `${spec}#${home}`, quality: 'good' }))
}

async function* items(spec: SourceSpec, path: string, signal: AbortSignal): AsyncGenerator<SourceItem> {
  const catalog = await espiCatalog(fileBytes(path, signal))
  if (signal.aborted) return
  if (spec.home !== undefined && !catalog.homes.includes(spec.home)) {
    throw new WattnessError('SOURCE_UNREADABLE', `${spec.text}: the file has no usage point ${spec.home}`, { home: spec.home })
  }
  if (spec.home === undefined && catalog.homes.length > 1) {
    const homes = catalog.homes.slice(0, 5).join(', ')
    throw new WattnessError(
      'GREEN_BUTTON_HOME_NEEDED',
      `${spec.text}: the file holds several usage points (${homes}); name one as ${spec.text}#USAGE-POINT`,
      { homes },
    )
  }
  yield* greenButtonItems(fileBytes(path, signal), catalog, spec.home)
}

/** One fault per series that cannot be read, not one per reading of it. */
export async function* greenButtonItems(
  bytes: AsyncIterable<Uint8Array>,
  catalog: EspiCatalog,
  home?: string,
): AsyncGenerator<SourceItem> {
  const memory = new ScalerMemory()
  const refused = new Set<EspiSeries>()
  let found = false
  for await (const item of espiItems(bytes)) {
    if (item.type === 'entry') continue
    found = true
    if (item.type === 'fault') {
      yield item
      continue
    }
    const series = catalog.seriesOf(item.entry)
    if ((home !== undefined && series.home !== home) || refused.has(series)) continue
    try {
      yield readingItem(item, espiRegister(series, item.fields.get('tou')), memory)
    } catch (error) {
      if (!isWattnessError(error)) throw error
      const where = `line ${item.line}`
      if (error.code === 'GREEN_BUTTON_TYPE_UNKNOWN') {
        refused.add(series)
        yield fault(error.code, `Green Button ${where}: ${error.message}; the readings of this kind are left out`, where)
      } else yield fault('GREEN_BUTTON_VALUE_MALFORMED', `Green Button ${where}: ${error.message}`, where)
    }
  }
  if (!found) yield fault('GREEN_BUTTON_EMPTY', 'Green Button: the file holds no interval reading', 'the whole file')
}

/** Longer than any interval of a bill. */
const MAX_INTERVAL_MS = 366 * 86_400_000
const MAX_TIME_MS = 2 ** 47

function readingItem({ fields }: EspiReading, register: EspiRegister, memory: ScalerMemory): ReadingItem {
  const startMs = milliseconds(fields.get('start'))
  const durationMs = register.interval ? milliseconds(fields.get('duration') ?? '0') : 0
  if (startMs === undefined || startMs > MAX_TIME_MS)
    return refuse(`start: expected epoch seconds, found ${shown(fields.get('start'))}`)
  if (durationMs === undefined || durationMs > MAX_INTERVAL_MS) {
    return refuse(`duration: expected seconds of at most a year, found ${shown(fields.get('duration'))}`)
  }
  const { obis, unit, factor, exponent } = register
  const text = fields.get('value')
  const reading = {
    time: startMs + durationMs,
    intervalMs: durationMs,
    timeSource: durationMs > 0 ? 'interval-end' : 'meter-clock',
  } as const
  if (text === undefined) {
    const value = { register: memory.register(obis, unit, exponent), value: null, quality: 'missing' } as const
    return { type: 'reading', reading: { ...reading, values: [value] }, exponents: [exponent] }
  }
  const { value, scaler } = parseDecimal(text)
  const scaled = value * factor
  if (!Number.isSafeInteger(scaled)) return refuse(`value ${text} in the register's unit exceeds 2^53-1`)
  const settled = memory.settle(obis, unit, scaled, scaler + exponent)
  const quality = espiQuality(fields.get('quality'))
  return { type: 'reading', reading: { ...reading, values: [{ ...settled, quality }] }, exponents: [exponent] }
}

/** Whole seconds, or with a fraction as some exports print it; to the millisecond. */
function milliseconds(text: string | undefined): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text ?? '')
  return match === null ? undefined : Number(match[1]) * 1_000 + Number((match[2] ?? '').slice(0, 3).padEnd(3, '0'))
}

function shown(text: string | undefined): string {
  return text === undefined ? 'nothing' : JSON.stringify(text.slice(0, 40))
}

function refuse(reason: string): never {
  throw new WattnessError('GREEN_BUTTON_VALUE_MALFORMED', reason)
}
