import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'

/** What a process uses at one moment. */
export interface Use {
  /** Resident memory of its own. Files that LevelDB maps are not in it: the system may drop those at any time. */
  readonly memoryMiB: number
  /** Open files, sockets, timers of the kernel; LevelDB's tables left out, whose number follows the disk. */
  readonly handles: number
}

const LEVEL_TABLE = /\.(ldb|sst)( \(deleted\))?$/

/** Linux only. Throws where the process is gone. */
export async function useOf(pid: number): Promise<Use> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status does not tell RssAnon`)
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => undefined)),
  )
  const handles = links.filter((link) => link !== undefined && !LEVEL_TABLE.test(link)).length
  return { memoryMiB: Number(kibibytes) / 1_024, handles }
}

/** All files below `dir`, as long as they say they are; what vanishes meanwhile counts nothing. */
export async function diskMiB(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        lstat(path.join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
  )
  return sizes.reduce((all, size) => all + size, 0) / (1_024 * 1_024)
}
