import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { churn, crashOne, heal, keepSomeOff, restartInTurn, startLatecomers } from '../deeds.ts'
import { loadScenario } from '../files.ts'
import { Feeder } from '../libp2p/feeder.ts'
import { type Evidence, judge } from '../libp2p/judge.ts'
import { assertReal, REAL_TIMES } from '../libp2p/real-presets.ts'
import { loadOf, runReal } from '../libp2p/run-real.ts'
import { WORKER_FRUGALITY } from '../libp2p/worker-channel.ts'
import { builtInHomes } from '../loads/homes.ts'
import type { Report } from '../report.ts'
import type { Scenario } from '../scenario.ts'
import { PRESETS, type Settings } from '../settings.ts'

const SIMULATE = path.resolve(import.meta.dirname, '../simulate.ts')

const QUIET: Scenario = { story: 'Nothing goes wrong.' }

const SMALL: Settings = {
  ...PRESETS,
  ...REAL_TIMES,
  meters: 8,
  witnesses: 4,
  processes: 2,
  forMs: 6_000,
  blockIntervalMs: 2_000,
  announceDelayMs: 250,
  attestDelayMs: 250,
  crossCheckMs: 2_000,
}

const WORDS = [
  ...['--transport', 'libp2p', '--meters', '4', '--for', '10m', '--json'],
  ...['processes=2', 'witnesses=4', 'blockIntervalMs=2s', 'announceDelayMs=250'].flatMap((text) => ['--set', text]),
]

