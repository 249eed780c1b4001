import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { stringify } from 'yaml'

/** Where distributions put it; `PROMETHEUS` names another place, and that it must be there. promtool lies beside it. */
const USUAL_PLACES = ['/usr/bin/prometheus', '/usr/local/bin/prometheus', '/opt/homebrew/bin/prometheus']

/** Nothing here may take longer. */
const PATIENCE_MS = 15_000
const KEPT_CHARACTERS = 65_536

/** Undefined where none is found. Throws where PROMETHEUS names a file that is not there. */
export function findPrometheus(env: NodeJS.ProcessEnv = process.env, isThere = existsSync): string | undefined {
  const { PROMETHEUS } = env
  if (PROMETHEUS === undefined || PROMETHEUS === '') return USUAL_PLACES.find((place) => isThere(place))
  if (isThere(PROMETHEUS)) return PROMETHEUS
  throw new Error(`PROMETHEUS names ${PROMETHEUS}, where nothing is`)
}

/** Runs `promtool`; what it says, both streams. */
export function promtool(prometheus: string, ...words: readonly string[]): Promise<{ status: number; output: string }> {
  const program = path.join(path.dirname(prometheus), 'promtool')
  return new Promise((resolve) => {
    execFile(program, words, { timeout: PATIENCE_MS }, (error, out, err) =>
      resolve({ status: error === null ? 0 : 1, output: `${out}${err}` }),
    )
  })
}

export interface Target {
  /** Host and port. */
  readonly address: string
  readonly role: string
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

interface Rule {
  readonly name: string
  readonly health: string
  readonly lastError?: string
}

/** A real Prometheus in a directory of its own, at a port of the system's choice. */
export class Prometheus {
  readonly #child: ChildProcess
  readonly #dir: string
  readonly #address: string

  private constructor(child: ChildProcess, dir: string, address: string) {
    this.#child = child
    this.#dir = dir
    this.#address = address
  }

  static async start(executable: string, targets: readonly Target[], rules: string): Promise<Prometheus> {
    const dir = await mkdtemp(path.join(tmpdir(), 'wattness-prometheus-'))
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [rules],
      scrape_configs: [
        {
          job_name: 'wattness',
          static_configs: targets.map(({ address, role }) => ({ targets: [address], labels: { role } })),
        },
      ],
    }
    await writeFile(path.join(dir, 'prometheus.yaml'), stringify(config))
    const child = spawn(
      executable,
      [
        `--config.file=${dir}/prometheus.yaml`,
        `--storage.tsdb.path=${dir}/data`,
        '--web.listen-address=127.0.0.1:0',
        '--log.level=info',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    try {
      const address = await listening(child)
      await untilReady(address)
      return new Prometheus(child, dir, address)
    } catch (error) {
      child.kill('SIGKILL')
      await rm(dir, { recursive: true, force: true })
      throw error
    }
  }

  /** Throws with what Prometheus says of an expression that it does not take. */
  async query(expression: string): Promise<Sample[]> {
    const answer = await fetch(`http://${this.#address}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`)
    const { status, error, data } = (await answer.json()) as {
      readonly status: string
      readonly error?: string
      readonly data?: { readonly result: readonly { metric: Record<string, string>; value: [number, string] }[] }
    }
    if (status !== 'success' || data === undefined) throw new Error(`${expression}: ${error}`)
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  }

  /** By alert: `ok` once it was evaluated, `unknown` before, or what was wrong with it. */
  async rules(): Promise<ReadonlyMap<string, string>> {
    const answer = await fetch(`http://${this.#address}/api/v1/rules?type=alert`)
    const { data } = (await answer.json()) as {
      readonly data: { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
    }
    return new Map(data.groups.flatMap(({ rules }) => rules.map(({ name, health, lastError }) => [name, lastError || health])))
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.kill('SIGTERM')
    await ended
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** Its log says which port the system chose. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => reject(new Error(`Prometheus does not listen; it said:\n${said}`)), PATIENCE_MS)
    child.on('error', reject)
    child.once('exit', () => reject(new Error(`Prometheus ended; it said:\n${said}`)))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-KEPT_CHARACTERS)
      const address = /msg="Listening on" address=(127\.0\.0\.1:\d+)/.exec(said)?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

/** It reads its log and its rules first. */
async function untilReady(address: string): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS
  while (!(await fetch(`http://${address}/-/ready`)).ok) {
    if (Date.now() > endMs) throw new Error('Prometheus listens and is not ready')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
