import path from 'node:path'
import { expect } from 'chai'
import { systemPlatform } from '../../node/index.ts'
import { realData } from '../../node/test/collect/inputs.ts'
import { isWattnessError } from '../../protocol/index.ts'
import { realHomes } from '../loads/homes.ts'
import { simulateNetwork } from '../network-job.ts'
import type { NetworkResult } from '../network-result.ts'
import { NetworkThreads } from '../network-threads.ts'
import { reportPage } from '../page/report-page.ts'
import { makeReport, type Report } from '../report.ts'
import { jobsOf, type Run, type RunHeadway, runNetworks } from '../run.ts'
import { PRESETS } from '../settings.ts'
import type { Simulation } from '../simulation.ts'
import { initOf, type Ran, runInTurn, type Told } from './two-networks.ts'

const FAILING = path.join(import.meta.dirname, 'failing-thread.ts')

/** Processor time is all that differs. */
function withoutTimes(results: readonly NetworkResult[]): unknown[] {
  return results.map(({ timeline, ...rest }) => ({ ...rest, timeline: timeline.map((point) => ({ ...point, cpuMs: 0 })) }))
}

function reportOf(run: Run): Report {
  return makeReport({ run, scenario: 'baseline', broken: undefined, seed: '1', data: undefined, presets: PRESETS })
}

/** What it says, being NETWORK_FAILED. */
async function failureOf(running: Promise<unknown>): Promise<string> {
  try {
    await running
  } catch (error) {
    if (isWattnessError(error, 'NETWORK_FAILED')) return error.message
    throw error
  }
  return 'no failure'
}

