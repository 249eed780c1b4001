import type { Play } from './plays.ts'
import { Random } from './random.ts'
import { REAL, type Rules } from './rules.ts'
import { checkConvergence, checkLiveness, settle } from './settle.ts'
import { type Leaning, leaningOf, World } from './world.ts'

export interface RunOptions {
  readonly rules?: Rules
  readonly leaning?: Partial<Leaning>
  /** In the place of free steps. */
  readonly play?: Play
  readonly log?: (line: string) => void
}

/** What a run shows: nothing, a violation, or that its own assumption did not hold (more liars than are tolerated). */
export type Outcome = { readonly type: 'kept' | 'void' } | { readonly type: 'violated'; readonly what: string }

/** One network, from a seed: first anything may happen, then everything is delivered, and the checks are made. */
export function run(seed: number, { rules = REAL, leaning, play, log }: RunOptions = {}): Outcome {
  const random = new Random(seed)
  const world = new World(random, { ...leaningOf(random), ...play?.leaning, ...leaning }, rules, log)
  play?.act(world)
  const steps = play === undefined ? world.leaning.steps : 0
  for (let step = 0; step < steps && world.violation === undefined; step++) world.step()
  log?.('everything is delivered')
  if (world.violation === undefined) settle(world)
  let what = world.violation
  what ??= checkConvergence(world)
  what ??= checkLiveness(world)
  what ??= world.violation
  if (what === undefined) return { type: 'kept' }
  return world.liarsAreTolerated() ? { type: 'violated', what } : { type: 'void' }
}
