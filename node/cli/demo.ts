import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import type { Command } from 'commander'
import { isWattnessError, WattnessError } from '../../protocol/index.ts'
import { formatDuration, parseDuration, parseHttpAddress } from '../config/index.ts'
import { formatQuorum } from '../control/index.ts'
import {
  DEFAULT_METERS,
  type DemoEnd,
  forkHosts,
  formatCount,
  type HttpOrder,
  LiveTable,
  MAX_METERS,
  type Output,
  type Progress,
  runDemo,
  StatusLines,
  shortHash,
} from '../demo/index.ts'
import type { GossipMode } from '../gossip/index.ts'
import type { Clock } from '../platform.ts'
import { addCommand, type Context, FOUND_WRONG, type SharedOptions, usage } from './context.ts'
import type { Io } from './io.ts'

interface DemoFlags extends SharedOptions {
  readonly meters?: string
  readonly interval: string
  readonly data?: string
  readonly for?: string
  readonly gossip: string
  readonly http?: string
}

const LEAST_INTERVAL_MS = 100
const MOST_INTERVAL_MS = 86_400_000

/**
 * A second Ctrl-C is one that comes later than this: npm, and a process that runs this one under another Node, pass on what
 * the terminal has sent to all of them already.
 */
const SAME_SIGNAL_MS = 500

export function registerDemo(program: Command, context: Context): void {
  addCommand(
    program,
    'demo',
    'a neighbourhood on this machine: registrar, meters, observer, each its own process (above 16 meters some share one)',
    'wattness demo --meters 8 --for 30s\nwattness demo --data meters/ --dir street --json',
  )
    .option('--meters <count>', `meters, 1 to ${MAX_METERS} (default: ${DEFAULT_METERS}, or as many as --dir holds)`)
    .option('--interval <duration>', 'time between two blocks of a meter', '2s')
    .option('--data <path>', 'meter files, or a directory of them, in time lapse (default: built-in homes)')
    .option(
      '--for <duration>',
      'stop after so long, counted from the moment all are connected, and judge (default: until Ctrl-C)',
    )
    .option('--dir <directory>', 'keep each node in DIR/registrar, DIR/meter-01, …; what is there goes on (default: temporary)')
    .option('--gossip <mode>', 'blocks by gossip as well as by sync: on, off or auto', 'auto')
    .option(
      '--http <address>',
      'where the observer serves its page: off, a port, or an IP address and a port (default: 8080, or a free one)',
    )
    .action((flags: DemoFlags) => demo(context, flags))
}

async function demo(context: Context, flags: DemoFlags): Promise<void> {
  const { io } = context
  const { platform } = io
  const { meters, intervalMs, forMs, gossip, http } = optionsOf(flags)
  const dir = flags.dir === undefined ? undefined : resolve(flags.dir)
  const second = new SecondSignal(io, platform.clock)
  try {
    const end = await runDemo({
      meters,
      intervalMs,
      forMs,
      gossip,
      http,
      dir,
      data: flags.data,
      platform,
      openHost: forkHosts(platform.timers),
      progress: progressOf(io),
      signal: io.stopped,
      killSignal: second.signal,
    })
    if (!end.result.agreed) context.status = FOUND_WRONG
    if (flags.json === true) for (const fault of end.faults) await context.note(fault)
    await context.print(flags, end.result, formatEnd(end, flags.dir))
  } catch (error) {
    throw explained(error, io.stopped, second.signal)
  } finally {
    second.forget()
  }
}

function optionsOf(flags: DemoFlags): {
  meters?: number
  intervalMs: number
  forMs?: number
  gossip: GossipMode
  http: HttpOrder | undefined
} {
  const { meters, interval, gossip } = flags
  if (meters !== undefined && !/^\d{1,3}$/.test(meters))
    throw usage(`--meters ${meters}: expected a number from 1 to ${MAX_METERS}`)
  if (gossip !== 'on' && gossip !== 'off' && gossip !== 'auto') throw usage(`--gossip ${gossip}: expected on, off or auto`)
  const intervalMs = durationOf('--interval', interval)
  if (intervalMs < LEAST_INTERVAL_MS || intervalMs > MOST_INTERVAL_MS) {
    const [least, most] = [LEAST_INTERVAL_MS, MOST_INTERVAL_MS].map(formatDuration)
    throw usage(`--interval ${interval}: expected ${least} to ${most}`)
  }
  return {
    intervalMs,
    gossip,
    http: httpOf(flags.http),
    ...(meters === undefined ? {} : { meters: Number(meters) }),
    ...(flags.for === undefined ? {} : { forMs: durationOf('--for', flags.for) }),
  }
}

