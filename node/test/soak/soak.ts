import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Random } from '../../platform.ts'
import { later, type NodeProcess, type Status, wattness } from '../street/node-process.ts'
import { agree, meterName, Street, sum, widest } from '../street/street.ts'
import { between, choose, FAULTS, type Fault, inflict, LASTS_MS, mountDisk, unmountDisk } from './faults.ts'
import { diskMiB, useOf } from './measures.ts'
import type { MemoryLine } from './memory-probe.ts'
import { floors, isRising, type Least, type Sample, type Trend, trendOf } from './slope.ts'

export interface SoakInit {
  readonly dir: string
  readonly hours: number
  readonly meters: number
  /** Time between two blocks of a meter; each holds two readings. */
  readonly intervalMs: number
  /** Mean time between two faults. */
  readonly faultEveryMs: number
  readonly random: Random
  readonly note: (text: string) => void
  readonly signal: AbortSignal
}

/** A node that nothing befalls, as far as it was watched after the warm-up. */
export interface Watched {
  /** MiB of objects in use, those outside of the heap too, right after a collection. */
  readonly heap: Trend | undefined
  /** MiB of compiled functions. Told, and part of the memory that is judged: it ends where all that is used is compiled. */
  readonly code: Trend | undefined
  /** MiB of memory of its own. */
  readonly memory: Trend | undefined
  readonly handles: Trend | undefined
  readonly disk: Trend | undefined
  /** Blocks that some other node holds and this one does not. */
  readonly lag: Trend | undefined
  /** Blocks held and not final. */
  readonly finalLag: Trend | undefined
}

export interface SoakResult {
  readonly seconds: number
  readonly blocks: number
  readonly faults: Readonly<Record<string, number>>
  readonly watched: Readonly<Record<string, Watched>>
  /** What went wrong, for a person; empty where all is well. */
  readonly findings: readonly string[]
}

const HOUR_MS = 3_600_000
/** Four witnesses fill what is remembered of 4,096 attestations within the warm-up of half an hour. */
const ATTEST_DELAY = '500ms'
const MEBIBYTE = 1_024 * 1_024
const PROBE = path.join(import.meta.dirname, 'memory-probe.ts')
/** The registrar and the first meter: all faults are other nodes', and these must bear them without growing. */
const STEADY = [0, 1] as const
export const LEAST_METERS = 4
/** Caches fill, V8 finds the size of heap that suits it. */
const WARM_UP_SHARE = 1 / 3
const SAMPLE_MS = 10_000
const WINDOWS = 24
const PROGRESS_MS = 60_000
const AGREE_MS = 180_000
/** The last meter's disk is small enough to be filled: so much, and more for each hour. */
const DISK_MIB = 96
const DISK_MIB_PER_HOUR = 96

type Measure = keyof Watched
const MEASURES: readonly Measure[] = ['heap', 'code', 'memory', 'handles', 'disk', 'lag', 'finalLag']

/** Samples of one node; a run of two weeks at ten seconds is the most that is kept. */
export class Samples {
  static readonly MOST = 120_960
  readonly #of = new Map<Measure, Sample[]>()

  add(atMs: number, found: Readonly<Record<Measure, number>>): void {
    for (const measure of MEASURES) {
      const samples = this.#of.get(measure) ?? []
      if (samples.length < Samples.MOST) samples.push({ atMs, value: found[measure] })
      this.#of.set(measure, samples)
    }
  }

