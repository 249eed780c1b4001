import { round } from './histogram.ts'
import type { Tally, Totals } from './tally.ts'
import type { World } from './world/world.ts'

/** Points that are kept: what a picture as wide as a screen can show. */
export const MAX_POINTS = 300

/** Points that a run of its planned length makes; what is drained after it comes on top. */
const PLANNED_POINTS = 240

/** A network of the run, and what is counted of it. */
interface Part {
  readonly world: World
  readonly tally: Tally
}

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
  /** Of this process, since the start of the run: the one figure here that differs from run to run. */
  readonly cpuMs: number
}

/** Looks at the world at even steps of virtual time, so that a report can draw its course. It changes nothing of the run. */
export class Timeline {
  readonly #parts: readonly Part[]
  readonly #totals: Totals
  readonly #world: World
  #points: TimelinePoint[] = []
  #stepMs: number
  #cpuAtStart: NodeJS.CpuUsage | undefined
  #cpuMs: number | undefined

  constructor(parts: readonly Part[], totals: Totals) {
    this.#parts = parts
    this.#totals = totals
    // Time, and the length of the run, are the same in all of them.
    this.#world = (parts[0] as Part).world
    this.#stepMs = Math.max(1, this.#world.settings.forMs / PLANNED_POINTS)
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
    const sum = { sealed: 0, heldLeast: 0, heldMean: 0, finalLeast: 0, finalMean: 0, up: 0 }
    for (const { world, tally } of this.#parts) {
      const up = world.honest.filter(({ isUp }) => isUp)
      const held = up.map((each) => tally.heldBy(each))
      const final = up.map((each) => tally.finalOn(each))
      sum.sealed += tally.sealed
      sum.heldLeast += least(held)
      sum.heldMean += mean(held)
      sum.finalLeast += least(final)
      sum.finalMean += mean(final)
      sum.up += world.nodes.filter(({ isUp }) => isUp).length
    }
    return {
      atMs: Math.round(this.#world.time.elapsedMs),
      ...sum,
      heldMean: round(sum.heldMean),
      finalMean: round(sum.finalMean),
      deliveries: this.#totals.deliveries,
      cpuMs: Math.round(this.cpuMs),
    }
  }
}

function least(values: readonly number[]): number {
  return values.reduce((low, value) => Math.min(low, value), values[0] ?? 0)
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
