import type { SmlEntry, SmlList } from './sml-message.ts'

/**
 * A known fault of DZG's DVS-74: it leaves out zero bytes in front of positive powers and still says "signed", so that 356.24 W
 * (0x8b28) reads as -299.12 W. Powers below zero come in four bytes and are right. Told by the serial number (libsml's
 * issues 59, 105 and 125 collect the ranges; from 60,000,000 on it is mended).
 */

const FAULTY_SERIALS: readonly (readonly [number, number])[] = [
  [42_000_000, 48_999_999],
  [55_000_000, 58_999_999],
]

/** Medium, then `DZG` of the id that DIN 43863-5 gives to meters. */
const DZG = [0x0a, 0x01, 0x44, 0x5a, 0x47]
const ID_BYTES = 10
const ID_NAME = [1, 0, 96, 1, 0, 255]
const POWER_NAME = [1, 0, 16, 7, 0, 255]

/** Longer ones are sign-extended by the meter itself. */
const MOST_BYTES = 2

/** True for a power that a faulty meter sent without its sign byte: what reads as negative is positive. */
export function wasSentUnsigned({ name, value }: SmlEntry, list: SmlList): boolean {
  if (value.type !== 'integer' || value.value >= 0 || value.width > MOST_BYTES || !startsWith(name, POWER_NAME)) return false
  const own = list.entries.find((entry) => startsWith(entry.name, ID_NAME))?.value
  const id = own?.type === 'octets' ? own.octets : list.serverId
  if (id?.length !== ID_BYTES || !startsWith(id, DZG)) return false
  let serial = 0
  for (const byte of id.subarray(DZG.length)) serial = serial * 256 + byte
  return FAULTY_SERIALS.some(([from, to]) => serial >= from && serial <= to)
}

function startsWith(bytes: Uint8Array, beginning: readonly number[]): boolean {
  return bytes.length >= beginning.length && beginning.every((byte, index) => bytes[index] === byte)
}
