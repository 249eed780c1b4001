import type { Report } from '../report.ts'
import { RULES, SETTING_NAMES } from '../settings.ts'

/** Two runs side by side. */

export interface FigureRow {
  readonly name: string
  readonly a: number | undefined
  readonly b: number | undefined
  /** By how much B is above A; undefined where one of them is missing or A is zero. */
  readonly percent: number | undefined
}

export interface SettingRow {
  readonly name: string
  readonly a: string
  readonly b: string
}

export interface Comparison {
  readonly a: ComparedRun
  readonly b: ComparedRun
  readonly figures: readonly FigureRow[]
  /** Those that differ. */
  readonly settings: readonly SettingRow[]
}

export interface ComparedRun {
  readonly scenario: string
  readonly seed: string
  readonly commit: string
  readonly replay: string
  readonly violations: readonly { readonly checker: string; readonly what: string }[]
  readonly violationsLeftOut: number
}

const FIGURES: readonly (readonly [name: string, (report: Report) => number | undefined])[] = [
  ['virtualSeconds', (report) => report.virtualSeconds],
  ['blocks', (report) => report.blocks],
  ['readings', (report) => report.readings],
  ['deliveries', (report) => report.deliveries],
  ['deliveredShare', (report) => report.deliveredShare],
  ['finalShare', (report) => report.finalShare],
  ['attestations', (report) => report.attestations],
  ['delivery.p50Ms', (report) => report.delivery.p50Ms],
  ['delivery.p95Ms', (report) => report.delivery.p95Ms],
  ['delivery.p99Ms', (report) => report.delivery.p99Ms],
  ['delivery.maxMs', (report) => report.delivery.maxMs],
  ['finality.p50Ms', (report) => report.finality.p50Ms],
  ['finality.p95Ms', (report) => report.finality.p95Ms],
  ['finality.p99Ms', (report) => report.finality.p99Ms],
  ['finality.maxMs', (report) => report.finality.maxMs],
  ['bytesPerNodePerDay', (report) => report.traffic.bytesPerNodePerDay],
  ['messagesPerNodePerDay', (report) => report.traffic.messagesPerNodePerDay],
  ['gossip.heard', (report) => report.traffic.gossip.heard],
  ['gossip.duplicates', (report) => report.traffic.gossip.duplicates],
  ['storedMiBPerNode', (report) => report.storedMiBPerNode],
  ['crashes', (report) => report.crashes],
  ['wallSeconds', (report) => report.wallSeconds],
  ['speedUp', (report) => report.speedUp],
  ['cpuSeconds', (report) => report.cpuSeconds],
  ['usPerDelivery', (report) => report.usPerDelivery],
  ['rssMiB', (report) => report.rssMiB],
  ['violations', (report) => report.violations.length + report.violationsLeftOut],
]

export function compareReports(a: Report, b: Report): Comparison {
  const figures = FIGURES.map(([name, pick]): FigureRow => {
    const [left, right] = [pick(a), pick(b)]
    const hasBoth = left !== undefined && right !== undefined
    const percent = hasBoth && left !== 0 ? Math.round(((right - left) / Math.abs(left)) * 1_000) / 10 : undefined
    return { name, a: left, b: right, percent: hasBoth && left === right ? 0 : percent }
  })
  const settings = SETTING_NAMES.flatMap((name): SettingRow[] => {
    const [left, right] = [formatted(a, name), formatted(b, name)]
    return left === right ? [] : [{ name, a: left, b: right }]
  })
  return { a: runOf(a), b: runOf(b), figures, settings }
}

function formatted({ settings }: Report, name: (typeof SETTING_NAMES)[number]): string {
  const value: unknown = settings[name]
  // A report of another version may not know it.
  if (value === undefined) return '–'
  return (RULES[name] as { format(value: unknown): string }).format(value)
}

function runOf({ scenario, seed, commit, replay, violations, violationsLeftOut }: Report): ComparedRun {
  return { scenario, seed, commit, replay, violations, violationsLeftOut }
}

export function percentChange(percent: number | undefined): string {
  if (percent === undefined) return ''
  return percent === 0 ? '=' : `${percent > 0 ? '+' : '−'}${Math.abs(percent)} %`
}

/** For a terminal. */
export function textOfComparison({ a, b, figures, settings }: Comparison): string {
  const cell = (value: number | string | undefined): string =>
    String(typeof value === 'number' ? Number(value.toPrecision(6)) : (value ?? '–')).padStart(16)
  const lines = [
    `A: ${a.scenario}, seed ${a.seed}, commit ${a.commit.slice(0, 12)}`,
    `B: ${b.scenario}, seed ${b.seed}, commit ${b.commit.slice(0, 12)}`,
    `${''.padEnd(24)}${cell('A')}${cell('B')}`,
    ...figures.map(({ name, a: left, b: right, percent }) =>
      `${name.padEnd(24)}${cell(left)}${cell(right)}  ${percentChange(percent)}`.trimEnd(),
    ),
    settings.length === 0 ? 'all settings are the same' : 'settings that differ:',
    ...settings.map(({ name, a: left, b: right }) => `  ${name.padEnd(22)}${cell(left)}${cell(right)}`),
  ]
  for (const [letter, run] of [
    ['A', a],
    ['B', b],
  ] as const) {
    lines.push(
      run.violations.length === 0
        ? `✓ ${letter}: no violation`
        : `✗ ${letter}: ${run.violations.length + run.violationsLeftOut} violations`,
    )
    for (const { checker, what } of run.violations.slice(0, 10)) lines.push(`    ${checker}: ${what}`)
  }
  return lines.join('\n')
}
