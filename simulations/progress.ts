import { formatDuration, systemPlatform } from '../node/index.ts'
import type { Simulation } from './simulation.ts'

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

  show(simulation: Simulation): void {
    this.draw(() => lineOf(simulation))
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

export function lineOf({ world, settings, tally, elapsedWallMs, violations }: Simulation): string {
  const { elapsedMs } = world.time
  const share = Math.min(1, elapsedMs / settings.forMs)
  const filled = Math.round(share * WIDTH)
  const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`
  const time = formatDuration(Math.floor(elapsedMs / 60_000) * 60_000)
  const speed = Math.round(elapsedMs / Math.max(1, elapsedWallMs))
  const rate = Math.round((tally.deliveries * 1_000) / Math.max(1, elapsedWallMs))
  const bad = violations.length === 0 ? '' : `, ${violations.length} violations`
  return `[${bar}] ${time}, ${speed}× real time, ${tally.blocks} blocks, ${tally.deliveries} delivered (${rate}/s)${bad}`
}
