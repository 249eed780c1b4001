import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError, MAX_MEMBERS } from '../../protocol/index.ts'
import { crashOne } from '../deeds.ts'
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../libp2p/frames.ts'
import { Harbour } from '../libp2p/harbour.ts'
import { lendWorker } from '../libp2p/lent-worker.ts'
import { REAL_TIMES } from '../libp2p/real-presets.ts'
import { loadOf, runReal } from '../libp2p/run-real.ts'
import { builtInHomes } from '../loads/homes.ts'
import type { Report } from '../report.ts'
import type { Scenario } from '../scenario.ts'
import { PRESETS, type Settings } from '../settings.ts'

const SIMULATE = path.resolve(import.meta.dirname, '../simulate.ts')
const never = (): boolean => false

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('a run over several machines', function () {
  this.timeout(90_000)
  let ground: string
  let before: string | undefined

  beforeEach(() => {
    ground = mkdtempSync(path.join(tmpdir(), 'wattness-machines-'))
    before = process.env['TMPDIR']
    process.env['TMPDIR'] = ground
  })

  afterEach(() => {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
    rmSync(ground, { recursive: true })
  })

  /** Two machines, each the other's neighbour on the loopback. */
  async function run(scenario: Scenario, leave?: (stop: AbortController) => void): Promise<Report> {
    const harbour = await Harbour.open({ port: 0, settledMs: 200 })
    const stops = [new AbortController(), new AbortController()]
    const lent = stops.map(({ signal }) => lendWorker({ host: '127.0.0.1', port: harbour.port, signal, note: () => undefined }))
    const machines = await harbour.gather(2, never)
    const settings: Settings = {
      ...PRESETS,
      ...REAL_TIMES,
      meters: machines,
      witnesses: 2,
      processes: machines + 1,
      forMs: 4_000,
      blockIntervalMs: 1_000,
      announceDelayMs: 100,
      attestDelayMs: 100,
      crossCheckMs: 1_000,
    }
    leave?.(stops[1] as AbortController)
    const homes = builtInHomes(loadOf(settings))
    try {
      return await runReal({ name: 'spread', scenario, settings, presets: settings, seed: '1', data: undefined, homes, harbour })
    } finally {
      harbour.close()
      for (const stop of stops) stop.abort()
      await Promise.all(lent)
    }
  }

  it('delivers every block, also where one loses its power, and leaves no file on any', async () => {
    const killing: Scenario = { story: 'Power fails.', acts: [{ at: 0.4, what: 'power fails', deed: crashOne }] }
    const report = await run(killing)
    expect(report.violations).to.deep.equal([])
    expect([report.deliveredShare, report.finalShare, report.isComplete]).to.deep.equal([1, 1, true])
    expect([report.crashes, report.processes]).to.deep.equal([1, 3])
    expect(report.nodes.map(({ storedMiB }) => storedMiB > 0)).to.deep.equal([true, true, true])
    expect(report.differences.join('\n')).to.include('several machines')
    await until(() => readdirSync(ground).length === 0)
  })

  it('a machine that goes ends the run, which says so', async () => {
    const report = await run({ story: 'One goes.' }, (stop) => setTimeout(() => stop.abort(), 500))
    expect(report.violations.map(({ checker }) => checker)).to.deep.equal(['run'])
    expect(report.violations[0]?.what).to.include('is gone')
  })

  it('without a number it takes those that have come, once nobody else comes', async () => {
    const harbour = await Harbour.open({ port: 0, settledMs: 100 })
    const sockets = [0, 1, 2].map(() => connect(harbour.port, '127.0.0.1').on('error', () => undefined))
    expect(await harbour.gather(undefined, never)).to.equal(3)
    sockets[0]?.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await harbour.gather(undefined, never)).to.equal(2)
    expect(() => harbour.opener(3)).to.throw('no machine')
    harbour.close()
    for (const socket of sockets) socket.destroy()
  })

  it('takes a machine for each member and no more, and hangs up on what is no frame', async () => {
    const harbour = await Harbour.open({ port: 0, settledMs: 100 })
    const closed = new Set<Socket>()
    const call = (): Socket => {
      const socket = connect(harbour.port, '127.0.0.1').on('error', () => undefined)
      return socket.on('close', () => closed.add(socket))
    }
    const sockets = Array.from({ length: MAX_MEMBERS - 1 }, call)
    expect(await harbour.gather(MAX_MEMBERS - 1, never)).to.equal(MAX_MEMBERS - 1)
    const [one] = sockets
    const beyond = call()
    await until(() => closed.has(beyond))
    one?.write(Buffer.alloc(16, 0xff))
    await until(() => closed.has(one as Socket))
    expect(closed.size).to.equal(2)
    harbour.close()
    for (const socket of sockets) socket.destroy()
  })

  it('WORKERS_PORT: a port that is taken', async () => {
    const harbour = await Harbour.open({ port: 0 })
    const error: unknown = await Harbour.open({ port: harbour.port }).catch((each: unknown) => each)
    expect(isWattnessError(error, 'WORKERS_PORT')).to.equal(true)
    harbour.close()
  })

  it('as it is typed: a machine waits for a run, takes part, and ends when it is told to', async () => {
    const harbour = await Harbour.open({ port: 0 })
    const child = spawn(process.execPath, [SIMULATE, 'worker', `127.0.0.1:${harbour.port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let text = ''
    child.stderr.on('data', (piece: Buffer) => {
      text += piece.toString()
    })
    expect(await harbour.gather(1, never)).to.equal(1)
    await until(() => text.includes('takes part'))
    const ended = new Promise((resolve) => child.on('exit', resolve))
    child.kill('SIGTERM')
    expect(await ended).to.equal(0)
    harbour.close()
  })

  it('SETTING_INVALID: what was asked for wrongly', async () => {
    const wrong = [
      ['worker', 'nowhere'],
      ['--workers', '4200'],
      ['--transport', 'libp2p', '--machines', '4'],
      ['--transport', 'libp2p', '--workers', 'many'],
    ]
    const said = await Promise.all(
      wrong.map(async (words) => {
        const child = spawn(process.execPath, [SIMULATE, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
        let text = ''
        child.stderr.on('data', (piece: Buffer) => {
          text += piece.toString()
        })
        return [await new Promise((resolve) => child.on('close', resolve)), text.includes('expected')]
      }),
    )
    expect(said).to.deep.equal(wrong.map(() => [2, true]))
  })
})

describe('frames between machines', () => {
  it('come whole out of pieces of any size', () => {
    const messages = [
      { a: new Uint8Array([1, 2, 3]), b: Number.POSITIVE_INFINITY },
      'x'.repeat(1_000),
      undefined,
      new Map([[1, 2]]),
    ]
    const bytes = Buffer.concat(messages.map(encodeFrame))
    for (const size of [1, 3, 7, 100, bytes.length]) {
      const reader = new FrameReader()
      const read: unknown[] = []
      for (let at = 0; at < bytes.length; at += size) read.push(...reader.read(bytes.subarray(at, at + size)))
      expect(read).to.deep.equal(messages)
    }
  })

  it('are bounded', () => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(MAX_FRAME_BYTES + 1)
    expect(() => new FrameReader().read(length)).to.throw(RangeError, 'at most')
    length.writeUInt32BE(MAX_FRAME_BYTES)
    expect(new FrameReader().read(length)).to.deep.equal([])
  })
})
