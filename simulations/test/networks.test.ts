import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { EventLog, MAX_NOTES, sumOfLogs } from '../event-log.ts'
import { planNetworks } from '../networks.ts'
import { reportPage } from '../page/report-page.ts'
import { makeReport } from '../report.ts'
import { PRESETS, type Settings } from '../settings.ts'
import type { Simulation } from '../simulation.ts'
import { sharesOf } from '../tally.ts'
import { runSmall, type SmallRun, violationsOf } from './small-run.ts'

/** Two networks of five: four witnesses each. */
const TWO: Partial<Settings> = { meters: 10, networks: 2, forMs: 2_400_000 }

/** The finished run, and what each network's log came to when the planned time was over: how long all drain depends on all. */
async function runTwo(init: Partial<SmallRun> = {}): Promise<{ readonly simulation: Simulation; readonly digests: string[] }> {
  const digests: string[] = []
  const simulation = await runSmall({
    ...{ scenario: 'baseline', ...init, settings: { ...TWO, ...init.settings } },
    watch: ({ neighbourhoods, commons, settings }) => {
      const look = (): void => void digests.push(...neighbourhoods.map(({ world }) => world.log.digest()))
      commons.time.after(settings.forMs - 1, look)
    },
  })
  return { simulation, digests }
}

const hashOf = ({ neighbourhoods }: Simulation): string => sumOfLogs(neighbourhoods.map(({ world }) => world)).digest

describe('several networks in one run', () => {
  let standard: Awaited<ReturnType<typeof runTwo>>

  before(async () => {
    standard = await runTwo()
  })

  it('each has a registrar, members and a genesis of its own; all of it is delivered and final in each', () => {
    const { neighbourhoods, tally } = standard.simulation
    expect(violationsOf(standard.simulation)).to.deep.equal([])
    expect(sharesOf(tally)).to.deep.equal({ deliveredShare: 1, finalShare: 1 })
    const keys = neighbourhoods.flatMap(({ world }) => world.nodes.map(({ keyHex }) => keyHex))
    expect([keys.length, new Set(keys).size]).to.deep.equal([12, 12])
    const ids = neighbourhoods.map(({ world }) => Buffer.from(world.genesis.networkId).toString('hex'))
    expect(new Set(ids).size).to.equal(2)
    for (const { world, tally: own } of neighbourhoods) {
      expect([world.meters.length, world.witnesses.length]).to.deep.equal([5, 4])
      expect(own.blocks).to.be.above(20)
      for (const { node } of world.nodes) expect(node?.heldMembership.members.length).to.equal(6)
    }
    const sum = neighbourhoods.reduce((all, { tally: own }) => all + own.blocks, 0)
    expect([tally.blocks, tally.deliveries]).to.deep.equal([sum, sum * 5])
  })

  it('a fault in one leaves the other untouched, and each is as it is alone', async () => {
    const { simulation, digests } = await runTwo({ breaks: 'convergence' })
    expect(violationsOf(simulation).filter((text) => text.startsWith('convergence: network-1: '))).to.have.length.above(0)
    expect(violationsOf(simulation).filter((text) => text.includes('network-2'))).to.deep.equal([])
    expect(digests[0]).not.to.equal(standard.digests[0])
    expect(digests[1]).to.equal(standard.digests[1])
    const alone = await runTwo({ settings: { meters: 5, networks: 1 } })
    expect(alone.digests).to.deep.equal([standard.digests[0]])
  })

  for (const breaks of ['bounds', 'durability', 'finality', 'honesty', 'validity']) {
    it(`${breaks}: its broken node is caught in the network in which it is`, async () => {
      const { simulation } = await runTwo({ breaks })
      const found = violationsOf(simulation).filter((text) => text.startsWith(`${breaks}: `))
      expect(found).to.have.length.above(0)
      for (const text of found) expect(text).to.include(': network-1: ')
      expect(simulation.neighbourhoods.map(({ violations }) => violations > 0)).to.deep.equal([true, false])
    })
  }

  it('the same seed gives the same run, byte for byte; a deed is done in each network by chances of its own', async () => {
    const run = (seed: string) => runTwo({ scenario: 'crash-loop', seed, settings: { loss: 0.05, gossip: 'on' } })
    const [first, again, other] = [await run('a'), await run('a'), await run('b')]
    expect(hashOf(again.simulation)).to.equal(hashOf(first.simulation))
    expect(hashOf(other.simulation)).not.to.equal(hashOf(first.simulation))
    expect(violationsOf(first.simulation)).to.deep.equal([])
    for (const { tally } of first.simulation.neighbourhoods) expect(tally.crashes).to.be.above(0)
    expect(first.digests[0]).not.to.equal(first.digests[1])
  })

  it('sharing results between them changes nothing of the run', async () => {
    const { simulation } = await runTwo({ settings: { shared: false } })
    expect(hashOf(simulation)).to.equal(hashOf(standard.simulation))
    expect(simulation.commons.checks.made).to.equal(simulation.commons.checks.asked)
    const { asked, made } = standard.simulation.commons.checks
    expect(made).to.be.below(asked / 2)
  })

  it('one report shows all of them together, and names what differs', () => {
    const { simulation } = standard
    const report = makeReport({
      ...{ simulation, scenario: 'baseline', broken: undefined, seed: '1', data: undefined, presets: PRESETS },
    })
    expect(report.replay).to.include('--set networks=2')
    expect(report.blocks).to.equal(simulation.tally.blocks)
    expect(report.networks?.map(({ name, meters }) => [name, meters])).to.deep.equal([
      ['network-1', 5],
      ['network-2', 5],
    ])
    expect(report.networks?.map(({ eventLogHash }) => eventLogHash)).not.to.include(report.eventLogHash)
    expect(report.nodes.map(({ name }) => name)).to.include.members(['network-1 meter-5', 'network-2 meter-5'])
    // Nobody is linked with anybody of the other network, whose nodes stand behind.
    expect(report.links.some(([from]) => from >= 6)).to.equal(true)
    for (const [from, to] of report.links) expect(from < 6).to.equal(to < 6)
    expect(report.timeline.at(-1)?.sealed).to.equal(report.blocks)
    expect(report.timeline.at(-1)?.heldLeast).to.equal(report.blocks)
    expect(reportPage(report)).to.include('Each network')
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
    const { notes, notesLeftOut, lines } = sumOfLogs(logs)
    expect([notes.length, notesLeftOut, lines]).to.deep.equal([MAX_NOTES, MAX_NOTES, 2 * MAX_NOTES])
    expect(notes.slice(0, 3).map(({ atMs, text }) => `${atMs} ${text}`)).to.deep.equal(['0 a: x', '0 b: x', '1 a: x'])
  })
})
