/**
 * CRC-16/ARC (polynomial x¹⁶+x¹⁵+x²+1, reflected, starting at 0, no final inversion), as DSMR P1 Companion Standard 5.0
 * section 6.2 asks for over the bytes from `/` to `!`, both included.
 */
const REFLECTED_POLYNOMIAL = 0xa001

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ REFLECTED_POLYNOMIAL : crc >>> 1
  return crc
})

export function crc16(bytes: Uint8Array): number {
  let crc = 0
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] as number)
  return crc
}

/** Four upper-case digits, as telegrams print it. */
export function formatCrc16(crc: number): string {
  return crc.toString(16).toUpperCase().padStart(4, '0')
}
