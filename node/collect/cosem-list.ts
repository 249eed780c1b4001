import { formatObis } from '../../protocol/obis.ts'
import type { Obis } from '../../protocol/reading.ts'
import {
  assumedFor,
  type DeclaredScalers,
  declaredFor,
  isRegister,
  type Maker,
  makerOf,
  type Place,
  positionalList,
} from './cosem-tables.ts'
import { type DlmsData, TAG } from './dlms-data.ts'

/**
 * What a pushed list says, whatever way it is written: codes with values in pairs (Kamstrup, Landis+Gyr), with unit and scaler
 * beside them (Aidon, Kaifa in Austria) or each in a structure of its own; attribute descriptors (Sagemcom); a list that
 * describes itself first (push object list: Iskraemeco, Energomera); or values in an agreed order (cosem-tables.ts).
 */

export interface CosemObject {
  readonly obis: Obis
  readonly value: DlmsData
  readonly unit: number
  readonly scaler: number
}

export interface CosemList {
  readonly objects: readonly CosemObject[]
  /** The list's own date and time, twelve bytes. */
  readonly clock?: Uint8Array
  readonly maker?: Maker
  /** The meter's own number, where the list has it. */
  readonly meter?: string
}

interface Found {
  readonly obis: Obis
  readonly value: DlmsData
  readonly unit?: number
  readonly scaler?: number
}

/** The attribute of data, registers, extended and demand registers that is their value; the class says nothing more. */
const VALUE_ATTRIBUTE = 2
/** Disconnect control and limiter tell their states in others. */
const STATE_ATTRIBUTES: ReadonlyMap<number, number> = new Map([
  [70, 3],
  [71, 3],
])
/** Class, code, attribute, index: a definition of a push object list has at least these. */
const DEFINITION_ITEMS = 4
const CLOCK_BYTES = 12
/** Where the number of the meter stands: Kamstrup; most others; Sagemcom. The first that is there counts. */
const METER_CODES = ['1-1:0.0.5', '0-0:96.1.0', '0-0:96.1.1']
const MAX_GROUP_A = 15

/** Undefined where the list is written in no known way. `isShort`: it announces more than it holds. */
export function readCosemList(data: DlmsData, isShort: boolean, declared: DeclaredScalers = {}): CosemList | undefined {
  if (data.type !== 'list') return undefined
  const placed = positionalList(data.items, isShort)
  if (placed !== undefined) return ofPlaces(data.items, placed.places, declared)
  const walk = new Walk(declared)
  const definitions = definitionsOf(data.items, isShort)
  // Where the end is missing, only a table and definitions say that nothing of a value is.
  if (isShort && definitions === undefined) return undefined
  if (definitions === undefined) walk.list(data.items)
  else walk.defined(definitions, data.items)
  return walk.result()
}

function ofPlaces(items: readonly DlmsData[], places: readonly Place[], declared: DeclaredScalers): CosemList {
  const objects: CosemObject[] = []
  let clock: Uint8Array | undefined
  for (const [index, value] of items.entries()) {
    const place = places[index] as Place
    if (isRegister(place)) objects.push({ obis: place.obis, value, ...(declaredFor(place.obis, declared) ?? place) })
    else if (place === 'clock' && value.type === 'bytes') clock = value.bytes
  }
  // Lists that begin with texts have the meter's number in the second.
  const number = places[1] === 'text' ? items[1] : undefined
  const meter = number?.type === 'bytes' ? textOf(number.bytes) : undefined
  return { objects, ...(clock === undefined ? {} : { clock }), ...(meter === undefined ? {} : { meter }) }
}

class Walk {
  readonly #found: Found[] = []
  #clock: Uint8Array | undefined
  readonly #texts: string[] = []
  readonly #numbers = new Map<string, string>()
  readonly #declared: DeclaredScalers

  constructor(declared: DeclaredScalers) {
    this.#declared = declared
  }

