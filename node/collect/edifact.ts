import { type FaultItem, fault } from './source.ts'

/**
 * EDIFACT segments of a stream (ISO 9735), as market messages use it: service characters by UNA, release characters, line breaks
 * between segments. The packages there are refuse references of more than 14 characters, which markets send.
 */

export interface Segment {
  readonly type: 'segment'
  /** `UNB`, `QTY`, … */
  readonly tag: string
  /** Elements behind the tag, each with its components, releases resolved. */
  readonly elements: readonly (readonly string[])[]
  /** Byte of the input at which it begins. */
  readonly position: number
}

/** A segment of a market message is below 400 characters. */
export const MAX_SEGMENT_CHARS = 4_096

/** Looked through together: an open segment is looked at again with each piece, and pieces may be single bytes. */
const LEAST_CHARS = 1_024

const UNA_CHARS = 9
const BEGIN = /UNA[^A-Za-z0-9\s]{4}.[^A-Za-z0-9]|UNB[^A-Za-z0-9\s]/

interface Service {
  readonly component: string
  readonly element: string
  readonly release: string
  readonly terminator: string
}

const DEFAULTS: Service = { component: ':', element: '+', release: '?', terminator: "'" }

export class EdifactReader {
  #text = ''
  #waiting = ''
  #dropped = 0
  #service: Service | undefined
  /** Where the end of the open segment was looked for already. */
  #searched = 0

  /** Characters held until their segment is complete. */
  get held(): number {
    return this.#text.length + this.#waiting.length
  }

  push(chunk: Uint8Array): (Segment | FaultItem)[] {
    // UNOC and UNOA are one byte a character; UTF-8 stands in texts only, of which nothing is read.
    this.#waiting += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    if (this.#waiting.length < LEAST_CHARS) return []
    this.#takeWaiting()
    return Array.from(this.#scan())
  }

  end(): (Segment | FaultItem)[] {
    this.#takeWaiting()
    const found = Array.from(this.#scan())
    const rest = this.#text.trim()
    if (this.#service !== undefined && rest !== '')
      found.push(this.#fault('MSCONS_TRUNCATED', `ends within a segment: ${JSON.stringify(rest.slice(0, 40))}`))
    return found
  }

  #takeWaiting(): void {
    this.#text += this.#waiting
    this.#waiting = ''
  }

  *#scan(): Generator<Segment | FaultItem> {
    for (;;) {
      if (this.#service === undefined) {
        if (!this.#begin()) return
        continue
      }
      const blank = this.#text.search(/[^\s]/)
      if (blank > 0) this.#drop(blank)
      if (this.#text.startsWith('UNA') && this.#text.length < UNA_CHARS) return
      if (this.#text.startsWith('UNA')) {
        this.#service = undefined
        continue
      }
      const end = this.#endOf(this.#service)
      if (end === undefined && this.#text.length <= MAX_SEGMENT_CHARS) return
      if (end === undefined || end > MAX_SEGMENT_CHARS) {
        yield this.#fault('MSCONS_SEGMENT_TOO_LONG', `a segment has no end within ${MAX_SEGMENT_CHARS} characters`)
        this.#drop(1)
        this.#service = undefined
        continue
      }
      const text = this.#text.slice(0, end)
      const position = this.#dropped
      this.#drop(end + 1)
      const [[tag = ''] = [], ...elements] = split(text, this.#service)
      yield { type: 'segment', tag: tag.trim(), elements, position }
    }
  }

  /** Passes over what is no interchange; true where one begins. */
  #begin(): boolean {
    const found = BEGIN.exec(this.#text)
    if (found === null) {
      this.#drop(Math.max(0, this.#text.length - UNA_CHARS))
      return false
    }
    this.#drop(found.index)
    if (found[0].startsWith('UNB')) {
      this.#service = DEFAULTS
      return true
    }
    const [component, element, , release, , terminator] = Array.from(this.#text.slice(3, UNA_CHARS)) as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    this.#service = { component, element, release, terminator }
    this.#drop(UNA_CHARS)
    return true
  }

  #endOf({ release, terminator }: Service): number | undefined {
    let from = this.#searched
    for (;;) {
      const end = this.#text.indexOf(terminator, from)
      if (end < 0) {
        // A release character at the very end may belong to what comes next.
        this.#searched = Math.max(0, this.#text.length - 1)
        return undefined
      }
      if (!isReleased(this.#text, end, release)) return end
      from = end + 1
    }
  }

  #drop(length: number): void {
    this.#text = this.#text.slice(length)
    this.#dropped += length
    this.#searched = 0
  }

  #fault(code: string, message: string): FaultItem {
    const where = `byte ${this.#dropped}`
    return fault(code, `MSCONS ${where}: ${message}`, where)
  }
}

/** An odd number of release characters before it. */
function isReleased(text: string, at: number, release: string): boolean {
  if (release === ' ') return false
  let count = 0
  while (text[at - 1 - count] === release) count++
  return count % 2 === 1
}

function split(text: string, { component, element, release }: Service): string[][] {
  const elements: string[][] = []
  let components: string[] = []
  let open = ''
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string
    if (letter === release && release !== ' ' && at + 1 < text.length) open += text[++at] as string
    else if (letter === component || letter === element) {
      components.push(open)
      open = ''
      if (letter === element) {
        elements.push(components)
        components = []
      }
    } else open += letter
  }
  components.push(open)
  elements.push(components)
  return elements
}
