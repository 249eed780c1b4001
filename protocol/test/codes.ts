import { isWattnessError } from '../errors.ts'

/** The stable code of what `act` throws, so that a test names it; errors of other kinds pass through. */
export function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (isWattnessError(error)) return error.code
    throw error
  }
  return 'nothing thrown'
}

/** The same for what rejects. */
export async function codeOfAsync(act: () => Promise<unknown>): Promise<string> {
  try {
    await act()
  } catch (error) {
    if (isWattnessError(error)) return error.code
    throw error
  }
  return 'nothing thrown'
}
