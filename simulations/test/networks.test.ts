import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { EventLog, MAX_NOTES, sumOfLogs } from '../event-log.ts'
import { simulateNetwork } from '../network-job.ts'
import { type NetworkResult, networkResult } from '../network-result.ts'
import { planNetworks } from '../networks.ts'
import { reportPage } from '../page/report-page.ts'
import { makeReport, type Report } from '../report.ts'
import { jobsOf, type Run, runNetworks } from '../run.ts'
import { PRESETS, type Settings } from '../settings.ts'
import type { Simulation } from '../simulation.ts'
import { sharesOf } from '../tally.ts'
import { sumOf } from '../totals.ts'
import { runSmall, type SmallRun, smallRunInit, violationsOf } from './small-run.ts'

/** Two networks of five: four witnesses each. */
const TWO: Partial<Settings> = { meters: 10, networks: 2, forMs: 2_400_000 }

type Told = Partial<Omit<SmallRun, 'watch'>>

const initOf = (told: Told) => smallRunInit({ scenario: 'baseline', ...told, settings: { ...TWO, ...told.settings } })

interface Ran {
  readonly simulations: readonly Simulation[]
  readonly results: readonly NetworkResult[]
}

/** The networks of a run as the threads run them, here and one after the other. */
async function runInTurn(told: Told = {}): Promise<Ran> {
  const simulations: Simulation[] = []
  const results: NetworkResult[] = []
  for (const job of jobsOf(await initOf(told))) {
    const simulation = await simulateNetwork(job, () => false)
    simulations.push(simulation)
    results.push(networkResult(simulation, job.plan.name))
  }
  return { simulations, results }
}

const digestsOf = ({ results }: Pick<Ran, 'results'>): string[] => results.map(({ log }) => log.digest)

/** Processor time is all that differs. */
function withoutTimes(results: readonly NetworkResult[]): unknown[] {
  return results.map(({ timeline, ...rest }) => ({ ...rest, timeline: timeline.map((point) => ({ ...point, cpuMs: 0 })) }))
}

function reportOf(run: Run): Report {
  return makeReport({ run, scenario: 'baseline', broken: undefined, seed: '1', data: undefined, presets: PRESETS })
}

