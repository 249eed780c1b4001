/** Bytes to lines of text with their numbers, each bounded. */

export interface TextLine {
  /** 1-based. */
  readonly number: number
  /** Without its line end; undefined where the line was longer than allowed and is left out. */
  readonly text: string | undefined
}

/** Splits at LF, CR LF or CR, whatever way the chunks are cut; a byte order mark is dropped. */
export async function* textLines(
  bytes: AsyncIterable<Uint8Array>,
  { maxChars, encoding = 'utf-8' }: { readonly maxChars: number; readonly encoding?: string },
): AsyncGenerator<TextLine> {
  const decoder = new TextDecoder(encoding)
  let number = 0
  let rest = ''
  let tooLong = false
  let endedWithCr = false
  const line = (text: string): TextLine => {
    number++
    const kept = tooLong || text.length > maxChars ? undefined : text
    tooLong = false
    return { number, text: kept }
  }
  for await (const chunk of bytes) {
    let text = decoder.decode(chunk, { stream: true })
    // A CR at a chunk's end and the LF at the next one's start are one line end.
    if (endedWithCr && text.startsWith('\n')) text = text.slice(1)
    if (text !== '') endedWithCr = text.endsWith('\r')
    const parts = text.split(/\r\n|\n|\r/)
    for (const [index, part] of parts.entries()) {
      if (index < parts.length - 1) {
        yield line(rest + part)
        rest = ''
      } else {
        rest += part
      }
    }
    if (rest.length > maxChars) {
      rest = ''
      tooLong = true
    }
  }
  rest += decoder.decode()
  if (rest !== '' || tooLong) yield line(rest)
}
