/** `auto` gossips blocks only where that costs little: gossip brings each block three to five times. */
export type GossipMode = 'on' | 'off' | 'auto'

/** Members up to which blocks are gossiped under `auto`. */
export const AUTO_MAX_MEMBERS = 64

/** Blocks a second in the whole neighbourhood up to which blocks are gossiped under `auto`. */
export const AUTO_MAX_BLOCKS_PER_SECOND = 20

export function gossipsBlocks(mode: GossipMode, members: number, intervalMs: number): boolean {
  if (mode !== 'auto') return mode === 'on'
  return members <= AUTO_MAX_MEMBERS && (members * 1000) / intervalMs <= AUTO_MAX_BLOCKS_PER_SECOND
}

/** Words take about two rounds through a neighbourhood: that is to be at most half of what a witness waits anyway. */
const ROUNDS_PER_ATTESTATION = 4

/** Rounds as long as this are those of blocks a minute apart or more: nobody waits there for a finality of seconds. */
const LONG_ROUND_MS = 10_000

/**
 * What is heard where rounds are long is passed on up to this much later, together, at moments of each node's own: whoever else
 * sent it meanwhile is not sent it again. Passed on at once, two neighbours send a block to each other more often than not.
 */
const LONG_ROUND_HOLD_MS = 100

/** The longest that a node keeps what it has heard and accepted before it passes it on, milliseconds. */
export function passingHoldMs(announceDelayMs: number): number {
  return announceDelayMs < LONG_ROUND_MS ? 0 : LONG_ROUND_HOLD_MS
}

/**
 * Whether what is attested goes by gossip where blocks do. A copy of an attestation costs as much as one of a block, and who
 * waits long before attesting is in no hurry, nor is who tells of blocks in long rounds: then attestations ride along with what
 * neighbours tell each other in rounds. (`npm run bench -- neighbourhood`: gossiped they were half of what went beside blocks.)
 */
export function gossipsAttestations(mode: GossipMode, attestDelayMs: number, announceDelayMs: number): boolean {
  if (mode !== 'auto') return mode === 'on'
  return announceDelayMs < LONG_ROUND_MS && attestDelayMs < ROUNDS_PER_ATTESTATION * announceDelayMs
}
