/**
 * The check of HDLC frames (ISO/IEC 13239, as IEC 62056-46 uses it; CRC-16/X-25): polynomial x¹⁶+x¹²+x⁵+1, reflected, starting
 * at all ones, inverted at the end. It is sent low byte first.
 */
const REFLECTED_POLYNOMIAL = 0x8408

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ REFLECTED_POLYNOMIAL : crc >>> 1
  return crc
})

export function hdlcCrc(bytes: Uint8Array, from: number, to: number): number {
  let crc = 0xffff
  for (let at = from; at < to; at++) crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return crc ^ 0xffff
}
