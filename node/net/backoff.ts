import type { Random } from '../platform.ts'

/** A number in [0, 1) from three random bytes. */
export function randomFraction(random: Random): number {
  const bytes = random.bytes(3)
  return ((bytes[0] as number) * 65_536 + (bytes[1] as number) * 256 + (bytes[2] as number)) / 16_777_216
}

/**
 * Wait before the next attempt after `failures` in a row: doubles from `baseMs` up to `maxMs`, of which a random half is
 * taken off, so that peers that lost the same neighbour do not come back in step.
 */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: Random): number {
  const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(failures, 30))
  return fullMs * (0.5 + 0.5 * randomFraction(random))
}
