import { isMainThread } from 'node:worker_threads'
import { round } from './histogram.ts'
import type { Tally } from './tally.ts'
import type { World } from './world/world.ts'

/** Points that are kept: what a picture as wide as a screen can show. */
export const MAX_POINTS = 300

/** Points that a run of its planned length makes; what is drained after it comes on top. */
const PLANNED_POINTS = 240

/** How a run stood at one instant. Blocks are counted over all chains, and added up over all networks. */
export interface TimelinePoint {
  /** Of virtual time, since the start. */
  readonly atMs: number
  readonly sealed: number
  /** Held by the honest node that holds the fewest of its network, and by all on average; nodes that are off do not count. */
  readonly heldLeast: number
  readonly heldMean: number
  /** Called final by the honest node that calls the fewest so, and on average. */
  readonly finalLeast: number
  readonly finalMean: number
  readonly up: number
  readonly deliveries: number
  /** Processor time since the start, of several networks that of their threads: the one figure that differs from run to run. */
  readonly cpuMs: number
}

/** Looks at the world at even steps of virtual time, so that a report can draw its course. It changes nothing of the run. */
export class Timeline {
  readonly #world: World
  readonly #tally: Tally
  #points: TimelinePoint[] = []
  #stepMs: number
  #cpuAtStart: NodeJS.CpuUsage | undefined
  #cpuMs: number | undefined

  constructor(world: World, tally: Tally) {
    this.#world = world
    this.#tally = tally
    this.#stepMs = Math.max(1, world.settings.forMs / PLANNED_POINTS)
  }

  get points(): readonly TimelinePoint[] {
    return this.#points
  }

  /** CPU time since the start of the run, and no more once it has ended. */
  get cpuMs(): number {
    if (this.#cpuMs !== undefined) return this.#cpuMs
    if (this.#cpuAtStart === undefined) return 0
    const { user, system } = cpuUsage(this.#cpuAtStart)
    return (user + system) / 1_000
  }

  begin(): void {
    this.#cpuAtStart = cpuUsage()
    this.#look()
  }

  /** One last look, where the run ends. */
  end(): void {
    this.#add()
    this.#cpuMs = this.cpuMs
  }

  #look(): void {
    this.#add()
    this.#world.time.after(this.#stepMs, () => this.#cpuMs ?? this.#look())
  }

  #add(): void {
    // Twice as far apart from here on: every other one is as good as they were.
    if (this.#points.length >= MAX_POINTS - 1) {
      this.#points = this.#points.filter((_, place) => place % 2 === 0)
      this.#stepMs *= 2
    }
    this.#points.push(this.#point())
  }

  #point(): TimelinePoint {
    const [world, tally] = [this.#world, this.#tally]
    const up = world.honest.filter(({ isUp }) => isUp)
    const held = up.map((each) => tally.heldBy(each))
    const final = up.map((each) => tally.finalOn(each))
    return {
      atMs: Math.round(world.time.elapsedMs),
      sealed: tally.sealed,
      heldLeast: least(held),
      heldMean: round(mean(held)),
      finalLeast: least(final),
      finalMean: round(mean(final)),
      up: world.nodes.filter(({ isUp }) => isUp).length,
      deliveries: tally.deliveries,
      cpuMs: Math.round(this.cpuMs),
    }
  }
}

/** Beside a thread others run: what it takes is its own. */
function cpuUsage(since?: NodeJS.CpuUsage): NodeJS.CpuUsage {
  return isMainThread ? process.cpuUsage(since) : process.threadCpuUsage(since)
}

/** The looks of one network of several. */
export interface Course {
  readonly points: readonly TimelinePoint[]
  readonly isStopped: boolean
}

/**
 * One alone is as it is. Several are added up at the instants at which all networks were looked at: one that has come to its end
 * stands as it ended, and behind the last look at one that was stopped early nothing is known of all together.
 */
export function sumOfTimelines(courses: readonly Course[]): readonly TimelinePoint[] {
  const [one, ...others] = courses
  if (one !== undefined && others.length === 0) return one.points
  const instants = new Set(courses.flatMap(({ points }) => points.map(({ atMs }) => atMs)))
  const sums: TimelinePoint[] = []
  for (const atMs of [...instants].sort((a, b) => a - b)) {
    const points = courses.map((course) => standingAt(course, atMs))
    if (points.every((point) => point !== undefined)) sums.push(sumOfPoints(atMs, points))
  }
  return sums
}

/** Undefined where nobody looked, or nobody knows. */
function standingAt({ points, isStopped }: Course, atMs: number): TimelinePoint | undefined {
  const last = points.at(-1)
  if (last !== undefined && last.atMs <= atMs) return isStopped && last.atMs < atMs ? undefined : last
  return points.find((point) => point.atMs === atMs)
}

function sumOfPoints(atMs: number, points: readonly TimelinePoint[]): TimelinePoint {
  const sum = (of: Exclude<keyof TimelinePoint, 'atMs'>): number => points.reduce((all, point) => all + point[of], 0)
  return {
    atMs,
    sealed: sum('sealed'),
    heldLeast: sum('heldLeast'),
    heldMean: round(sum('heldMean')),
    finalLeast: sum('finalLeast'),
    finalMean: round(sum('finalMean')),
    up: sum('up'),
    deliveries: sum('deliveries'),
    cpuMs: sum('cpuMs'),
  }
}

function least(values: readonly number[]): number {
  return values.reduce((low, value) => Math.min(low, value), values[0] ?? 0)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
