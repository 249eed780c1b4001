import { type FaultItem, fault } from './source.ts'

/**
 * Finds signed records in a stream of bytes: the elements of the S.A.F.E. transparency container (`signedData` or `encodedData`
 * beside `publicKey`), and bare text. It looks for the marks themselves and needs no well-formed document: receipts are pasted
 * together by hand, without a root, and a record must be shown again byte for byte, which no XML writer promises.
 */

/** What a block's frame may hold; a record with a certificate in it has below 4 KiB. */
export const MAX_RECORD_BYTES = 65_535

/** The element of such a record in hexadecimal digits. */
const MAX_ELEMENT_CHARS = 3 * MAX_RECORD_BYTES

/** Looked through together: an open record is looked at again with each piece, and pieces may be single bytes. */
const LEAST_CHARS = 4_096

/** The longest mark, so that one cut in two by a chunk's end is found. */
const MARK_CHARS = 16

export interface OcmfFound {
  readonly type: 'record'
  /** The record from `OCMF|` to the end of its signature section, exactly as it was given. */
  readonly bytes: Uint8Array
  /** Text of the public key beside it. */
  readonly key?: string
  /** 1-based, in the order of the file. */
  readonly number: number
  /** Where its element or text begins. */
  readonly position: number
}

export interface OcmfOther extends Omit<OcmfFound, 'type' | 'bytes'> {
  readonly type: 'other'
}

type Found = OcmfFound | OcmfOther | FaultItem

interface Pending {
  readonly bytes: Uint8Array | undefined
  readonly number: number
  readonly position: number
  key?: string
}

const MARKS = /<(\/value)\s*>|<(\?xml)\s|<(signedData|encodedData|publicKey)[\s>]|(OCMF\|)|(4[fF]434[dD]467[cC])|(T0NNRn)/g

export class OcmfScanner {
  #text = ''
  #waiting = ''
  /** Bytes of the input before `#text`. */
  #dropped = 0
  #number = 0
  #key: string | undefined
  #pending: Pending | undefined
  #latin = false
  /** Where the end of an open element was looked for already. */
  #searched = 0
  #cut = false

  /** Bytes held until the record they belong to is complete. */
  get held(): number {
    return this.#text.length + this.#waiting.length
  }

