import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Quality, RegisterValue, TimeSource } from '../../protocol/reading.ts'
import { fileBytes, pathOf, standardInputBytes } from './byte-input.ts'
import {
  type Nem12Day,
  type Nem12Stream,
  parseAccumulation,
  parseDay,
  parseRange,
  parseStream,
  parseValue,
  qualityOf,
  short,
} from './nem12-record.ts'
import { ScalerMemory } from './scaler-memory.ts'
import {
  type FaultItem,
  fault,
  type MeterSource,
  type OfferedSource,
  type ReadingItem,
  type SourceDeps,
  type SourceFormat,
  type SourceItem,
  type SourceSpec,
} from './source.ts'
import { assertOptionsKnown } from './source-spec.ts'
import { textLines } from './text-lines.ts'

/**
 * NEM12 and NEM13: the interval and accumulation files of the Australian market (AEMO), which retailers hand to their customers.
 *
 * Quirks: portals leave out the records 100 and 900; days are in any order, newest first too; units come in any case; trailing
 * fields and commas are missing or too many; numbers begin with a point or carry 14 zeros; market time is UTC+10 in summer too.
 */
export const nem12Format: SourceFormat = {
  name: 'nem12',
  describe: 'NEM12 interval files and NEM13 accumulation files of the Australian market; connection points (NMI) one by one',
  usage: ['nem12:FILE', 'nem12:FILE#NMI', 'nem12:-'],
  quirks: [
    'times are UTC+10 all year, whatever the state and the season',
    'a file without the records 100 and 900, as portals give out, is read, and that is said',
    'null intervals (N) are missing, not zero; estimated and substituted ones (E, F, S) are estimated',
    'streams E, B, Q and K are known; the number behind the letter is the channel (OBIS group B)',
  ],
  recognise,
  open,
  offer,
}

/** 288 values of 16 digits are below 6,000 characters. */
const MAX_LINE_CHARS = 65_536

/** Connection points in one file. */
const MAX_HOMES = 10_000

const HEADER = /^\s*"?100"?,"?NEM1[23]/
const HEADLESS = /^\s*(?:200,[^,\n]*,(?:[^,\n]*,){6}\d{1,2},[^\n]*\r?\n300,\d{8},|250,[^,\n]*,(?:[^,\n]*,){5}[EI],)/

function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const text = new TextDecoder().decode(firstBytes)
  return HEADER.test(text) || HEADLESS.test(text)
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, [])
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    intervalData: true,
    items: (signal) => {
      const bytes = spec.target === '-' ? standardInputBytes(deps, signal) : fileBytes(pathOf(spec.target, deps), signal)
      return nem12Items(bytes, spec)
    },
  }
}

async function offer(path: string): Promise<readonly OfferedSource[]> {
  const homes = new Set<string>()
  for await (const { text } of textLines(fileBytes(path), { maxChars: MAX_LINE_CHARS })) {
    const fields = fieldsOf(text ?? '')
    const nmi = fields[0] === '200' || fields[0] === '250' ? homeName(fields[1] ?? '') : ''
    if (nmi !== '') homes.add(nmi)
    if (homes.size > MAX_HOMES)
      throw new WattnessError('LIMIT_EXCEEDED', `${path} names more than ${MAX_HOMES} connection points`)
  }
  if (homes.size < 2) return [{ spec: `nem12:${path}`, quality: 'good' }]
  return Array.from(homes, (nmi) => ({ spec: `nem12:${path}#${nmi}`, quality: 'good' as const }))
}

