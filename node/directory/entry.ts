import { malformed, readJsonFile, textsOf, writeJsonFile } from './json-file.ts'
import type { DirectoryFiles } from './layout.ts'

/** How this node came into its network, kept so that joining can be taken up again and `run` knows whom to dial. */
export interface Entry {
  /** From the ticket. */
  readonly addresses: readonly string[]
  /** The request to join as it was made first: asking again must not look like another. No secret. */
  readonly request?: string
}

/** Throws FILE_MALFORMED. */
export async function readEntry(files: DirectoryFiles): Promise<Entry | undefined> {
  const value = await readJsonFile(files.entry)
  if (value === undefined) return undefined
  const { addresses, request } = value
  const known = { addresses: textsOf(files.entry, 'addresses', addresses) }
  if (request === undefined) return known
  if (typeof request !== 'string') throw malformed(files.entry, 'request: expected text')
  return { ...known, request }
}

export function writeEntry(files: DirectoryFiles, entry: Entry): Promise<void> {
  return writeJsonFile(files.entry, entry)
}