describe('networks in threads', function () {
  this.timeout(60_000)
  // One that takes longer than the one before it, so that the second ends first.
  const told: Told = { scenario: 'crash-loop', seed: 'a', settings: { meters: 11 } }
  let here: Ran
  let run: Run

  before(async () => {
    here = await runInTurn(told)
    run = await runNetworks({ ...(await initOf(told)), threads: 2 })
  })

  it('a run does not depend on how many of them there are, nor on threads at all', async () => {
    const one = await runNetworks({ ...(await initOf(told)), threads: 1 })
    expect(withoutTimes(run.results)).to.deep.equal(withoutTimes(here.results))
    expect(withoutTimes(one.results)).to.deep.equal(withoutTimes(here.results))
    expect(reportOf(one).eventLogHash).to.equal(reportOf(run).eventLogHash)
  })

  it('one report adds them up, and names what differs', () => {
    const report = reportOf(run)
    const sum = (of: (simulation: Simulation) => number): number => here.simulations.reduce((all, each) => all + of(each), 0)
    expect(report.replay).to.include('--set networks=2')
    expect(report.isComplete).to.equal(true)
    expect(report).not.to.have.property('networksNotRun')
    expect([report.blocks, report.deliveries, report.readings, report.crashes, report.attestations]).to.deep.equal([
      sum(({ tally }) => tally.blocks),
      sum(({ tally }) => tally.deliveries),
      sum(({ tally }) => tally.readings),
      sum(({ tally }) => tally.crashes),
      sum(({ tally }) => tally.attestations),
    ])
    expect(report.crashes).to.be.above(0)
    expect(report.delivery.count).to.equal(sum(({ tally }) => tally.delivery.count))
    expect(report.finality.count).to.equal(sum(({ tally }) => tally.finality.count))
    expect(report.delivery.maxMs).to.equal(Math.max(...(report.networks ?? []).map(({ delivery }) => delivery.maxMs)))
    expect(report.sharedChecks.asked).to.equal(sum(({ commons }) => commons.checks.asked))
    expect(report.sharedChecks.runs.asked).to.equal(sum(({ commons }) => commons.checks.runs.asked))
    expect(report.sharedChecks.runs.made).to.equal(sum(({ commons }) => commons.checks.runs.made))
    expect(report.events).to.equal(sum(({ commons }) => commons.time.events))
    expect(report.eventLogLines).to.equal(sum(({ world }) => world.log.lines))
    expect(report.drainedSeconds).to.equal(Math.max(...here.simulations.map(({ drainedMs = Number.NaN }) => drainedMs)) / 1_000)
    expect(report.networks?.map(({ name, meters }) => [name, meters])).to.deep.equal([
      ['network-1', 6],
      ['network-2', 5],
    ])
    expect(report.networks?.map(({ eventLogHash }) => eventLogHash)).not.to.include(report.eventLogHash)
    expect(report.nodes.map(({ name }) => name)).to.include.members(['network-1 meter-6', 'network-2 meter-5'])
    expect(new Set(report.notes.map(({ text }) => text.slice(0, 'network-1: '.length)))).to.have.keys(
      'network-1: ',
      'network-2: ',
    )
    expect(reportPage(report)).to.include('Each network')
  })

  it('nobody is linked with anybody of the other network, whose nodes stand behind', () => {
    const { links } = reportOf(run)
    expect(links.some(([from]) => from >= 7)).to.equal(true)
    for (const [from, to] of links) expect(from < 7).to.equal(to < 7)
  })

  it('the course is added up at equal instants, to what all came to', () => {
    const { timeline, deliveries } = reportOf(run)
    const sealed = here.simulations.reduce((all, { tally }) => all + tally.sealed, 0)
    const courses = here.results.map((result) => result.timeline)
    const middle = timeline.find(({ atMs }) => atMs === 1_200_000)
    const parts = courses.map((points) => points.find(({ atMs }) => atMs === 1_200_000))
    expect(middle?.deliveries).to.equal(parts.reduce((all, point) => all + (point?.deliveries ?? Number.NaN), 0))
    expect(timeline.at(-1)?.sealed).to.equal(sealed)
    expect(timeline.at(-1)?.heldLeast).to.equal(sealed)
    expect(timeline.at(-1)?.deliveries).to.equal(deliveries)
    expect(timeline.at(-1)?.atMs).to.equal(Math.max(...courses.map((points) => points.at(-1)?.atMs ?? Number.NaN)))
  })

  it('each reads its own real homes', async () => {
    const data = realData('load')
    if (data === undefined) return
    const init = await initOf({ settings: { forMs: 7_200_000, readingIntervalMs: 1_800_000 } })
    const homes = await realHomes(data, init.settings, systemPlatform)
    const jobs = jobsOf({ ...init, homes })
    const { results } = await runNetworks({ ...init, homes, threads: 2 })
    expect(jobs.map((job) => job.homes)).to.deep.equal([homes.slice(0, 5), homes.slice(5, 10)])
    for (const [index, job] of jobs.entries()) {
      const alone = await simulateNetwork(job, () => false)
      expect(alone.tally.readings).to.be.above(0)
      expect(results[index]?.log.digest).to.equal(alone.world.log.digest())
    }
  })

  it('a run that is stopped says which networks did not begin, and has no figures of them', async () => {
    const init = await initOf({ settings: { meters: 15, networks: 3 } })
    const stopped = await runNetworks({ ...init, threads: 1, isStopped: ({ done }) => done > 0 })
    const report = reportOf(stopped)
    expect(report.isComplete).to.equal(false)
    expect(report.networksNotRun).to.deep.equal(['network-2', 'network-3'])
    expect(report.networks?.map(({ name, isComplete }) => [name, isComplete])).to.deep.equal([['network-1', true]])
    expect([report.nodes.length, report.blocks]).to.deep.equal([6, stopped.results[0]?.totals.blocks])
    expect(report.deliveredShare).to.equal(1)
    expect(report.timeline.at(-1)?.sealed).to.equal(report.blocks)
    expect(reportPage(report)).to.include('network-2, network-3')
  })

  it('a run that is stopped at once ends early in all threads, and shows of time what all networks went through', async () => {
    const told: RunHeadway[] = []
    const isStopped = (headway: RunHeadway): boolean => told.push(headway) > 1
    const stopped = await runNetworks({ ...(await initOf({ settings: { forMs: 86_400_000 } })), threads: 2, isStopped })
    const report = reportOf(stopped)
    expect(report.isComplete).to.equal(false)
    expect(report.networks?.map(({ isComplete }) => isComplete)).to.deep.equal(stopped.results.map(() => false))
    expect(stopped.results.length + stopped.notRun.length).to.equal(2)
    expect(report.virtualSeconds).to.be.below(86_400)
    const least = Math.min(...stopped.results.map(({ elapsedMs }) => elapsedMs))
    expect(report.timeline.at(-1)?.atMs).to.be.at.most(Math.round(least))
    expect(told[0]).to.include({ forMs: 86_400_000, networks: 2, done: 0 })
  })

  it('NETWORK_FAILED: what a thread throws is told with the name of its network', async () => {
    const init = await initOf()
    const failure = await failureOf(runNetworks({ ...init, scenario: 'picnic', threads: 1 }))
    expect(failure).to.match(/^network-1 did not run to its end: no scenario picnic/)
  })

  it('NETWORK_FAILED: a thread that dies ends the others', async () => {
    const jobs = jobsOf(await initOf())
    const threads = new NetworkThreads({ jobs, threads: 2, isStopped: () => false, worker: FAILING })
    expect(await failureOf(threads.run())).to.equal('network-2 did not run to its end: its thread ended with 7')
  })
})
