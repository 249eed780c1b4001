import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { createGenesisFile, createKeyFile, makeDirectory } from '../directory/index.ts'
import { sleep, systemEnvironment, systemPlatform } from '../platform.ts'
import { seedNamed } from './bench-node.ts'
import { type Host, startHost } from './host-process.ts'
import { compileProgram, UNATTENDED, usageOf } from './installed.ts'
import type { NodeHostCommands } from './node-host.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'
import { Street } from './street.ts'

/**
 * `npm run bench -- neighbourhood [SECONDS] [plain]`, whole minutes: what one meter's node takes of its machine and line in a
 * neighbourhood of fifty that write a block a minute each. The node is a process of its own, compiled as it is installed, with
 * the settings that its container has: HTTP on, asked for its health and its metrics. It is one of the four witnesses, or none
 * (`plain`). The others are whole nodes too, in a few processes; all find and dial each other by themselves.
 */

const METERS = 50
const PROCESSES = 4
const WITNESSES = 4
const INTERVAL_MS = 60_000
/** Between two looks of the health check in `docker/Dockerfile`. */
const HEALTH_MS = 60_000
/** Prometheus asks so often. */
const LOOK_MS = 15_000
const SECONDS = 180
/** Links are made, everybody has written once, and V8 has compiled what runs often. */
const SETTLE_MS = 150_000
const MEET = 3
const BUDGET = { rssMB: 120, cpuPercent: 1, wireBytesPerSecondBeyond: 1_000 } as const

interface Moment {
  readonly atMs: number
  readonly cpuMs: number
  readonly rssBytes: number
  readonly wireBytes: number
  readonly peers: number
  readonly blocks: number
  readonly blockBytes: number
}

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  // Whole intervals: blocks come in the first half of each.
  const asked = Number(args.find((each) => /^\d+$/.test(each)) ?? SECONDS)
  const seconds = Math.max(1, Math.round((asked * 1_000) / INTERVAL_MS)) * (INTERVAL_MS / 1_000)
  const measured = args.includes('plain') ? METERS - 1 : 0
  const dir = mkdtempSync(path.join(tmpdir(), 'wattness-bench-'))
  const hosts = Array.from({ length: PROCESSES }, () => startHost<NodeHostCommands>('./node-host.ts'))
  let node: ChildProcess | undefined
  try {
    const program = compileProgram(dir)
    const others = Array.from({ length: METERS }, (_, meter) => meter).filter((meter) => meter !== measured)
    const { genesis } = new Street(METERS, WITNESSES)
    const addresses = await openAll(hosts, others, genesis.bytes, dir)
    const at = path.join(dir, 'measured')
    const files = await makeDirectory(at)
    await createKeyFile(files, { bytes: () => seedNamed(`meter ${measured}`) })
    await createGenesisFile(files, genesis)
    const spec = `household:${measured}?interval=${INTERVAL_MS / 1_000}s`
    const words = ['run', '--dir', at, '--interval', `${INTERVAL_MS / 1_000}s`, '--source', spec, '--json']
    const reach = ['--listen', '/ip4/127.0.0.1/tcp/0', '--mdns', 'no', '--http', '127.0.0.1:0']
    const bootstrap = addresses.slice(0, MEET).flatMap((address) => ['--bootstrap', address])
    const env = { ...systemEnvironment(), ...UNATTENDED }
    node = spawn(process.execPath, [program, ...words, ...reach, ...bootstrap], { stdio: ['ignore', 'pipe', 'inherit'], env })
    const http = await httpAddressOf(node)
    const readings = Math.ceil((SETTLE_MS + seconds * 1_000) / INTERVAL_MS) + 1
    for (const [i, host] of hosts.entries()) {
      const names = namesOf(others, i)
      // Ends with the host, in the middle of its wait.
      host.call('feed', { names, readings, intervalMs: INTERVAL_MS }).catch(() => undefined)
    }
    const look = (): Promise<Moment> =>
      momentOf(node?.pid as number, http, hosts[0] as (typeof hosts)[number], others[0] as number)
    await watch(http, SETTLE_MS)
    const before = await look()
    const degree = await watch(http, seconds * 1_000)
    return resultOf(before, await look(), degree)
  } finally {
    node?.kill('SIGKILL')
    await Promise.all(hosts.map((host) => host.stop()))
    rmSync(dir, { recursive: true, force: true })
  }
}

