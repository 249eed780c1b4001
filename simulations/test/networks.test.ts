import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { EventLog, MAX_NOTES, sumOfLogs } from '../event-log.ts'
import type { NetworkResult } from '../network-result.ts'
import { planNetworks } from '../networks.ts'
import { PRESETS } from '../settings.ts'
import { sharesOf } from '../tally.ts'
import { sumOfTimelines, type TimelinePoint } from '../timeline.ts'
import { sumOf } from '../totals.ts'
import { runSmall, violationsOf } from './small-run.ts'
import { type Ran, runInTurn, TWO } from './two-networks.ts'

const digestsOf = (results: readonly NetworkResult[]): string[] => results.map(({ log }) => log.digest)

describe('several networks in one run', () => {
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
    const [digests, usual] = [digestsOf(broken.results), digestsOf(standard.results)]
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
    expect(digestsOf(again.results)).to.deep.equal(digestsOf(first.results))
    expect(sumOf(other.results).log.digest).not.to.equal(sumOf(first.results).log.digest)
    expect(violationsOf(sumOf(first.results))).to.deep.equal([])
    for (const { totals } of first.results) expect(totals.crashes).to.be.above(0)
    expect(new Set(digestsOf(first.results)).size).to.equal(2)
  })

  it('sharing results in a network changes nothing of the run', async () => {
    const { results } = await runInTurn({ settings: { shared: false } })
    expect(digestsOf(results)).to.deep.equal(digestsOf(standard.results))
    const { checks } = sumOf(results)
    expect(checks.made).to.equal(checks.asked)
    const { asked, made } = sumOf(standard.results).checks
    expect(made).to.be.below(asked / 2)
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

  it('courses are added up at equal instants; one that has ended stays, behind one that was stopped nothing is known', () => {
    const point = (atMs: number, deliveries: number): TimelinePoint => {
      return { atMs, sealed: 1, heldLeast: 1, heldMean: 1, finalLeast: 1, finalMean: 1, up: 1, deliveries, cpuMs: 1 }
    }
    const long = { points: [0, 10, 20, 30, 35].map((atMs) => point(atMs, atMs)), isStopped: false }
    const short = { points: [0, 10, 20, 23].map((atMs) => point(atMs, atMs)), isStopped: false }
    const seen = (courses: readonly (typeof long)[]) => sumOfTimelines(courses).map(({ atMs, deliveries }) => [atMs, deliveries])
    const both = [0, 10, 20].map((atMs) => [atMs, 2 * atMs])
    expect(seen([long, short])).to.deep.equal([...both, [30, 53], [35, 58]])
    expect(seen([long, { ...short, isStopped: true }])).to.deep.equal(both)
    expect(seen([long])).to.deep.equal(long.points.map(({ atMs }) => [atMs, atMs]))
    // One that took longer was looked at half as often.
    const rare = { points: [0, 20, 30, 40].map((atMs) => point(atMs, atMs)), isStopped: false }
    expect(seen([rare, short])).to.deep.equal([
      [0, 0],
      [20, 40],
      [30, 53],
      [40, 63],
    ])
  })
})
