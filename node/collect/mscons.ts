import { isWattnessError, WattnessError } from '../../protocol/errors.ts'
import type { Obis } from '../../protocol/reading.ts'
import { fileBytes, pathOf, standardInputBytes } from './byte-input.ts'
import { EdifactReader, type Segment } from './edifact.ts'
import { parseZone, type Zone } from './local-time.ts'
import { type OpenQuantity, parseRegister, readingOf } from './mscons-value.ts'
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
 * MSCONS: metered values as the German and Swiss energy markets exchange them (EDIFACT D.04B).
 *
 * Quirks: references are longer than the standard's 14 characters; units are left out where the market's guide fixes them; times
 * without an offset are the market's wall clock; the decimal mark is either, whatever UNA says. A message whose control count or
 * reference is wrong is refused as a whole: its values are given on only when its end agrees.
 */
export const msconsFormat: SourceFormat = {
  name: 'mscons',
  describe: 'MSCONS market messages (EDIFACT), German and Swiss; metering points one by one',
  usage: ['mscons:FILE', 'mscons:FILE#METERING-POINT', 'mscons:-', 'mscons:…?zone=Europe/Zurich'],
  quirks: [
    'a message whose control count or reference is wrong is refused as a whole',
    'a Swiss sender counts a quantity with its two times as one segment, and not its UNT: that count is taken too',
    'units that are left out are those of the market guides: kWh, kvarh, kW, m3 for gas',
    'times without an offset are wall clock of ?zone=, Europe/Berlin unless given; in the doubled hour they are clock-doubtful',
    'substitutes, forecasts and preliminary values are estimated; values that must not be used are missing',
  ],
  recognise,
  open,
  offer,
}

/** Values of one message that wait for its end: a year of quarter hours is 35,136. */
export const MAX_MESSAGE_VALUES = 50_000

const MAX_HOMES = 10_000
const DEFAULT_ZONE = 'Europe/Berlin'

