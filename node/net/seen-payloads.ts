/** The newest ids, oldest forgotten first. */
export class SeenPayloads {
  readonly #max: number
  readonly #ids = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#ids.size
  }

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** False for one that is remembered. */
  add(id: string): boolean {
    if (this.#ids.has(id)) return false
    if (this.#ids.size >= this.#max) this.#ids.delete(this.#ids.values().next().value as string)
    this.#ids.add(id)
    return true
  }
}
