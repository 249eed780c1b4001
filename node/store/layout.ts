import path from 'node:path'

/**
 * A node's directory:
 *
 * | name                 | holds                                                                    |
 * |----------------------|--------------------------------------------------------------------------|
 * | key                  | the node's Ed25519 seed, mode 0600: made and read by the command line    |
 * | genesis.json         | the network's genesis, byte for byte                                     |
 * | config.json          | the node's configuration                                                 |
 * | ledger/              | LevelDB: everything of keys.ts                                           |
 * | ledger.damaged-N/    | what repair moved aside, N from 1                                        |
 * | ledger.log-N.damaged | a log that was found damaged at start, before LevelDB dropped part of it |
 * | guard/               | an empty LevelDB, locked by the process that has the directory open      |
 * | lock                 | who that is, for people                                                  |
 * | control.sock         | the running node's answers to the command line                           |
 */
export const guardDirectory = (directory: string): string => path.join(directory, 'guard')
export const ledgerDirectory = (directory: string): string => path.join(directory, 'ledger')

/** Made by repair, in this order; none of them outlives a repair that ended. */
export const salvageDirectory = (directory: string): string => path.join(directory, 'ledger.salvage')
export const rebuildingDirectory = (directory: string): string => path.join(directory, 'ledger.rebuilding')
export const rebuiltDirectory = (directory: string): string => path.join(directory, 'ledger.rebuilt')
/** A copy of a damaged store that `verify` looks into. */
export const inspectionDirectory = (directory: string): string => path.join(directory, 'ledger.inspected')
export const damagedDirectory = (directory: string, number: number): string => path.join(directory, `ledger.damaged-${number}`)
export const damagedLogFile = (directory: string, number: number): string => path.join(directory, `ledger.log-${number}.damaged`)