function recognise(_fileName: string, firstBytes: Uint8Array): boolean {
  const text = Buffer.from(firstBytes).toString('latin1')
  return /^\s*(?:UNA.{6}\s*)?UNB.[A-Z]{4}/s.test(text) && /UNH[^']{1,40}MSCONS/.test(text)
}

function open(spec: SourceSpec, deps: SourceDeps): MeterSource {
  assertOptionsKnown(spec, ['zone'])
  const zone = zoneOf(spec)
  return {
    spec: spec.text,
    kind: spec.kind,
    live: false,
    intervalData: true,
    items: (signal) => {
      const bytes = spec.target === '-' ? standardInputBytes(deps, signal) : fileBytes(pathOf(spec.target, deps), signal)
      return msconsItems(bytes, spec, zone)
    },
  }
}

function zoneOf(spec: SourceSpec): Zone {
  try {
    return parseZone(spec.options.get('zone') ?? DEFAULT_ZONE)
  } catch {
    return refuseOption(spec, 'zone', 'expected UTC, an offset such as +01:00 or a name such as Europe/Zurich')
  }
}

async function offer(path: string): Promise<readonly OfferedSource[]> {
  const homes = new Set<string>()
  const reader = new EdifactReader()
  const look = (items: ReturnType<EdifactReader['push']>): void => {
    for (const item of items) if (item.type === 'segment' && isPoint(item)) homes.add(homeName(item))
    if (homes.size > MAX_HOMES) throw new WattnessError('LIMIT_EXCEEDED', `${path} names more than ${MAX_HOMES} metering points`)
  }
  for await (const chunk of fileBytes(path)) look(reader.push(chunk))
  look(reader.end())
  if (homes.size < 2) return [{ spec: `mscons:${path}`, quality: 'good' }]
  return Array.from(homes, (home) => ({ spec: `mscons:${path}#${home}`, quality: 'good' as const }))
}

const METERING_POINT = '172'

function isPoint({ tag, elements }: Segment): boolean {
  return tag === 'LOC' && elements[0]?.[0] === METERING_POINT
}

function homeName({ elements }: Segment): string {
  return (elements[1]?.[0] ?? '').replace(/[/#?&]/g, '_') || 'unnamed'
}

/**
 * Throws MSCONS_HOME_NEEDED where the file holds several metering points and none is named, SOURCE_UNREADABLE where it is not
 * there.
 */
export async function* msconsItems(
  bytes: AsyncIterable<Uint8Array>,
  spec: Pick<SourceSpec, 'text' | 'home'>,
  zone: Zone = parseZone(DEFAULT_ZONE),
): AsyncGenerator<SourceItem> {
  const edifact = new EdifactReader()
  const reader = new MsconsReader(spec, zone)
  for await (const chunk of bytes) {
    for (const item of edifact.push(chunk)) yield* item.type === 'fault' ? [item] : reader.take(item)
  }
  for (const item of edifact.end()) yield* item.type === 'fault' ? [item] : reader.take(item)
  yield* reader.end()
}

interface Message {
  readonly reference: string
  readonly position: number
  readonly items: SourceItem[]
  /** Segments so far, UNH included. */
  segments: number
  /** Times behind quantities, among them. */
  times: number
  values: number
  home: string | undefined
  register: Obis | undefined
  /** The quantity whose times are being collected. */
  open: { readonly segment: Segment; readonly times: Map<string, readonly [string, string]> } | undefined
}

class MsconsReader {
  readonly #spec: Pick<SourceSpec, 'text' | 'home'>
  readonly #zone: Zone
  readonly #memory = new ScalerMemory()
  #interchange: { readonly reference: string; messages: number } | undefined
  #message: Message | undefined
  #home: string | undefined
  #found = false
  #any = false

  constructor(spec: Pick<SourceSpec, 'text' | 'home'>, zone: Zone) {
    this.#spec = spec
    this.#zone = zone
    this.#home = spec.home
  }

  *take(segment: Segment): Generator<SourceItem> {
    const { tag, elements } = segment
    if (tag === 'UNB') {
      yield* this.#cutOff('a new interchange begins')
      this.#interchange = { reference: elements[4]?.[0] ?? '', messages: 0 }
    } else if (tag === 'UNH') yield* this.#beginMessage(segment)
    else if (tag === 'UNT') yield* this.#endMessage(segment)
    else if (tag === 'UNZ') yield* this.#endInterchange(segment)
    else if (this.#message !== undefined) this.#inMessage(this.#message, segment)
  }

  *end(): Generator<SourceItem> {
    yield* this.#cutOff('the input ends')
    if (this.#spec.home !== undefined && !this.#found) {
      const { text, home } = this.#spec
      throw new WattnessError('SOURCE_UNREADABLE', `${text}: the file has no metering point ${home}`, { home })
    }
    if (!this.#any) yield fault('MSCONS_EMPTY', 'MSCONS: the file holds no value', 'the whole file')
  }

  *#cutOff(why: string): Generator<SourceItem> {
    const message = this.#message
    this.#message = undefined
    if (message !== undefined) {
      const where = `byte ${message.position}`
      yield fault(
        'MSCONS_TRUNCATED',
        `MSCONS message ${message.reference} at ${where}: ${why} before its UNT; it is refused`,
        where,
      )
    } else if (this.#interchange !== undefined) {
      yield fault('MSCONS_TRUNCATED', `MSCONS interchange ${this.#interchange.reference}: ${why} before its UNZ`, 'the end')
    }
    this.#interchange = undefined
  }

  *#beginMessage({ elements, position }: Segment): Generator<SourceItem> {
    const open = this.#message
    if (open !== undefined) {
      const where = `byte ${open.position}`
      yield fault(
        'MSCONS_TRUNCATED',
        `MSCONS message ${open.reference} at ${where}: the next begins before its UNT; it is refused`,
        where,
      )
    }
    if (this.#interchange !== undefined) this.#interchange.messages++
    const [reference = ''] = elements[0] ?? []
    const [type = ''] = elements[1] ?? []
    this.#message = undefined
    if (type !== 'MSCONS') {
      const where = `byte ${position}`
      yield fault(
        'MSCONS_MESSAGE_OTHER',
        `MSCONS ${where}: expected a message MSCONS, found ${JSON.stringify(type.slice(0, 12))}`,
        where,
      )
      return
    }
    this.#message = {
      reference,
      position,
      items: [],
      segments: 1,
      times: 0,
      values: 0,
      home: undefined,
      register: undefined,
      open: undefined,
    }
  }

  #inMessage(message: Message, segment: Segment): void {
    const { tag, elements } = segment
    message.segments++
    if (tag === 'DTM') {
      const [qualifier = '', text = '', format = ''] = elements[0] ?? []
      if (message.open !== undefined) message.times++
      message.open?.times.set(qualifier, [text, format])
      return
    }
    if (tag === 'STS' || tag === 'CCI' || tag === 'CAV') return
    this.#closeQuantity(message)
    if (isPoint(segment)) message.home = homeName(segment)
    else if (tag === 'LIN') message.register = undefined
    else if (tag === 'PIA' && elements[0]?.[0] === '5')
      this.#guarded(message, segment, () => {
        message.register = parseRegister(elements[1]?.[0] ?? '')
      })
    else if (tag === 'QTY') message.open = { segment, times: new Map() }
  }

  #closeQuantity(message: Message): void {
    const { open, register } = message
    message.open = undefined
    if (open === undefined) return
    this.#any = true
    message.values++
    if (!this.#wanted(message.home ?? 'unnamed') || message.values > MAX_MESSAGE_VALUES) return
    // The register's own fault was told at its PIA.
    if (register === undefined) return
    this.#guarded(message, open.segment, () => {
      const quantity: OpenQuantity = { quantity: open.segment.elements[0] ?? [], times: open.times }
      const { reading, exponent } = readingOf(quantity, register, this.#zone, this.#memory)
      message.items.push({ type: 'reading', reading, exponents: [exponent] } satisfies ReadingItem)
    })
  }

  #guarded(message: Message, { position }: Segment, work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!isWattnessError(error)) throw error
      const where = `byte ${position}`
      message.items.push(fault('MSCONS_VALUE_MALFORMED', `MSCONS ${where}: ${error.message}`, where))
    }
  }

  #wanted(home: string): boolean {
    this.#home ??= home
    if (home === this.#home) {
      this.#found = true
      return true
    }
    if (this.#spec.home !== undefined) return false
    const homes = `${this.#home}, ${home}, …`
    throw new WattnessError(
      'MSCONS_HOME_NEEDED',
      `${this.#spec.text}: the file holds several metering points (${homes}); name one as ${this.#spec.text}#METERING-POINT`,
      { homes },
    )
  }

  *#endMessage({ elements, position }: Segment): Generator<SourceItem> {
    const message = this.#message
    this.#message = undefined
    if (message === undefined) return
    message.segments++
    this.#closeQuantity(message)
    const [count = '', reference = ''] = [elements[0]?.[0], elements[1]?.[0]]
    const where = `byte ${position}`
    // A Swiss sender counts a quantity with its times as one, and its UNT not: nothing is missing there.
    const otherwise = message.segments - message.times - 1
    if ((Number(count) !== message.segments && Number(count) !== otherwise) || reference !== message.reference) {
      const found = `${message.segments} segments of message ${message.reference}`
      const text = `MSCONS ${where}: UNT says ${count} segments of message ${reference}, found ${found}; it is refused`
      yield fault('MSCONS_COUNT_MISMATCH', text, where)
    } else if (message.values > MAX_MESSAGE_VALUES) {
      yield fault(
        'MSCONS_MESSAGE_TOO_LONG',
        `MSCONS ${where}: more than ${MAX_MESSAGE_VALUES} values in one message; it is refused`,
        where,
      )
    } else yield* message.items
  }

  *#endInterchange({ elements, position }: Segment): Generator<SourceItem> {
    const interchange = this.#interchange
    if (this.#message !== undefined) {
      yield* this.#cutOff('the interchange ends')
      return
    }
    this.#interchange = undefined
    if (interchange === undefined) return
    const [count = '', reference = ''] = [elements[0]?.[0], elements[1]?.[0]]
    if (Number(count) === interchange.messages && reference === interchange.reference) return
    const where = `byte ${position}`
    const found = `${interchange.messages} messages of ${interchange.reference}`
    yield fault('MSCONS_COUNT_MISMATCH', `MSCONS ${where}: UNZ says ${count} messages of ${reference}, found ${found}`, where)
  }
}
