import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { FUZZ_FORMATS, type FuzzFormat } from './formats.ts'
import { type FuzzCase, fuzzCase } from './mutation.ts'
import { verdictOf } from './verdict.ts'
import type { Find } from './worker.ts'

/**
 * `npm run fuzz -- FORMAT [--minutes N] [--seed N] [--case N] [--hex HEX]`: frames that the format makes itself, damaged in every
 * way, through its parser. It fails where the parser throws anything but its own error, loops, gives a value that is none, holds
 * more than its bound, or does not find back behind noise. A find is printed as hex with the command that replays it.
 */

/** A case takes a millisecond; one that takes this long never ends. */
const STUCK_MS = 20_000
const LOOK_MS = 500
/** More finds say nothing new. */
const MOST_FINDS = 10
/** A command line holds no more. */
const MOST_HEX = 100_000
const WORKER_MEGABYTES = 512

interface Told {
  readonly format: string
  readonly seed: number
  readonly cases: number
  readonly finds: number
}

export async function fuzz(
  format: FuzzFormat,
  { seed, ms, from = 0 }: { readonly seed: number; readonly ms: number; readonly from?: number },
  print: (line: string) => void,
): Promise<Told> {
  const until = performance.now() + ms
  let finds = 0
  let next = from
  while (performance.now() < until && finds < MOST_FINDS) {
    const at = new Int32Array(new SharedArrayBuffer(4))
    at[0] = next
    const found = await stretch(format.name, { seed, from: next, at, until }, (find) => {
      finds++
      report(format, seed, find, print)
      return finds < MOST_FINDS
    })
    next = Atomics.load(at, 0) + 1
    if (found !== undefined) {
      finds++
      report(format, seed, found, print)
    }
  }
  return { format: format.name, seed, cases: next - from, finds }
}

/** One worker's life; resolves to the find that ended it, if one did. */
async function stretch(
  format: string,
  { seed, from, at, until }: { readonly seed: number; readonly from: number; readonly at: Int32Array; readonly until: number },
  onFind: (find: Find) => boolean,
): Promise<Find | undefined> {
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { format, seed, from, at },
    resourceLimits: { maxOldGenerationSizeMb: WORKER_MEGABYTES },
  })
  let found: Find | undefined
  let last = from
  let since = performance.now()
  await new Promise<void>((resolve) => {
    const look = setInterval(() => {
      const number = Atomics.load(at, 0)
      if (number !== last) {
        last = number
        since = performance.now()
      }
      if (performance.now() - since > STUCK_MS) found = { number, why: `has not ended after ${STUCK_MS / 1_000} s` }
      if (found !== undefined || performance.now() >= until) void worker.terminate()
    }, LOOK_MS)
    worker.on('message', (find: Find) => {
      if (!onFind(find)) void worker.terminate()
    })
    worker.on('error', (error) => {
      found = { number: Atomics.load(at, 0), why: `ended the thread: ${error.message}` }
    })
    worker.on('exit', () => {
      clearInterval(look)
      resolve()
    })
  })
  return found
}

function report(format: FuzzFormat, seed: number, { number, why }: Find, print: (line: string) => void): void {
  const hex = Buffer.from(fuzzCase(format, seed, number).input).toString('hex')
  print(`FOUND in case ${number}: ${why}`)
  print(`  ${hex}`)
  print(`  npm run fuzz -- ${format.name} --seed ${seed} --case ${number}`)
  if (hex.length <= MOST_HEX) print(`  npm run fuzz -- ${format.name} --hex ${hex}`)
}

export async function runFuzz(args: readonly string[], print: (line: string) => void): Promise<number> {
  const text = { type: 'string' as const }
  const options = { minutes: text, seconds: text, seed: text, case: text, hex: text }
  const { positionals, values } = parseArgs({ args: [...args], options, allowPositionals: true })
  const names = FUZZ_FORMATS.map(({ name }) => name)
  const format = FUZZ_FORMATS.find(({ name }) => name === positionals[0])
  if (format === undefined) {
    print(`usage: npm run fuzz -- FORMAT [--minutes 5] [--seed N] [--case N] [--hex HEX]; the formats are: ${names.join(', ')}`)
    return positionals.length === 0 ? 0 : 2
  }
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  const alone = onlyCase(format, seed, values)
  if (alone !== undefined) {
    const why = await verdictOf(format, alone)
    print(why === undefined ? 'nothing found' : `FOUND: ${why}\n  ${Buffer.from(alone.input).toString('hex')}`)
    return why === undefined ? 0 : 1
  }
  const ms = values.seconds === undefined ? Number(values.minutes ?? 1) * 60_000 : Number(values.seconds) * 1_000
  const told = await fuzz(format, { seed, ms }, print)
  print(JSON.stringify(told))
  return told.finds === 0 ? 0 : 1
}

function onlyCase(
  format: FuzzFormat,
  seed: number,
  { case: number, hex }: { case?: string; hex?: string },
): FuzzCase | undefined {
  if (hex !== undefined) return { input: new Uint8Array(Buffer.from(hex, 'hex')), pieces: [65_536] }
  return number === undefined ? undefined : fuzzCase(format, seed, Number(number))
}

if (import.meta.main) process.exitCode = await runFuzz(process.argv.slice(2), (line) => console.log(line))
