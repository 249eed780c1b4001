import type { Engine } from './engine.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { REGISTER, Readings } from './readings.ts'

const DISK = '32m'
const FILLING = '/data/filling'
/** Handed over at once; several of these still fit into the last page of a full disk. */
const BATCH = 50
const MAX_BATCHES = 50
/** As commands, status and log say it. */
const FULL = /no (space left|room) on the disk/

/** Takes every byte that is left. */
const FILL = `const fs = require('fs'), file = fs.openSync('${FILLING}', 'w')
  for (let bytes = 1 << 20; bytes >= 1;) try { fs.writeSync(file, Buffer.alloc(bytes)) } catch { bytes >>= 1 }`
const FREE = `require('fs').rmSync('${FILLING}')`
const STAY = 'setInterval(() => undefined, 1e6)'

/**
 * One more meter, on a disk of a few megabytes in memory: it fills up beneath the running node, then once more, and power fails
 * while it is full. Another container keeps the disk meanwhile, which would otherwise go with the last that uses it.
 */
export class SmallDisk {
  readonly figures: Record<string, number> = {}
  readonly #engine: Engine
  readonly #place: Neighbourhood
  readonly #volume: string
  readonly #meter: string
  readonly #keeper: string

  constructor(engine: Engine, place: Neighbourhood) {
    this.#engine = engine
    this.#place = place
    this.#volume = `${engine.project}_small`
    this.#meter = `${engine.project}_small_meter`
    this.#keeper = `${engine.project}_small_keeper`
  }

  /** `others`: meters beside this one. Throws where something does not hold. */
  async play(others: number): Promise<void> {
    const place = this.#place
    await this.#start()
    await place.goesOn('with one more meter, on a small disk', 180, others + 1)
    const readings = new Readings(this.#engine, this.#meter)
    await readings.take(BATCH)
    const { key } = (await readings.status()).self

    await this.#inside(this.#meter, FILL)
    await this.#refused(readings)
    await place.until('the node says that its disk is full', 60, async () => FULL.test(JSON.stringify(await readings.status())))
    if (!FULL.test(await this.#engine.logs(this.#meter))) throw new Error('a full disk is not in the log')
    this.figures['othersBesideFullDiskSeconds'] = await place.goesOn('beside a full disk', 180, others)
    await this.#inside(this.#keeper, FREE)
    this.figures['afterFullDiskSeconds'] = await place.goesOn('after there is room again', 180, others + 1)
    await readings.take(BATCH)

    await this.#inside(this.#keeper, FILL)
    await this.#refused(readings)
    await this.#engine.docker('kill', this.#meter)
    await this.#inside(this.#keeper, FREE)
    await this.#engine.docker('start', this.#meter)
    this.figures['afterFullDiskAndKillSeconds'] = await place.goesOn('after a kill -9 on a full disk', 180, others + 1)
    await readings.take(BATCH)
    await place.until(
      `${readings.acknowledged.length} readings acknowledged around full disks are in the ledger`,
      120,
      async () => {
        const told = await place.values(key, REGISTER)
        return JSON.stringify(told) === JSON.stringify(readings.acknowledged)
      },
    )
    this.figures['readingsAroundFullDisk'] = readings.acknowledged.length
  }

  async remove(): Promise<void> {
    await this.#engine.docker('rm', '-f', this.#meter, this.#keeper).catch(() => undefined)
    await this.#engine.docker('volume', 'rm', '-f', this.#volume).catch(() => undefined)
  }

  async #start(): Promise<void> {
    const { project, image } = this.#engine
    const options = ['type=tmpfs', 'device=tmpfs', `o=size=${DISK},uid=1000,gid=1000,mode=0700`].flatMap((each) => [
      '--opt',
      each,
    ])
    await this.#engine.docker('volume', 'create', '--driver', 'local', ...options, this.#volume)
    const words = ['run', '-d', '--init', '--read-only', '--tmpfs', '/tmp', '-v', `${this.#volume}:/data`]
    await this.#engine.docker(...words, '--network', 'none', '--name', this.#keeper, '--entrypoint', 'node', image, '-e', STAY)
    const joined = ['--network', `${project}_default`, '-v', `${project}_tickets:/tickets`, '-e', 'INTERVAL=5s']
    await this.#engine.docker(
      ...words,
      ...joined,
      ...['--name', this.#meter, '--entrypoint', 'node', image, '/app/docker/entry/meter.js'],
    )
  }

  async #inside(container: string, script: string): Promise<void> {
    await this.#engine.docker('exec', container, 'node', '-e', script)
  }

  /** Hands over readings until they are not taken, with the reason. */
  async #refused(readings: Readings): Promise<void> {
    for (let batch = 0; batch < MAX_BATCHES; batch++) {
      const why = await readings.take(BATCH).then(
        () => undefined,
        (error: Error) => error.message,
      )
      if (why === undefined) continue
      if (FULL.test(why)) return
      throw new Error(`readings for a full disk: expected to be told that it is full, found ${why}`)
    }
    throw new Error(`a full disk took ${MAX_BATCHES * BATCH} readings`)
  }
}
