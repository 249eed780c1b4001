import type { Timers } from '../platform.ts'
import { type IecFrame, IecFramer } from './iec62056-framer.ts'
import type { MeterLine } from './meter-line.ts'
import { type FaultItem, fault } from './source.ts'

/**
 * One read-out of a meter that speaks when it is asked, modes A to C (IEC 62056-21, section 6.3):
 *
 *     → /? address ! CR LF            at 300 baud
 *     ← /XXX Z identification CR LF   Z says the mode and the rate
 *     → ACK 0 Z 0 CR LF               mode C only, still at 300 baud; then both change to the rate of Z
 *     ← STX data ! CR LF ETX BCC      mode B at the rate of Z without being told, mode A at 300 baud
 *
 * The line is given: whoever opens it says what it is.
 */

export interface SessionInit {
  readonly line: MeterLine
  readonly timers: Timers
  /** What only one meter of several on a line answers to; empty for any. */
  readonly address: string
  /** What the line was opened with, and is set back to. */
  readonly baudRate: number
  /** False for lines that cannot change their rate: mode C is then answered with the rate it has. */
  readonly canSwitch: boolean
}

/** Rates by their character: in mode C digits, in mode B letters. */
const RATES: Readonly<Record<string, number>> = {
  '0': 300,
  '1': 600,
  '2': 1_200,
  '3': 2_400,
  '4': 4_800,
  '5': 9_600,
  '6': 19_200,
  A: 600,
  B: 1_200,
  C: 2_400,
  D: 4_800,
  E: 9_600,
  F: 19_200,
}

/** The standard gives a meter 1.5 s to answer and as much between characters; adapters and networks need some of their own. */
export const ANSWER_TIMEOUT_MS = 4_000

/** An identification, its line end, and what an optical head echoes before it. */
const MAX_ANSWER_BYTES = 256
/** Behind the maker's three letters the rate's character. */
const IDENTIFICATION = /\/([A-Za-z]{3})([^\r\n])[^\r\n]*\r?\n/

/** Asks once. Returns the read-out, or why there is none; what the line throws passes through. The caller closes the line. */
export async function readOut(init: SessionInit, signal: AbortSignal): Promise<readonly (IecFrame | FaultItem)[]> {
  const { line } = init
  const incoming = new Incoming(line, init.timers, signal)
  try {
    await line.setBaudRate(init.baudRate)
    await line.write(ascii(`/?${init.address}!\r\n`))
    const answer = await identification(incoming)
    if (answer === undefined) return [noAnswer('no identification', incoming)]
    await agree(init, answer.rateMark)
    return await data(answer.bytes, incoming)
  } finally {
    incoming.stop()
  }
}

/** How the data comes. */
export function modeOf(rateMark: string): 'A' | 'B' | 'C' {
  if (/[0-6]/.test(rateMark)) return 'C'
  return /[A-F]/.test(rateMark) ? 'B' : 'A'
}

async function agree({ line, baudRate, canSwitch }: SessionInit, rateMark: string): Promise<void> {
  const mode = modeOf(rateMark)
  if (mode === 'A') return
  const rate = RATES[rateMark] ?? baudRate
  if (mode === 'C') await line.write(ascii(`\u00060${canSwitch ? rateMark : markOf(baudRate)}0\r\n`))
  if (canSwitch && rate !== baudRate) await line.setBaudRate(rate)
}

/** The digit of a rate; 0, which is 300 baud, where it has none. */
function markOf(baudRate: number): string {
  return Object.keys(RATES).find((mark) => RATES[mark] === baudRate) ?? '0'
}

async function identification(incoming: Incoming): Promise<{ bytes: Uint8Array; rateMark: string } | undefined> {
  let text = ''
  while (text.length < MAX_ANSWER_BYTES) {
    const chunk = await incoming.next()
    if (chunk === undefined) return undefined
    // Seven bits are the meter's, the eighth may be parity.
    text += String.fromCharCode(...chunk.subarray(0, MAX_ANSWER_BYTES).map((byte) => byte & 0x7f))
    const match = IDENTIFICATION.exec(text)
    // What comes behind it in the same chunk is data already.
    if (match !== null) return { bytes: ascii(text.slice(match.index)), rateMark: match[2] as string }
  }
  return undefined
}

async function data(identified: Uint8Array, incoming: Incoming): Promise<readonly (IecFrame | FaultItem)[]> {
  const framer = new IecFramer(false)
  const items = framer.push(identified)
  while (items.length === 0) {
    const chunk = await incoming.next()
    if (chunk === undefined) return [...framer.end(), noAnswer('no whole read-out', incoming)]
    items.push(...framer.push(chunk))
  }
  return items
}

function noAnswer(what: string, incoming: Incoming): FaultItem {
  const message = `the meter was asked and gave ${what} within ${ANSWER_TIMEOUT_MS / 1_000} s; ${incoming.received} bytes came`
  return fault('IEC_NO_ANSWER', message, `byte ${incoming.received}`)
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** The line's bytes with a time limit for each piece. */
class Incoming {
  received = 0
  readonly #bytes: AsyncIterator<Uint8Array>
  readonly #timers: Timers
  readonly #stopped = new AbortController()
  readonly #signal: AbortSignal

  constructor(line: MeterLine, timers: Timers, signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#stopped.signal])
    this.#bytes = line.bytes(this.#signal)[Symbol.asyncIterator]()
    this.#timers = timers
  }

  /** Undefined where nothing came in time, and at the end. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#signal.aborted) return undefined
    let late: (() => void) | undefined
    const waited = new Promise<undefined>((resolve) => {
      late = () => resolve(undefined)
    })
    const timer = this.#timers.set(ANSWER_TIMEOUT_MS, () => late?.())
    try {
      const next = await Promise.race([this.#bytes.next(), waited])
      if (next === undefined || next.done === true) return undefined
      this.received += next.value.length
      return next.value
    } finally {
      this.#timers.clear(timer)
    }
  }

  stop(): void {
    this.#stopped.abort()
  }
}
