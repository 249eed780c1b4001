import { WattnessError } from '../protocol/index.ts'
import { MOST_METERS, type Settings } from './settings.ts'

/** One network of a run, before it begins. */
export interface NetworkPlan {
  /** Empty where it is the only one. */
  readonly name: string
  /** The first network's is the run's own: alone it runs the same way as beside others. */
  readonly seed: string
  readonly settings: Settings
  /** Its meters are homes of the run from this one on. */
  readonly firstHome: number
}

/** Meters spread evenly, the first networks one more where it does not come out even. Throws SETTING_INVALID. */
export function planNetworks(seed: string, settings: Settings): NetworkPlan[] {
  const { meters, networks, witnesses } = settings
  const refuse = (expected: string): never => {
    throw new WattnessError('SETTING_INVALID', `meters=${meters} in networks=${networks}: expected ${expected}`, {
      meters,
      networks,
    })
  }
  if (networks > meters) refuse('at least one meter in each network')
  if (meters > networks * MOST_METERS) refuse(`at most ${MOST_METERS} meters in each network`)
  let firstHome = 0
  return Array.from({ length: networks }, (_, index) => {
    const own = Math.floor(meters / networks) + (index < meters % networks ? 1 : 0)
    firstHome += own
    return {
      name: networks === 1 ? '' : `network-${index + 1}`,
      seed: index === 0 ? seed : `${seed} network ${index + 1}`,
      settings: { ...settings, networks: 1, meters: own, witnesses: Math.min(witnesses, own) },
      firstHome: firstHome - own,
    }
  })
}
