import { readJsonFile, textsOf, writeJsonFile } from './json-file.ts'
import type { DirectoryFiles } from './layout.ts'

/** Where neighbours were last reached: who comes back after a week must not depend on the one address of its ticket. */

/** Newest first; more than these say nothing that they do not. */
const MAX_NEIGHBOURS = 64

/** Only a hint: nothing is known where the file is missing or not what it should be. */
export async function readNeighbours(files: DirectoryFiles): Promise<readonly string[]> {
  try {
    const value = await readJsonFile(files.neighbours)
    return value === undefined ? [] : textsOf(files.neighbours, 'addresses', value['addresses'])
  } catch {
    return []
  }
}

/** Those that are known now stand before those of earlier runs, which are kept while there is room. */
export async function rememberNeighbours(files: DirectoryFiles, addresses: readonly string[]): Promise<void> {
  const before = await readNeighbours(files)
  const after = [...new Set([...addresses, ...before])].slice(0, MAX_NEIGHBOURS)
  const isSame = after.length === before.length && after.every((address) => before.includes(address))
  if (!isSame) await writeJsonFile(files.neighbours, { addresses: after })
}
