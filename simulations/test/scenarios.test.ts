import { expect } from 'chai'
import { checkerNames, scenarioNames } from '../files.ts'
import type { Settings } from '../settings.ts'
import type { Simulation } from '../simulation.ts'
import { sharesOf } from '../tally.ts'
import { PROOFS, proofOfPartition } from './deeds-done.ts'
import { runSmall, violationsOf } from './small-run.ts'

/** What makes a story of hours fit into one of minutes. */
const SHORTER: { readonly [scenario: string]: Partial<Settings> } = {
  churn: { meanUpMs: 600_000, meanDownMs: 120_000 },
  'clock-skew': { stepMs: 300_000 },
  lossy: { bytesPerSecond: 8_000 },
}

describe('scenarios at small size', () => {
  for (const scenario of scenarioNames()) {
    it(`${scenario}: no checker finds a violation, and all agree in the end`, async () => {
      let isProven: (() => void) | undefined
      const watch = (simulation: Simulation): void => {
        isProven = PROOFS[scenario]?.(simulation)
      }
      const simulation = await runSmall({ scenario, settings: SHORTER[scenario] ?? {}, watch })
      expect(violationsOf(simulation)).to.deep.equal([])
      expect(simulation.tally.blocks).to.be.above(20)
      expect(sharesOf(simulation.tally.standing()).deliveredShare).to.be.above(0.8)
      isProven?.()
    })
  }

  it('every proof that a deed was done is that of a scenario', () => {
    expect(scenarioNames()).to.include.members(Object.keys(PROOFS))
  })

  for (const partition of ['third', 'singles', 'flapping', 'one-way'] as const) {
    it(`partition=${partition}: no violation, and what it says is what happens`, async () => {
      let isProven: (() => void) | undefined
      const watch = (simulation: Simulation): void => {
        isProven = proofOfPartition(partition)(simulation)
      }
      const simulation = await runSmall({ scenario: 'partition', settings: { partition }, watch })
      expect(violationsOf(simulation)).to.deep.equal([])
      isProven?.()
    })
  }

  it('what is shared between nodes saves most checks of signatures, and of runs', async () => {
    const { drainedMs, world } = await runSmall({ scenario: 'baseline' })
    expect(drainedMs).to.be.a('number')
    const { checks } = world
    for (const { asked, made } of [checks, checks.runs]) expect(made).to.be.within(1, asked / 2)
  })

  it('partition: halves that have links enough of their own find each other again', async () => {
    // Seed 1 with 40 meters, in which they never did.
    const settings = { meters: 18, drainMs: 1_200_000 }
    const simulation = await runSmall({ scenario: 'partition', settings })
    expect(violationsOf(simulation)).to.deep.equal([])
  })

  it('equivocator: every honest node holds the proof', async () => {
    const { world } = await runSmall({ scenario: 'equivocator' })
    const liar = world.meters[0]
    if (liar === undefined) throw new Error('no liar')
    expect(world.honest.length).to.equal(7)
    for (const { store } of world.honest) expect(store?.evidence.has(liar.key)).to.equal(true)
  })
})

describe('a run depends on its seed alone', () => {
  it('the same seed gives the same run, byte for byte; another seed another', async () => {
    const run = async (seed: string): Promise<string> => {
      const { world } = await runSmall({ scenario: 'crash-loop', seed, settings: { gossip: 'on', loss: 0.05, jitterMs: 10 } })
      expect(world.log.lines).to.be.above(500)
      return world.log.digest()
    }
    const first = await run('a')
    expect(await run('a')).to.equal(first)
    expect(await run('b')).not.to.equal(first)
  })

  it('sharing results between nodes changes nothing of it', async () => {
    const shared = await runSmall({ scenario: 'baseline' })
    const own = await runSmall({ scenario: 'baseline', settings: { shared: false } })
    expect(own.world.log.digest()).to.equal(shared.world.log.digest())
    const { checks } = own.world
    for (const { asked, made } of [checks, checks.runs]) expect([made > 0, made]).to.deep.equal([true, asked])
  })
})

describe('checkers', () => {
  for (const checker of checkerNames()) {
    it(`${checker}: catches the node that is broken for it`, async () => {
      const simulation = await runSmall({ scenario: 'baseline', breaks: checker })
      expect(violationsOf(simulation).filter((text) => text.startsWith(`${checker}: `))).to.have.length.above(0)
    })
  }
})
