import { formatDuration, type GossipMode, parseDuration } from '../node/index.ts'
import { MAX_MEMBERS, MAX_WITNESSES, WattnessError } from '../protocol/index.ts'
import { DEFAULT_CONDITIONS } from './network/conditions.ts'

/** Two halves, a third cut off, some single nodes, halves again and again, or a half that is heard and hears nothing. */
const PARTITION_KINDS = ['halves', 'third', 'singles', 'flapping', 'one-way'] as const
export type PartitionKind = (typeof PARTITION_KINDS)[number]

/** What a run can be told, by `--set` and by its scenario. Durations are milliseconds. */
export interface Settings {
  /** Of all networks together. */
  readonly meters: number
  /** The meters are spread over so many networks that know nothing of each other. */
  readonly networks: number
  /** The first meters of a network are witnesses too. */
  readonly witnesses: number
  /** Witnesses, the first ones, that an attack turns. */
  readonly liars: number
  readonly forMs: number
  /** UTC. */
  readonly startMs: number
  readonly readingIntervalMs: number
  readonly blockIntervalMs: number
  /** 0: as the node chooses by its block interval. */
  readonly announceDelayMs: number
  readonly attestDelayMs: number
  readonly crossCheckMs: number
  readonly gossip: GossipMode
  readonly degree: number
  /** Who may read beside the members: whoever comes, or only who is listed. */
  readonly observers: 'open' | 'listed'
  /** Nodes start one after another within this time. */
  readonly startUpMs: number
  /** After the run: how long it may take until everybody agrees. */
  readonly drainMs: number
  readonly latencyMs: number
  readonly latencySpread: number
  readonly jitterMs: number
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  readonly bytesPerSecond: number
  readonly partition: PartitionKind
  /** Of meters that come and go. */
  readonly meanUpMs: number
  readonly meanDownMs: number
  /** A node that is restarted is off for this long. */
  readonly restartMs: number
  /** Share of nodes that are off while the others start for the first time. */
  readonly offShare: number
  /** By how much clocks are wrong from the start, in the mean square. */
  readonly skewMs: number
  readonly driftPpm: number
  /** Clocks step by this much, and stay wrong as long. */
  readonly stepMs: number
  /** A write that survives a power cut takes this long. */
  readonly syncMs: number
  /** Results of checks of signatures and of runs, and stored bytes, are kept once for all nodes of a network. */
  readonly shared: boolean
  /** On real sockets: worker processes, and where nodes keep their blocks. */
  readonly processes: number
  readonly store: 'disk' | 'memory'
}

export type SettingName = keyof Settings

interface Rule<T> {
  readonly preset: T
  readonly what: string
  /** Undefined for text that is none. */
  parse(text: string): T | undefined
  format(value: T): string
}

const wholeNumber = (preset: number, least: number, most: number, what: string): Rule<number> => ({
  preset,
  what: `${what} (${least} to ${most})`,
  parse: (text) => (/^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined),
  format: String,
})
const share = (preset: number, what: string): Rule<number> => ({
  preset,
  what: `${what} (0 to 1)`,
  parse: (text) => (/^(0|1|[01]?\.\d{1,9})$/.test(text) && Number(text) <= 1 ? Number(text) : undefined),
  format: String,
})
const decimal = (preset: number, what: string): Rule<number> => ({
  preset,
  what,
  parse: (text) => (/^\d{1,6}(\.\d{1,6})?$/.test(text) ? Number(text) : undefined),
  format: String,
})
const duration = (preset: number, what: string): Rule<number> => ({
  preset,
  what: `${what} (such as 30m, or milliseconds)`,
  parse: (text) => (/^\d{1,12}$/.test(text) ? Number(text) : parseDuration(text)),
  format: formatDuration,
})

/** Of one network: one member is the registrar. */
export const MOST_METERS = MAX_MEMBERS - 1

/** Of one run: a day of so many takes hours. */
export const MAX_NETWORKS = 32

const DAY_MS = 86_400_000
const HALF_HOUR_MS = 1_800_000

