import { PRESETS, type Settings } from '../settings.ts'
import type { Fault } from './faults.ts'
import { type Plan, SIMPLER, settingsOf } from './plan.ts'

/** Fewer than this nothing can be shrunk to: one that seals and one that hears. */
const LEAST_METERS = 1

/** Runs that a shrinking may take: each makes the plan smaller or ends one of a few dozen thoughts. */
export const MAX_TRIALS = 120

/**
 * The smallest plan that still fails, found by trying smaller ones and keeping those that do: fewer faults, fewer meters, a
 * shorter run, simpler settings, shorter faults, in this order, over again until none of them helps.
 */
export async function shrinkPlan(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  maxTrials = MAX_TRIALS,
): Promise<{ readonly plan: Plan; readonly trials: number }> {
  let best = plan
  let trials = 0
  for (let isBetter = true; isBetter; ) {
    isBetter = false
    for (const smallerOf of STEPS) {
      // One step is made as often as it helps before the next is tried.
      for (let place = 0; trials < maxTrials; ) {
        const candidate = smallerOf(best)[place]
        if (candidate === undefined) break
        trials++
        if (await fails(candidate)) {
          best = candidate
          isBetter = true
        } else place++
      }
    }
  }
  return { plan: best, trials }
}

type Step = (plan: Plan) => readonly Plan[]

const fewerFaults: Step = (plan) => {
  const { faults } = plan
  const half = faults.length >> 1
  const halves = faults.length < 4 ? [] : [faults.slice(0, half), faults.slice(half)]
  const without = faults.map((_, place) => faults.toSpliced(place, 1))
  return (faults.length > 1 ? [[], ...halves, ...without] : without).map((fewer) => ({ ...plan, faults: fewer }))
}

const withSettings = (plan: Plan, settings: Partial<Settings>): Plan => ({
  ...plan,
  settings: { ...plan.settings, ...settings },
})

const fewerMeters: Step = (plan) => {
  const { meters, witnesses } = settingsOf(plan)
  const smaller = [...new Set([LEAST_METERS, meters >> 1, meters - 1])].filter((count) => count >= LEAST_METERS && count < meters)
  return [
    ...smaller.map((count) => withSettings(plan, { meters: count, witnesses: Math.min(witnesses, count) })),
    ...[0, witnesses - 1]
      .filter((count) => count >= 0 && count < witnesses)
      .map((count) => withSettings(plan, { witnesses: count })),
  ]
}

/** A fault never outlasts its run. */
function shorterBy(plan: Plan, forMs: number): Plan[] {
  const before = settingsOf(plan)
  if (forMs >= before.forMs || forMs < 2 * before.blockIntervalMs) return []
  const isIn = ({ untilMs }: Fault): boolean => untilMs <= forMs
  return plan.faults.every(isIn) ? [withSettings(plan, { forMs })] : []
}

const shorterRun: Step = (plan) => {
  const { forMs, blockIntervalMs } = settingsOf(plan)
  const lastMs = plan.faults.reduce((last, { untilMs }) => Math.max(last, untilMs), 0)
  const lengths = [lastMs + 2 * blockIntervalMs, lastMs + blockIntervalMs, forMs / 2, (forMs * 3) / 4]
  return lengths.flatMap((length) => shorterBy(plan, Math.ceil(length / 60_000) * 60_000))
}

const simplerSettings: Step = (plan) => {
  const settings = settingsOf(plan)
  return SIMPLER.filter((name) => settings[name] !== PRESETS[name]).map((name) => withSettings(plan, { [name]: PRESETS[name] }))
}

const shorterFaults: Step = (plan) =>
  plan.faults.flatMap((fault, place) => {
    const lengthMs = fault.untilMs - fault.atMs
    if (lengthMs < 2_000) return []
    const shorter = { ...fault, untilMs: fault.atMs + Math.floor(lengthMs / 2) }
    return [{ ...plan, faults: plan.faults.with(place, shorter) }]
  })

const STEPS: readonly Step[] = [fewerFaults, fewerMeters, shorterRun, simplerSettings, shorterFaults]
