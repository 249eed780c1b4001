/** Text that is HTML already. Everything else that gets into a page is escaped on its way: nothing of a run can be markup. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }
}

export type Content = Markup | string | number | undefined | readonly Content[]

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] as string)
}

function markupOf(content: Content): string {
  if (content === undefined) return ''
  if (content instanceof Markup) return content.text
  if (typeof content === 'object') return content.map(markupOf).join('')
  return escapeText(String(content))
}

/** A template whose gaps are escaped, unless they hold markup; attributes stand in double quotes. */
export function html(pieces: TemplateStringsArray, ...gaps: readonly Content[]): Markup {
  return new Markup(pieces.map((piece, place) => piece + (place < gaps.length ? markupOf(gaps[place]) : '')).join(''))
}
