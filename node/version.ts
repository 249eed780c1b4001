import { readFileSync } from 'node:fs'

let known: string | undefined

/** Of the program. package.json stands one directory above the source and two above what is built. */
export function programVersion(): string {
  known ??= readVersion()
  return known
}

function readVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version?: unknown }
      if (typeof version === 'string') return version
    } catch {
      // Not here.
    }
  }
  return 'unknown'
}
