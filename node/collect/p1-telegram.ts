/** The text of a telegram taken apart: identification and objects, nothing interpreted. */

export interface P1Object {
  /** The code as it was sent, such as `1-0:1.8.1` or `1-0:1.8.0*255`. */
  readonly code: string
  /** What stood in its parentheses, in order. */
  readonly values: readonly string[]
}

export interface P1Telegram {
  /** The first line without its slash's line end: `/ISk5\2MT382-1000`. */
  readonly header: string
  readonly objects: readonly P1Object[]
  /** Lines that are no object. */
  readonly malformed: readonly string[]
}

/** Four numbers and more are found in the field where five are right (`1-0:31.7.0.255`); group F follows `*`, `.` or `&`. */
const OBJECT_LINE = /^(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}(?:[.*&]\d{1,3})?)(\(.*\)?)$/
const CR = 0x0d
const LF = 0x0a
const VALUE = /\(([^()]*)\)/g

/**
 * The lines of a frame between its first one and `!`, without blank ones. A line that begins with `(` belongs to the line before
 * it: versions 2 and 3 print the gas value so.
 */
export function* telegramLines(frame: Uint8Array): Generator<string> {
  const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('latin1')
  const last = text.lastIndexOf('!')
  const end = last < 0 ? text.length : last
  let open: string | undefined
  for (let from = lineEnd(text, 0, end) + 1; from < end; ) {
    const to = lineEnd(text, from, end)
    if (to > from) {
      const line = text.slice(from, to)
      if (line.startsWith('(') && open !== undefined) open += line
      else {
        if (open !== undefined) yield open
        open = line.trim()
        if (open === '') open = undefined
      }
    }
    from = to + 1
  }
  if (open !== undefined) yield open
}

/** Lines end with CR LF, LF or CR. */
function lineEnd(text: string, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code === CR || code === LF) return at
  }
  return end
}

/** Undefined for a line that is no object. */
export function parseObject(line: string): P1Object | undefined {
  const match = OBJECT_LINE.exec(line)
  if (match === null) return undefined
  return { code: match[1] as string, values: Array.from((match[2] as string).matchAll(VALUE), (value) => value[1] as string) }
}

/** Takes a frame from `/` on. Throws nothing: what does not read as an object is listed. */
export function parseTelegram(frame: Uint8Array): P1Telegram {
  const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('latin1')
  const objects: P1Object[] = []
  const malformed: string[] = []
  for (const line of telegramLines(frame)) {
    const object = parseObject(line)
    if (object === undefined) malformed.push(line)
    else objects.push(object)
  }
  return { header: text.slice(0, lineEnd(text, 0, text.length)).trimEnd(), objects, malformed }
}