const PAGE_PORT = '8080'

function httpOf(text: string | undefined): HttpOrder | undefined {
  const address = parseHttpAddress(text ?? PAGE_PORT)
  if (address === undefined) throw usage(`--http ${text}: expected off, a port, or an IP address and a port`)
  return address === 'off' ? undefined : { ...address, orAnyPort: text === undefined }
}

function durationOf(name: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms === 0) throw usage(`${name} ${text}: expected a duration such as 2s, 500ms or 1m30s`)
  return ms
}

/** Progress is for a person, and never stands between the result's lines: it goes to standard error. */
function progressOf({ stderr, environment, platform }: Io): Progress {
  const output = stderr as Writable & Output
  if (output.isTTY === true && environment['TERM'] !== 'dumb') {
    // https://no-color.org: present and not empty, whatever it says.
    return new LiveTable(output, (environment['NO_COLOR'] ?? '') === '')
  }
  return new StatusLines(output, () => platform.clock.monotonicMs())
}

function formatEnd(end: DemoEnd, dir: string | undefined): string {
  const { result, faults } = end
  const { agreed, nodes, blocks, readings, headsRoot, seconds } = result
  const counts = `${formatCount(blocks)} blocks, ${formatCount(readings)} readings, ${seconds} s`
  const lines = agreed
    ? [`${nodes} nodes agree: ${counts}, heads root ${shortHash(headsRoot)}`]
    : [`not agreed: ${counts}`, ...faults.map((fault) => `  ${fault}`)]
  lines.push(formatFinal(end))
  if (dir === undefined) lines.push('The temporary directory is removed; with --dir DIR the nodes are kept.')
  else
    lines.push(
      'The nodes are kept:',
      `  npx wattness status --dir ${dir}/observer`,
      `  npx wattness blocks --dir ${dir}/observer`,
    )
  return lines.join('\n')
}

function formatFinal({ result, witnesses }: DemoEnd): string {
  const { blocks, final } = result
  const { p50, p99 } = result.finalLagMs
  const count = final.reduce((sum, size) => sum + size, 0)
  const lag = p50 === null ? '' : `, ${p50} ms after sealing (half of them) to ${p99} ms (99 %)`
  return `final: ${formatCount(count)} of ${formatCount(blocks)} blocks${lag}; ${formatQuorum(witnesses)}`
}

/** What the person asked for and cannot have is wrong usage; an early Ctrl-C is no fault of the program. */
function explained(error: unknown, stopped: AbortSignal, killed: AbortSignal): unknown {
  if (isWattnessError(error, 'DEMO_SIZE') || isWattnessError(error, 'DEMO_NO_DATA')) return usage(error.message)
  if (killed.aborted) return new WattnessError('DEMO_STOPPED', 'ended at once: nothing was judged')
  if (stopped.aborted && error === stopped.reason) {
    return new WattnessError('DEMO_STOPPED', 'stopped before all nodes were connected: nothing was judged')
  }
  return error
}

/** Aborted when somebody insists: a signal well after the first. */
class SecondSignal {
  readonly #controller = new AbortController()
  readonly #onSignal: () => void

  constructor({ stopped }: Io, clock: Clock) {
    let firstMs: number | undefined
    stopped.addEventListener('abort', () => (firstMs = clock.monotonicMs()), { once: true })
    this.#onSignal = () => {
      if (firstMs !== undefined && clock.monotonicMs() - firstMs > SAME_SIGNAL_MS) this.#controller.abort()
    }
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  forget(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal)
  }
}
