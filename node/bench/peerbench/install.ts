import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * `node node/bench/peerbench/install.ts FOLDER` puts into a copy of peerbench what it looks for under the name of a system;
 * each file only names the module here that does the work.
 */

const moduleUrl = (name: string): string => pathToFileURL(join(import.meta.dirname, name)).href

/** Which Node runs the system is left to the runner's own: it must run TypeScript. */
export const SHIMS: Readonly<Record<string, string>> = {
  'wattness.meta.mjs': "export const info = { name: 'wattness' }\n",
  'wattness.mjs': `export { createPeer, custom } from '${moduleUrl('adapter.ts')}'\n`,
  'wattness.tamper.mjs': `import { tamper } from '${moduleUrl('tamper.ts')}'\nawait tamper(process.argv[2])\n`,
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? '.')
  const systems = join(folder, 'systems')
  if (existsSync(join(folder, 'run.mjs')) && existsSync(systems)) {
    for (const [name, text] of Object.entries(SHIMS)) writeFileSync(join(systems, name), text)
    console.log(`cd ${folder} && ${process.execPath} run.mjs --system wattness --workload W1`)
  } else {
    console.error(`${folder} is no copy of peerbench: there is no run.mjs beside a folder systems/`)
    process.exitCode = 2
  }
}
