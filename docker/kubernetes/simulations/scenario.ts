import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import path from 'node:path'

/** `node scenario.ts [FLAG…]`: runs the scenario of this pod's number in its job; the report, as JSON, on standard output. */
const ROOT = path.resolve(import.meta.dirname, '../../..')
const index = Number(process.env['JOB_COMPLETION_INDEX'])
const names = (await readdir(path.join(ROOT, 'simulations/scenarios')))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length))
  .sort()
const name = names[index]
if (name === undefined) {
  console.error(`JOB_COMPLETION_INDEX: expected 0 to ${names.length - 1}, found ${process.env['JOB_COMPLETION_INDEX']}`)
  process.exit(2)
}
const child = spawn(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=128',
    path.join(ROOT, 'simulations/simulate.ts'),
    '--scenario',
    name,
    '--json',
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => process.exit(code ?? 1))
