import type { Settings } from './settings.ts'
import type { World } from './world/world.ts'

/** Something that is done to the world while it runs. What takes virtual time is awaited by nobody. */
export type Deed = (world: World) => unknown

export interface Act {
  /** When, as a share of the run: 0 is its start, 1 its end. */
  readonly at: number
  /** Done again each time this share of the run has passed, until `until`. */
  readonly every?: number
  readonly until?: number
  /** For the log; the end of the sentence "at 03:00 …". */
  readonly what: string
  readonly deed: Deed
}

/**
 * One story, in one file of simulations/scenarios/ that is named as it is: what it changes of the presets, and what is done when.
 * `--set` has the last word.
 */
export interface Scenario {
  /** For people: what happens, and what is expected to hold. */
  readonly story: string
  readonly settings?: Partial<Settings>
  /** Done to the world before anybody starts. */
  readonly stage?: Deed
  readonly acts?: readonly Act[]
}

/** A checker watches the run; what it reports is a violation, and its name stands in the report. */
export interface Checker {
  /** The rule that it holds, as a sentence. */
  readonly rule: string
  /** Called before anybody starts. What it answers is called once at the end, when the world is quiet. */
  watch(world: World, violate: (what: string) => void): () => unknown
  /** The broken node that this checker must catch: `--break NAME` adds it to a scenario. */
  readonly breakage: Breakage
}

export interface Breakage extends Omit<Scenario, 'story'> {
  /** What is broken. */
  readonly what: string
}
