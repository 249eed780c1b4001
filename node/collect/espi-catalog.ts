import { WattnessError } from '../../protocol/errors.ts'
import { type EspiEntry, espiItems } from './espi-xml.ts'

/**
 * What belongs to what in a Green Button file. Readings may stand before the type that says what they are, and the links of an
 * entry behind its content; so the file's entries are looked through once before its readings are read.
 */

export interface EspiSeries {
  /** The usage point's name in the spec; undefined where the file says nothing of usage points. */
  readonly home: string | undefined
  /** ServiceCategory: 0 electricity, 1 gas, 2 water; empty where the file leaves it open. */
  readonly serviceKind: string
  /** Children of the ReadingType; undefined where there is none. */
  readonly type: ReadonlyMap<string, string> | undefined
}

/** Entries of one file: a block a day for 100 years, and no more. */
export const MAX_ENTRIES = 100_000

/** Usage points, meter readings and types of one file, together. */
const MAX_RESOURCES = 10_000

interface Resource {
  readonly self: string
  readonly up: string
  readonly related: ReadonlySet<string>
  readonly fields: ReadonlyMap<string, string>
}

interface UsagePoint extends Resource {
  readonly home: string
}

interface MeterReading extends Resource {
  readonly inline: boolean
}

export class EspiCatalog {
  readonly #usagePoints: UsagePoint[] = []
  readonly #meterReadings: MeterReading[] = []
  readonly #types: Resource[] = []
  /** The link of a block by which it is found, kept once for all blocks that share it. */
  readonly #blocks = new Map<number, string>()
  readonly #links = new Map<string, string>()
  readonly #series = new Map<string, EspiSeries>()

  get homes(): readonly string[] {
    return this.#usagePoints.map(({ home }) => home)
  }

  /** Throws LIMIT_EXCEEDED. */
  add(entry: EspiEntry): void {
    const { self, up, related, holds, fields } = entry
    const resource = { self: place(self), up: place(up), related: new Set(related.map(place)), fields }
    if (holds.has('UsagePoint')) this.#usagePoints.push({ ...resource, home: this.#homeName(resource.self) })
    if (holds.has('MeterReading')) this.#meterReadings.push({ ...resource, inline: holds.has('ReadingType') })
    else if (holds.has('ReadingType')) this.#types.push(resource)
    if (holds.has('IntervalBlock')) {
      // Blocks have names of their own; what they share is the link upwards.
      const link = resource.up === '' ? resource.self : resource.up
      const shared = this.#links.get(link) ?? link
      this.#links.set(link, shared)
      this.#blocks.set(entry.number, shared)
    }
    const resources = this.#usagePoints.length + this.#meterReadings.length + this.#types.length
    if (this.#blocks.size > MAX_ENTRIES || this.#links.size > MAX_RESOURCES || resources > MAX_RESOURCES) {
      throw new WattnessError(
        'LIMIT_EXCEEDED',
        `Green Button: more than ${MAX_RESOURCES} series or ${MAX_ENTRIES} blocks in one file`,
      )
    }
  }

  /** The last part of the link; numbered where two usage points share it. */
  #homeName(self: string): string {
    const name = self.slice(self.lastIndexOf('/') + 1).replace(/[?#&]/g, '_') || 'usage-point'
    const taken = (candidate: string): boolean => this.#usagePoints.some(({ home }) => home === candidate)
    if (!taken(name)) return name
    let count = 2
    while (taken(`${name}~${count}`)) count++
    return `${name}~${count}`
  }

  /** What the readings of an entry are. */
  seriesOf(entry: number): EspiSeries {
    const link = this.#blocks.get(entry) ?? ''
    const known = this.#series.get(link)
    if (known !== undefined) return known
    const meterReading = this.#meterReadings.find((one) => leads(one, link)) ?? only(this.#meterReadings)
    const usagePoint =
      this.#usagePoints.find(
        (one) => meterReading !== undefined && (leads(one, meterReading.up) || leads(one, meterReading.self)),
      ) ??
      this.#usagePoints.find((one) => leads(one, link)) ??
      only(this.#usagePoints)
    const series = {
      home: usagePoint?.home,
      serviceKind: usagePoint?.fields.get('serviceKind') ?? '',
      type: this.#typeOf(meterReading)?.fields,
    }
    this.#series.set(link, series)
    return series
  }

  #typeOf(meterReading: MeterReading | undefined): Resource | undefined {
    if (meterReading?.inline === true) return meterReading
    return this.#types.find(({ self }) => meterReading?.related.has(self)) ?? only(this.#types)
  }
}

/** Looks through the entries of a file; faults are told when its readings are read. */
export async function espiCatalog(bytes: AsyncIterable<Uint8Array>): Promise<EspiCatalog> {
  const catalog = new EspiCatalog()
  for await (const item of espiItems(bytes)) {
    if (item.type === 'entry') catalog.add(item)
  }
  return catalog
}

/** Links of one file are absolute, rooted or relative: what they share is the part behind `resource/`, or the path. */
function place(href: string): string {
  const resource = href.lastIndexOf('/resource/')
  const path = resource >= 0 ? href.slice(resource + 10) : href.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, '')
  return path.replace(/^\/+|\/+$/g, '')
}

/** By its related links, or as the beginning of the path. */
function leads({ self, related }: Resource, link: string): boolean {
  return link !== '' && (related.has(link) || link === self || (self !== '' && link.startsWith(`${self}/`)))
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined
}
