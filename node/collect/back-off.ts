import type { Random } from '../platform.ts'

/** Waiting times between attempts: doubling, with jitter so that many nodes do not come back at one instant. */
export interface BackOffPolicy {
  readonly firstMs: number
  readonly mostMs: number
}

export const DEFAULT_BACK_OFF: BackOffPolicy = { firstMs: 1_000, mostMs: 60_000 }

/** Beyond this many doublings the longest wait is reached by any sane policy. */
const MAX_DOUBLINGS = 30

/** Milliseconds before attempt `attempt` (0-based): half of the doubled time for certain, the other half by chance. */
export function backOffMs(attempt: number, policy: BackOffPolicy, random: Random): number {
  const fullMs = Math.min(policy.mostMs, policy.firstMs * 2 ** Math.min(attempt, MAX_DOUBLINGS))
  const [high = 0, low = 0] = random.bytes(2)
  return fullMs / 2 + (fullMs / 2) * ((high * 256 + low) / 65_536)
}
