import { expect } from 'chai'
import { LiveTable, type Output, type Scene, STATUS_EVERY_MS, StatusLines } from '../../demo/screen.ts'
import { picture, report } from './pictures.ts'

const ESC = String.fromCharCode(27)

/** What a terminal does with the few codes that are used: enough to see what a person sees. */
class Terminal implements Output {
  readonly isTTY = true
  columns = 80
  rows = 24
  text = ''
  #lines: string[] = ['']
  #at = 0

  write(text: string): void {
    this.text += text
    const codes = new RegExp(`${ESC}\\[(\\??\\d*)([A-Za-z])|\\n|\\r|[^${ESC}\\n\\r]+`, 'g')
    for (const [part, number, letter] of text.matchAll(codes)) {
      if (part === '\n') this.#down()
      else if (letter === 'A') this.#at -= Number(number)
      else if (letter === 'H') this.#at = 0
      else if (letter === 'J') this.#lines.length = this.#at + 1
      else if (letter === undefined && part !== '\r') this.#lines[this.#at] = part
    }
  }

  #down(): void {
    this.#at++
    this.#lines[this.#at] ??= ''
  }

  get seen(): string[] {
    return this.#lines.filter((line) => line !== '')
  }
}

const scene = (blocks: number, phase: Scene['clock']['phase'] = 'running'): Scene => ({
  picture: picture([
    report('registrar', { frontier: [0, blocks] }),
    report('meter-01', { frontier: [0, blocks], readings: blocks * 24 }),
  ]),
  hosts: [['registrar'], ['meter-01']],
  clock: { phase, elapsedMs: 1_000, forMs: undefined, blocksPerSecond: 1.5, finalLagMs: null },
})

describe('progress on a terminal', () => {
  it('is one table, redrawn in place', () => {
    const terminal = new Terminal()
    const live = new LiveTable(terminal, false)
    for (const blocks of [1, 2, 3]) live.show(scene(blocks))
    expect(terminal.seen.filter((line) => line.startsWith('node'))).to.have.length(1)
    expect(terminal.seen.at(-3)).to.equal('3 blocks · 0 final · 72 readings · 1.5 blocks/s · gossip on')
  })

  it('notes stay above it', () => {
    const terminal = new Terminal()
    const live = new LiveTable(terminal, false)
    live.note('first')
    live.show(scene(1))
    live.note('second')
    live.show(scene(2))
    expect(terminal.seen.slice(0, 3).map((line) => line.trim().split(' ')[0])).to.deep.equal(['first', 'second', 'node'])
    expect(terminal.seen).to.have.length(2 + 1 + 2 + 3)
  })

  it('hides the cursor while it draws, and gives it back', () => {
    const terminal = new Terminal()
    const live = new LiveTable(terminal, false)
    live.show(scene(1))
    live.show(scene(2))
    live.end()
    expect(terminal.text.split(`${ESC}[?25l`)).to.have.length(2)
    expect(terminal.text.endsWith(`${ESC}[?25h`)).to.equal(true)
  })

  it('takes nothing from a terminal that it never drew on', () => {
    const terminal = new Terminal()
    new LiveTable(terminal, true).end()
    expect(terminal.text).to.equal('')
  })

  it('begins at the top again in a window that became narrower', () => {
    const terminal = new Terminal()
    const live = new LiveTable(terminal, false)
    live.show(scene(1))
    terminal.columns = 40
    live.show(scene(2))
    expect(terminal.text).to.include(`${ESC}[H`)
  })

  it('has colours only where they are wanted', () => {
    const [plain, coloured] = [false, true].map((isColoured) => {
      const terminal = new Terminal()
      new LiveTable(terminal, isColoured).show(scene(1))
      return terminal.text.includes(`${ESC}[32m`)
    })
    expect([plain, coloured]).to.deep.equal([false, true])
  })
})

describe('progress in a log', () => {
  function lines(): { log: string[]; show: (s: Scene, nowMs: number) => void; status: StatusLines } {
    const log: string[] = []
    let nowMs = 0
    const status = new StatusLines({ write: (text) => log.push(text) }, () => nowMs)
    const show = (each: Scene, ms: number): void => {
      nowMs = ms
      status.show(each)
    }
    return { log, show, status }
  }

  it('is one line every five seconds, and one for each new phase', () => {
    const { log, show } = lines()
    show(scene(1), 0)
    show(scene(2), STATUS_EVERY_MS - 1)
    show(scene(3), STATUS_EVERY_MS)
    show(scene(4, 'agreed'), STATUS_EVERY_MS + 1)
    expect(log).to.deep.equal([
      'no witnesses: nothing becomes final\n',
      'running 00:01: 1 blocks, 0 final, 24 readings, 1.5 blocks/s, equal on 2 of 2, 0 behind\n',
      'running 00:01: 3 blocks, 0 final, 72 readings, 1.5 blocks/s, equal on 2 of 2, 0 behind\n',
      'agreed 00:01: 4 blocks, 0 final, 96 readings, 1.5 blocks/s, equal on 2 of 2, 0 behind\n',
    ])
  })

  it('notes are lines of their own, and no code for a terminal is written', () => {
    const { log, show, status } = lines()
    status.note('skipped SOURCES.md')
    show(scene(1), 0)
    status.end()
    expect(log[0]).to.equal('skipped SOURCES.md\n')
    expect(log.join('')).not.to.include(ESC)
  })
})
