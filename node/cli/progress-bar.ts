import { type Io, write } from './io.ts'

const WIDTH = 30
/** Faster than this nobody reads. */
const DRAW_MS = 100

/** One line that is written over again, on the terminal of whoever waits; nothing where no person looks on. */
export class ProgressBar {
  readonly #io: Io
  readonly #isShown: boolean
  #drawnMs = Number.NEGATIVE_INFINITY
  #isDrawn = false

  constructor(io: Io, isShown: boolean) {
    this.#io = io
    this.#isShown = isShown && io.isTerminal
  }

  show(done: number, of: number, text: string): void {
    if (!this.#isShown) return
    const nowMs = this.#io.platform.clock.monotonicMs()
    if (nowMs - this.#drawnMs < DRAW_MS) return
    this.#drawnMs = nowMs
    this.#isDrawn = true
    const share = of > 0 ? Math.min(1, done / of) : 0
    const filled = Math.round(share * WIDTH)
    const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`
    void write(this.#io.stderr, `\r\u001b[K[${bar}] ${Math.floor(share * 100)} % ${text}`)
  }

  /** Takes the line away. */
  async end(): Promise<void> {
    if (!this.#isDrawn) return
    this.#isDrawn = false
    await write(this.#io.stderr, '\r\u001b[K')
  }
}
