/** Bounds of the exchange that several of its parts must agree on, each with its reason. */

/**
 * Bytes asked for at once: large enough to make round trips rare, small enough for a slow link's time-out. Larger ones make a
 * late joiner no faster and its heap larger (`npm run bench -- sync`: 512 KiB 400 MiB, 128 KiB 290 MiB).
 */
export const WANT_BYTES = 131_072
export const WANT_BLOCKS = 4_096

/** Asked for however few blocks are missing; and of a link that was too slow for more: at 32 kbit/s it takes 8 s. */
export const LEAST_WANT_BYTES = 32_768

/** A neighbour that answers nothing for so long is asked for nothing more at present. */
export const ANSWER_TIMEOUT_MS = 15_000

/** The longest that one answer is waited for while others of the same neighbour come. */
export const LONGEST_WAIT_MS = 120_000

/** After an answer that led nowhere (a fork, a miss) the same neighbour is not asked for that chain again so soon. */
export const PAUSE_MS = 10_000

/** Requests that one neighbour is asked to hold at a time. */
export const MAX_OUTSTANDING = 64

/** Bytes that may come of what is asked for, and wait at the door, whatever neighbours send: below what the door takes in. */
export const MAX_UNDER_WAY_BYTES = 4 * 1_048_576

/**
 * Bytes that are expected to come, and wait at the door, above which nothing more is asked for. A few blocks of each of many
 * chains are far below it; of a long catch-up it keeps little in memory (`npm run bench -- sync` prints `rssMiB`).
 */
export const MAX_EXPECTED_BYTES = 524_288

/** A neighbour that is ahead by no more is asked in rounds, for many chains together; further ahead, at once. */
export const LIVE_BLOCKS = 32
