import { WattnessError } from '../../protocol/index.ts'
import type { Scenario } from '../scenario.ts'
import { SeededRandom } from '../seeded-random.ts'
import { formatSetting, PRESETS, parseSetting, SETTING_NAMES, type SettingName, type Settings } from '../settings.ts'
import { actsOf, FAULT_KINDS, type Fault, stageOf } from './faults.ts'

/** One drawn run, written down in full: what it is told beside the presets, and what goes wrong in it. */
export interface Plan {
  readonly seed: string
  readonly settings: Partial<Settings>
  readonly faults: readonly Fault[]
  /** The checker whose broken node is planted: to see that exploring finds it. */
  readonly breaks?: string
}

export interface DrawInit {
  /** Drawn from 5 to 12 unless given. */
  readonly meters?: number
  readonly breaks?: string
}

const MINUTE_MS = 60_000
const MOST_FAULTS = 6
const MOST_PLAN_FAULTS = 64

/** The same seed draws the same plan, as long as this code and the faults' list are the same. */
export function drawPlan(seed: string, { meters: told, breaks }: DrawInit = {}): Plan {
  const random = new SeededRandom(`explore ${seed}`)
  const meters = told ?? 5 + random.below(8)
  const blockIntervalMs = random.pick([1, 2, 5, 10]) * MINUTE_MS
  const forMs = Math.max(8 * blockIntervalMs, (15 + random.below(31)) * MINUTE_MS)
  const isRough = random.chance(0.5)
  const settings: Partial<Settings> = {
    meters,
    forMs,
    blockIntervalMs,
    readingIntervalMs: random.chance(0.7) ? blockIntervalMs : MINUTE_MS,
    witnesses: random.chance(0.1) ? 0 : 1 + random.below(Math.min(meters, 8)),
    gossip: random.pick(['on', 'off', 'auto'] as const),
    degree: 2 + random.below(5),
    crossCheckMs: random.pick([10_000, 30_000, 120_000]),
    attestDelayMs: random.pick([500, 2_000, 10_000]),
    announceDelayMs: random.pick([0, 0, 1_000, 10_000]),
    startUpMs: random.pick([1_000, 30_000, 120_000]),
    syncMs: random.pick([0, 2, 50]),
    latencyMs: random.pick([1, 20, 200]),
    jitterMs: random.pick([0, 4, 100]),
    loss: isRough ? random.pick([0, 0.02, 0.1]) : 0,
    duplication: isRough ? random.pick([0, 0.1]) : 0,
    reordering: isRough ? random.pick([0, 0.2]) : 0,
    bytesPerSecond: random.pick([0, 0, 20_000]),
  }
  const faults = Array.from({ length: random.below(MOST_FAULTS + 1) }, () => drawFault(random, forMs))
  // A flood through thin ways is no finding: who asks for all there is gets it, as fast as ways carry it.
  const ways = faults.some(({ kind }) => kind === 'spam') ? { bytesPerSecond: 0 } : {}
  return { seed, settings: { ...settings, ...ways }, faults, ...(breaks === undefined ? {} : { breaks }) }
}

/** Everything is over before the run is: what cannot be mended says nothing about the nodes. */
function drawFault(random: SeededRandom, forMs: number): Fault {
  const kind = random.pick(FAULT_KINDS)
  const atMs = Math.round(forMs * 0.8 * random.fraction())
  const lengthMs = (forMs * 0.95 - atMs) * random.fraction()
  const untilMs = Math.round(atMs + Math.max(1_000, random.chance(0.5) ? lengthMs : lengthMs / 10))
  return { kind, atMs, untilMs, who: random.below(65_536), amount: Math.round(random.fraction() * 1_000) / 1_000 }
}

export function settingsOf({ settings }: Plan): Settings {
  const all: Settings = { ...PRESETS, ...settings }
  return { ...all, witnesses: Math.min(all.witnesses, all.meters) }
}

export function scenarioOf(plan: Plan): Scenario {
  return {
    story: `Drawn from the seed ${plan.seed}: ${plan.faults.length} faults, each of them over before the run is.`,
    settings: plan.settings,
    stage: stageOf(plan.faults),
    acts: actsOf(plan.faults, settingsOf(plan).forMs),
  }
}

/** One line of JSON, short enough for a command line: settings as `--set` has them, what is as preset left out. */
export function formatPlan({ seed, settings, faults, breaks }: Plan): string {
  const all: Settings = { ...PRESETS, ...settings }
  const set = SETTING_NAMES.filter((name) => all[name] !== PRESETS[name]).map((name) => formatSetting(name, all))
  return JSON.stringify({ seed, set, faults, breaks })
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

const refuse = (field: string, expected: string): never => {
  throw new WattnessError('PLAN_INVALID', `plan of a drawn run: ${field}: expected ${expected}`)
}

/** Throws PLAN_INVALID, and what parseSetting throws. */
export function parsePlan(text: string): Plan {
  let plan: unknown
  try {
    plan = JSON.parse(text)
  } catch {
    return refuse('all of it', 'JSON')
  }
  if (!isFields(plan)) return refuse('all of it', 'an object')
  const { seed, set, faults, breaks } = plan
  if (typeof seed !== 'string') return refuse('seed', 'text')
  if (!Array.isArray(set) || set.length > SETTING_NAMES.length) return refuse('set', 'a list of settings')
  if (!Array.isArray(faults) || faults.length > MOST_PLAN_FAULTS) return refuse('faults', `a list of up to ${MOST_PLAN_FAULTS}`)
  if (breaks !== undefined && typeof breaks !== 'string') return refuse('breaks', 'the name of a checker')
  const settings = set.reduce<Partial<Settings>>((all, each) => ({ ...all, ...parseSetting(String(each)) }), {})
  return { seed, settings, faults: faults.map(parseFault), ...(breaks === undefined ? {} : { breaks }) }
}

function parseFault(fault: unknown, place: number): Fault {
  if (!isFields(fault)) return refuse(`faults[${place}]`, 'an object')
  const kind = FAULT_KINDS.find((each) => each === fault['kind'])
  if (kind === undefined) return refuse(`faults[${place}].kind`, `one of ${FAULT_KINDS.join(', ')}`)
  const number = (name: string, most: number): number => {
    const value = fault[name]
    return typeof value === 'number' && value >= 0 && value <= most ? value : refuse(`faults[${place}].${name}`, `0 to ${most}`)
  }
  const [atMs, untilMs] = [number('atMs', 1e12), number('untilMs', 1e12)]
  return { kind, atMs, untilMs, who: Math.floor(number('who', 65_535)), amount: number('amount', 1) }
}

/** Settings whose preset makes a run simpler to think about, in the order in which they are tried. */
export const SIMPLER: readonly SettingName[] = [
  'loss',
  'duplication',
  'reordering',
  'bytesPerSecond',
  'jitterMs',
  'latencyMs',
  'syncMs',
  'announceDelayMs',
  'attestDelayMs',
  'crossCheckMs',
  'degree',
  'gossip',
  'startUpMs',
]
