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
