import { createCipheriv } from 'node:crypto'
import { hdlcCrc } from '../../collect/hdlc-crc.ts'

/**
 * What a meter's customer port would send: data, messages, encryption and frames, written from the standards and not from the
 * reader.
 */

export type Bytes = Uint8Array

export function join(...parts: readonly (Bytes | readonly number[] | number)[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : Array.from(part))))
}

export function hexOf(text: string): Bytes {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
}

function big(value: number | bigint, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Number((BigInt(value) >> BigInt(8 * (size - 1 - index))) & 0xffn))
}

function length(count: number): number[] {
  if (count < 0x80) return [count]
  return count < 0x100 ? [0x81, count] : [0x82, ...big(count, 2)]
}

export const nul = Uint8Array.of(0)
export const u8 = (value: number): Bytes => join(0x11, value)
export const i8 = (value: number): Bytes => join(0x0f, value & 0xff)
export const u16 = (value: number): Bytes => join(0x12, big(value, 2))
export const i16 = (value: number): Bytes => join(0x10, big(BigInt.asUintN(16, BigInt(value)), 2))
export const u32 = (value: number): Bytes => join(0x06, big(value, 4))
export const i32 = (value: number): Bytes => join(0x05, big(BigInt.asUintN(32, BigInt(value)), 4))
export const u64 = (value: bigint): Bytes => join(0x15, big(value, 8))
export const i64 = (value: bigint): Bytes => join(0x14, big(BigInt.asUintN(64, value), 8))
export const enumeration = (value: number): Bytes => join(0x16, value)
export const octets = (bytes: Bytes): Bytes => join(0x09, length(bytes.length), bytes)
export const text = (value: string): Bytes => join(0x0a, length(value.length), Buffer.from(value, 'latin1'))
export const structure = (...items: readonly Bytes[]): Bytes => join(0x02, length(items.length), ...items)
export const array = (...items: readonly Bytes[]): Bytes => join(0x01, length(items.length), ...items)
export const scale = (scaler: number, unit: number): Bytes => structure(i8(scaler), enumeration(unit))

export function float32(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value)
  return join(0x17, bytes)
}

export function float64(value: number): Bytes {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return join(0x18, bytes)
}

/** `1-0:1.8.0` as six octets. */
export function codeBytes(code: string): Bytes {
  return Uint8Array.from([...code.split(/[-:.]/).map(Number), 255])
}

export const code = (name: string): Bytes => octets(codeBytes(name))

/** Twelve bytes. `deviation` in minutes, -32768 for none. */
export function dateTime(iso: string, deviation = -0x8000, status = 0, hundredths = 0xff): Bytes {
  const [year, month, day, hour, minute, second] = iso.split(/[-T:]/).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const shift = big(BigInt.asUintN(16, BigInt(deviation)), 2)
  return join(big(year, 2), month, day, 0xff, hour, minute, second, hundredths, shift, status)
}

/** The stamp of the message: raw, in an octet string, or none. */
export function notification(data: Bytes, time?: Bytes, isTagged = true): Bytes {
  const stamp = time === undefined ? [0] : isTagged ? [0x09, 0x0c, ...time] : [0x0c, ...time]
  return join(0x0f, [0x40, 0, 0, 0], stamp, data)
}

const LLC = [0xe6, 0xe7, 0x00]

export function withLlc(apdu: Bytes): Bytes {
  return join(LLC, apdu)
}

/** One frame with both flags. */
export function hdlcFrame(payload: Bytes, isSegmented = false, addresses: readonly number[] = [0x41, 0x08, 0x83]): Bytes {
  const size = 2 + addresses.length + 1 + 2 + payload.length + 2
  const header = join(0xa0 | (isSegmented ? 0x08 : 0) | (size >> 8), size & 0xff, addresses, 0x13)
  const body = join(header, check(header), payload)
  return join(0x7e, body, check(body), 0x7e)
}

