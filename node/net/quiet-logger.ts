import type { ComponentLogger, Logger } from '@libp2p/interface'

/**
 * libp2p's own log: nothing. Its preset makes a logger of three functions for every connection and stream, 200 KiB for a node
 * with a dozen neighbours, and formats nothing with them unless a variable of the environment asks for it.
 */
const QUIET: Logger = Object.assign((): void => undefined, {
  error: (): void => undefined,
  trace: (): void => undefined,
  enabled: false,
  newScope: (): Logger => QUIET,
})

export const quietLogger: ComponentLogger = { forComponent: () => QUIET }
