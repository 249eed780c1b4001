import { SaxesParser } from 'saxes'
import { type FaultItem, fault } from './source.ts'

/**
 * A Green Button file as a stream: what each Atom entry is and is linked to, and its interval readings one by one, so that the
 * file may be years long. Namespaces' prefixes differ between utilities and are left out of account.
 */

/** An Atom entry at its end: links come before or behind its content. */
export interface EspiEntry {
  readonly type: 'entry'
  /** 0-based. */
  readonly number: number
  readonly self: string
  readonly up: string
  readonly related: readonly string[]
  readonly title: string
  /** ESPI resources it holds: UsagePoint, MeterReading, ReadingType, IntervalBlock, … */
  readonly holds: ReadonlySet<string>
  /** Text of the children of its ReadingType, and of the UsagePoint's ServiceCategory as `serviceKind`. */
  readonly fields: ReadonlyMap<string, string>
}

export interface EspiReading {
  readonly type: 'reading'
  /** Number of its entry. */
  readonly entry: number
  readonly line: number
  /** Text of duration, start, value, quality and tou, where they are there. */
  readonly fields: ReadonlyMap<string, string>
}

export type EspiItem = EspiEntry | EspiReading | FaultItem

/** Characters without any element: a comment, a text or a tag longer than this belongs to no meter. */
const MAX_QUIET_CHARS = 262_144
const MAX_DEPTH = 64
const MAX_LINKS = 256
const MAX_TEXT = 2_048

const RESOURCES = new Set(['UsagePoint', 'MeterReading', 'ReadingType', 'IntervalBlock'])
const OF_READING = new Set(['duration', 'start', 'value', 'quality', 'tou'])
const OF_TYPE = new Set([
  'accumulationBehaviour',
  'commodity',
  'dataQualifier',
  'flowDirection',
  'intervalLength',
  'kind',
  'phase',
  'powerOfTenMultiplier',
  'tou',
  'uom',
])

interface OpenEntry {
  readonly number: number
  self: string
  up: string
  title: string
  readonly related: string[]
  readonly holds: Set<string>
  readonly fields: Map<string, string>
}

/** Documents run together are read one behind the other: each begins with its XML declaration. */
const DECLARATION = /<\?xml\s/g
const DECLARATION_CHARS = 6