describe('several networks in one run', function () {
  this.timeout(60_000)
  let standard: Ran

  before(async () => {
    standard = await runInTurn()
  })

  it('each has a registrar, members and a genesis of its own; all of it is delivered and final in each', () => {
    const { simulations, results } = standard
    const { violations, totals } = sumOf(results)
    expect(violations).to.deep.equal([])
    expect(sharesOf(totals.standing)).to.deep.equal({ deliveredShare: 1, finalShare: 1 })
    const keys = simulations.flatMap(({ world }) => world.nodes.map(({ keyHex }) => keyHex))
    expect([keys.length, new Set(keys).size]).to.deep.equal([12, 12])
    expect(new Set(results.map(({ networkId }) => networkId)).size).to.equal(2)
    for (const { world, tally: own } of simulations) {
      expect([world.meters.length, world.witnesses.length]).to.deep.equal([5, 4])
      expect(own.blocks).to.be.above(20)
      for (const { node } of world.nodes) expect(node?.heldMembership.members.length).to.equal(6)
    }
    const sum = simulations.reduce((all, { tally: own }) => all + own.blocks, 0)
    expect([totals.blocks, totals.deliveries]).to.deep.equal([sum, sum * 5])
  })

  it('a fault in one leaves the other untouched, and each is as it is alone', async () => {
    const broken = await runInTurn({ breaks: 'convergence' })
    const found = violationsOf(sumOf(broken.results))
    expect(found.filter((text) => text.startsWith('convergence: network-1: '))).to.have.length.above(0)
    expect(found.filter((text) => text.includes('network-2'))).to.deep.equal([])
    const [digests, usual] = [digestsOf(broken), digestsOf(standard)]
    expect(digests[0]).not.to.equal(usual[0])
    expect(digests[1]).to.equal(usual[1])
    const alone = await runSmall({ scenario: 'baseline', settings: { ...TWO, meters: 5, networks: 1 } })
    expect(alone.world.log.digest()).to.equal(usual[0])
  })

  for (const breaks of ['bounds', 'durability', 'finality', 'honesty', 'validity']) {
    it(`${breaks}: its broken node is caught in the network in which it is`, async () => {
      const { results } = await runInTurn({ breaks })
      const found = violationsOf(sumOf(results)).filter((text) => text.startsWith(`${breaks}: `))
      expect(found).to.have.length.above(0)
      for (const text of found) expect(text).to.include(': network-1: ')
      expect(results.map(({ violations }) => violations.length > 0)).to.deep.equal([true, false])
    })
  }

  it('the same seed gives the same run, byte for byte; a deed is done in each network by chances of its own', async () => {
    const ran = (seed: string) => runInTurn({ scenario: 'crash-loop', seed, settings: { loss: 0.05, gossip: 'on' } })
    const [first, again, other] = [await ran('a'), await ran('a'), await ran('b')]
    expect(digestsOf(again)).to.deep.equal(digestsOf(first))
    expect(sumOf(other.results).log.digest).not.to.equal(sumOf(first.results).log.digest)
    expect(violationsOf(sumOf(first.results))).to.deep.equal([])
    for (const { totals } of first.results) expect(totals.crashes).to.be.above(0)
    expect(new Set(digestsOf(first)).size).to.equal(2)
  })

  it('sharing results in a network changes nothing of the run', async () => {
    const { results } = await runInTurn({ settings: { shared: false } })
    expect(digestsOf({ results })).to.deep.equal(digestsOf(standard))
    const { checks } = sumOf(results)
    expect(checks.made).to.equal(checks.asked)
    const { asked, made } = sumOf(standard.results).checks
    expect(made).to.be.below(asked / 2)
  })
})

describe('networks in threads', function () {
  this.timeout(120_000)
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
})

describe('meters spread over networks', () => {
  it('are spread evenly, and every network has its own witnesses', () => {
    const plans = planNetworks('s', { ...PRESETS, meters: 20, networks: 3 })
    expect(plans.map(({ name, settings, firstHome }) => [name, settings.meters, settings.witnesses, firstHome])).to.deep.equal([
      ['network-1', 7, 7, 0],
      ['network-2', 7, 7, 7],
      ['network-3', 6, 6, 14],
    ])
    expect(new Set(plans.map(({ seed }) => seed)).size).to.equal(3)
    expect(planNetworks('s', PRESETS)).to.deep.equal([{ name: '', seed: 's', settings: PRESETS, firstHome: 0 }])
  })

  for (const [meters, networks, expected] of [
    [3, 5, 'at least one meter in each'],
    [256, 1, 'at most 255 meters in each'],
    [1_000, 3, 'at most 255 meters in each'],
  ] as const) {
    it(`SETTING_INVALID: ${meters} meters in ${networks} networks`, () => {
      let thrown: unknown
      try {
        planNetworks('s', { ...PRESETS, meters, networks })
      } catch (error) {
        thrown = error
      }
      expect(isWattnessError(thrown, 'SETTING_INVALID')).to.equal(true)
      expect((thrown as Error).message).to.include(expected)
    })
  }

  it('notes of several networks are told in the order of time, no more of them than of one', () => {
    let nowMs = 0
    const logs = ['a', 'b'].map((name) => ({ name, log: new EventLog(() => nowMs) }))
    for (; nowMs < MAX_NOTES; nowMs++) for (const { log } of logs) log.note('x')
    const { notes, notesLeftOut, lines } = sumOfLogs(logs.map(({ name, log }) => ({ name, log: log.summary() })))
    expect([notes.length, notesLeftOut, lines]).to.deep.equal([MAX_NOTES, MAX_NOTES, 2 * MAX_NOTES])
    expect(notes.slice(0, 3).map(({ atMs, text }) => `${atMs} ${text}`)).to.deep.equal(['0 a: x', '0 b: x', '1 a: x'])
  })
})
