import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { scenarioNames } from '../files.ts'
import type { Report } from '../report.ts'

const SIMULATE = path.resolve(import.meta.dirname, '../simulate.ts')

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** As from a shell; `onStart` is given what sends the program a signal. */
function simulate(words: readonly string[], onStart: (kill: (signal: NodeJS.Signals) => void) => void = () => undefined) {
  return new Promise<Ended>((resolve) => {
    const child = spawn(process.execPath, [SIMULATE, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (piece: Buffer) => {
      stdout += piece.toString()
    })
    child.stderr.on('data', (piece: Buffer) => {
      stderr += piece.toString()
    })
    child.on('close', (status) => resolve({ status, stdout, stderr }))
    onStart((signal) => void child.kill(signal))
  })
}

const SMALL = [
  '--meters',
  '4',
  '--for',
  '40m',
  '--set',
  'witnesses=4',
  '--set',
  'blockIntervalMs=5m',
  '--set',
  'readingIntervalMs=5m',
]

describe('npm run simulate', function () {
  this.timeout(60_000)
  let directory: string

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'wattness-simulate-'))
  })

  after(() => rm(directory, { recursive: true }))

  it('ends with 0 and a report where all is well', async () => {
    const { status, stdout } = await simulate([...SMALL, '--report', directory])
    expect(stdout).to.include('✓ no violation')
    expect(status).to.equal(0)
    const report = JSON.parse(await readFile(path.join(directory, 'report.json'), 'utf8')) as Report
    expect(report.isComplete).to.equal(true)
    expect(report.blocks).to.be.above(20)
    expect(report.deliveries).to.equal(report.blocks * 4)
    expect(report.eventLogHash).to.match(/^[0-9a-f]{64}$/)
    expect(report.violations).to.deep.equal([])
  })

  it('ends with 1 where a checker found a violation, and the command that it prints finds it again', async () => {
    const first = await simulate([...SMALL, '--seed', 'x', '--break', 'convergence', '--json'])
    const report = JSON.parse(first.stdout) as Report
    expect(first.status).to.equal(1)
    expect(report.violations.map(({ checker }) => checker)).to.include('convergence')
    const again = await simulate([...report.replay.split(' ').slice(4), '--json'])
    const replayed = JSON.parse(again.stdout) as Report
    expect(again.status).to.equal(1)
    expect(replayed.eventLogHash).to.equal(report.eventLogHash)
    expect(replayed.violations).to.deep.equal(report.violations)
  })

  it('several networks: a violation in one of them is the status of all, and the report is of all', async () => {
    const { status, stdout } = await simulate([
      ...SMALL,
      '--meters',
      '8',
      '--set',
      'networks=2',
      '--break',
      'convergence',
      '--json',
    ])
    const report = JSON.parse(stdout) as Report
    expect(status).to.equal(1)
    expect(report.networks?.map(({ violations }) => violations > 0)).to.deep.equal([true, false])
    expect(report.violations[0]?.what).to.match(/^network-1: /)
    expect(report.nodes).to.have.length(10)
    expect(report.replay).to.include('--break convergence').and.to.include('--set networks=2')
  })

  it('ends at Ctrl-C with a report of what ran', async () => {
    const words = ['--meters', '30', '--for', '30d', '--json']
    const ended = await simulate(words, (kill) => setTimeout(() => kill('SIGINT'), 4_000))
    const report = JSON.parse(ended.stdout) as Report
    expect(report.isComplete).to.equal(false)
    expect(report.virtualSeconds).to.be.within(0, 30 * 86_400)
    expect(ended.status).to.equal(0)
  })

  it('ends with 2 where it was asked for wrongly', async () => {
    const unknown = await simulate(['--scenario', 'picnic'])
    expect([unknown.status, unknown.stderr]).to.deep.equal([
      2,
      `simulate: no scenario picnic: there are ${scenarioNames().join(', ')}\n`,
    ])
    expect((await simulate(['--set', 'meters=many'])).status).to.equal(2)
  })
})
