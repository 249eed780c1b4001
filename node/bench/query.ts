import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { toHex } from '../../protocol/index.ts'
import type { NodeEvents } from '../events.ts'
import { silentLogger } from '../logger.ts'
import { createMemoryHub } from '../net/index.ts'
import { LedgerNode } from '../node.ts'
import { createHttpApp, type HttpAppInit } from '../observe/http-app.ts'
import { startHttp } from '../observe/index.ts'
import { systemPlatform, systemTimers } from '../platform.ts'
import { DEFAULT_SETTINGS } from '../settings.ts'
import { useNativeHash, verifySignature } from '../signature.ts'
import { checkFiles, LedgerStore, openLevelKv } from '../store/index.ts'
import { PostgresRows } from './postgres.ts'
import { DAY_MS, type Home, QueryChains, ROWS_PER_DAY, readHomes, YEAR_FROM_MS } from './query-store.ts'
import type { BenchResult } from './run.ts'
import { median, quantile, round } from './statistics.ts'
import { Street } from './street.ts'

/**
 * `npm run bench -- query [--meters 200] [--days 365] [--load-seconds 8]`: questions of a year of 200 homes, answered by HTTP's
 * own code without a socket; the same of PostgreSQL; and status answers over sockets while blocks arrive.
 */

const BUDGETS = {
  indexPercent: [30, 'most'],
  monthMs: [8, 'most'],
  yearMs: [10, 'most'],
  balanceMs: [10, 'most'],
  ledgerMs: [10, 'most'],
  requestsPerSecond: [2_000, 'least'],
  p99Ms: [20, 'most'],
  bytesPerReading: [12, 'most'],
  bytesPerReading1: [260, 'most'],
} as const

const ROWS_PER_BLOCK = ROWS_PER_DAY
/** Half hours sealed one by one: of fewer, what LevelDB has not merged yet is more than a twentieth. */
const SINGLE_DAYS = 28
const INDEX_ROUNDS = 48
const INDEX_BATCHES = 5
const ZONE = 'Europe/London'
const LEDGER_PAGE = 50
const LIVE_EVERY_MS = 22

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const nowMs = (): number => systemPlatform.clock.monotonicMs()

