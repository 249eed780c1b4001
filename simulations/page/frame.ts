import { html, Markup } from './markup.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

/** A whole page in one file: it asks nobody for anything, and says so to the browser. */
export function frame(title: string, body: Markup): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title><style>${new Markup(STYLE)}</style></head>
<body>${body}<script>${new Markup(SCRIPT)}</script></body></html>
`.text
}

export interface Figure {
  readonly title: string
  /** What is drawn, and how to read it. */
  readonly caption: string
  readonly picture: Markup
  readonly legend?: readonly LegendEntry[]
  /** What it shows here, in numbers. */
  readonly summary: string
}

export interface LegendEntry {
  readonly name: string
  readonly tone: number
  readonly shape: 'line' | 'dashed' | 'dot' | 'mark'
}

export function figure({ title, caption, picture, legend = [], summary }: Figure): Markup {
  return html`<figure><figcaption><h3>${title}</h3><p>${caption}</p></figcaption>${picture}
${legend.length === 0 ? undefined : html`<ul class="legend">${legend.map(legendEntry)}</ul>`}
<p class="sum">${summary}</p></figure>`
}

function legendEntry({ name, tone, shape }: LegendEntry): Markup {
  const key =
    shape === 'dot'
      ? html`<circle class="key tone-${tone}" cx="11" cy="6" r="4.5"/>`
      : shape === 'mark'
        ? html`<path class="mark" d="M11 0V12"/>`
        : html`<path class="line tone-${tone}${shape === 'dashed' ? ' dashed' : ''}" d="M0 6H22"/>`
  return html`<li><svg viewBox="0 0 22 12" aria-hidden="true">${key}</svg>${name}</li>`
}
