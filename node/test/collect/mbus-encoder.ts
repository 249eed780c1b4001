import { join } from './dlms-encoder.ts'

/** What a wired M-Bus meter would answer. */

export function mbusLongFrame(control: number, information: number, content: readonly number[] | Uint8Array): Uint8Array {
  const body = join(control, 0x01, information, content)
  const sum = body.reduce((total, byte) => (total + byte) & 0xff, 0)
  return join(0x68, body.length, body.length, 0x68, body, sum, 0x16)
}

export interface Answering {
  readonly medium?: number
  /** The configuration field's upper byte. */
  readonly mode?: number
}

/** Records behind a long header. */
export function meterAnswer(records: readonly number[] | Uint8Array, { medium = 0x04, mode = 0 }: Answering = {}): Uint8Array {
  const header = [0x78, 0x56, 0x34, 0x12, 0x24, 0x40, 0x01, medium, 0x55, 0x00, 0x00, mode]
  return mbusLongFrame(0x08, 0x72, join(header, records))
}