export async function run(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { meters: { type: 'string' }, days: { type: 'string' }, 'load-seconds': { type: 'string' } },
  })
  const meters = Number(values.meters ?? 200)
  const days = Number(values.days ?? 365)
  useNativeHash()
  const directory = mkdtempSync(join(tmpdir(), 'wattness-bench-'))
  try {
    const street = new Street(meters)
    const { homes, from } = await readHomes(meters, days)
    say(`${from}, ${days} days`)
    const indexPercent = await measureIndex(directory, street, homes)
    const bytesPerReading1 = await measureSingles(join(directory, 'singles'), street, homes, Math.min(days, SINGLE_DAYS))
    const year = join(directory, 'year')
    const store = await openStore(year, street)
    // The last day comes while requests are answered.
    const chains = new QueryChains(street, homes, ROWS_PER_BLOCK)
    await chains.fill(store, 1, days - 1)
    const asked = await measureQuestions(store, street, days, values['load-seconds'] ?? '8', chains)
    await store.close()
    const { bytes } = await checkFiles(year)
    const readings = meters * days * ROWS_PER_DAY
    const yardstick = await measurePostgres(homes, days)
    const figures = { indexPercent, ...asked, bytesPerReading: round(bytes / readings), bytesPerReading1 }
    return { figures, yardstick, ...judged(figures) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function judged(figures: Readonly<Record<string, number>>): { budget: Record<string, string>; ok: boolean } {
  const budget: Record<string, string> = {}
  let ok = true
  for (const [name, [bound, kind]] of Object.entries(BUDGETS)) {
    budget[name] = `${kind === 'most' ? '<=' : '>='} ${bound}`
    const found = figures[name] ?? Number.NaN
    ok &&= kind === 'most' ? found <= bound : found >= bound
  }
  return { budget, ok }
}

async function openStore(directory: string, { genesis }: Street): Promise<LedgerStore> {
  return LedgerStore.open({ kv: await openLevelKv(directory), networkId: genesis.networkId })
}

/** Live blocks of one row, every home's in one batch, into a store with chunks and one without, in turns. */
async function measureIndex(directory: string, street: Street, homes: readonly Home[]): Promise<number> {
  const stores = [await openStore(join(directory, 'with'), street), await openStore(join(directory, 'without'), street)]
  const [withIndex, without] = stores as [LedgerStore, LedgerStore]
  const inside = without as unknown as { query: Record<'extend' | 'finish' | 'commit', () => undefined> }
  for (const name of ['extend', 'finish', 'commit'] as const) inside.query[name] = () => undefined
  const chains = new QueryChains(street, homes, 1)
  const spent = new Map(stores.map((store) => [store, [] as number[]]))
  for (let each = 0; each < INDEX_ROUNDS; each++) {
    const batches = Array.from({ length: INDEX_BATCHES }, () => homes.map((_, place) => chains.next(place, 1)))
    for (const store of each % 2 === 0 ? [withIndex, without] : [without, withIndex]) {
      const began = nowMs()
      for (const batch of batches) await store.accept(batch)
      // The first rounds warm up the compiler.
      if (each >= INDEX_ROUNDS / 4) spent.get(store)?.push(nowMs() - began)
    }
  }
  for (const store of stores) await store.close()
  // What others do on this machine only ever adds: the quicker rounds say what it costs.
  const quick = (store: LedgerStore): number => quantile(spent.get(store) ?? [], 0.25)
  return round((quick(withIndex) / quick(without) - 1) * 100)
}

async function measureSingles(directory: string, street: Street, homes: readonly Home[], days: number): Promise<number> {
  const store = await openStore(directory, street)
  await new QueryChains(street, homes, 1).fill(store, 1, days * ROWS_PER_DAY)
  await store.close()
  const { bytes } = await checkFiles(directory)
  return round(bytes / (homes.length * days * ROWS_PER_DAY))
}

type Stored = (event: NodeEvents['stored']) => void

/** What HTTP answers from: a whole node that nobody is linked with; what is stored is told as it would tell it. */
async function httpInit(store: LedgerStore, street: Street): Promise<{ init: HttpAppInit; told: Set<Stored> }> {
  const signer = street.registrar
  const { genesis } = street
  const node = await LedgerNode.create({
    genesis,
    signer,
    verify: verifySignature,
    network: createMemoryHub(systemPlatform).network(signer.publicKey),
    store,
    platform: systemPlatform,
    logger: silentLogger,
    settings: { ...DEFAULT_SETTINGS, verifyThreads: 0 },
  })
  const told = new Set<Stored>()
  const observed = new Proxy(node, {
    get(target, name) {
      if (name === 'on') {
        return (event: string, listener: Stored) => {
          if (event === 'stored') told.add(listener)
          return () => told.delete(listener)
        }
      }
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const { clock, random } = systemPlatform
  const onError = (error: unknown): void => say(String(error))
  return {
    init: { store, genesis, verify: verifySignature, timers: systemTimers, onError, api: { node: observed, clock, random } },
    told,
  }
}

async function measureQuestions(
  store: LedgerStore,
  street: Street,
  days: number,
  seconds: string,
  chains: QueryChains,
): Promise<Record<string, number>> {
  const { init, told } = await httpInit(store, street)
  const app = createHttpApp(init)
  const members = street.signers.map(({ publicKey }) => toHex(publicKey))
  const iso = (ms: number): string => new Date(ms).toISOString()
  const span = (from: number, length: number): string => {
    const first = Math.max(0, Math.min(from, days - length))
    return `from=${iso(YEAR_FROM_MS + first * DAY_MS)}&to=${iso(YEAR_FROM_MS + Math.min(days, first + length) * DAY_MS)}`
  }
  const readings = (home: number): string => `/v1/members/${members[home % members.length]}/readings`
  const asking = async (count: number, url: (i: number) => string): Promise<number> => {
    const spent: number[] = []
    for (let i = 0; i < count; i++) {
      const began = nowMs()
      await ask(app, url(i))
      // Warm: the first answers are not counted.
      if (i >= count / 5) spent.push(nowMs() - began)
    }
    return round(median(spent))
  }
  const balance = (day: number): string => `/v1/balance?${span(day, 1)}&resolution=1h&tz=UTC`
  const monthMs = await asking(200, (i) => `${readings(i)}?${span((i * 31) % 330, 31)}&resolution=raw`)
  const yearMs = await asking(100, (i) => `${readings(i)}?${span(0, 365)}&resolution=1d&tz=${ZONE}`)
  const balanceMs = await asking(60, () => balance(100))
  const balanceAnyDayMs = await asking(60, (i) => balance((i * 37) % 360))
  const ledgerMs = await asking(100, () => `/v1/ledger?limit=${LEDGER_PAGE}`)
  await app.close()
  const load = await measureLoad(init, told, store, street, chains, seconds)
  return { monthMs, yearMs, balanceMs, balanceAnyDayMs, ledgerMs, ...load }
}

async function ask(app: FastifyInstance, url: string): Promise<void> {
  const { statusCode, body } = await app.inject({ url })
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${body}`)
}

/** Status answers by a client of another process, while the last day of every home comes block by block. */
async function measureLoad(
  init: HttpAppInit,
  told: Set<Stored>,
  store: LedgerStore,
  street: Street,
  chains: QueryChains,
  seconds: string,
): Promise<{ requestsPerSecond: number; p99Ms: number; blocksMeanwhile: number }> {
  told.clear()
  const server = await startHttp({ ...init, host: '127.0.0.1', port: 0 })
  const client = join(import.meta.dirname, '../../node_modules/autocannon/autocannon.js')
  const words = [client, '-c', '32', '-d', seconds, '--warmup', '[ -c 32 -d 2 ]', '--json', `${server.address}/v1/status`]
  let blocks = 0
  let isOver = false
  const arriving = (async (): Promise<void> => {
    for (let place = 0; place < street.signers.length && !isOver; place++) {
      const acceptance = chains.next(place, 1)
      await store.accept([acceptance])
      blocks++
      const { member, from, state } = acceptance
      for (const listener of told) listener({ member: toHex(member), from, count: 1, state, own: false })
      await new Promise<void>((resolve) => systemTimers.set(LIVE_EVERY_MS, resolve))
    }
  })()
  try {
    const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 1 << 24 })
    const result = JSON.parse(stdout.trim().split('\n').at(-1) as string) as {
      requests: { average: number }
      latency: { p99: number }
      non2xx: number
    }
    if (result.non2xx > 0) throw new Error(`${result.non2xx} refusals`)
    return { requestsPerSecond: round(result.requests.average), p99Ms: round(result.latency.p99), blocksMeanwhile: blocks }
  } finally {
    isOver = true
    await arriving
    await server.close()
  }
}

/** The same rows, indexed by member and time and by time; the same answers, as JavaScript objects. */
async function measurePostgres(homes: readonly Home[], days: number): Promise<Record<string, number>> {
  const postgres = await PostgresRows.start(say)
  if (postgres === undefined) return {}
  try {
    await postgres.fill(homes, ROWS_PER_BLOCK)
    const asking = async (count: number, question: (i: number) => Promise<number>): Promise<number> => {
      const spent: number[] = []
      for (let i = 0; i < count; i++) {
        const began = nowMs()
        await question(i)
        if (i >= count / 5) spent.push(nowMs() - began)
      }
      return round(median(spent))
    }
    const dayAt = (day: number): number => YEAR_FROM_MS + Math.max(0, Math.min(day, days - 31)) * DAY_MS
    return {
      postgresMonthMs: await asking(200, (i) =>
        postgres.month(i % homes.length, dayAt((i * 31) % 330), dayAt((i * 31) % 330) + 31 * DAY_MS),
      ),
      postgresYearMs: await asking(100, (i) => postgres.year(i % homes.length, YEAR_FROM_MS, YEAR_FROM_MS + days * DAY_MS, ZONE)),
      postgresBalanceMs: await asking(60, () => postgres.balance(dayAt(100))),
      postgresLedgerMs: await asking(100, () => postgres.ledger(LEDGER_PAGE)),
      postgresBytesPerReading: round((await postgres.readingBytes()) / (homes.length * days * ROWS_PER_DAY)),
    }
  } finally {
    await postgres.stop()
  }
}
