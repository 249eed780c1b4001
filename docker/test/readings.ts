import type { Engine } from './engine.ts'

/** No household says this register. */
export const REGISTER = '1-0:15.8.0'
const PROGRAM = ['node', '/app/dist/node/cli/wattness.js']
const FROM_MS = Date.UTC(2025, 0, 1)

/** Counter readings in kWh that are handed to a meter's running node, in order of time: those that it said it has on its disk. */
export class Readings {
  readonly acknowledged: string[] = []
  readonly #engine: Engine
  readonly #container: string

  constructor(engine: Engine, container: string) {
    this.#engine = engine
    this.#container = container
  }

  /** Hands over the next ones; throws what the command wrote where they were not taken, and the same are the next again. */
  async take(count: number): Promise<void> {
    const from = this.acknowledged.length
    const values = Array.from({ length: count }, (_, i) => `${1_000 + from + i}.${(from + i) % 10}`)
    const lines = values.map((value, i) =>
      JSON.stringify({ time: FROM_MS + (from + i) * 60_000, values: { [REGISTER]: `${value} kWh` } }),
    )
    const write = `require('fs').writeFileSync('/tmp/readings.jsonl', ${JSON.stringify(lines.join('\n'))})`
    await this.#engine.docker('exec', this.#container, 'node', '-e', write)
    const dir = await directoryOf(this.#engine, this.#container)
    const words = ['import', '--json', '/tmp/readings.jsonl', '--format', 'jsonl', '--dir', dir]
    await this.#engine.docker('exec', this.#container, ...PROGRAM, ...words)
    this.acknowledged.push(...values)
  }

  /** What the meter's node says of itself. */
  async status(): Promise<MeterStatus> {
    const dir = await directoryOf(this.#engine, this.#container)
    return JSON.parse(
      await this.#engine.docker('exec', this.#container, ...PROGRAM, 'status', '--json', '--dir', dir),
    ) as MeterStatus
  }
}

export interface MeterStatus {
  /** In hex. */
  readonly self: { readonly key: string }
}

/** Where a meter's container keeps what it runs on. */
export async function directoryOf(engine: Engine, container: string): Promise<string> {
  const find = `const fs = require('fs'), os = require('os')
    for (const name of fs.readdirSync('/data/meters')) {
      const lock = '/data/meters/' + name + '/lock'
      if (fs.existsSync(lock) && fs.readFileSync(lock, 'utf8').trim().split(' ').at(-1) === os.hostname())
        process.stdout.write('/data/meters/' + name)
    }`
  return engine.docker('exec', container, 'node', '-e', find)
}