/** Every setting with its preset: the default story is one day of half-hour blocks with 16 witnesses. */
export const RULES: { readonly [N in SettingName]: Rule<Settings[N]> } = {
  meters: wholeNumber(200, 1, MAX_NETWORKS * MOST_METERS, `meters, at most ${MOST_METERS} in one network`),
  networks: wholeNumber(1, 1, MAX_NETWORKS, 'networks of their own, over which the meters are spread'),
  witnesses: wholeNumber(16, 0, MAX_WITNESSES, 'meters that are witnesses too, the first ones of a network'),
  liars: wholeNumber(1, 0, MAX_WITNESSES, 'witnesses that an attack turns, the first ones'),
  forMs: duration(DAY_MS, 'virtual time that is run'),
  startMs: {
    preset: Date.UTC(2013, 0, 1),
    what: 'first instant of virtual time (such as 2013-01-01)',
    parse: (text) => (/^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text)) ? Date.parse(text) : undefined),
    format: (value) => new Date(value).toISOString(),
  },
  readingIntervalMs: duration(HALF_HOUR_MS, 'time between readings of the built-in household'),
  blockIntervalMs: duration(HALF_HOUR_MS, 'time between two blocks of one meter'),
  announceDelayMs: duration(0, 'from something new to the telling of it; 0: a sixth of the block interval, up to 30s'),
  attestDelayMs: duration(2_000, 'from something new to a witness signing it; at least a fifth of the block interval'),
  crossCheckMs: duration(
    0,
    'time between two comparisons with each neighbour; 0: 30s, and at least a tenth of the block interval',
  ),
  gossip: {
    preset: 'auto',
    what: 'on, off or auto',
    parse: (text) => (text === 'on' || text === 'off' || text === 'auto' ? text : undefined),
    format: String,
  },
  degree: wholeNumber(4, 1, 32, 'neighbours in a gossip mesh'),
  observers: {
    preset: 'listed',
    what: 'open or listed: who may read beside the members',
    parse: (text) => (text === 'open' || text === 'listed' ? text : undefined),
    format: String,
  },
  startUpMs: duration(30_000, 'nodes start one after another within this time'),
  drainMs: duration(1_200_000, 'how long it may take after the run until all agree'),
  latencyMs: decimal(DEFAULT_CONDITIONS.latencyMs, 'one way, median over all pairs of nodes, milliseconds'),
  latencySpread: decimal(DEFAULT_CONDITIONS.latencySpread, 'standard deviation of the logarithm of the latency'),
  jitterMs: decimal(DEFAULT_CONDITIONS.jitterMs, 'mean of what each message takes longer, milliseconds'),
  loss: share(0, 'share of messages lost'),
  duplication: share(0, 'share of gossiped payloads that come twice'),
  reordering: share(0, 'share of gossiped payloads that are overtaken'),
  bytesPerSecond: wholeNumber(0, 0, 1_000_000_000, 'what one node can send; 0: no bound'),
  partition: {
    preset: 'halves',
    what: `${PARTITION_KINDS.join(', ')}: how the network falls apart`,
    parse: (text) => PARTITION_KINDS.find((kind) => kind === text),
    format: String,
  },
  meanUpMs: duration(3_600_000, 'mean time that a meter is on, of those that come and go'),
  meanDownMs: duration(600_000, 'mean time that it is off'),
  restartMs: duration(10_000, 'time that a restarted node is off'),
  offShare: share(0.25, 'share of nodes that are off at a cold start'),
  skewMs: duration(20_000, 'by how much clocks are wrong from the start, in the mean square'),
  driftPpm: decimal(50, 'by how much clocks go wrong, in the mean square, millionths'),
  stepMs: duration(1_200_000, 'by how much clocks step, and how long they stay so'),
  syncMs: decimal(2, 'time of a write that survives a power cut, milliseconds'),
  shared: {
    preset: true,
    what: 'true or false: results of checks and stored bytes are kept once for all nodes',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
    format: String,
  },
  processes: wholeNumber(2, 1, MAX_MEMBERS, 'on real sockets: worker processes that share the nodes'),
  store: {
    preset: 'disk',
    what: 'disk or memory: where nodes on real sockets keep their blocks',
    parse: (text) => (text === 'disk' || text === 'memory' ? text : undefined),
    format: String,
  },
}

export const SETTING_NAMES = Object.keys(RULES) as SettingName[]

export const PRESETS = Object.fromEntries(SETTING_NAMES.map((name) => [name, RULES[name].preset])) as unknown as Settings

/** `name=value` as typed. Throws SETTING_UNKNOWN, SETTING_INVALID. */
export function parseSetting(text: string): Partial<Settings> {
  const at = text.indexOf('=')
  const name = text.slice(0, Math.max(0, at))
  if (!(SETTING_NAMES as string[]).includes(name)) {
    throw new WattnessError('SETTING_UNKNOWN', `--set ${text}: expected name=value with one of ${SETTING_NAMES.join(', ')}`)
  }
  const rule = RULES[name as SettingName] as Rule<unknown>
  const value = rule.parse(text.slice(at + 1))
  if (value === undefined) throw new WattnessError('SETTING_INVALID', `--set ${text}: expected ${rule.what}`)
  return { [name]: value }
}

/** As parseSetting reads it back. */
export function formatSetting<N extends SettingName>(name: N, settings: Pick<Settings, N>): string {
  return `${name}=${RULES[name].format(settings[name])}`
}
