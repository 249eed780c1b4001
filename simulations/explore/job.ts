/** What a worker thread is asked to do, and answers. */

import type { Settings } from '../settings.ts'
import type { DrawInit, Plan } from './plan.ts'
import type { TrialResult } from './trial.ts'

/** Draws a run from a seed and makes it; shrinks it where it fails and `isShrunk`. */
export interface ExploreJob {
  readonly kind: 'explore'
  readonly seed: string
  readonly draw: DrawInit
  readonly isShrunk: boolean
}

/** Makes one run of a scenario. */
export interface ScenarioJob {
  readonly kind: 'scenario'
  readonly scenario: string
  readonly seed: string
  readonly settings: Partial<Settings>
}

export type Job = ExploreJob | ScenarioJob

export interface JobResult extends TrialResult {
  /** What shrinking came to, where a run failed. */
  readonly shrunk?: { readonly plan: Plan; readonly trials: number; readonly violations: readonly string[] }
}

export type Answer = { readonly result: JobResult } | { readonly failure: string }