  /** Of all that was found from `fromMs` on; of memory what is left in use when the collector has run. */
  trends(fromMs: number): Watched {
    const after = (measure: Measure): Sample[] => (this.#of.get(measure) ?? []).filter(({ atMs }) => atMs >= fromMs)
    return {
      heap: trendOf(floors(after('heap'), WINDOWS)),
      code: trendOf(floors(after('code'), WINDOWS)),
      memory: trendOf(floors(after('memory'), WINDOWS)),
      handles: trendOf(after('handles')),
      disk: trendOf(after('disk')),
      lag: trendOf(after('lag')),
      finalLag: trendOf(after('finalLag')),
    }
  }
}

/**
 * What must not rise, and by how much at the least for a finding. Live heap is the same to a tenth of a MiB after each
 * collection: of it little is borne. Pages come and go, and LevelDB fills two write buffers of 4 MiB, each as often as the chains
 * have grown by so much. Disk rises with the chains, lag and code are told.
 */
const JUDGED: Readonly<Partial<Record<Measure, Least>>> = {
  heap: { rise: 1, share: 0 },
  memory: { rise: 8, share: 0.05 },
  handles: { rise: 2, share: 0.05 },
}

export function risesOf(name: string, watched: Watched, watchedMs: number): string[] {
  return (Object.entries(JUDGED) as [Measure, Least][]).flatMap(([measure, least]) => {
    const trend = watched[measure]
    if (trend === undefined || !isRising(trend, watchedMs, least)) return []
    return [`${name}: ${measure} rises by ${trend.perHour.toPrecision(3)} an hour, from about ${trend.level.toPrecision(3)}`]
  })
}

export class Soak {
  readonly #init: SoakInit
  readonly #samples = new Map<number, Samples>(STEADY.map((number) => [number, new Samples()]))
  readonly #faults = new Map<string, number>()
  readonly #findings: string[] = []
  #street: Street | undefined
  #diskNode: number | undefined

  constructor(init: SoakInit) {
    this.#init = init
  }

