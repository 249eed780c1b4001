import { round } from './histogram.ts'
import type { Tally } from './tally.ts'
import type { World } from './world/world.ts'

/** Points that are kept: what a picture as wide as a screen can show. */
export const MAX_POINTS = 300

/** Points that a run of its planned length makes; what is drained after it comes on top. */
const PLANNED_POINTS = 240

/** How a run stood at one instant. Blocks are counted over all chains. */
export interface TimelinePoint {
  /** Of virtual time, since the start. */
  readonly atMs: number
  readonly sealed: number
  /** Held by the honest node that holds the fewest, and by them all on average; nodes that are off are not counted. */
  readonly heldLeast: number
  readonly heldMean: number
  /** Called final by the honest node that calls the fewest so, and on average. */
  readonly finalLeast: number
  readonly finalMean: number
  readonly up: number
  readonly deliveries: number
  /** Of this process, since the start of the run: the one figure here that differs from run to run. */
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

  /** CPU time of the whole process since the start of the run, and no more once it has ended. */
  get cpuMs(): number {
    if (this.#cpuMs !== undefined) return this.#cpuMs
    if (this.#cpuAtStart === undefined) return 0
    const { user, system } = process.cpuUsage(this.#cpuAtStart)
    return (user + system) / 1_000
  }

  begin(): void {
    this.#cpuAtStart = process.cpuUsage()
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
    const { honest, nodes, time } = this.#world
    const up = honest.filter(({ isUp }) => isUp)
    const held = up.map((each) => this.#tally.heldBy(each))
    const final = up.map((each) => this.#tally.finalOn(each))
    return {
      atMs: Math.round(time.elapsedMs),
      sealed: this.#tally.sealed,
      heldLeast: least(held),
      heldMean: mean(held),
      finalLeast: least(final),
      finalMean: mean(final),
      up: nodes.filter(({ isUp }) => isUp).length,
      deliveries: this.#tally.deliveries,
      cpuMs: Math.round(this.cpuMs),
    }
  }
}

function least(values: readonly number[]): number {
  return values.reduce((low, value) => Math.min(low, value), values[0] ?? 0)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : round(values.reduce((sum, value) => sum + value, 0) / values.length)
}
