import { execFileSync } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import { later, type NodeProcess } from '../street/node-process.ts'

/** What befalls a node. */
export const FAULTS = ['kill', 'restart', 'pause', 'full-disk'] as const
export type Fault = (typeof FAULTS)[number]

/** How long each lasts, from … to. */
export const LASTS_MS: Readonly<Record<Fault, readonly [number, number]>> = {
  kill: [500, 8_000],
  restart: [500, 8_000],
  // Longer than a ping may take: neighbours hang up on it and dial it again.
  pause: [5_000, 25_000],
  'full-disk': [5_000, 20_000],
}

const BALLAST = 'ballast'
const BALLAST_CHUNK = new Uint8Array(1_024 * 1_024)
/** A disk larger than this is not ours. */
const MAX_BALLAST_CHUNKS = 8_192

export function choose<T>(among: readonly T[], share: number): T {
  const chosen = among[Math.min(among.length - 1, Math.floor(share * among.length))]
  if (chosen === undefined) throw new RangeError('nothing to choose from')
  return chosen
}

export function between([least, most]: readonly [number, number], share: number): number {
  return Math.round(least + (most - least) * share)
}

/** Lets it happen to the node, and undoes it: the node runs again when this resolves, or it throws. */
export async function inflict(fault: Fault, node: NodeProcess, lastsMs: number, signal: AbortSignal): Promise<void> {
  switch (fault) {
    case 'kill':
      await node.kill()
      await later(lastsMs, signal)
      return node.start()
    case 'restart':
      if (!(await node.stop())) throw new Error(`${node.name} did not end when it was told to`)
      await later(lastsMs, signal)
      return node.start()
    case 'pause':
      node.pause()
      try {
        await later(lastsMs, signal)
      } finally {
        node.resume()
      }
      return
    case 'full-disk': {
      const ballast = path.join(node.dir, BALLAST)
      try {
        await fill(ballast)
        await later(lastsMs, signal)
      } finally {
        await rm(ballast, { force: true })
      }
    }
  }
}

/** Writes until the disk says that it is full. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w')
  try {
    for (let chunk = 0; chunk < MAX_BALLAST_CHUNKS; chunk++) await handle.write(BALLAST_CHUNK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return
    throw error
  } finally {
    await handle.close()
  }
  throw new Error(`${file}: the disk takes ${MAX_BALLAST_CHUNKS} MiB and is not full`)
}

/** A small disk of its own at `dir`, which is there; false where this user may not mount. */
export function mountDisk(dir: string, mebibytes: number): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0700`, 'tmpfs', dir], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

export function unmountDisk(dir: string): void {
  try {
    execFileSync('umount', ['-l', dir], { stdio: 'ignore' })
  } catch {
    // It was not mounted, or somebody else has done so.
  }
}
