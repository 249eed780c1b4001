import { WattnessError } from '../../protocol/index.ts'
import type { Scenario } from '../scenario.ts'
import { formatSetting, PRESETS, type SettingName, type Settings } from '../settings.ts'
import { isRealStage, realDeedOf } from './real-deeds.ts'

/** What real time asks for, over what a scenario sets for a day of virtual time: ten minutes, a block a minute. */
export const REAL_TIMES: Partial<Settings> = {
  forMs: 600_000,
  blockIntervalMs: 60_000,
  // Batched pull carries a block a minute (design section 7): seconds of waiting halve what a delivery costs.
  announceDelayMs: 10_000,
  startUpMs: 0,
  drainMs: 60_000,
  meanUpMs: 600_000,
  meanDownMs: 30_000,
  restartMs: 2_000,
}

/** Settings of the virtual network, disk and clock, which a real run cannot follow. */
const VIRTUAL_ONLY: readonly SettingName[] = [
  'networks',
  'observers',
  'latencyMs',
  'latencySpread',
  'jitterMs',
  'loss',
  'duplication',
  'reordering',
  'bytesPerSecond',
  'syncMs',
]

/** Throws SCENARIO_VIRTUAL and SETTING_VIRTUAL for what cannot be done on real sockets. */
export function assertReal(name: string, scenario: Scenario, settings: Settings): void {
  const refuse = (what: string): never => {
    const message = `scenario ${name} runs on virtual time only: ${what}`
    throw new WattnessError('SCENARIO_VIRTUAL', message, { scenario: name })
  }
  if (scenario.stage !== undefined && !isRealStage(scenario.stage)) refuse('it changes nodes before they start')
  for (const { what, deed } of scenario.acts ?? []) {
    if (realDeedOf(deed) === undefined) refuse(`"${what}" cannot be done to real sockets, disks or clocks`)
  }
  for (const setting of VIRTUAL_ONLY) {
    if (settings[setting] === PRESETS[setting]) continue
    const message = `${formatSetting(setting, settings)} is for --transport virtual: real sockets have what there is`
    throw new WattnessError('SETTING_VIRTUAL', message, { setting })
  }
}
