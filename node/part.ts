import { WattnessError } from '../protocol/index.ts'

/**
 * Loads a part of the program that not every process needs, when it is needed: what is loaded stays in memory for as long as the
 * process lives. Throws PART_NOT_LOADED, which names the part and the cause: an installation that is incomplete, or was replaced
 * while this process ran.
 */
export async function loadPart<T>(part: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const text = `${part} cannot be loaded: ${reason}; was the program replaced while it ran, or is its installation incomplete?`
    throw new WattnessError('PART_NOT_LOADED', text, { part, reason }, { cause: error })
  }
}
