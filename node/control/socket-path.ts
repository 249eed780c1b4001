import { lstat, mkdtemp, readlink, rm, symlink, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { WattnessError } from '../../protocol/index.ts'

/**
 * The longest path of a socket that every system takes: 104 bytes with the final zero on macOS and BSD, 108 on Linux. Longer
 * ones would be refused, or cut short and answer under another name.
 */
export const MAX_SOCKET_PATH_BYTES = 103

const SHORT_PREFIX = 'wattness-'

/** Where to listen, and what to take away afterwards. */
export interface SocketPlace {
  readonly path: string
  remove(): Promise<void>
}

/**
 * A place for the socket `wanted`. What is there already is of a process that is gone, since this one holds the directory's
 * lock. For a path that is too long the socket stands in a directory of its own for temporary files, which only this user
 * may enter, and `wanted` is a link to it.
 */
export async function placeSocket(wanted: string): Promise<SocketPlace> {
  await removeStale(wanted)
  if (Buffer.byteLength(wanted) <= MAX_SOCKET_PATH_BYTES) return { path: wanted, remove: () => removeStale(wanted) }
  const path = join(await mkdtemp(join(tmpdir(), SHORT_PREFIX)), 'control.sock')
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    await rm(dirname(path), { recursive: true })
    throw new WattnessError(
      'SOCKET_PATH_TOO_LONG',
      `${wanted} and ${path} are both longer than the ${MAX_SOCKET_PATH_BYTES} bytes of a socket's path: use a shorter --dir`,
      { path: wanted },
    )
  }
  await symlink(path, wanted)
  return { path, remove: () => removeStale(wanted) }
}

/** Where the socket is that `wanted` names: a link's target need not be short enough by way of the link. */
export async function findSocket(wanted: string): Promise<string> {
  try {
    return await readlink(wanted)
  } catch {
    return wanted
  }
}

async function removeStale(wanted: string): Promise<void> {
  const stat = await lstat(wanted).catch(() => undefined)
  if (stat === undefined) return
  if (stat.isSymbolicLink()) {
    const target = await readlink(wanted)
    // Only what this program made: a link that somebody else put here is taken away, not what it leads to.
    if (dirname(dirname(target)) === tmpdir() && target.includes(`/${SHORT_PREFIX}`)) {
      await rm(dirname(target), { recursive: true, force: true }).catch(() => undefined)
    }
  } else if (!stat.isSocket()) {
    throw new WattnessError('DIRECTORY_UNUSABLE', `${wanted} is no socket: something else stands in its place`, { path: wanted })
  }
  await unlink(wanted).catch(() => undefined)
}
