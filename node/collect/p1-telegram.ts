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
const VALUE = /\(([^()]*)\)/g

/**
 * Takes a frame from `/` on. A line that begins with `(` belongs to the line before it: versions 2 and 3 print the gas value
 * so. Throws nothing: what does not read as an object is listed.
 */
export function parseTelegram(frame: Uint8Array): P1Telegram {
  const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('latin1')
  const end = text.lastIndexOf('!')
  const lines = text.slice(0, end < 0 ? text.length : end).split(/\r?\n|\r/)
  const joined: string[] = []
  for (const line of lines.slice(1)) {
    if (line.startsWith('(') && joined.length > 0) joined.push((joined.pop() as string) + line)
    else if (line.trim() !== '') joined.push(line.trim())
  }
  const objects: P1Object[] = []
  const malformed: string[] = []
  for (const line of joined) {
    const match = OBJECT_LINE.exec(line)
    if (match === null) malformed.push(line)
    else
      objects.push({
        code: match[1] as string,
        values: Array.from((match[2] as string).matchAll(VALUE), (value) => value[1] as string),
      })
  }
  return { header: (lines[0] ?? '').trimEnd(), objects, malformed }
}
