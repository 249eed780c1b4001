import { formatDuration, systemPlatform } from '../node/index.ts'
import type { RunHeadway } from './run.ts'

const WIDTH = 24

/** Faster than this nobody reads. */
const DRAW_MS = 200

/** One line on the terminal that is written over again: how far the run is, how fast, and what it delivers. */
export class Progress {
  readonly #out: NodeJS.WriteStream
  #drawnMs = Number.NEGATIVE_INFINITY
  #isDrawn = false

  constructor(out: NodeJS.WriteStream) {
    this.#out = out
  }

  show(headway: RunHeadway): void {
    this.draw(() => lineOf(headway))
  }

  draw(line: () => string): void {
    if (!this.#out.isTTY) return
    const nowMs = systemPlatform.clock.monotonicMs()
    if (nowMs - this.#drawnMs < DRAW_MS) return
    this.#drawnMs = nowMs
    this.#isDrawn = true
    this.#out.write(`\r\u001b[K${line()}`)
  }

  /** Takes the line away. */
  end(): void {
    if (this.#isDrawn) this.#out.write('\r\u001b[K')
    this.#isDrawn = false
  }
}

export function lineOf({ elapsedMs, forMs, wallMs, blocks, deliveries, violations, networks, done }: RunHeadway): string {
  const share = Math.min(1, elapsedMs / forMs)
  const filled = Math.round(share * WIDTH)
  const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`
  const time = formatDuration(Math.floor(elapsedMs / 60_000) * 60_000)
  const speed = Math.round(elapsedMs / Math.max(1, wallMs))
  const rate = Math.round((deliveries * 1_000) / Math.max(1, wallMs))
  const of = networks === 1 ? '' : `, ${done} of ${networks} networks done`
  const bad = violations === 0 ? '' : `, ${violations} violations`
  return `[${bar}] ${time}, ${speed}× real time, ${blocks} blocks, ${deliveries} delivered (${rate}/s)${of}${bad}`
}