  async run(): Promise<SoakResult> {
    const { hours, note, signal } = this.#init
    try {
      const street = await this.#open()
      const startMs = Date.now()
      const endMs = startMs + hours * HOUR_MS
      const done = new AbortController()
      const both = AbortSignal.any([signal, done.signal])
      const faults = this.#trouble(street, both, endMs)
      const samples = this.#watch(street, startMs, endMs)
      // Whatever breaks one of them ends the other.
      try {
        await Promise.all([faults, samples])
      } finally {
        done.abort(new Error('the soak is over'))
        await Promise.allSettled([faults, samples])
      }
      const fromMs = startMs + hours * HOUR_MS * WARM_UP_SHARE
      const blocks = await this.#settle(street)
      const watched: Record<string, Watched> = {}
      for (const [number, found] of this.#samples) {
        const { name } = street.node(number)
        const trends = found.trends(fromMs)
        watched[name] = trends
        this.#findings.push(...risesOf(name, trends, endMs - fromMs))
      }
      note('done')
      const seconds = Math.round((endMs - startMs) / 1_000)
      return { seconds, blocks, faults: Object.fromEntries(this.#faults), watched, findings: this.#findings }
    } finally {
      await this.#street?.kill()
      if (this.#diskNode !== undefined) unmountDisk(this.#street?.node(this.#diskNode).dir ?? '')
    }
  }

  async #open(): Promise<Street> {
    const { dir, meters, hours, note, signal } = this.#init
    const disk = path.join(dir, meterName(meters))
    await mkdir(disk, { recursive: true, mode: 0o700 })
    const isSmall = mountDisk(disk, Math.round(DISK_MIB + DISK_MIB_PER_HOUR * hours))
    if (!isSmall) note('no right to mount a small disk here: no disk will be full')
    const opened = (street: Street): void => {
      this.#street = street
      if (isSmall) this.#diskNode = meters
    }
    const flags = (number: number): readonly string[] => this.#flags(number, true)
    return Street.open({ dir, meters, witnesses: 4, flags, nodeFlags: ['--expose-gc', '--import', PROBE], note, signal }, opened)
  }

  #flags(number: number, isFed: boolean): readonly string[] {
    const { intervalMs } = this.#init
    const net = [
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--mdns',
      'no',
      '--interval',
      `${intervalMs}ms`,
      '--attest-delay',
      ATTEST_DELAY,
    ]
    const source = ['--source', `household:${number}?solar=4kWp&interval=${Math.floor(intervalMs / 2)}ms`]
    return isFed && number > 0 ? [...net, ...source] : net
  }

  /** One fault at a time, each with a quiet stretch before it. */
  async #trouble(street: Street, signal: AbortSignal, endMs: number): Promise<void> {
    const { meters, faultEveryMs, note } = this.#init
    while (Date.now() < endMs) {
      const quietMs = between([faultEveryMs / 2, faultEveryMs * 1.5], this.#draw())
      await later(Math.max(0, Math.min(quietMs, endMs - Date.now())), signal)
      if (Date.now() >= endMs) return
      const number = 2 + Math.floor(this.#draw() * (meters - 1))
      const fault: Fault = choose(FAULTS, this.#draw())
      // Only one of them has a disk that may be filled.
      if (fault === 'full-disk' && this.#diskNode === undefined) continue
      const node = street.node(fault === 'full-disk' ? (this.#diskNode as number) : number)
      const lastsMs = between(LASTS_MS[fault], this.#draw())
      note(`${node.name}: ${fault}, ${(lastsMs / 1_000).toFixed(1)} s`)
      await inflict(fault, node, lastsMs, signal)
      this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1)
    }
  }

  #draw(): number {
    const [high = 0, low = 0] = this.#init.random.bytes(2)
    return (high * 256 + low) / 65_536
  }

  async #watch(street: Street, startMs: number, endMs: number): Promise<void> {
    const { note, signal } = this.#init
    let toldMs = startMs
    for (let nextMs = startMs; nextMs < endMs; nextMs += SAMPLE_MS) {
      await later(Math.max(0, nextMs - Date.now()), signal)
      const statuses = await street.statuses()
      const most = widest([...statuses.values()])
      for (const [number, samples] of this.#samples) {
        const node = street.node(number)
        const found = await this.#measure(node, statuses.get(number), most)
        const atMs = Date.now()
        samples.add(atMs, found)
        if (atMs - toldMs > PROGRESS_MS || toldMs === startMs) {
          const minutes = ((atMs - startMs) / 60_000).toFixed(1)
          note(
            `${minutes} min, ${node.name}: ${found.memory.toFixed(1)} MiB, ${found.heap.toFixed(2)} MiB in use, ` +
              `${found.code.toFixed(1)} of code, ` +
              `${found.handles} handles, disk ${found.disk.toFixed(1)} MiB, ${found.lag} blocks behind, ` +
              `${found.finalLag} not final, ${sum(most)} blocks in all`,
          )
        }
      }
      if (toldMs === startMs || Date.now() - toldMs > PROGRESS_MS) toldMs = Date.now()
    }
  }

  async #measure(node: NodeProcess, status: Status | undefined, most: readonly number[]): Promise<Record<Measure, number>> {
    if (node.pid === undefined || status === undefined) {
      throw new Error(`${node.name}, which nothing befell, does not answer:\n${node.log.join('\n')}`)
    }
    const { objects, code, external } = await node.ask<MemoryLine>('SIGUSR2', 'memory')
    const { memoryMiB, handles } = await useOf(node.pid)
    const heap = (objects + external) / MEBIBYTE
    const held = sum(status.frontier)
    const final = sum(status.chains.map((chain) => chain.final))
    const of = { heap, code: code / MEBIBYTE }
    return { ...of, memory: memoryMiB, handles, disk: await diskMiB(node.dir), lag: sum(most) - held, finalLag: held - final }
  }

  /** Starts everybody without a meter, waits until all hold the same, and has every store checked. */
  async #settle(street: Street): Promise<number> {
    const { note } = this.#init
    note('agreement')
    await street.stop()
    for (const [number, node] of street.nodes.entries()) {
      node.flags = this.#flags(number, false)
      await node.start()
    }
    const all = [...street.nodes.keys()]
    let blocks = 0
    await street.until('agreement', AGREE_MS, all, (statuses) => {
      blocks = sum(widest(statuses))
      return agree(statuses)
    })
    for (const [number, { chains, damage, setAside, finality }] of await street.statuses()) {
      const { name } = street.node(number)
      const contested = chains.filter((chain) => chain.quarantined || chain.contradicted).map(({ label }) => label)
      if (contested.length > 0) this.#findings.push(`${name} holds evidence against ${contested.join(', ')}`)
      if (damage.length > 0 || setAside > 0) this.#findings.push(`${name}: damage: ${damage.join('; ')}`)
      if (finality.halted !== null) this.#findings.push(`${name} is a halted witness: ${finality.halted}`)
    }
    for (const name of await street.stop()) this.#findings.push(`${name} had to be killed`)
    for (const { name, dir } of street.nodes) {
      const fault = await wattness(['verify', '--dir', dir]).then(
        () => undefined,
        (error: Error) => error.message,
      )
      if (fault !== undefined) this.#findings.push(`${name}: ${fault}`)
    }
    return blocks
  }
}