export async function* espiItems(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<EspiItem> {
  const decoder = new TextDecoder()
  const state = { entries: 0, line: 1 }
  let document = new EspiDocument(state)
  let rest = ''
  for await (const chunk of bytes) {
    let text = rest + decoder.decode(chunk, { stream: true })
    DECLARATION.lastIndex = 0
    for (let found = DECLARATION.exec(text); found !== null; found = DECLARATION.exec(text)) {
      if (found.index > 0 || document.begun) {
        yield* document.write(text.slice(0, found.index))
        yield* document.end()
        document = new EspiDocument(state)
        text = text.slice(found.index)
      }
      DECLARATION.lastIndex = 1
    }
    // A declaration may be cut in two by the chunk's end.
    const cut = Math.max(text.lastIndexOf('<'), text.length - DECLARATION_CHARS)
    const open = text.startsWith('<?xml'.slice(0, text.length - cut), cut) ? cut : text.length
    yield* document.write(text.slice(0, open))
    rest = text.slice(open)
  }
  yield* document.write(rest + decoder.decode())
  yield* document.end()
}

class EspiDocument {
  readonly #parser = new SaxesParser({ xmlns: false })
  readonly #state: { entries: number; line: number }
  readonly #firstLine: number
  readonly #path: string[] = []
  #entry: OpenEntry | undefined
  #reading: Map<string, string> | undefined
  #readingLine = 0
  #text = ''
  #quiet = 0
  #broken: FaultItem | undefined
  #told = false
  #items: EspiItem[] = []
  begun = false

  constructor(state: { entries: number; line: number }) {
    this.#state = state
    this.#firstLine = state.line
    this.#parser.on('opentag', ({ name, attributes }) => this.#open(local(name), attributes))
    this.#parser.on('closetag', ({ name }) => this.#close(local(name)))
    this.#parser.on('text', (text) => {
      this.#quiet = 0
      if (this.#text.length <= MAX_TEXT) this.#text += text.slice(0, MAX_TEXT + 1)
    })
    this.#parser.on('comment', () => {
      this.#quiet = 0
    })
    this.#parser.on('error', ({ message }) => this.#break('GREEN_BUTTON_XML_MALFORMED', message.replace(/^\d+:\d+:\s*/, '')))
  }

  write(text: string): EspiItem[] {
    if (text === '') return []
    this.begun = true
    // In pieces, so that what has no end is noticed before it is large.
    for (let from = 0; from < text.length && this.#broken === undefined; from += MAX_QUIET_CHARS) {
      const piece = text.slice(from, from + MAX_QUIET_CHARS)
      this.#quiet += piece.length
      this.#parser.write(piece)
      if (this.#quiet > 2 * MAX_QUIET_CHARS)
        this.#break('GREEN_BUTTON_TOO_LONG', `no element ends within ${this.#quiet} characters`)
    }
    this.#state.line += text.split('\n').length - 1
    return this.#taken()
  }

  end(): EspiItem[] {
    if (this.begun && this.#broken === undefined) this.#parser.close()
    return this.#taken()
  }

  #taken(): EspiItem[] {
    const items = this.#items
    this.#items = []
    if (this.#broken !== undefined && !this.#told) {
      this.#told = true
      items.push(this.#broken)
    }
    return items
  }

  #break(code: string, message: string): void {
    const where = `line ${this.#line()}`
    this.#broken ??= fault(code, `Green Button ${where}: ${message}; the document is read up to there`, where)
  }

  #line(): number {
    return this.#firstLine + this.#parser.line - 1
  }

  #open(name: string, attributes: Readonly<Record<string, string>>): void {
    this.#quiet = 0
    this.#text = ''
    if (this.#broken !== undefined) return
    this.#path.push(name)
    if (this.#path.length > MAX_DEPTH) return this.#break('GREEN_BUTTON_TOO_LONG', `elements ${MAX_DEPTH} deep`)
    if (name === 'entry' || (this.#entry === undefined && RESOURCES.has(name))) {
      this.#entry = {
        number: this.#state.entries++,
        self: '',
        up: '',
        title: '',
        related: [],
        holds: new Set(),
        fields: new Map(),
      }
    }
    if (RESOURCES.has(name)) this.#entry?.holds.add(name)
    if (name === 'link') this.#link(attributes)
    if (name === 'IntervalReading') {
      this.#reading = new Map()
      this.#readingLine = this.#line()
    }
  }

  #link({ rel, href = '' }: Readonly<Record<string, string>>): void {
    const entry = this.#entry
    if (entry === undefined || href.length > MAX_TEXT) return
    if (rel === 'self') entry.self = href
    else if (rel === 'up') entry.up = href
    else if (rel === 'related' && entry.related.length < MAX_LINKS) entry.related.push(href)
  }

  #close(name: string): void {
    this.#quiet = 0
    if (this.#broken !== undefined) return
    this.#path.pop()
    const parent = this.#path.at(-1)
    const text = this.#text.trim().slice(0, MAX_TEXT)
    this.#text = ''
    const entry = this.#entry
    if (entry === undefined) return
    if (this.#reading !== undefined) {
      if (name === 'IntervalReading') {
        this.#items.push({ type: 'reading', entry: entry.number, line: this.#readingLine, fields: this.#reading })
        this.#reading = undefined
      } else if (OF_READING.has(name) && text !== '') this.#reading.set(name, text)
    } else if (parent === 'ReadingType' && OF_TYPE.has(name)) entry.fields.set(name, text)
    else if (parent === 'ServiceCategory' && name === 'kind') entry.fields.set('serviceKind', text)
    else if (parent === 'entry' && name === 'title') entry.title = text.slice(0, 200)
    const bare =
      this.#path.every((outer) => outer !== 'entry') && RESOURCES.has(name) && !this.#path.some((o) => RESOURCES.has(o))
    if (name === 'entry' || bare) {
      this.#items.push({ type: 'entry', ...entry })
      this.#entry = undefined
    }
  }
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}