function resultOf(before: Moment, after: Moment, degree: number): BenchResult {
  const seconds = (after.atMs - before.atMs) / 1_000
  const blocks = after.blocks - before.blocks
  const wire = (after.wireBytes - before.wireBytes) / seconds
  // Where blocks are not gossiped each still comes once.
  const told = ((after.blockBytes - before.blockBytes) / seconds) * Math.max(1, degree)
  const figures = {
    rssMB: round(after.rssBytes / 1e6),
    cpuPercent: round((after.cpuMs - before.cpuMs) / 10 / seconds),
    wireBytesPerSecondBeyond: round(wire - told),
    wireBytesPerSecond: round(wire),
    blocksPerMinute: round((blocks * 60) / seconds),
    meshDegree: round(degree),
    peers: after.peers,
  }
  const names = Object.keys(BUDGET) as (keyof typeof BUDGET)[]
  return {
    figures,
    yardstick: { settledRssMB: round(before.rssBytes / 1e6) },
    budget: Object.fromEntries(names.map((name) => [name, `<= ${BUDGET[name]}`])),
    ok: blocks > 0 && names.every((name) => figures[name] <= BUDGET[name]),
  }
}

function namesOf(others: readonly number[], host: number): string[] {
  return others.filter((_, i) => i % PROCESSES === host).map((meter) => `meter ${meter}`)
}

/** Opens the others, each told of a few of those before it, as discovery would; the addresses. */
async function openAll(
  hosts: readonly Host<NodeHostCommands>[],
  others: readonly number[],
  genesisBytes: Uint8Array,
  dir: string,
): Promise<string[]> {
  const addresses: string[] = []
  const settings = { intervalMs: INTERVAL_MS, verifyThreads: 0 }
  for (const [i, meter] of others.entries()) {
    const host = hosts[i % PROCESSES] as Host<NodeHostCommands>
    const name = `meter ${meter}`
    addresses.push(await host.call('open', { name, dir: path.join(dir, name), genesisBytes, settings }))
    for (const address of addresses.slice(0, -1).slice(-MEET)) await host.call('meet', { name, address })
  }
  return addresses
}

/** Asks for its health and its metrics as often as container and Prometheus do; the mean size of its mesh. */
async function watch(http: string, forMs: number): Promise<number> {
  const { clock, timers } = systemPlatform
  const degrees: number[] = []
  for (let atMs = LOOK_MS; atMs <= forMs; atMs += LOOK_MS) {
    const endMs = clock.monotonicMs() + LOOK_MS
    degrees.push((await metricsOf(http))('gossip_mesh_peers'))
    if (atMs % HEALTH_MS === 0) await (await fetch(new URL('/readyz', http))).text()
    await sleep(timers, Math.max(0, endMs - clock.monotonicMs()))
  }
  return degrees.reduce((sum, each) => sum + each, 0) / degrees.length
}

/** Values by name. */
async function metricsOf(http: string): Promise<(name: string) => number> {
  const lines = (await (await fetch(new URL('/metrics', http))).text()).split('\n')
  return (name) => {
    const line = lines.find((each) => each.startsWith(`wattness_${name} `))
    if (line === undefined) throw new Error(`the node says nothing of ${name}`)
    return Number(line.slice(line.lastIndexOf(' ') + 1))
  }
}

async function momentOf(pid: number, http: string, host: Host<NodeHostCommands>, meter: number): Promise<Moment> {
  const value = await metricsOf(http)
  const wireBytes = value('net_bytes_total{direction="received"}') + value('net_bytes_total{direction="sent"}')
  const { blocks, bytes } = await host.call('holding', { name: `meter ${meter}` })
  const usage = usageOf(pid)
  if (value('caught_up') !== 1) throw new Error('the node lags behind its neighbours')
  return { ...usage, atMs: systemPlatform.clock.monotonicMs(), wireBytes, peers: value('peers'), blocks, blockBytes: bytes }
}

/** Where it serves; what it logs is read on and dropped. */
async function httpAddressOf(node: ChildProcess): Promise<string> {
  const said: string[] = []
  const served = Promise.withResolvers<string>()
  const lines = createInterface({ input: node.stdout as NodeJS.ReadableStream })
  lines.on('line', (line) => {
    if (said.length < 100) said.push(line)
    const { event, address } = JSON.parse(line) as { event?: string; address?: string }
    if (event === 'listening' && address?.startsWith('http')) served.resolve(address)
  })
  lines.on('close', () => served.reject(new Error(`the node ended before it served:\n${said.join('\n')}`)))
  return served.promise
}
