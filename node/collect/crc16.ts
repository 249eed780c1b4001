/**
 * The three CRC-16 of meters, all reflected and table-driven. CRC-16/ARC: DSMR P1 Companion Standard 5.0 section 6.2, over
 * the bytes from `/` to `!`, both included. CRC-16/X-25: HDLC's FCS (ISO/IEC 13239), which SML uses for files and messages.
 * CRC-16/KERMIT: the same polynomial from 0 and not inverted, which one maker's SML meters use for messages.
 */
const ARC = tables(0xa001)
const CCITT = tables(0x8408)

/** Four tables, for a byte with none to three bytes behind it: four bytes at once then wait for one another only once. */
type Tables = readonly [Uint16Array, Uint16Array, Uint16Array, Uint16Array]

function tables(reflectedPolynomial: number): Tables {
  const first = Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ reflectedPolynomial : crc >>> 1
    return crc
  })
  const behind = (table: Uint16Array): Uint16Array => table.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] as number))
  const second = behind(first)
  const third = behind(second)
  return [first, second, third, behind(third)]
}

function rest([t0, t1, t2, t3]: Tables, first: number, bytes: Uint8Array, from: number, to: number): number {
  let crc = first
  let at = from
  for (; at + 4 <= to; at += 4) {
    crc =
      (t3[(crc ^ (bytes[at] as number)) & 0xff] as number) ^
      (t2[(crc >>> 8) ^ (bytes[at + 1] as number)] as number) ^
      (t1[bytes[at + 2] as number] as number) ^
      (t0[bytes[at + 3] as number] as number)
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return crc
}

/** CRC-16/ARC. */
export function crc16(bytes: Uint8Array, from = 0, to = bytes.length): number {
  return rest(ARC, 0, bytes, from, to)
}

/** CRC-16/X-25, as a number; HDLC and SML send its low byte first. */
export function crc16X25(bytes: Uint8Array, from = 0, to = bytes.length): number {
  return rest(CCITT, 0xffff, bytes, from, to) ^ 0xffff
}

export function crc16Kermit(bytes: Uint8Array, from = 0, to = bytes.length): number {
  return rest(CCITT, 0, bytes, from, to)
}

/** Four upper-case digits, as telegrams print it. */
export function formatCrc16(crc: number): string {
  return crc.toString(16).toUpperCase().padStart(4, '0')
}
