import { isWattnessError, WattnessError } from '../../protocol/index.ts'

/** What the system says where a disk, or the share of it that somebody may have, is used up. */
const NO_ROOM = new Set<unknown>(['ENOSPC', 'EDQUOT', 'DISK_FULL'])

/** An error's causes are looked through this deep. */
const MAX_CAUSES = 5

export function isFullDisk(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < MAX_CAUSES && typeof at === 'object' && at !== null; depth++) {
    if (NO_ROOM.has((at as { code?: unknown }).code)) return true
    at = (at as { cause?: unknown }).cause
  }
  return false
}

/** Throws what to tell whoever could not open the store of a stopped node: DISK_FULL where that is why, else the error itself. */
export function explainFullDisk(dir: string, error: unknown): never {
  if (!isFullDisk(error)) throw error
  const what = isWattnessError(error) ? error.message : `${dir}: no space left on the disk`
  const why = 'a stopped store cannot be opened then, not even to look at it, since opening writes (a lock, and its log anew)'
  const advice = 'make some room, 16 MB will do, or look at a copy of the directory on another disk (and never run both)'
  throw new WattnessError('DISK_FULL', `${what}: ${why}: ${advice}`, { directory: dir }, { cause: error })
}
