import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { sleep, systemPlatform } from '../platform.ts'
import { telegram } from '../test/collect/p1-made.ts'
import { type PseudoTerminal, plugIn } from '../test/collect/pseudo-terminal.ts'
import { compileProgram, usageOf } from './installed.ts'
import type { BenchResult } from './run.ts'
import { round } from './statistics.ts'

/**
 * `npm run bench -- meters [SECONDS]`: a whole node, compiled as it is installed, that reads four P1 meters on serial ports, a
 * telegram of 25 values a second each. Its share of one core over the time, start left out, and what it holds in memory at the
 * end.
 */

const METERS = 4
const SETTLE_MS = 15_000
const SECONDS = 60
const MAX_CPU_PERCENT = 2
const MAX_RSS_MIB = 90
const MIB = 1_048_576

export async function run(args: readonly string[] = []): Promise<BenchResult> {
  const seconds = Number(args[0] ?? SECONDS)

  const dir = mkdtempSync(path.join(tmpdir(), 'wattness-bench-'))
  const cables: PseudoTerminal[] = []
  let node: ChildProcess | undefined
  try {
    const program = compileProgram(dir)
    const at = path.join(dir, 'node')
    spawnSync(process.execPath, [program, 'network', 'create', '--name', 'bench', '--dir', at], { stdio: 'ignore' })
    for (let meter = 0; meter < METERS; meter++) {
      const cable = await plugIn(path.join(dir, `meter-${meter}`))
      if (cable === undefined) throw new Error('this bench needs socat or python3')
      cables.push(cable)
    }
    const sources = cables.flatMap((cable) => ['--source', `p1:${cable.path}?baud=115200`])
    const options = ['--listen', '/ip4/127.0.0.1/tcp/0', '--mdns', 'no', '--log-level', 'warn']
    node = spawn(process.execPath, [program, 'run', '--dir', at, ...options, ...sources], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    const pid = node.pid as number
    await feed(cables, SETTLE_MS / 1_000)
    const before = usageOf(pid)
    const startedMs = systemPlatform.clock.monotonicMs()
    await feed(cables, seconds)
    const after = usageOf(pid)
    const elapsedMs = systemPlatform.clock.monotonicMs() - startedMs
    const cpuPercent = round(((after.cpuMs - before.cpuMs) / elapsedMs) * 100)
    const rssMiB = round(after.rssBytes / MIB)
    return {
      figures: { cpuPercent, rssMiB, telegramsPerSecond: METERS },
      yardstick: { settledRssMiB: round(before.rssBytes / MIB) },
      budget: { cpuPercent: `<= ${MAX_CPU_PERCENT}`, rssMiB: `<= ${MAX_RSS_MIB}` },
      ok: cpuPercent <= MAX_CPU_PERCENT && rssMiB <= MAX_RSS_MIB,
    }
  } finally {
    node?.kill()
    await Promise.all(cables.map((cable) => cable.unplug()))
    rmSync(dir, { recursive: true, force: true })
  }
}

/** A telegram a second for each meter, the meters spread over the second. */
async function feed(cables: readonly PseudoTerminal[], seconds: number): Promise<void> {
  const { clock, timers } = systemPlatform
  for (let second = 0; second < seconds; second++) {
    const nextMs = (Math.floor(clock.now() / 1_000) + 1) * 1_000
    for (const [meter, cable] of cables.entries()) {
      await sleep(timers, Math.max(0, nextMs + (meter * 1_000) / METERS - clock.now()))
      cable.write(fullTelegram(nextMs, meter))
    }
  }
}

/** What a three-phase meter of version 5 says each second, gas meter and all. */
function fullTelegram(timeMs: number, meter: number): string {
  // A meter in Central European Time, in summer or winter as the letter says: winter's hour all the year.
  const stamp = new Date(timeMs + 3_600_000).toISOString().replace(/[-:T]/g, '').slice(2, 14)
  const gasStamp = `${stamp.slice(0, 8)}0000W`
  const phase = [32, 52, 72].flatMap((c, index) => [
    `1-0:${c}.32.0(0000${index})`,
    `1-0:${c}.36.0(00000)`,
    `1-0:${c}.7.0(23${index}.${meter}*V)`,
    `1-0:${c - 1}.7.0(00${index}*A)`,
    `1-0:${c - 11}.7.0(00.${170 + index}*kW)`,
    `1-0:${c - 10}.7.0(00.000*kW)`,
  ])
  return telegram(stamp, 1_000_000 + (Math.floor(timeMs / 7_000) % 1_000_000), 512, [
    '1-0:1.8.2(001234.567*kWh)',
    '1-0:2.8.1(000000.000*kWh)',
    '1-0:2.8.2(000000.000*kWh)',
    '0-0:96.14.0(0002)',
    '1-0:2.7.0(00.000*kW)',
    '0-0:96.7.21(00006)',
    '0-0:96.7.9(00003)',
    '1-0:99.97.0()',
    ...phase,
    '0-0:96.13.0()',
    '0-1:24.1.0(003)',
    '0-1:96.1.0(4730303339303031363533303532343136)',
    `0-1:24.2.1(${gasStamp})(01234.567*m3)`,
  ])
}