/** A name that can stand behind `#`. */
function homeName(nmi: string): string {
  return nmi.replace(/[/#?&]/g, '_')
}

function fieldsOf(line: string): string[] {
  return line.split(',').map((field) => field.trim().replace(/^"(.*)"$/, '$1'))
}

/** Throws NEM12_HOME_NEEDED where the file holds several NMI and none is named, SOURCE_UNREADABLE where it is not there. */
export async function* nem12Items(
  bytes: AsyncIterable<Uint8Array>,
  spec: Pick<SourceSpec, 'text' | 'home'>,
): AsyncGenerator<SourceItem> {
  const reader = new Nem12Reader(spec)
  for await (const { number, text } of textLines(bytes, { maxChars: MAX_LINE_CHARS })) {
    const where = `line ${number}`
    if (text === undefined) {
      yield fault('NEM12_RECORD_MALFORMED', `NEM12 ${where}: longer than ${MAX_LINE_CHARS} characters`, where)
      continue
    }
    if (text.trim() !== '') yield* reader.take(fieldsOf(text), where)
  }
  yield* reader.end()
}

interface OpenDay {
  readonly stream: Nem12Stream
  readonly day: Nem12Day
  readonly flags: (string | undefined)[]
  readonly where: string
}

class Nem12Reader {
  readonly #spec: Pick<SourceSpec, 'text' | 'home'>
  readonly #memory = new ScalerMemory()
  #header: 'none' | 'open' | 'ended' = 'none'
  #headless = false
  #stream: Nem12Stream | undefined
  #day: OpenDay | undefined
  #home: string | undefined
  #found = false
  #any = false

  constructor(spec: Pick<SourceSpec, 'text' | 'home'>) {
    this.#spec = spec
    this.#home = spec.home
  }

  *take(fields: readonly string[], where: string): Generator<SourceItem> {
    const kind = fields[0] as string
    if (kind !== '400') yield* this.#closeDay()
    try {
      if (kind === '100') yield* this.#begin(fields, where)
      else if (kind === '900') this.#finish()
      else {
        if (this.#header !== 'open' && !this.#headless) {
          this.#headless = true
          yield fault('NEM12_HEADER_MISSING', `NEM12 ${where}: no record 100 stands before record ${short(kind)}`, where)
        }
        yield* this.#record(kind, fields, where)
      }
    } catch (error) {
      if (!isWattnessError(error) || error.code === 'NEM12_HOME_NEEDED') throw error
      const code = error.code.startsWith('NEM12_') ? error.code : 'NEM12_VALUE_MALFORMED'
      yield fault(code, `NEM12 ${where}: ${error.message}`, where)
    }
  }

  *end(): Generator<SourceItem> {
    yield* this.#closeDay()
    if (this.#header === 'open') {
      yield fault('NEM12_END_MISSING', 'NEM12: the file ends without a record 900: it may be cut short', 'the end')
    }
    if (this.#spec.home !== undefined && !this.#found) {
      const { text, home } = this.#spec
      throw new WattnessError('SOURCE_UNREADABLE', `${text}: the file has no connection point ${home}`, { home })
    }
    if (!this.#any) yield fault('NEM12_EMPTY', 'NEM12: the file holds no reading', 'the whole file')
  }

  *#begin(fields: readonly string[], where: string): Generator<SourceItem> {
    const open = this.#header === 'open'
    this.#header = 'open'
    this.#headless = false
    this.#stream = undefined
    if (open) yield fault('NEM12_END_MISSING', `NEM12 ${where}: a file begins before the one before it ended (900)`, where)
    if (!/^NEM1[23]$/.test(fields[1] ?? '')) {
      yield fault(
        'NEM12_RECORD_MALFORMED',
        `NEM12 ${where}: expected version NEM12 or NEM13, found ${short(fields[1] ?? '')}`,
        where,
      )
    }
  }

  #finish(): void {
    this.#header = 'ended'
    this.#stream = undefined
  }

  *#record(kind: string, fields: readonly string[], where: string): Generator<SourceItem> {
    if (kind === '200') {
      this.#stream = undefined
      const stream = parseStream(fields)
      if (this.#wanted(stream.nmi)) this.#stream = stream
    } else if (kind === '300') {
      this.#any = true
      const stream = this.#stream
      // Behind a 200 record that was refused, or of another home: nothing says what these values are.
      if (stream === undefined) return
      const day = parseDay(fields, stream)
      this.#day = { stream, day, flags: new Array<string | undefined>(stream.count), where }
    } else if (kind === '400') {
      if (this.#day === undefined) return
      const { first, last, quality } = parseRange(fields, this.#day.stream.count)
      this.#day.flags.fill(quality, first - 1, last)
    } else if (kind === '250') {
      this.#any = true
      yield* this.#accumulation(fields)
    } else if (kind !== '500' && kind !== '550') {
      yield fault('NEM12_RECORD_MALFORMED', `NEM12 ${where}: expected a record 100 to 900, found ${short(kind)}`, where)
    }
  }

  #wanted(nmi: string): boolean {
    const home = homeName(nmi)
    this.#home ??= home
    if (home === this.#home) {
      this.#found = true
      return true
    }
    if (this.#spec.home !== undefined) return false
    const homes = `${this.#home}, ${home}, …`
    throw new WattnessError(
      'NEM12_HOME_NEEDED',
      `${this.#spec.text}: the file holds several connection points (${homes}); name one as ${this.#spec.text}#NMI`,
      { homes },
    )
  }

  *#closeDay(): Generator<SourceItem> {
    const open = this.#day
    this.#day = undefined
    if (open === undefined) return
    const { stream, day, flags, where } = open
    const faults: FaultItem[] = []
    const unsaid = day.quality === 'V' ? flags.findIndex((flag) => flag === undefined) : -1
    if (unsaid >= 0) {
      const message = `NEM12 ${where}: quality V, and no record 400 says it of interval ${unsaid + 1}; taken as estimated`
      faults.push(fault('NEM12_QUALITY_MISSING', message, where))
    }
    for (const [index, cell] of day.cells.entries()) {
      const quality = qualityOf(flags[index] ?? (day.quality === 'V' ? 'E' : day.quality))
      const value = this.#value(stream, cell, quality, faults, `${where}, value ${index + 1}`)
      yield row(value, day.startMs + (index + 1) * stream.intervalMs, stream.intervalMs, 'interval-end', stream.exponent)
    }
    yield* faults
  }

  #value(
    { obis, unit, exponent }: Pick<Nem12Stream, 'obis' | 'unit' | 'exponent'>,
    cell: string,
    quality: Quality,
    faults: FaultItem[],
    where: string,
  ): RegisterValue {
    try {
      if (quality !== 'missing') {
        const { value, scaler } = parseValue(cell)
        return { ...this.#memory.settle(obis, unit, value, scaler + exponent), quality }
      }
    } catch (error) {
      if (!isWattnessError(error)) throw error
      // The interval was there; its value is what cannot be known.
      faults.push(fault('NEM12_VALUE_MALFORMED', `NEM12 ${where}: ${error.message}`, where))
    }
    return { register: this.#memory.register(obis, unit, exponent), value: null, quality: 'missing' }
  }

  /** Both read-outs of the register, and what the market settles for the time between. */
  *#accumulation(fields: readonly string[]): Generator<SourceItem> {
    const { nmi, obis, unit, exponent, previous, current, quantity } = parseAccumulation(fields)
    if (!this.#wanted(nmi)) return
    for (const { text, time, quality } of [previous, current]) {
      if (quality === 'missing' || text === '') continue
      const { value, scaler } = parseValue(text)
      const settled = this.#memory.settle(obis, unit, value, scaler + exponent)
      yield row({ ...settled, quality }, time, 0, 'meter-clock', exponent)
    }
    const intervalMs = current.time - previous.time
    if (quantity === '' || current.quality === 'missing' || intervalMs <= 0) return
    const { value, scaler } = parseValue(quantity)
    const settled = this.#memory.settle({ ...obis, d: 29 }, unit, value, scaler + exponent)
    yield row({ ...settled, quality: current.quality }, current.time, intervalMs, 'interval-end', exponent)
  }
}

function row(value: RegisterValue, time: number, intervalMs: number, timeSource: TimeSource, exponent: number): ReadingItem {
  return { type: 'reading', reading: { time, intervalMs, timeSource, values: [value] }, exponents: [exponent] }
}
