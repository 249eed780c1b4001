import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Mesh, missing } from './mesh.ts'
import { HOSTS, Scenario } from './scenario.ts'
import { ThreeHostsByThePage } from './three-hosts.ts'

/**
 * `npm run test:hosts`: five hosts, each a network namespace with a node in it, through partition, loss, delay, a slow link and a
 * pulled cable; and before that three of them with what docs/operations.md tells their operators to type. Needs root, iproute2
 * and iptables; status 1 where they are missing, or where something was not as it should be.
 */

const USAGE = `usage: npm run test:hosts [-- --quick] [-- --page] [-- --partition SECONDS]
  --page       only what docs/operations.md says of three meters on three hosts
  --quick      a partition of 15 seconds instead of 60, everything else shorter in the same measure`

const PARTITION_S = 60
const QUICK_S = 15

async function main(words: readonly string[]): Promise<number> {
  let partitionMs: number
  let isPageOnly: boolean
  try {
    const options = { quick: { type: 'boolean' }, page: { type: 'boolean' }, partition: { type: 'string' } } as const
    const { values } = parseArgs({ args: [...words], options })
    isPageOnly = values.page === true
    partitionMs = Number(values.partition ?? (values.quick === true ? QUICK_S : PARTITION_S)) * 1_000
    if (!(partitionMs >= 3_000 && partitionMs <= 3_600_000)) throw new RangeError('--partition: from 3 to 3600 seconds')
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return 2
  }
  const lacks = missing(process.getuid?.())
  if (lacks.length > 0) {
    console.error(`test:hosts cannot be done here: it needs ${lacks.join(' and ')}`)
    return 1
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Not once: a second Ctrl-C must not end it in the middle of taking things away.
    process.on(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
  }
  const startMs = Date.now()
  const note = (text: string): void => console.log(`${((Date.now() - startMs) / 1_000).toFixed(0).padStart(4)} s  ${text}`)
  const mesh = new Mesh(process.pid, HOSTS)
  const dir = await mkdtemp(path.join(tmpdir(), 'wattness-hosts-'))
  try {
    await Mesh.sweep()
    await mesh.up()
    const page = await new ThreeHostsByThePage({ dir, mesh, note, signal: stop.signal }).run()
    if (isPageOnly) {
      console.log(JSON.stringify({ ...page, ok: true }))
      return 0
    }
    const result = await new Scenario({ dir, mesh, partitionMs, note, signal: stop.signal }).run()
    console.log(JSON.stringify({ hosts: HOSTS, partitionMs, ...page, ...result, ok: true }))
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  } finally {
    await mesh.down().catch((error: Error) => console.error(error.message))
    await rm(dir, { recursive: true, force: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
