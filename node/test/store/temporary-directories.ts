import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { isWattnessError } from '../../../protocol/errors.ts'

/** Directories that are gone when the tests of a file have ended. Call it at the top level of the file. */
export function temporaryDirectories(): { make(): Promise<string> } {
  const made: string[] = []
  after(async () => {
    for (const directory of made) await rm(directory, { recursive: true, force: true })
  })
  return {
    async make() {
      const directory = await mkdtemp(path.join(tmpdir(), 'wattness-store-'))
      made.push(directory)
      return directory
    },
  }
}

/** The code with which something was refused, or what happened instead. */
export async function refusalCode(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'no error'
  } catch (error) {
    return isWattnessError(error) ? error.code : String(error)
  }
}