function run(scenario: Scenario, told: Partial<Settings> = {}): Promise<Report> {
  const settings = { ...SMALL, ...told }
  const homes = builtInHomes(loadOf(settings))
  return runReal({ name: 'small', scenario, settings, presets: SMALL, seed: '1', data: undefined, homes })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

describe('a run on real sockets', function () {
  // Real time, on machines that do other things too.
  this.timeout(90_000)
  let ground: string
  let before: string | undefined

  beforeEach(() => {
    ground = mkdtempSync(path.join(tmpdir(), 'wattness-real-'))
    before = process.env['TMPDIR']
    process.env['TMPDIR'] = ground
  })

  afterEach(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    rmSync(ground, { recursive: true })
  })

  it('delivers every block to everybody, makes it final, and leaves no file', async () => {
    const report = await run(QUIET)
    expect(report.violations).to.deep.equal([])
    expect([report.deliveredShare, report.finalShare, report.isComplete]).to.deep.equal([1, 1, true])
    expect(report.blocks).to.be.within(16, 24)
    expect(report.readings).to.be.within(16, 24)
    expect([report.deliveries, report.delivery.count]).to.deep.equal([8 * report.blocks, 8 * report.blocks])
    expect(report.finality.count).to.equal(9 * report.blocks)
    expect(report.meshedSeconds).to.be.above(0)
    expect(report.usPerDelivery).to.be.above(0)
    expect(report.rssMiBPerNode).to.be.a('number')
    expect(report.storedMiBPerNode).to.be.above(0)
    expect(report.raised).to.have.length.above(0)
    const [heap] = WORKER_FRUGALITY
    expect(heap).to.match(/heap growth \d+ %/)
    expect(report.differences.join('\n')).to.include(heap).and.include('LevelDB buffers 256 KiB')
    expect(report.replay).to.include('--transport libp2p')
    expect(readdirSync(ground)).to.deep.equal([])
  })

  it('loses nothing when half of the nodes are killed, and keeps blocks in memory where it is told to', async () => {
    const killing: Scenario = { story: 'Power fails.', acts: [{ at: 0.4, what: 'power fails', deed: crashOne }] }
    const report = await run(killing, { meters: 6 })
    expect(report.violations).to.deep.equal([])
    expect(report.crashes).to.be.within(3, 4)
    expect(report.nodes.filter(({ starts }) => starts === 2)).to.have.length(report.crashes)
    expect([report.deliveredShare, report.finalShare]).to.deep.equal([1, 1])
    const inMemory = await run(QUIET, { meters: 4, store: 'memory', forMs: 2_000 })
    expect([inMemory.violations, inMemory.storedMiBPerNode]).to.deep.equal([[], 0])
  })

  it('nodes that are off at first, come and go, or are restarted in turn lose nothing', async () => {
    const scenario: Scenario = {
      story: 'Nobody stays.',
      stage: keepSomeOff,
      acts: [
        { at: 0.1, what: 'the others are switched on', deed: startLatecomers },
        { at: 0.5, what: 'every node is restarted', deed: restartInTurn },
      ],
    }
    const restarted = await run(scenario, { meters: 6, restartMs: 500, offShare: 0.3 })
    expect(restarted.violations).to.deep.equal([])
    expect(restarted.nodes.map(({ starts }) => starts)).to.deep.equal([2, 2, 2, 2, 2, 2, 2])
    const churning: Scenario = { story: 'They come and go.', acts: [{ at: 0.1, what: 'meters come and go', deed: churn }] }
    const churned = await run(churning, { meters: 6, meanUpMs: 3_000, meanDownMs: 500 })
    expect(churned.violations).to.deep.equal([])
    expect(churned.nodes.some(({ starts }) => starts > 1)).to.equal(true)
    expect([churned.deliveredShare, churned.finalShare]).to.deep.equal([1, 1])
  })

  it('a parent that is killed leaves neither processes nor files behind', async () => {
    const child = spawn(process.execPath, [SIMULATE, ...WORDS], { stdio: 'ignore' })
    await until(() => childrenOf(child.pid ?? 0).length >= 2 && readdirSync(ground).length === 1)
    const workers = childrenOf(child.pid ?? 0)
    child.kill('SIGKILL')
    await until(() => workers.every((pid) => !existsSync(`/proc/${pid}`)))
    expect(readdirSync(ground)).to.deep.equal([])
  })

  it('ends at Ctrl-C with a report of what ran', async () => {
    const child = spawn(process.execPath, [SIMULATE, ...WORDS], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (piece: Buffer) => {
      text += piece.toString()
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    await until(() => childrenOf(child.pid ?? 0).length >= 2 && readdirSync(ground).length === 1)
    child.kill('SIGINT')
    expect(await ended).to.equal(0)
    const report = JSON.parse(text) as Report
    expect([report.isComplete, report.transport]).to.deep.equal([false, 'libp2p'])
    expect(readdirSync(ground)).to.deep.equal([])
  })
})

describe('a meter of a run on real sockets', () => {
  it('shows one reading in each interval, also where timers fire a moment early', async () => {
    let nowMs = 1_000_000
    const times: number[] = []
    const waiting: { readonly atMs: number; readonly run: () => void }[] = []
    const [home] = builtInHomes({ ...loadOf(SMALL), meters: 1 })
    const feeder = new Feeder({
      key: new Uint8Array(32),
      readings: home?.readings ?? [],
      platform: {
        clock: { now: () => nowMs, monotonicMs: () => nowMs },
        timers: { set: (ms, run) => ({ id: waiting.push({ atMs: nowMs + ms, run }) }), clear: () => undefined },
      },
      take: async ({ time }) => times.push(time),
      onTaken: () => undefined,
      onRefused: () => undefined,
    })
    feeder.feed({ intervalMs: 2_000, fromMs: nowMs, toMs: nowMs + 6_000 })
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      nowMs = next.atMs - 1
      next.run()
    }
    expect(times).to.have.length(3)
    expect(new Set(times).size).to.equal(3)
  })
})

describe('what cannot be done on real sockets', () => {
  const refusal = (scenario: Scenario, settings = SMALL): unknown => {
    try {
      assertReal('picnic', scenario, settings)
    } catch (error) {
      return error
    }
    return undefined
  }

  it('SCENARIO_VIRTUAL: a scenario with such a deed, or a stage, is refused by name', () => {
    const error = refusal({ story: '', acts: [{ at: 0.5, what: 'all ways are open again', deed: heal }] })
    expect(isWattnessError(error, 'SCENARIO_VIRTUAL')).to.equal(true)
    expect((error as Error).message)
      .to.include('picnic')
      .and.include('all ways are open again')
    expect(isWattnessError(refusal({ story: '', stage: () => undefined }), 'SCENARIO_VIRTUAL')).to.equal(true)
    expect(refusal(QUIET)).to.equal(undefined)
  })

  it('scenarios whose deeds stop and start nodes can', async () => {
    for (const name of ['baseline', 'churn', 'rolling-restart', 'cold-start']) {
      const scenario = await loadScenario(name)
      expect(refusal(scenario), name).to.equal(undefined)
    }
  })

  it('SETTING_VIRTUAL: a setting of the virtual network is refused', () => {
    expect(isWattnessError(refusal(QUIET, { ...SMALL, loss: 0.1 }), 'SETTING_VIRTUAL')).to.equal(true)
  })
})

describe('the judge of a run on real sockets', () => {
  const holding = (member: number) => ({ member, size: 2, root: 'aa', finalSize: 2, finalRoot: 'aa' })
  const good = (): Evidence => ({
    findings: [0, 1, 2].map((member) => ({ member, holdings: [holding(1), holding(2)], times: [1_000, 2_000] })),
    names: ['registrar', 'meter-1', 'meter-2'],
    witnesses: 2,
    sealedSizes: [0, 2, 2],
    acknowledged: new Map([[1, new Set([1_000, 2_000])]]),
    accused: new Set(),
    rootsAt: async () => ['bb', 'bb', 'bb'],
  })

  /** The rules that one change to node 2's own findings, or to what is known of it, breaks. */
  async function broken(change: Partial<Evidence>, held: Partial<ReturnType<typeof holding>> = {}): Promise<string[]> {
    const { findings } = good()
    const changed = findings.map((each) =>
      each.member === 2 ? { ...each, holdings: [{ ...holding(1), ...held }, holding(2)] } : each,
    )
    const found = await judge({ ...good(), findings: changed, ...change })
    return [...new Set(found.map(({ checker }) => checker))]
  }

  it('finds nothing where all is well', async () => {
    expect(await judge(good())).to.deep.equal([])
  })

  it('agreement: other blocks are final on one node', async () => {
    expect(await broken({}, { finalRoot: 'cc' })).to.deep.equal(['agreement'])
  })

  it('agreement: other blocks are below what is final on one node', async () => {
    const found = await broken({}, { finalSize: 1, finalRoot: 'cc' })
    expect(found).to.deep.equal(['agreement', 'liveness'])
  })

  it('convergence: a node holds a chain otherwise, or is not running', async () => {
    expect(await broken({}, { root: 'dd' })).to.deep.equal(['convergence'])
    expect(await broken({ findings: good().findings.slice(0, 2), witnesses: 0 })).to.deep.equal(['convergence'])
  })

  it('durability: a reading that was taken is missing, or a block that was sealed', async () => {
    expect(await broken({ acknowledged: new Map([[1, new Set([3_000])]]) })).to.deep.equal(['durability'])
    expect(await broken({ sealedSizes: [0, 2, 3] })).to.deep.equal(['durability'])
  })

  it('liveness: a chain is not final to its end', async () => {
    expect(await broken({ rootsAt: async () => ['aa', 'aa', 'aa'] }, { finalSize: 1 })).to.deep.equal(['liveness'])
  })

  it('honesty: somebody holds proof', async () => {
    expect(await broken({ accused: new Set([1]) })).to.deep.equal(['honesty'])
  })
})
