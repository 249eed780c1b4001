import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** A file of the project; `path` is relative to the top, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

export const PROJECT_ROOT = path.resolve(import.meta.dirname, '../../..')

/** What builds and runs leave behind (.gitignore names the same). */
const LEFT_BY_RUNS = /^(node_modules|dist|coverage)$|\.(log|cpuprofile)$/

/** Names at the top level, without what runs leave behind. */
export function listTopLevel(root = PROJECT_ROOT): string[] {
  return readdirSync(root)
    .filter((name) => !LEFT_BY_RUNS.test(name))
    .sort()
}

/** Every file below the project's folders that are not dot-files, and the files at the top level; text is read as UTF-8. */
export function readProject(root = PROJECT_ROOT): SourceFile[] {
  const files: SourceFile[] = []
  const visit = (folder: string): void => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      if (entry.name.startsWith('.') || LEFT_BY_RUNS.test(entry.name)) continue
      const below = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) visit(below)
      else if (entry.isFile()) files.push({ path: below, text: readFileSync(path.join(root, below), 'utf8') })
    }
  }
  visit('')
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

export function isTypeScript(file: SourceFile): boolean {
  return /\.tsx?$/.test(file.path)
}

/** Tests and measurements may do what the code they watch may not. */
export function isTestOrBench(file: SourceFile): boolean {
  return /(^|\/)(test|bench)\//.test(file.path)
}
