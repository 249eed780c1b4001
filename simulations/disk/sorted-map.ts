/** Keys are bytes, a character each: they sort as bytes do. */
export type KeyText = string

/** Entries whose keys begin with the same three bytes: of a store's, those of one kind and one chain, nearly all. */
interface Page {
  readonly prefix: number
  /** Pages of an earlier edition may be seen by a snapshot: they are copied before they are changed. */
  readonly edition: number
  readonly keys: KeyText[]
  readonly values: Uint8Array[]
}

/**
 * An ordered map whose snapshots cost nothing until the map is written to. A page is found by a number, not by comparing keys:
 * of hundreds of maps in one process next to nothing is in a processor's cache, and each key that is compared is fetched.
 */
export class SortedMap {
  /** By prefix, ascending. */
  #pages: Page[] = []
  /** The same, by prefix; made when it is first needed. */
  #byPrefix: Map<number, Page> | undefined
  #edition = 0
  #isShown = false
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Of all keys and values. */
  bytes(): number {
    let bytes = 0
    for (const { keys, values } of this.#pages) {
      for (const [at, key] of keys.entries()) bytes += key.length + (values[at] as Uint8Array).length
    }
    return bytes
  }

  get(key: KeyText): Uint8Array | undefined {
    const page = this.#find(prefixOf(key))
    if (page === undefined) return undefined
    const at = placeOf(page.keys, key)
    return page.keys[at] === key ? page.values[at] : undefined
  }

  /** Gives the value that stood there before. */
  set(key: KeyText, value: Uint8Array): Uint8Array | undefined {
    const prefix = prefixOf(key)
    const found = this.#find(prefix)
    if (found === undefined) {
      this.#add({ prefix, edition: this.#edition, keys: [key], values: [value] })
      this.#size++
      return undefined
    }
    const { keys, values } = this.#writable(found)
    const at = placeOf(keys, key)
    if (keys[at] === key) {
      const before = values[at]
      values[at] = value
      return before
    }
    if (at === keys.length) {
      keys.push(key)
      values.push(value)
    } else {
      keys.splice(at, 0, key)
      values.splice(at, 0, value)
    }
    this.#size++
    return undefined
  }

  delete(key: KeyText): Uint8Array | undefined {
    const found = this.#find(prefixOf(key))
    if (found === undefined) return undefined
    const at = placeOf(found.keys, key)
    if (found.keys[at] !== key) return undefined
    const page = this.#writable(found)
    const before = page.values[at]
    page.keys.splice(at, 1)
    page.values.splice(at, 1)
    this.#size--
    if (page.keys.length === 0) this.#remove(page)
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
    for (let number = this.#placeOfPage(prefixOf(gte)); number < this.#pages.length; number++) {
      const { keys, values } = this.#pages[number] as Page
      for (let at = placeOf(keys, gte); at < keys.length; at++) {
        const key = keys[at] as KeyText
        if (key >= lt || found.length >= limit) return found
        found.push([key, values[at] as Uint8Array])
      }
    }
    return found
  }

  #down(gte: KeyText, lt: KeyText, limit: number): [KeyText, Uint8Array][] {
    const found: [KeyText, Uint8Array][] = []
    for (let number = Math.min(this.#placeOfPage(prefixOf(lt)), this.#pages.length - 1); number >= 0; number--) {
      const { keys, values } = this.#pages[number] as Page
      for (let at = placeOf(keys, lt) - 1; at >= 0; at--) {
        const key = keys[at] as KeyText
        if (key < gte || found.length >= limit) return found
        found.push([key, values[at] as Uint8Array])
      }
    }
    return found
  }

  #find(prefix: number): Page | undefined {
    this.#byPrefix ??= new Map(this.#pages.map((page) => [page.prefix, page]))
    return this.#byPrefix.get(prefix)
  }

  /** Of the first page whose prefix is not below this one. */
  #placeOfPage(prefix: number): number {
    let low = 0
    let high = this.#pages.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#pages[middle] as Page).prefix < prefix) low = middle + 1
      else high = middle
    }
    return low
  }

  #writable(page: Page): Page {
    if (page.edition === this.#edition) return page
    const own = { ...page, edition: this.#edition, keys: [...page.keys], values: [...page.values] }
    this.#ownPages()[this.#placeOfPage(page.prefix)] = own
    this.#byPrefix?.set(page.prefix, own)
    return own
  }

  #add(page: Page): void {
    this.#ownPages().splice(this.#placeOfPage(page.prefix), 0, page)
    this.#byPrefix?.set(page.prefix, page)
  }

  #remove({ prefix }: Page): void {
    this.#ownPages().splice(this.#placeOfPage(prefix), 1)
    this.#byPrefix?.delete(prefix)
  }

  #ownPages(): Page[] {
    if (this.#isShown) {
      this.#pages = [...this.#pages]
      this.#isShown = false
    }
    return this.#pages
  }
}

/** Of three characters, as a number that ascends as keys do; what a shorter key lacks counts as its lowest. */
function prefixOf(key: KeyText): number {
  return codeAt(key, 0) * 0x1_0000 + codeAt(key, 1) * 0x100 + codeAt(key, 2)
}

const codeAt = (key: KeyText, at: number): number => (at < key.length ? key.charCodeAt(at) : 0)

/** The first place whose key is not below `key`. Most keys come in order, or again: the end is looked at first. */
function placeOf(keys: readonly KeyText[], key: KeyText): number {
  let high = keys.length - 1
  const last = keys[high]
  if (last === undefined || last < key) return high + 1
  let low = 0
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] as KeyText) < key) low = middle + 1
    else high = middle
  }
  return low
}