  push(chunk: Uint8Array): Found[] {
    this.#waiting += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    if (this.#waiting.length < LEAST_CHARS) return []
    this.#takeWaiting()
    return Array.from(this.#scan(false))
  }

  end(): Found[] {
    this.#takeWaiting()
    return [...this.#scan(true), ...this.#flush()]
  }

  #takeWaiting(): void {
    this.#text += this.#waiting
    this.#waiting = ''
  }

  *#scan(atEnd: boolean): Generator<Found> {
    let from = 0
    for (;;) {
      MARKS.lastIndex = from
      const mark = MARKS.exec(this.#text)
      if (mark === null) return this.#drop(atEnd ? this.#text.length : Math.max(from, this.#text.length - MARK_CHARS))
      const at = mark.index
      if (mark[1] !== undefined) {
        yield* this.#flush()
        this.#key = undefined
        from = MARKS.lastIndex
        continue
      }
      const end = this.#endOf(mark, atEnd)
      // Another of its kind begins before it ends: nothing of it is looked at again.
      const next = this.#text.indexOf(mark[0], at + mark[0].length)
      if (next >= 0 && mark[2] === undefined && (end === undefined || end > next)) {
        yield* this.#flush()
        yield truncated(this.#dropped + at, 'the next one begins')
        this.#searched = 0
        from = next
        continue
      }
      if (end === undefined && !atEnd && this.#text.length - at <= MAX_ELEMENT_CHARS) {
        this.#searched = Math.max(0, this.#text.length - at - MARK_CHARS)
        return this.#drop(at)
      }
      this.#searched = 0
      if (end === undefined) {
        yield* this.#unended(at, atEnd)
        from = at + mark[0].length
      } else {
        yield* this.#element(mark, this.#text.slice(at, end))
        from = end
      }
    }
  }

  #drop(length: number): void {
    this.#text = this.#text.slice(length)
    this.#dropped += length
  }

  *#unended(at: number, atEnd: boolean): Generator<Found> {
    yield* this.#flush()
    const where = `byte ${this.#dropped + at}`
    // An element that is cut and the record in it are one fault.
    if (atEnd && this.#cut) return
    this.#cut = atEnd
    yield this.#text.length - at > MAX_ELEMENT_CHARS
      ? fault('OCMF_RECORD_TOO_LONG', `OCMF record at ${where} has no end within ${MAX_ELEMENT_CHARS} bytes`, where)
      : truncated(this.#dropped + at, 'the input ends')
  }

  /** Where the mark's element or text ends; undefined while its end is not there. */
  #endOf([mark, , xml, element, bare]: RegExpExecArray, atEnd: boolean): number | undefined {
    const start = MARKS.lastIndex
    if (xml !== undefined) return after(this.#text, '>', start)
    if (element !== undefined) {
      return after(this.#text, `</${element}>`, Math.max(start - mark.length, start - mark.length + this.#searched))
    }
    if (bare !== undefined) return endOfRecord(this.#text, start)
    // Encoded without a container: it runs as far as its own alphabet.
    const other = this.#text.slice(start).search(mark.startsWith('4') ? /[^\dA-Fa-f]/ : /[^\w+/=]/)
    return other >= 0 ? start + other : atEnd ? this.#text.length : undefined
  }

  *#element(mark: RegExpExecArray, text: string): Generator<Found> {
    const [, , xml, element] = mark
    if (xml !== undefined) {
      this.#latin = /encoding\s*=\s*["'](iso-8859-1|windows-1252)["']/i.test(text)
      return
    }
    const content = element === undefined ? text : text.slice(text.indexOf('>') + 1, text.lastIndexOf('<'))
    if (element === 'publicKey') {
      const key = plainText(content).trim()
      if (this.#pending !== undefined && this.#pending.key === undefined) this.#pending.key = key
      else this.#key = key
      return
    }
    yield* this.#flush()
    this.#pending = {
      bytes: recordBytes(element === undefined ? content : plainText(content), this.#latin),
      number: ++this.#number,
      position: this.#dropped + mark.index,
      ...(this.#key === undefined ? {} : { key: this.#key }),
    }
    this.#key = undefined
  }

  /** A record goes out when what stands beside it has been seen. */
  *#flush(): Generator<Found> {
    if (this.#pending === undefined) return
    const { bytes, ...rest } = this.#pending
    this.#pending = undefined
    yield bytes === undefined ? { type: 'other', ...rest } : { type: 'record', bytes, ...rest }
  }
}

function truncated(position: number, why: string): FaultItem {
  const where = `byte ${position}`
  return fault('OCMF_RECORD_TRUNCATED', `OCMF record at ${where}: ${why} before its own end`, where)
}

function after(text: string, wanted: string, from: number): number | undefined {
  const at = text.indexOf(wanted, from)
  return at < 0 ? undefined : at + wanted.length
}

/** Behind `OCMF|`: the end of the two JSON objects with a bar between them. */
function endOfRecord(text: string, from: number): number | undefined {
  const payload = endOfObject(text, from)
  if (payload === undefined) return undefined
  const bar = text.indexOf('|', payload)
  return bar < 0 ? undefined : endOfObject(text, bar + 1)
}

const BRACES = /"(?:[^"\\]|\\.)*"|[{}]/gs

/** Where the first object behind `from` closes. */
export function endOfObject(text: string, from: number): number | undefined {
  let depth = 0
  BRACES.lastIndex = from
  for (let found = BRACES.exec(text); found !== null; found = BRACES.exec(text)) {
    if (found[0] === '{') depth++
    else if (found[0] === '}' && --depth <= 0) return BRACES.lastIndex
  }
  return undefined
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** An element's content as XML 1.0 says: entities and CDATA resolved, line ends as one LF. */
function plainText(content: string): string {
  const inner = content.replace(/<!\[CDATA\[(.*?)\]\]>/gs, (_, data: string) => data.replaceAll('&', '&amp;'))
  const text = inner.replace(/\r\n?/g, '\n')
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#x([\dA-Fa-f]{1,6})|(lt|gt|amp|quot|apos));/g, (entity: string, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name as string] as string
    const code = decimal === undefined ? Number.parseInt(hex as string, 16) : Number(decimal)
    // The text's characters stand for bytes: a character beyond ASCII becomes its UTF-8 bytes.
    return code <= 0x10ffff ? Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1') : entity
  })
}

/** The record, whatever encoding an attribute claims: what it begins with tells. Undefined where it is no OCMF. */
function recordBytes(text: string, latin: boolean): Uint8Array | undefined {
  const trimmed = text.trim()
  if (trimmed.startsWith('OCMF|')) return Buffer.from(trimmed, latin ? 'utf8' : 'latin1')
  const compact = trimmed.replace(/\s+/g, '')
  const decoded = Buffer.from(compact, /^[\dA-Fa-f]+$/.test(compact) ? 'hex' : 'base64')
  return decoded.subarray(0, 5).toString('latin1') === 'OCMF|' ? decoded : undefined
}