  result(): CosemList | undefined {
    if (this.#found.length === 0) return undefined
    const maker = makerOf(this.#texts)
    const objects = this.#found.map(({ obis, value, unit, scaler }) => ({
      obis,
      value,
      ...(unit === undefined || scaler === undefined ? assumedFor(obis, maker, this.#declared) : { unit, scaler }),
    }))
    const meter = METER_CODES.map((code) => this.#numbers.get(code)).find((number) => number !== undefined)
    return {
      objects,
      ...(this.#clock === undefined ? {} : { clock: this.#clock }),
      ...(maker === undefined ? {} : { maker }),
      ...(meter === undefined ? {} : { meter }),
    }
  }

  list(items: readonly DlmsData[]): void {
    for (let at = 0; at < items.length; ) at += this.#step(items, at)
  }

  /** Each definition goes with the value at its place; the list of definitions stands for itself. */
  defined(definitions: readonly (Found | undefined)[], items: readonly DlmsData[]): void {
    // A list that counts itself has as many definitions as items; one that was cut short does, too, or it would not be read.
    const shift = items.length > definitions.length ? 1 : 0
    for (const [index, definition] of definitions.entries()) {
      const value = items[index + shift]
      if (definition !== undefined && value !== undefined && index + shift > 0) this.#add({ ...definition, value })
    }
  }

  /** Takes what begins at `at`; returns how many items it was. */
  #step(items: readonly DlmsData[], at: number): number {
    const item = items[at] as DlmsData
    const obis = obisOf(item)
    if (obis !== undefined) return this.#coded(obis, items, at)
    if (item.type === 'list') {
      const [first, second] = item.items
      if (first?.type !== 'descriptor') this.list(item.items)
      else if (second !== undefined && isValue(first.classId, first.attribute)) {
        const described = obisOf({ type: 'bytes', bytes: first.obis, tag: TAG.octetString })
        if (described !== undefined) this.#add({ obis: described, value: second })
      }
    } else if (item.type === 'bytes') {
      if (isClock(item)) this.#clock ??= item.bytes
      else this.#text(item.bytes)
    }
    return 1
  }

  #coded(obis: Obis, items: readonly DlmsData[], at: number): number {
    const value = items[at + 1]
    if (value === undefined) return 1
    const [next, last] = [items[at + 2], items[at + 3]]
    const pair = next?.type === 'list' ? next.items : [next, last]
    const scale = pair.length === 2 ? scaleOf(pair[0], pair[1]) : undefined
    if (value.type === 'list') this.list(value.items)
    else this.#add({ obis, value, ...scale })
    if (scale === undefined) return 2
    return next?.type === 'list' ? 3 : 4
  }

  #add(found: Found): void {
    const { obis, value } = found
    if (isClockCode(obis)) {
      if (value.type === 'bytes' && value.bytes.length === CLOCK_BYTES) this.#clock = value.bytes
    } else {
      this.#found.push(found)
      if (value.type === 'bytes') {
        this.#text(value.bytes)
        this.#numbers.set(formatObis(obis), textOf(value.bytes))
      }
    }
  }

  #text(bytes: Uint8Array): void {
    this.#texts.push(textOf(bytes))
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function isClockCode({ a, c, d, e }: Obis): boolean {
  return a === 0 && c === 1 && d === 0 && e === 0
}

function isClock(item: DlmsData): boolean {
  if (item.type !== 'bytes' || item.bytes.length !== CLOCK_BYTES) return false
  if (item.tag === TAG.dateTime) return true
  const [high, , month, day] = item.bytes as unknown as readonly number[]
  // The years 1792 to 2303, and text cannot be taken for them.
  return item.tag === TAG.octetString && (high === 0x07 || high === 0x08) && (month as number) <= 12 && (day as number) <= 31
}

/** Six octets that can be a code: the medium is below 16, and the last group is not used or counts billing periods. */
function obisOf(item: DlmsData): Obis | undefined {
  if (item.type !== 'bytes' || item.tag !== TAG.octetString || item.bytes.length !== 6) return undefined
  const [a, b, c, d, e, f] = item.bytes as unknown as [number, number, number, number, number, number]
  return a <= MAX_GROUP_A && (f === 255 || f <= 126) ? { a, b, c, d, e, f } : undefined
}

function scaleOf(scaler: DlmsData | undefined, unit: DlmsData | undefined): { scaler: number; unit: number } | undefined {
  if (scaler?.type !== 'number' || scaler.tag !== TAG.int8) return undefined
  if (unit?.type !== 'number' || unit.tag !== TAG.enumeration) return undefined
  return { scaler: Number(scaler.value), unit: Number(unit.value) }
}

function isValue(classId: number, attribute: number): boolean {
  return attribute === (STATE_ATTRIBUTES.get(classId) ?? VALUE_ATTRIBUTE)
}

/** The definitions of a list that begins with them; undefined in the places of attributes that are no values. */
function definitionsOf(items: readonly DlmsData[], isShort: boolean): readonly (Found | undefined)[] | undefined {
  const first = items[0]
  if (first?.type !== 'list' || first.items.length === 0) return undefined
  const definitions: (Found | undefined)[] = []
  for (const definition of first.items) {
    if (definition.type !== 'list' || definition.items.length < DEFINITION_ITEMS) return undefined
    const [classId, code, attribute] = definition.items
    const obis = code === undefined ? undefined : obisOf(code)
    if (obis === undefined || classId?.type !== 'number' || attribute?.type !== 'number') return undefined
    const isKept = isValue(Number(classId.value), Number(attribute.value))
    definitions.push(isKept ? { obis, value: { type: 'null' } } : undefined)
  }
  const spare = items.length - definitions.length
  if (isShort) return spare < 0 && isItself(first.items[0]) ? definitions : undefined
  return spare === 0 || spare === 1 ? definitions : undefined
}

/** The definition of the list of definitions: attribute 2 of a push setup. */
function isItself(definition: DlmsData | undefined): boolean {
  const [classId, , attribute] = definition?.type === 'list' ? definition.items : []
  return classId?.type === 'number' && classId.value === 40 && attribute?.type === 'number' && attribute.value === VALUE_ATTRIBUTE
}
