import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openSource } from '../collect/index.ts'
import { systemPlatform } from '../platform.ts'
import { greenButtonFeed, p1Telegram, smlFile } from './parse-inputs.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'

/**
 * `npm run bench -- parse`: bytes to readings, the whole way that a node's sources take. P1 and SML as streams in pieces of
 * 64 KiB, a year of Green Button from a file. Beside them `dsmr-parser` and `smartmeter-obis` from npm, each given whole frames,
 * where `--peers DIR` names a directory in which they were installed.
 */

const DISTINCT = 4_000
const REPEATS = 4
const PIECE_BYTES = 65_536
/**
 * Times are those of a core, what the collector of garbage takes with them. Whatever else the machine does only ever slows
 * a round: the fastest one is the parser's own.
 */
const ROUNDS = 9
const PEER_ROUNDS = 3
const PEER_FRAMES = 2_000
const YEAR_DAYS = 365
const YEAR_ROUNDS = 5
const MANY_YEARS = 6

export async function run(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { peers: { type: 'string' } } })
  const p1 = Array.from({ length: DISTINCT }, (_, second) => Buffer.from(p1Telegram(second), 'latin1'))
  const sml = Array.from({ length: DISTINCT }, (_, second) => Buffer.from(smlFile(second)))
  const yardstick = await peers(values.peers, p1, sml)
  const p1MBps = round(await streamRate('p1', p1))
  const smlMBps = round(await streamRate('sml', sml))
  const { greenButtonMs, greenButtonGrowthMiB } = await greenButton()
  return {
    figures: { p1MBps, smlMBps, greenButtonMs, greenButtonGrowthMiB },
    yardstick,
    budget: { p1MBps: '>= 60', smlMBps: '>= 30', greenButtonMs: '<= 150', greenButtonGrowthMiB: '<= 4' },
    ok: p1MBps >= 60 && smlMBps >= 30 && greenButtonMs <= 150 && greenButtonGrowthMiB <= 4,
  }
}

/** Milliseconds of computing that this process has had. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Megabytes a second, of the fastest round; throws where one frame is not read. */
async function streamRate(kind: string, frames: readonly Buffer[]): Promise<number> {
  const bytes = Buffer.concat(Array.from({ length: REPEATS }, () => frames).flat())
  let best = 0
  for (let time = 0; time < ROUNDS; time++) {
    const from = cpuMs()
    let read = 0
    for await (const item of openSource(`${kind}:-`, depsOf(bytes)).items(new AbortController().signal)) {
      if (item.type !== 'reading') throw new Error(`${kind}: ${JSON.stringify(item)}`)
      if (item.frame !== undefined) read++
    }
    if (read !== frames.length * REPEATS) throw new Error(`${kind}: ${read} frames were read of ${frames.length * REPEATS}`)
    best = Math.max(best, bytes.length / 1_000 / (cpuMs() - from))
  }
  return best
}

function depsOf(bytes: Buffer): typeof systemPlatform & { standardInput: () => AsyncIterable<Uint8Array> } {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let from = 0; from < bytes.length; from += PIECE_BYTES) yield bytes.subarray(from, from + PIECE_BYTES)
  }
  return { ...systemPlatform, standardInput: pieces }
}

/** A year in milliseconds of a core, and what the memory in use grows by between the first and the last of six years. */
async function greenButton(): Promise<{ greenButtonMs: number; greenButtonGrowthMiB: number }> {
  const dir = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  try {
    const year = join(dir, 'year.xml')
    writeFileSync(year, greenButtonFeed(YEAR_DAYS))
    let greenButtonMs = Number.POSITIVE_INFINITY
    for (let time = 0; time < YEAR_ROUNDS; time++) {
      const from = cpuMs()
      const read = await countGreenButton(year)
      greenButtonMs = Math.min(greenButtonMs, cpuMs() - from)
      if (read !== YEAR_DAYS * 24) throw new Error(`green-button: ${read} values were read`)
    }
    const years = join(dir, 'years.xml')
    writeFileSync(years, greenButtonFeed(YEAR_DAYS * MANY_YEARS))
    const used: number[] = []
    await countGreenButton(years, (read) => {
      if (read % (YEAR_DAYS * 24) === 0) used.push(usedBytes())
    })
    const growth = (used.at(-1) as number) - (used[0] as number)
    return { greenButtonMs: round(greenButtonMs), greenButtonGrowthMiB: round(Math.max(0, growth) / 2 ** 20) }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function countGreenButton(path: string, onReading?: (read: number) => void): Promise<number> {
  let read = 0
  for await (const item of openSource(`green-button:${path}`, systemPlatform).items(new AbortController().signal)) {
    if (item.type !== 'reading') throw new Error(`green-button: ${JSON.stringify(item)}`)
    read++
    onReading?.(read)
  }
  return read
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function usedBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

interface SmlPeer {
  new (
    options: object,
    done: (error: Error | null, found: object) => void,
  ): { setTransportResetCallback(done: () => void): void; handleMessage(message: Buffer): unknown }
}

/** The npm parsers on the same frames, one at a time as they want them; those that are not there are named and left out. */
async function peers(dir: string | undefined, p1: readonly Buffer[], sml: readonly Buffer[]): Promise<Record<string, number>> {
  const rates: Record<string, number> = {}
  const load = createRequire(join(resolve(dir ?? '.'), 'peers.js'))
  const attempt = (name: string, frames: readonly Buffer[], parserOf: () => (frame: Buffer) => boolean): void => {
    try {
      rates[name] = peerRate(frames, parserOf())
    } catch (error) {
      const reason = (error instanceof Error ? error.message : String(error)).split('\n')[0]
      console.log(`parse: ${name} is left out: ${reason}; npm install it somewhere and say --peers DIR`)
    }
  }
  attempt('dsmrParserMBps', p1, () => {
    const parser = load('dsmr-parser') as { parse(text: string): { objects: object } }
    return (frame) => Object.keys(parser.parse(frame.toString('latin1')).objects).length > 0
  })
  attempt('smartmeterObisMBps', sml, () => {
    const Peer = load('smartmeter-obis/lib/protocols/SmlProtocol.js') as SmlPeer
    let found = 0
    const peer = new Peer({ debug: 0, protocolSmlInputEncoding: 'binary', logger: () => undefined }, (error) => {
      if (error === null) found++
    })
    peer.setTransportResetCallback(() => undefined)
    return (frame) => {
      const before = found
      peer.handleMessage(frame)
      return found > before
    }
  })
  return rates
}

function peerRate(frames: readonly Buffer[], parse: (frame: Buffer) => boolean): number {
  const some = frames.slice(0, PEER_FRAMES)
  const bytes = some.reduce((sum, frame) => sum + frame.length, 0)
  let best = 0
  for (let time = 0; time < PEER_ROUNDS; time++) {
    const from = cpuMs()
    for (const frame of some) if (!parse(frame)) throw new Error('it does not read the frames of this bench')
    best = Math.max(best, bytes / 1_000 / (cpuMs() - from))
  }
  return round(best)
}
