import { formatQuorum } from '../control/index.ts'
import type { Picture } from './picture.ts'
import { type ClockLine, formatCount, formatTable, formatTime, inColour, plain } from './table.ts'

/** Where progress is shown: the part of a stream that is used. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** What is to be seen at one moment. */
export interface Scene {
  readonly picture: Picture
  readonly hosts: readonly (readonly string[])[]
  readonly clock: ClockLine
}

export interface Progress {
  /** One line that stays. */
  note(text: string): void
  /** The state of things; shown as often as the output deserves. */
  show(scene: Scene): void
  /** Leaves the terminal as it was found, with the last table on it. */
  end(): void
}

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_LINE_END = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/** A terminal of which nothing is known. */
const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24

/** A table redrawn in place; notes scroll up above it. */
export class LiveTable implements Progress {
  readonly #output: Output
  readonly #isColoured: boolean
  #scene: Scene | undefined
  #drawn = 0
  #columns = 0

  constructor(output: Output, isColoured: boolean) {
    this.#output = output
    this.#isColoured = isColoured
  }

  note(text: string): void {
    const home = this.#home()
    this.#drawn = 0
    this.#output.write(`${home}${CLEAR_BELOW}${text}\n`)
    if (this.#scene !== undefined) this.show(this.#scene)
  }

  show(scene: Scene): void {
    const columns = this.#output.columns ?? DEFAULT_COLUMNS
    const lines = formatTable({
      ...scene,
      columns,
      // The cursor stands below the table; one line is left free above, so that nothing ever scrolls away.
      lines: (this.#output.rows ?? DEFAULT_ROWS) - 2,
      paint: this.#isColoured ? inColour : plain,
    })
    // A narrower window has wrapped what was drawn: where it begins is not known any more.
    const home = this.#columns !== 0 && columns < this.#columns ? '\u001b[H' : this.#home()
    const text = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')
    this.#output.write(`${this.#scene === undefined ? HIDE_CURSOR : ''}${home}${text}${CLEAR_BELOW}`)
    this.#scene = scene
    this.#drawn = lines.length
    this.#columns = columns
  }

  end(): void {
    if (this.#scene !== undefined) this.#output.write(SHOW_CURSOR)
    this.#scene = undefined
    this.#drawn = 0
  }

  #home(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\r`
  }
}

/** Between two lines where there is no terminal. */
export const STATUS_EVERY_MS = 5_000

/** One line every five seconds, for logs. */
export class StatusLines implements Progress {
  readonly #output: Output
  readonly #nowMs: () => number
  #lastMs = Number.NEGATIVE_INFINITY
  #lastPhase: string | undefined
  #lastQuorum: string | undefined

  constructor(output: Output, nowMs: () => number) {
    this.#output = output
    this.#nowMs = nowMs
  }

  note(text: string): void {
    this.#output.write(`${text}\n`)
  }

  show({ picture, clock }: Scene): void {
    const nowMs = this.#nowMs()
    if (nowMs - this.#lastMs < STATUS_EVERY_MS && clock.phase === this.#lastPhase) return
    this.#lastMs = nowMs
    this.#lastPhase = clock.phase
    const { rows, blocks, finalBlocks, readings } = picture
    this.#sayQuorum(picture)
    const time = clock.elapsedMs === undefined ? '' : ` ${formatTime(clock.elapsedMs)}`
    const equal = rows.filter(({ state }) => state === 'equal' || state === 'behind').length
    const behind = Math.max(0, ...rows.filter(({ state }) => state === 'behind').map((row) => row.behind))
    const parts = [
      `${formatCount(blocks)} blocks`,
      `${formatCount(finalBlocks)} final`,
      `${formatCount(readings)} readings`,
      `${clock.blocksPerSecond.toFixed(1)} blocks/s`,
      `equal on ${equal} of ${rows.length}`,
      `${formatCount(behind)} behind`,
    ]
    this.#output.write(`${clock.phase}${time}: ${parts.join(', ')}\n`)
  }

  /** Once, and again where it changes. */
  #sayQuorum({ witnesses, gossipsBlocks }: Picture): void {
    const quorum = formatQuorum(witnesses)
    if (gossipsBlocks === undefined || quorum === this.#lastQuorum) return
    this.#lastQuorum = quorum
    this.#output.write(`${quorum}\n`)
  }

  end(): void {
    // Nothing to put right.
  }
}
