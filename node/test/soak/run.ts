import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../harness/seeded-random.ts'
import { FAULTS } from './faults.ts'
import { LEAST_METERS, Soak, type Watched } from './soak.ts'

/**
 * `npm run soak -- --hours H`: a neighbourhood of processes under load while nodes are killed, restarted and paused and a disk
 * fills up. Prints slopes, the last line as JSON. Status 1 where memory or handles of a node rise that nothing befell, or where
 * the nodes do not agree at the end; 2 for wrong usage.
 */

/** Caches fill for ten minutes; a third of a run is not looked at. */
const TELLING_HOURS = 0.5

const USAGE = `usage: npm run soak -- [--hours ${TELLING_HOURS}] [--meters ${LEAST_METERS}] [--interval-ms 200]
         [--fault-every 30] [--seed 1] [--dir DIR]
  --hours        how long, a fraction too (${TELLING_HOURS}); its first third is warm-up. Caches fill for ten minutes: what less
                 than half an hour says of slopes is mostly that
  --meters       ${LEAST_METERS} to 40; the first of them and the registrar are those that are watched
  --interval-ms  a block of each meter so often
  --fault-every  seconds between two faults, of ${FAULTS.join(', ')}
  --seed         decides which fault befalls whom and when
  --dir          kept afterwards; a temporary one is not`

const options = {
  hours: { type: 'string', default: String(TELLING_HOURS) },
  meters: { type: 'string', default: String(LEAST_METERS) },
  'interval-ms': { type: 'string', default: '200' },
  'fault-every': { type: 'string', default: '30' },
  seed: { type: 'string', default: '1' },
  dir: { type: 'string' },
} as const

/** Undefined for what is no number within its bounds. */
function numberOf(text: string, least: number, most: number): number | undefined {
  const value = Number(text)
  return text.trim() !== '' && value >= least && value <= most ? value : undefined
}

function settings(
  words: readonly string[],
): Readonly<Record<'hours' | 'meters' | 'interval' | 'fault' | 'seed', number>> & { dir?: string } {
  const { values } = parseArgs({ args: [...words], options })
  const hours = numberOf(values.hours, 0.01, 168)
  const meters = numberOf(values.meters, LEAST_METERS, 40)
  const interval = numberOf(values['interval-ms'], 200, 3_600_000)
  const fault = numberOf(values['fault-every'], 1, 3_600)
  const seed = numberOf(values.seed, 0, 4_294_967_295)
  if (hours === undefined || meters === undefined || interval === undefined || fault === undefined || seed === undefined) {
    throw new RangeError('a number is missing or out of bounds')
  }
  const { dir } = values
  return { hours, meters: Math.floor(meters), interval: Math.floor(interval), fault, seed, ...(dir === undefined ? {} : { dir }) }
}

function tell(name: string, watched: Watched): void {
  for (const [measure, trend] of Object.entries(watched) as [string, Watched['memory']][]) {
    const text =
      trend === undefined ? 'too short to tell' : `${trend.perHour.toFixed(2)} an hour, about ${trend.level.toFixed(1)}`
    console.log(`${name.padEnd(10)} ${measure.padEnd(9)} ${text}`)
  }
}

async function main(words: readonly string[]): Promise<number> {
  let chosen: ReturnType<typeof settings>
  try {
    chosen = settings(words)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return 2
  }
  if (process.platform !== 'linux') {
    console.error('soak: memory and handles are read from /proc, which only Linux has')
    return 1
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)))
  const dir = chosen.dir ?? (await mkdtemp(path.join(tmpdir(), 'wattness-soak-')))
  const startMs = Date.now()
  const note = (text: string): void => console.log(`${((Date.now() - startMs) / 1_000).toFixed(0).padStart(6)} s  ${text}`)
  try {
    const { hours, meters, interval, fault, seed } = chosen
    const random = seededRandom(seed)
    const soak = new Soak({
      dir,
      hours,
      meters,
      intervalMs: interval,
      faultEveryMs: fault * 1_000,
      random,
      note,
      signal: stop.signal,
    })
    const result = await soak.run()
    for (const [name, watched] of Object.entries(result.watched)) tell(name, watched)
    for (const finding of result.findings) console.log(`FOUND: ${finding}`)
    if (hours < TELLING_HOURS)
      console.log('less than half an hour: what rises may be caches that fill, and what does not may yet')
    const ok = result.findings.length === 0
    console.log(JSON.stringify({ soak: { hours, meters, intervalMs: interval, seed }, ...result, ok }))
    return ok ? 0 : 1
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  } finally {
    if (chosen.dir === undefined) await rm(dir, { recursive: true, force: true })
  }
}

process.exitCode = await main(process.argv.slice(2))
