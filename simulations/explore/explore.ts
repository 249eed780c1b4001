import { formatDuration, systemPlatform } from '../../node/index.ts'
import { Crew } from './crew.ts'
import type { ExploreJob, JobResult } from './job.ts'
import { type DrawInit, formatPlan } from './plan.ts'

/** Findings that are shrunk: where there are more of them, most are the same once more. */
const MAX_SHRUNK = 12

/** Findings that are told of in full; the rest is counted. */
export const MAX_FINDINGS = 100

export interface ExploreInit {
  readonly seeds: number
  readonly from: number
  readonly draw: DrawInit
  /** Of the wall: no new run is begun after this. */
  readonly limitMs?: number
  readonly threads?: number
  readonly onProgress?: (sofar: Explored) => void
  readonly onFinding?: (finding: Finding) => void
  readonly isStopped?: () => boolean
}

export interface Finding {
  readonly seed: string
  /** The checker whose rule was broken; `run` where the run itself failed. */
  readonly checker: string
  readonly violations: readonly string[]
  /** Of the run as drawn. */
  readonly replay: string
  readonly shrunk: { readonly replay: string; readonly trials: number; readonly violations: readonly string[] } | undefined
}

export interface Explored {
  readonly seeds: number
  readonly from: number
  ran: number
  /** Runs that took too long and were stopped: judged by nobody. */
  stopped: number
  wallSeconds: number
  virtualSeconds: number
  deliveries: number
  findingsLeftOut: number
  readonly findings: Finding[]
}

/** Runs drawn from so many seeds, on all cores; what breaks a rule is shrunk. */
export async function explore(init: ExploreInit): Promise<Explored> {
  const { clock } = systemPlatform
  const beganMs = clock.monotonicMs()
  const { seeds, from, draw } = init
  const explored: Explored = {
    ...{ seeds, from, ran: 0, stopped: 0, wallSeconds: 0, virtualSeconds: 0, deliveries: 0, findingsLeftOut: 0 },
    findings: [],
  }
  const crew = new Crew(init.threads)
  let seed = from
  const next = (): ExploreJob | undefined => {
    const isOver = init.isStopped?.() === true || clock.monotonicMs() - beganMs > (init.limitMs ?? Number.POSITIVE_INFINITY)
    if (isOver || seed >= from + seeds) return undefined
    // Which seeds are shrunk must not depend on which thread was first: it is only a saving of time, never part of a finding.
    return { kind: 'explore', seed: String(seed++), draw, isShrunk: explored.findings.length < MAX_SHRUNK }
  }
  try {
    await crew.work(next, (job, answer) => {
      explored.ran++
      explored.wallSeconds = Math.round((clock.monotonicMs() - beganMs) / 100) / 10
      const failed = { violations: [], isStopped: false, virtualSeconds: 0, deliveries: 0, eventLogHash: '' }
      const result: JobResult =
        'result' in answer ? answer.result : { ...failed, checker: 'run', violations: [`run: ${answer.failure}`] }
      explored.virtualSeconds += result.virtualSeconds
      explored.deliveries += result.deliveries
      if (result.isStopped) explored.stopped++
      if (result.checker !== undefined) keep(explored, findingOf(job, result, result.checker), init.onFinding)
      init.onProgress?.(explored)
    })
  } finally {
    await crew.close()
  }
  return explored
}

function keep(explored: Explored, finding: Finding, onFinding: ExploreInit['onFinding']): void {
  if (explored.findings.length >= MAX_FINDINGS) {
    explored.findingsLeftOut++
    return
  }
  explored.findings.push(finding)
  onFinding?.(finding)
}

function findingOf({ seed, draw }: ExploreJob, { violations, shrunk }: JobResult, checker: string): Finding {
  const replay = [`npm run simulate -- explore --replay ${seed}`]
  if (draw.meters !== undefined) replay.push(`--meters ${draw.meters}`)
  if (draw.breaks !== undefined) replay.push(`--break ${draw.breaks}`)
  return {
    seed,
    checker,
    violations,
    replay: replay.join(' '),
    shrunk:
      shrunk === undefined
        ? undefined
        : {
            // What a plan holds is numbers and names: nothing in it ends a quotation of the shell.
            replay: `npm run simulate -- explore --replay '${formatPlan(shrunk.plan)}'`,
            trials: shrunk.trials,
            violations: shrunk.violations,
          },
  }
}

export function textOfFinding({ seed, checker, violations, replay, shrunk }: Finding): string {
  const lines = [`✗ seed ${seed}: ${checker}`, ...violations.map((what) => `    ${what}`), `  again: ${replay}`]
  if (shrunk !== undefined)
    lines.push(`  shrunk in ${shrunk.trials} runs: ${shrunk.replay}`, ...shrunk.violations.map((what) => `    ${what}`))
  return lines.join('\n')
}

export function textOfExplored(explored: Explored): string {
  const { ran, seeds, from, stopped, findings, findingsLeftOut, virtualSeconds, wallSeconds, deliveries } = explored
  const virtual = formatDuration(Math.round(virtualSeconds / 60) * 60_000)
  return [
    `${ran} of ${seeds} seeds from ${from}: ${virtual} of virtual time in ${wallSeconds} s, ${deliveries} blocks delivered`,
    ...(stopped === 0 ? [] : [`${stopped} runs took too long and were stopped`]),
    findings.length === 0 ? '✓ no violation' : `✗ ${findings.length + findingsLeftOut} seeds broke a rule`,
  ].join('\n')
}
