import { constants, link, open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { WattnessError } from '../../protocol/index.ts'
import { isFullDisk } from './full-disk.ts'

/** Small files of a directory. What is written here is on the disk, under its name, when the promise resolves. */

/** Two writers of one process must not share a temporary file. */
let written = 0

/** The code that the operating system gave an error, or undefined. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

/** DIRECTORY_UNUSABLE with the path and what the system said; DISK_FULL where it says that there is no room. */
export function unusable(path: string, doing: string, error: unknown): WattnessError {
  const reason = error instanceof Error ? error.message : String(error)
  const code = isFullDisk(error) ? 'DISK_FULL' : 'DIRECTORY_UNUSABLE'
  return new WattnessError(code, `${path}: ${doing}: ${reason}`, { path, reason }, { cause: error })
}

/** Undefined where there is no such file. Throws DIRECTORY_UNUSABLE. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw unusable(path, 'cannot be read', error)
  }
}

/**
 * A new file, whole or not at all: false where the name is taken already, whatever holds it. Never readable by more than
 * `mode` says, not even for a moment.
 */
export async function writeNewFile(path: string, bytes: Uint8Array, mode: number): Promise<boolean> {
  const temporary = temporaryName(path)
  try {
    await writeTemporary(temporary, bytes, mode)
    try {
      // A link, unlike a rename, refuses a name that is taken.
      await link(temporary, path)
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false
      throw error
    } finally {
      await unlink(temporary)
    }
    await syncDirectory(dirname(path))
    return true
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw unusable(path, 'cannot be written', error)
  }
}

/** Puts a file in place of another, so that a crash leaves the old one or the new one. */
export async function replaceFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const temporary = temporaryName(path)
  try {
    await writeTemporary(temporary, bytes, mode)
    await rename(temporary, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw unusable(path, 'cannot be written', error)
  }
}

function temporaryName(path: string): string {
  return `${path}.${process.pid}-${written++}.new`
}

async function writeTemporary(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  // What a process of the same number left behind when it was killed.
  await unlink(path).catch(() => undefined)
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A rename is on the disk once its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
