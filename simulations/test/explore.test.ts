import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { attackersOf } from '../attackers/attacker.ts'
import { type Explored, explore } from '../explore/explore.ts'
import { FAULT_KINDS, type Fault } from '../explore/faults.ts'
import { drawPlan, formatPlan, type Plan, parsePlan, scenarioOf, settingsOf } from '../explore/plan.ts'
import { shrinkPlan } from '../explore/shrinking.ts'
import { runPlan, tryPlan } from '../explore/trial.ts'

const fault = (kind: Fault['kind'], atMs: number, untilMs: number): Fault => ({ kind, atMs, untilMs, who: 3, amount: 0.5 })

/** The drawn runs of a test are cut short: what is tested is the search, not the node. */
const BRIEF: Plan = {
  seed: 'brief',
  settings: { meters: 4, witnesses: 4, forMs: 900_000, blockIntervalMs: 120_000, readingIntervalMs: 120_000, drainMs: 120_000 },
  faults: [],
}

describe('explore: drawing', () => {
  it('the same seed draws the same plan, another seed another', () => {
    expect(drawPlan('7')).to.deep.equal(drawPlan('7'))
    expect(drawPlan('8')).not.to.deep.equal(drawPlan('7'))
  })

  it('every kind of fault is drawn, and each is over before its run is', () => {
    const kinds = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const plan = drawPlan(String(seed))
      const { meters, witnesses, forMs } = settingsOf(plan)
      expect(meters).to.be.within(5, 12)
      expect(witnesses).to.be.at.most(meters)
      expect(forMs).to.be.at.most(5_400_000)
      for (const { kind, atMs, untilMs } of plan.faults) {
        kinds.add(kind)
        expect(untilMs).to.be.within(atMs + 1, forMs)
      }
    }
    expect([...kinds].sort()).to.deep.equal([...FAULT_KINDS].sort())
  })

  it('a plan is written in one line and read back whole', () => {
    for (const seed of ['1', '2', '3']) {
      const plan = drawPlan(seed, { breaks: 'liveness' })
      const text = formatPlan(plan)
      expect(text).not.to.match(/['\n]/)
      const again = parsePlan(text)
      expect(settingsOf(again)).to.deep.equal(settingsOf(plan))
      expect([again.seed, again.faults, again.breaks]).to.deep.equal([plan.seed, plan.faults, plan.breaks])
    }
  })

  it('PLAN_INVALID: what is no plan is refused with the name of the field', () => {
    const refused = (text: string): string => {
      try {
        parsePlan(text)
      } catch (error) {
        if (isWattnessError(error, 'PLAN_INVALID')) return error.message
        throw error
      }
      throw new Error('was taken')
    }
    const plan = (fields: object): string => JSON.stringify({ seed: '1', set: [], faults: [], ...fields })
    expect(refused('{')).to.include('JSON')
    expect(refused(plan({ seed: 1 }))).to.include('seed')
    expect(refused(plan({ set: 3 }))).to.include('set')
    expect(refused(plan({ faults: Array.from({ length: 65 }, () => ({})) }))).to.include('up to 64')
    expect(refused(plan({ faults: [{ ...fault('split', 1, 2), kind: 'picnic' }] }))).to.include('faults[0].kind')
    expect(refused(plan({ faults: [{ ...fault('split', 1, 2), atMs: -1 }] }))).to.include('faults[0].atMs')
    expect(refused(plan({ breaks: 1 }))).to.include('breaks')
  })
})

describe('explore: shrinking', () => {
  it('keeps what a failure needs and nothing else', async () => {
    const plan: Plan = {
      seed: 's',
      settings: { meters: 12, witnesses: 7, forMs: 3_600_000, blockIntervalMs: 300_000, loss: 0.1, gossip: 'on', degree: 6 },
      faults: [
        fault('split', 100_000, 900_000),
        fault('crash', 200_000, 1_800_000),
        fault('slow', 300_000, 400_000),
        fault('skew', 350_000, 3_000_000),
      ],
    }
    const fails = async (tried: Plan): Promise<boolean> =>
      tried.faults.some(({ kind }) => kind === 'crash') && settingsOf(tried).meters >= 3 && settingsOf(tried).gossip === 'on'
    const shrunk = await shrinkPlan(plan, fails)
    expect(shrunk.plan.faults.map(({ kind }) => kind)).to.deep.equal(['crash'])
    const { meters, witnesses, loss, degree, gossip, forMs } = settingsOf(shrunk.plan)
    expect([meters, witnesses, loss, degree, gossip]).to.deep.equal([3, 0, 0, 4, 'on'])
    expect(forMs).to.be.below(1_000_000)
    expect(await fails(shrunk.plan)).to.equal(true)
  })

  it('ends after so many runs, with the smallest plan found by then', async () => {
    const plan = drawPlan('4')
    let asked = 0
    const { trials } = await shrinkPlan(
      plan,
      async () => {
        asked++
        return false
      },
      5,
    )
    expect([trials, asked]).to.deep.equal([5, 5])
  })
})

describe('explore: runs', function () {
  this.timeout(60_000)

  it('every kind of fault can be borne: none of them alone breaks a rule', async () => {
    for (const kind of FAULT_KINDS) {
      const { violations } = await tryPlan({ ...BRIEF, faults: [fault(kind, 240_000, 480_000)] })
      expect(violations, kind).to.deep.equal([])
    }
  })

  it('attackers are turned, no more than can be borne, and act', async () => {
    const kinds = ['tamper', 'forge', 'replay', 'spam', 'lie', 'silence'] as const
    const faults = kinds.map((kind, who): Fault => ({ kind, atMs: 240_000, untilMs: 600_000, who, amount: 0.5 }))
    const settings = { ...BRIEF.settings, meters: 8, witnesses: 4 }
    const { world, violations } = await runPlan({ ...BRIEF, settings, faults })
    expect(violations).to.deep.equal([])
    // One of four witnesses may be turned, which are the first meters; and two of eight meters.
    expect(world.meters.filter(({ isHonest }) => !isHonest).map(({ name }) => name)).to.deep.equal(['meter-1'])
    const apart = faults.map((each, place) => ({ ...each, who: 7 - place }))
    const { world: other } = await runPlan({ ...BRIEF, settings, faults: apart })
    expect(other.meters.filter(({ isHonest }) => !isHonest).map(({ name }) => name)).to.deep.equal(['meter-7', 'meter-8'])
    expect(attackersOf(other).every(({ done }) => done.size > 0)).to.equal(true)
  })

  it('every fault changes the course of a run', async () => {
    const quiet = await tryPlan(BRIEF)
    const deaf = { ...BRIEF, faults: [fault('isolate', 240_000, 480_000)] }
    expect((await tryPlan(deaf)).eventLogHash).not.to.equal(quiet.eventLogHash)
    expect(scenarioOf(deaf).acts).to.have.length(2)
  })

  it('a planted broken node is found and shrunk, and the plan that is printed finds it again', async () => {
    const explored = await explore({ seeds: 1, from: 5, draw: { meters: 5, breaks: 'convergence' }, threads: 1 })
    const [finding] = explored.findings
    expect(finding?.violations.join()).to.include('convergence')
    const plan = parsePlan(/'(.*)'$/.exec(finding?.shrunk?.replay ?? '')?.[1] ?? '')
    expect(plan.faults).to.deep.equal([])
    expect(settingsOf(plan).meters).to.be.at.most(2)
    const { violations } = await runPlan(plan)
    expect(violations.map(({ checker, what }) => `${checker}: ${what}`)).to.deep.equal(finding?.shrunk?.violations)
  })

  it('a short clean search finds nothing, and says how far it came', async () => {
    const seen: number[] = []
    const explored: Explored = await explore({
      seeds: 4,
      from: 1,
      draw: { meters: 5 },
      onProgress: ({ ran }) => seen.push(ran),
    })
    expect(explored.findings).to.deep.equal([])
    expect([explored.ran, explored.stopped, seen]).to.deep.equal([4, 0, [1, 2, 3, 4]])
    expect(explored.deliveries).to.be.above(100)
  })

  it('no new run is begun when the time is up', async () => {
    const explored = await explore({ seeds: 1_000, from: 1, draw: { meters: 5 }, limitMs: 0, threads: 1 })
    expect(explored.ran).to.be.below(3)
  })
})

describe('npm run simulate -- explore', function () {
  this.timeout(60_000)

  const SIMULATE = path.resolve(import.meta.dirname, '../simulate.ts')
  const run = (...words: string[]) => spawnSync(process.execPath, [SIMULATE, 'explore', ...words], { encoding: 'utf8' })

  it('ends with 1 where a rule is broken, and prints the plan; with 0 where none is', () => {
    const broken = run('--replay', formatPlan({ ...BRIEF, breaks: 'convergence' }))
    expect([broken.status, broken.stdout]).to.satisfy(
      ([status, text]: [number, string]) => status === 1 && text.includes('✗ convergence'),
    )
    const clean = run('--replay', formatPlan(BRIEF), '--json')
    expect(clean.status).to.equal(0)
    expect((JSON.parse(clean.stdout) as { replay: string }).replay).to.include(`explore --replay '${formatPlan(BRIEF)}'`)
  })

  it('ends with 2 where it was asked for wrongly', () => {
    for (const words of [
      ['--replay', 'picnic'],
      ['--seeds', 'many'],
      ['--break', 'picnic'],
    ]) {
      const { status, stderr } = run(...words)
      expect(status, words.join(' ')).to.equal(2)
      expect(stderr).to.match(/^simulate: /)
    }
  })
})
