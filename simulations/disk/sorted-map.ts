/** Keys are bytes, a character each: they sort as bytes do. */
export type KeyText = string

interface Page {
  /** Pages of an earlier edition may be seen by a snapshot: they are copied before they are changed. */
  edition: number
  keys: KeyText[]
  values: Uint8Array[]
}

/** A page is split above this; inserting moves half a page at most. */
const MAX_PAGE = 256

/** An ordered map whose snapshots cost nothing until the map is written to. */
export class SortedMap {
  #pages: Page[] = []
  #edition = 0
  #isShown = false
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: KeyText): Uint8Array | undefined {
    const page = this.#pages[this.#pageOf(key)]
    if (page === undefined) return undefined
    const at = lowerBound(page.keys, key)
    return page.keys[at] === key ? page.values[at] : undefined
  }

  /** Gives the value that stood there before. */
  set(key: KeyText, value: Uint8Array): Uint8Array | undefined {
    if (this.#pages.length === 0) this.#pages = [{ edition: this.#edition, keys: [], values: [] }]
    const number = Math.max(0, this.#pageOf(key))
    const page = this.#writable(number)
    const at = lowerBound(page.keys, key)
    if (page.keys[at] === key) {
      const before = page.values[at]
      page.values[at] = value
      return before
    }
    page.keys.splice(at, 0, key)
    page.values.splice(at, 0, value)
    this.#size++
    if (page.keys.length > MAX_PAGE) this.#split(number, page, at === page.keys.length - 1)
    return undefined
  }

  delete(key: KeyText): Uint8Array | undefined {
    const number = this.#pageOf(key)
    const found = this.#pages[number]
    if (found === undefined) return undefined
    const at = lowerBound(found.keys, key)
    if (found.keys[at] !== key) return undefined
    const page = this.#writable(number)
    const before = page.values[at]
    page.keys.splice(at, 1)
    page.values.splice(at, 1)
    this.#size--
    if (page.keys.length === 0) this.#pages.splice(number, 1)
    return before
  }

  /** As it is now, whatever is written to this one afterwards. */
  snapshot(): SortedMap {
    const shown = new SortedMap()
    shown.#pages = this.#pages
    shown.#size = this.#size
    shown.#edition = this.#edition + 1
    shown.#isShown = true
    this.#edition++
    this.#isShown = true
    return shown
  }

  /** Entries from `gte` up to but not including `lt`, in order or from the end; at most `limit`. */
  range(gte: KeyText, lt: KeyText, isReverse: boolean, limit: number): [KeyText, Uint8Array][] {
    return isReverse ? this.#down(gte, lt, limit) : this.#up(gte, lt, limit)
  }

  #up(gte: KeyText, lt: KeyText, limit: number): [KeyText, Uint8Array][] {
    const found: [KeyText, Uint8Array][] = []
    for (let number = Math.max(0, this.#pageOf(gte)); number < this.#pages.length; number++) {
      const { keys, values } = this.#pages[number] as Page
      for (let at = lowerBound(keys, gte); at < keys.length; at++) {
        const key = keys[at] as KeyText
        if (key >= lt || found.length >= limit) return found
        found.push([key, values[at] as Uint8Array])
      }
    }
    return found
  }

  #down(gte: KeyText, lt: KeyText, limit: number): [KeyText, Uint8Array][] {
    const found: [KeyText, Uint8Array][] = []
    for (let number = this.#pageOf(lt); number >= 0; number--) {
      const { keys, values } = this.#pages[number] as Page
      for (let at = lowerBound(keys, lt) - 1; at >= 0; at--) {
        const key = keys[at] as KeyText
        if (key < gte || found.length >= limit) return found
        found.push([key, values[at] as Uint8Array])
      }
    }
    return found
  }

  /** The last page that begins at the key or below; -1 where all begin above. */
  #pageOf(key: KeyText): number {
    let low = 0
    let high = this.#pages.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (((this.#pages[middle] as Page).keys[0] as KeyText) <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #writable(number: number): Page {
    if (this.#isShown) {
      this.#pages = [...this.#pages]
      this.#isShown = false
    }
    const page = this.#pages[number] as Page
    if (page.edition === this.#edition) return page
    const own = { edition: this.#edition, keys: [...page.keys], values: [...page.values] }
    this.#pages[number] = own
    return own
  }

  /** Keys often come in order: then the full page stays full. */
  #split(number: number, page: Page, isAppended: boolean): void {
    const from = isAppended ? MAX_PAGE : MAX_PAGE >> 1
    const next = { edition: this.#edition, keys: page.keys.splice(from), values: page.values.splice(from) }
    this.#pages.splice(number + 1, 0, next)
  }
}

/** The first place whose key is not below `key`. */
function lowerBound(keys: readonly KeyText[], key: KeyText): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as KeyText) < key) low = middle + 1
    else high = middle
  }
  return low
}
