const WORD = /[\w$]+/y

/**
 * TypeScript source with the inside of comments, strings, templates and regular expressions blanked, each character by a
 * space, so that offsets and line breaks stay. A rule that looks for a call must not trip over a text that names it.
 */
export function maskSource(text: string): string {
  const out = text.split('')
  let at = 0
  /** For each open `${`, the depth of braces inside it. */
  const templates: number[] = []
  let lastToken = ''

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== '\n') out[i] = ' '
  }
  /** Blanks up to `end`, which stays, and moves behind it. */
  const skipTo = (end: number, closing: number): void => {
    blank(at, end)
    at = end + closing
  }

  const template = (): void => {
    let end = at
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1
    const opens = text.startsWith('${', end)
    skipTo(end, opens ? 2 : 1)
    if (opens) templates.push(0)
    lastToken = opens ? '{' : '`'
  }

  while (at < text.length) {
    const char = text[at] as string
    if (text.startsWith('//', at) || (at === 0 && text.startsWith('#!'))) {
      skipTo(indexOrEnd(text, '\n', at), 0)
    } else if (text.startsWith('/*', at)) {
      skipTo(indexOrEnd(text, '*/', at + 2) + 2, 0)
    } else if (char === "'" || char === '"') {
      at++
      skipTo(endOfString(text, at, char), 1)
      lastToken = char
    } else if (char === '`') {
      at++
      template()
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop()
      at++
      template()
    } else if (char === '/' && regexMayStand(lastToken)) {
      at++
      skipTo(endOfRegex(text, at), 1)
      lastToken = '/x'
    } else {
      const depth = templates.length - 1
      if (depth >= 0 && char === '{') templates[depth] = (templates[depth] as number) + 1
      if (depth >= 0 && char === '}') templates[depth] = (templates[depth] as number) - 1
      WORD.lastIndex = at
      const word = WORD.exec(text)?.[0]
      if (!/\s/.test(char)) lastToken = word ?? char
      at += word?.length ?? 1
    }
  }
  return out.join('')
}

function indexOrEnd(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from)
  return index === -1 ? text.length : index
}

function endOfString(text: string, from: number, quote: string): number {
  let end = from
  while (end < text.length && text[end] !== quote && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1
  return end
}

function endOfRegex(text: string, from: number): number {
  let inClass = false
  let end = from
  while (end < text.length && text[end] !== '\n' && (inClass || text[end] !== '/')) {
    if (text[end] === '[') inClass = true
    if (text[end] === ']') inClass = false
    end += text[end] === '\\' ? 2 : 1
  }
  return end
}

/** A slash behind a value divides; behind anything else it opens a regular expression. */
function regexMayStand(lastToken: string): boolean {
  if (/^(return|typeof|case|in|of|void|delete|throw|await|yield|else|do)$/.test(lastToken)) return true
  return !/^([\w$]+|[)\]}'"`]|\/x)$/.test(lastToken)
}
