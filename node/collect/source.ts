import type { EventName } from '../../protocol/event-body.ts'
import type { Obis, Reading } from '../../protocol/reading.ts'
import type { Clock, Random, Timers } from '../platform.ts'
import type { OpenSerial } from './serial-line.ts'
import type { SourceMemory } from './source-memory.ts'

/**
 * What a meter source is. A format is one file that exports a SourceFormat, and one row in formats.ts: nothing else in the
 * project knows which formats exist.
 */

/** One row of values, as far as possible as the meter said it. */
export interface ReadingItem {
  readonly type: 'reading'
  readonly reading: Reading
  /** The bytes the reading was read from, where the meter sends frames. */
  readonly frame?: Uint8Array
  /** Whether the frame's checksum was there and right; absent where the format has none. A wrong one is a fault instead. */
  readonly crc?: 'ok' | 'none'
  /** Of formats whose readings are signed: checked, or not for want of a key. A wrong signature is a fault instead. */
  readonly signature?: 'valid' | 'no-key'
  /** Where the frame is a record that is signed, and kept for its own sake: the key that it was checked with, as text. */
  readonly signed?: { readonly publicKey?: string }
  /** What is to be known of single values, in their order; absent where there is nothing. */
  readonly marks?: readonly (ReadingMark | undefined)[]
  /** What the frame holds beside numbers: ids, public keys, signatures. */
  readonly octets?: readonly NamedOctets[]
  /** Power of ten of each value's unit as the source wrote it (3 for kWh), for people; the register has the plain unit. */
  readonly exponents?: readonly number[]
  /** Which meter it is, as it says itself (serial number, server id): another one is told from a register that goes back. */
  readonly meter?: string
}

/**
 * `coarse`: the meter shows whole kilowatt-hours until its PIN is entered; `sign-assumed`: meters of this make are known to send
 * the value without its sign bit; `unit-missing`: the meter printed none where one belongs.
 */
export type ReadingMark = 'coarse' | 'sign-assumed' | 'unit-missing'

export interface NamedOctets {
  readonly obis: Obis
  readonly octets: Uint8Array
}

/** Something in the input that was refused. The source goes on behind it. */
export interface FaultItem {
  readonly type: 'fault'
  /** Stable, UPPER_SNAKE; listed in docs/sources.md. */
  readonly code: string
  /** What was found and what was expected. */
  readonly message: string
  /** The place in the input: `line 17`, `byte 4711`. */
  readonly where: string
}

/** Something the meter told that is no reading. */
export interface EventItem {
  readonly type: 'event'
  /** UTC milliseconds. */
  readonly time: number
  readonly event: EventName
  readonly detail: string
}

/** A place behind the readings that came with one message or file: whoever sent it may be told that they are kept. */
export interface MarkItem {
  readonly type: 'mark'
  /** Called once all readings before it are on the disk or were left out on purpose. Throws nothing; a stop waits for it. */
  readonly durable: () => void | Promise<void>
}

export type SourceItem = ReadingItem | FaultItem | EventItem | MarkItem

export interface MeterSource {
  /** The text it was opened with, keys and passwords left out: it names the source in logs, on screens and in the spool. */
  readonly spec: string
  /** The format's name: the part of the spec before the first colon. */
  readonly kind: string
  /** True where the end of the items is an outage (a connection), false where it is the end of the data (a file). */
  readonly live: boolean
  /** True where one reading stands for one interval already, so that sampling leaves it as it is. */
  readonly intervalData: boolean
  /** What the meter can measure at most; DEFAULT_MAX_WATTS unless given. */
  readonly maxWatts?: number
  /**
   * Opens the input and reads it from its beginning; may be called again after an end. Ends quietly when `signal` is aborted.
   * Throws SOURCE_UNREADABLE where the input cannot be opened or breaks off.
   */
  items(signal: AbortSignal): AsyncIterable<SourceItem>
}

export interface SourceDeps {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** What `-` stands for; the process's own standard input unless given. */
  readonly standardInput?: () => AsyncIterable<Uint8Array>
  /** Where names of files that do not begin at the root are looked for; the working directory unless given. */
  readonly directory?: string
  /** Where what must outlast a restart is kept; nowhere unless given. */
  readonly memory?: SourceMemory
  /** How serial ports are opened, where not by the system. */
  readonly openSerial?: OpenSerial
}

/** `KIND:TARGET[?name=value&…][#HOME]`, taken apart. */
export interface SourceSpec {
  /** As it was written, keys and passwords left out: it goes into messages and names the source. */
  readonly text: string
  readonly kind: string
  readonly target: string
  readonly options: ReadonlyMap<string, string>
  /** One home of a file that holds several. */
  readonly home?: string
}

/** What a data directory offers: one source that could be opened. */
export interface OfferedSource {
  readonly spec: string
  /** How good the data's own marks are: measured with calendar times ('good') before anything that was assumed or modelled. */
  readonly quality: 'good' | 'estimated' | 'clock-doubtful'
}

export interface SourceFormat {
  readonly name: string
  /** One line for people: what it reads. */
  readonly describe: string
  /** How its specs are written. */
  readonly usage: readonly string[]
  /** What meters and exports of this kind do otherwise than their standard, and what is done about it; one sentence each. */
  readonly quirks: readonly string[]
  /** True where a file of this beginning (already decompressed, up to 4 KiB) is one of this format. */
  recognise(fileName: string, firstBytes: Uint8Array): boolean
  /** Throws SOURCE_SPEC_MALFORMED or SOURCE_OPTION_INVALID, and nothing about the input itself before it is read. */
  open(spec: SourceSpec, deps: SourceDeps): MeterSource
  /** Looks at what else a spec names (a mapping file) and not at the input. Throws what is wrong with it. */
  check?(spec: SourceSpec, deps: SourceDeps): Promise<void>
  /** The sources that a recognised file holds; without it, the file is one source. Throws where the file is damaged. */
  offer?(path: string): Promise<readonly OfferedSource[]>
}

/** How many bytes `recognise` is given. */
export const RECOGNISE_BYTES = 4_096

export function fault(code: string, message: string, where: string): FaultItem {
  return { type: 'fault', code, message, where }
}