function check(bytes: Bytes): number[] {
  const crc = hdlcCrc(bytes, 0, bytes.length)
  return [crc & 0xff, crc >> 8]
}

/** A message in frames of so many bytes of it at most. */
export function hdlc(apdu: Bytes, size = 1_000): Bytes {
  const whole = withLlc(apdu)
  const frames: Bytes[] = []
  for (let from = 0; from < whole.length; from += size) {
    frames.push(hdlcFrame(whole.subarray(from, from + size), from + size < whole.length))
  }
  return join(...frames)
}

export function mbusFrame(payload: Bytes, information: number): Bytes {
  const body = join(0x53, 0xff, information, 0x01, 0x67, payload)
  const sum = body.reduce((total, byte) => (total + byte) & 0xff, 0)
  return join(0x68, body.length, body.length, 0x68, body, sum, 0x16)
}

export function mbus(apdu: Bytes, size = 245): Bytes {
  const frames: Bytes[] = []
  for (let from = 0; from < apdu.length; from += size) {
    const isLast = from + size >= apdu.length
    frames.push(mbusFrame(apdu.subarray(from, from + size), frames.length | (isLast ? 0x10 : 0)))
  }
  return join(...frames)
}

/** A message in general block transfer, each block in a frame of its own. */
export function blocks(apdu: Bytes, size: number): Bytes[] {
  const frames: Bytes[] = []
  for (let from = 0, number = 1; from < apdu.length; from += size, number++) {
    const part = apdu.subarray(from, from + size)
    const isLast = from + size >= apdu.length
    const block = join(0xe0, isLast ? 0xc0 : 0x40, big(number, 2), [0, 0], length(part.length), part)
    frames.push(hdlcFrame(number === 1 ? withLlc(block) : block))
  }
  return frames
}

export interface Ciphering {
  readonly key: Bytes
  readonly auth?: Bytes
  /** 30 encrypted and authenticated, 20 encrypted, 10 authenticated, 00 neither. */
  readonly control?: number
  readonly title?: string
  readonly counter?: number
  readonly tag?: number
}

export function ciphered(
  apdu: Bytes,
  { key, auth, control = 0x30, title = 'TSTabcde', counter = 7, tag = 0xdb }: Ciphering,
): Bytes {
  const name = Buffer.from(title, 'latin1')
  const frame = big(counter, 4)
  const gcm = createCipheriv(key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm', key, join(name, frame), { authTagLength: 12 })
  const isEncrypted = (control & 0x20) !== 0
  gcm.setAAD(join(control, auth ?? [], isEncrypted ? [] : apdu))
  const sealed = isEncrypted ? gcm.update(apdu) : apdu
  gcm.final()
  const content = join(control, frame, sealed, (control & 0x10) === 0 ? [] : gcm.getAuthTag())
  return join(tag, 8, name, length(content.length), content)
}

/** A list as Aidon writes it: four registers, exact and signed. */
export function aidonList(energy = 123_456_789, time = '2024-06-01T12:00:00'): Bytes {
  return array(
    structure(code('1-1:0.2.129'), text('AIDON_V0001')),
    structure(code('0-0:1.0.0'), octets(dateTime(time))),
    structure(code('1-0:1.8.0'), u32(energy), scale(1, 30)),
    structure(code('1-0:1.7.0'), u32(1_122), scale(0, 27)),
    structure(code('1-0:31.7.0'), i16(-75), scale(-1, 33)),
    structure(code('1-0:32.7.0'), u16(2_307), scale(-1, 35)),
  )
}

/** What `shown` gives of it. */
export const AIDON_SHOWN = [
  '2024-06-01T11:00:00Z 1-0:1.8.0 1234567890 Wh',
  '2024-06-01T11:00:00Z 1-0:1.7.0 1122 W',
  '2024-06-01T11:00:00Z 1-0:31.7.0 -7.5 A',
  '2024-06-01T11:00:00Z 1-0:32.7.0 230.7 V',
]
