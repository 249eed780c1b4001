import { open } from 'node:fs/promises'
import { fromHex, toHex, toUtf8, WattnessError } from '../../protocol/index.ts'
import type { Random } from '../platform.ts'
import { generateSeed } from '../signature.ts'
import { readIfThere, systemCode, unusable, writeNewFile } from './durable-file.ts'
import type { DirectoryFiles } from './layout.ts'

const KEY_MODE = 0o600
const OTHERS = 0o077
const SEED_TEXT = /^[0-9a-f]{64}$/

/** A seed and a line end, with room for what an editor adds; a longer file is no key. */
const MAX_KEY_FILE_BYTES = 128

/** Makes the node's key. Throws KEY_EXISTS where there is one: a key that has signed must never be lost by mistake. */
export async function createKeyFile(files: DirectoryFiles, random: Random): Promise<Uint8Array> {
  const seed = generateSeed(random)
  if (await writeNewFile(files.key, toUtf8(`${toHex(seed)}\n`), KEY_MODE)) return seed
  throw new WattnessError('KEY_EXISTS', `${files.key} exists already: a key is never overwritten`, { path: files.key })
}

export async function keyFileExists(files: DirectoryFiles): Promise<boolean> {
  return (await readIfThere(files.key)) !== undefined
}

/**
 * The seed. Throws NO_KEY, KEY_EXPOSED where others than its owner may read or write it, KEY_MALFORMED (never with what was
 * found), DIRECTORY_UNUSABLE.
 */
export async function readKeyFile(files: DirectoryFiles): Promise<Uint8Array> {
  const path = files.key
  let bytes: Uint8Array
  try {
    const file = await open(path, 'r')
    try {
      // Of the open file: another one cannot slip in between the look and the reading.
      const { mode } = await file.stat()
      assertPrivate(path, mode)
      const buffer = new Uint8Array(MAX_KEY_FILE_BYTES)
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
      bytes = buffer.subarray(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof WattnessError) throw error
    if (systemCode(error) === 'ENOENT') {
      throw new WattnessError('NO_KEY', `${path} is not there: this directory has no key`, { path })
    }
    throw unusable(path, 'cannot be read', error)
  }
  const text = new TextDecoder().decode(bytes).trim()
  if (SEED_TEXT.test(text)) return fromHex(text)
  throw new WattnessError('KEY_MALFORMED', `${path}: expected 64 lower-case hex digits and nothing else`, { path })
}

function assertPrivate(path: string, mode: number): void {
  // Windows has no such bits: what it reports says nothing.
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return
  const found = (mode & 0o777).toString(8).padStart(4, '0')
  throw new WattnessError(
    'KEY_EXPOSED',
    `${path} has mode ${found}: others may have read this key. Expected 0600: run \`chmod 600 ${path}\` if nobody has`,
    { path, found },
  )
}
