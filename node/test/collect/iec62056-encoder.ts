import { bytes } from './inputs.ts'

/** Makes read-outs as meters send them. */

export function withBcc(block: string): string {
  let bcc = 0
  for (const byte of bytes(block)) bcc ^= byte
  return `\u0002${block}${String.fromCharCode(bcc)}`
}

/** Modes A to C. */
export function block(lines: readonly string[], identification = '/TST5TEST-0001'): string {
  return `${identification}\r\n${withBcc(`${lines.join('\r\n')}\r\n!\r\n\u0003`)}`
}

/** Mode D. */
export function pushed(lines: readonly string[], identification = '/TST3TEST-0001'): string {
  return `${identification}\r\n\r\n${lines.join('\r\n')}\r\n!\r\n`
}
