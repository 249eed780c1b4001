import { execFile, execFileSync, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'

/**
 * Several hosts on one machine: a network namespace each, and one for the switch between them. Every link, address and rule is
 * inside these; the machine's own network is never touched.
 */

const PREFIX = 'wattness'
const NAMESPACES = '/run/netns'
/** TEST-NET-2, which nobody routes; it exists inside the namespaces alone. */
const NET = '198.51.100'
const DEVICE = 'eth0'
export const PORT = 4_001
/** Where the delaying cable of a host listens. */
export const DELAYED_PORT = 4_002
const DELAY_PROXY = path.join(import.meta.dirname, 'delay-proxy.ts')

const TOOLS: readonly (readonly [string, readonly string[], string])[] = [
  ['ip', ['-V'], 'iproute2'],
  ['tc', ['-V'], 'iproute2'],
  ['iptables', ['-V'], 'iptables'],
]

/** What this machine lacks, for a person; empty where all of it is there. */
export function missing(uid: number | undefined, has: (tool: string, words: readonly string[]) => boolean = answers): string[] {
  const lacks = TOOLS.filter(([tool, words]) => !has(tool, words)).map(([tool, , pack]) => `${tool} (package ${pack})`)
  return [...(uid === 0 ? [] : ['root, which may make network namespaces']), ...lacks]
}

function answers(tool: string, words: readonly string[]): boolean {
  try {
    execFileSync(tool, words, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function command(file: string, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(file, words, { timeout: 10_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${file} ${words.join(' ')}: ${stderr.trim() || error.message}`))
    })
  })
}

/** `-I` puts a rule before all others, `-D` takes the same one away. */
type Rule = readonly string[]

export class Mesh {
  readonly #run: string
  readonly #hosts: readonly number[]
  readonly #proxies: ReturnType<typeof spawn>[] = []

  /** `run` tells namespaces of several runs apart: the id of the process. */
  constructor(run: number, hosts: number) {
    this.#run = `${PREFIX}-${run}`
    this.#hosts = Array.from({ length: hosts }, (_, i) => i + 1)
  }

  /** Namespaces that a killed run left behind, as its process cannot any more. */
  static leftBehind(names: readonly string[], isAlive: (pid: number) => boolean): string[] {
    return names.filter((name) => {
      const pid = new RegExp(`^${PREFIX}-(\\d+)-(sw|\\d+)$`).exec(name)?.[1]
      return pid !== undefined && !isAlive(Number(pid))
    })
  }

  static async sweep(): Promise<void> {
    const names = ((): string[] => {
      try {
        return readdirSync(NAMESPACES)
      } catch {
        return []
      }
    })()
    for (const name of Mesh.leftBehind(names, isAlive)) await command('ip', 'netns', 'del', name)
  }

  namespace(host: number | 'sw'): string {
    return `${this.#run}-${host}`
  }

  address(host: number): string {
    return `${NET}.${host}`
  }

  listening(host: number): string {
    return `/ip4/${this.address(host)}/tcp/${PORT}`
  }

  /** What stands before a command that runs on that host. */
  place(host: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace(host)]
  }

  #in(host: number | 'sw', ...words: readonly string[]): Promise<string> {
    return command('ip', 'netns', 'exec', this.namespace(host), ...words)
  }

  async up(): Promise<void> {
    const ip = (host: number | 'sw', ...words: readonly string[]): Promise<string> =>
      command('ip', '-n', this.namespace(host), ...words)
    await command('ip', 'netns', 'add', this.namespace('sw'))
    await ip('sw', 'link', 'set', 'lo', 'up')
    await ip('sw', 'link', 'add', 'br0', 'type', 'bridge')
    await ip('sw', 'link', 'set', 'br0', 'up')
    for (const host of this.#hosts) {
      const port = portOf(host)
      await command('ip', 'netns', 'add', this.namespace(host))
      await ip('sw', 'link', 'add', port, 'type', 'veth', 'peer', 'name', DEVICE, 'netns', this.namespace(host))
      await ip('sw', 'link', 'set', port, 'master', 'br0', 'up')
      await ip(host, 'addr', 'add', `${this.address(host)}/24`, 'dev', DEVICE)
      await ip(host, 'link', 'set', 'lo', 'up')
      await ip(host, 'link', 'set', DEVICE, 'up')
      // Multicast goes nowhere without a route.
      await ip(host, 'route', 'add', 'default', 'dev', DEVICE)
    }
  }

  /** Takes everything away that was made, as far as it came; a second call does nothing. */
  async down(): Promise<void> {
    for (const proxy of this.#proxies.splice(0)) proxy.kill('SIGKILL')
    const there = new Set(readdirSync(NAMESPACES))
    for (const host of [...this.#hosts, 'sw'] as const) {
      const name = this.namespace(host)
      if (there.has(name)) await command('ip', 'netns', 'del', name)
    }
  }

  /** What goes between the two sides is dropped in silence; links stay up and connections open. */
  async split(left: readonly number[], right: readonly number[]): Promise<void> {
    await this.#between('-I', left, right)
  }

  async heal(left: readonly number[], right: readonly number[]): Promise<void> {
    await this.#between('-D', left, right)
  }

  async #between(how: string, left: readonly number[], right: readonly number[]): Promise<void> {
    for (const [here, there] of [...pairs(left, right), ...pairs(right, left)]) {
      await this.#in(here, 'iptables', how, 'INPUT', '-s', this.address(there), '-j', 'DROP')
    }
  }

  /** Of what comes to the host such a share is lost, at random. */
  async lose(host: number, share: number): Promise<void> {
    await this.#in(host, 'iptables', '-I', 'INPUT', ...lossy(share))
  }

  async loseNothing(host: number, share: number): Promise<void> {
    await this.#in(host, 'iptables', '-D', 'INPUT', ...lossy(share))
  }

  /** What leaves the host goes no faster, such as `64kbit`. */
  async slow(host: number, rate: string): Promise<void> {
    await this.#in(host, 'tc', 'qdisc', 'replace', 'dev', DEVICE, 'root', 'tbf', 'rate', rate, 'burst', '4kb', 'latency', '2s')
  }

  async fast(host: number): Promise<void> {
    await this.#in(host, 'tc', 'qdisc', 'del', 'dev', DEVICE, 'root')
  }

  /** As if the host's cable were pulled out of the switch. */
  async unplug(host: number): Promise<void> {
    await command('ip', '-n', this.namespace('sw'), 'link', 'set', portOf(host), 'down')
  }

  async plug(host: number): Promise<void> {
    await command('ip', '-n', this.namespace('sw'), 'link', 'set', portOf(host), 'up')
  }

  /**
   * Connections that are made to the host from now on take so long each way: this needs no netem, which small kernels lack. A
   * process beside the node takes them and hands every byte on later.
   */
  async delay(host: number, ms: number, jitterMs: number): Promise<void> {
    const words = ['--disable-warning=ExperimentalWarning', DELAY_PROXY, String(ms), String(jitterMs)]
    const [file, ...args] = [...this.place(host), process.execPath, ...words] as [string, ...string[]]
    const proxy = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
    this.#proxies.push(proxy)
    await new Promise<void>((resolve, reject) => {
      proxy.stdout.once('data', () => resolve())
      proxy.once('exit', (code) => reject(new Error(`the delaying process of host ${host} ended with status ${code}`)))
    })
    await this.#in(host, 'iptables', '-t', 'nat', '-I', 'PREROUTING', ...redirected)
  }

  async delayNothing(host: number): Promise<void> {
    await this.#in(host, 'iptables', '-t', 'nat', '-D', 'PREROUTING', ...redirected)
  }

  /** Ends the processes that delay, and with them every connection through them. */
  endDelays(): void {
    for (const proxy of this.#proxies.splice(0)) proxy.kill('SIGKILL')
  }
}

const portOf = (host: number): string => `port${host}`

const lossy = (share: number): Rule => ['-m', 'statistic', '--mode', 'random', '--probability', String(share), '-j', 'DROP']

const redirected: Rule = [
  '-i',
  DEVICE,
  '-p',
  'tcp',
  '--dport',
  String(PORT),
  '-j',
  'REDIRECT',
  '--to-ports',
  String(DELAYED_PORT),
]

const pairs = (left: readonly number[], right: readonly number[]): (readonly [number, number])[] =>
  left.flatMap((a) => right.map((b) => [a, b] as const))

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
