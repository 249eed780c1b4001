import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** What a source must know after a restart: a small JSON value by the source's name. */
export interface SourceMemory {
  /** Undefined where nothing was kept, or what was kept cannot be read any more. */
  read(name: string): Promise<Readonly<Record<string, unknown>> | undefined>
  /** On the disk when it resolves: what was there before, or this. */
  write(name: string, value: object): Promise<void>
}

/** Beyond this it is no small value. */
const MAX_BYTES = 16 * 1_048_576
const NAME_DIGITS = 24

/** A file for each source in a directory of the node, named by a hash: specs hold slashes. */
export function fileMemory(directory: string): SourceMemory {
  const pathOf = (name: string): string =>
    join(directory, `${createHash('sha256').update(name).digest('hex').slice(0, NAME_DIGITS)}.json`)
  let written = 0
  return {
    async read(name) {
      try {
        const bytes = await readFile(pathOf(name))
        const value: unknown = bytes.length > MAX_BYTES ? undefined : JSON.parse(bytes.toString('utf8'))
        if (typeof value !== 'object' || value === null || (value as { source?: unknown }).source !== name) return undefined
        return value as Readonly<Record<string, unknown>>
      } catch {
        // Not there, or damaged: a source without memory goes on, and what it sends again is not taken twice.
        return undefined
      }
    },
    async write(name, value) {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const path = pathOf(name)
      const temporary = `${path}.${process.pid}-${written++}.new`
      try {
        const file = await open(temporary, 'wx', 0o600)
        try {
          await file.writeFile(JSON.stringify({ source: name, ...value }))
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(temporary, path)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    },
  }
}
