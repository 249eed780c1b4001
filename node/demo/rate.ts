/** Blocks a second over the last few seconds: a rate since the start would hardly move after a minute. */
export class BlockRate {
  readonly #samples: { readonly ms: number; readonly blocks: number }[] = []

  at(nowMs: number, blocks: number): number {
    this.#samples.push({ ms: nowMs, blocks })
    // One sample from before the window is kept: the window is always covered whole.
    while (this.#samples.length > 2 && nowMs - (this.#samples[1]?.ms ?? nowMs) >= WINDOW_MS) this.#samples.shift()
    const [first] = this.#samples
    const ms = nowMs - (first?.ms ?? nowMs)
    return ms <= 0 ? 0 : ((blocks - (first?.blocks ?? blocks)) * 1_000) / ms
  }
}

export const WINDOW_MS = 10_000
