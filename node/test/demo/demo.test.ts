import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../../protocol/index.ts'
import { type DemoEnd, type DemoInit, runDemo } from '../../demo/index.ts'
import type { Progress, Scene } from '../../demo/screen.ts'
import { systemPlatform } from '../../platform.ts'
import { type InProcess, inProcessHosts } from './in-process.ts'

/** Remembers what a person would have seen. */
class Witness implements Progress {
  readonly notes: string[] = []
  readonly phases: string[] = []
  ends = 0
  onShow: (scene: Scene) => void = () => undefined

  note(text: string): void {
    this.notes.push(text)
  }

  show(scene: Scene): void {
    if (this.phases.at(-1) !== scene.clock.phase) this.phases.push(scene.clock.phase)
    this.onShow(scene)
  }

  end(): void {
    this.ends++
  }
}

describe('a demonstration', () => {
  let dir = ''
  let witness = new Witness()
  let stop = new AbortController()
  let kill = new AbortController()
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-test-'))
    witness = new Witness()
    stop = new AbortController()
    kill = new AbortController()
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  function run(more: Partial<DemoInit> = {}, { open }: InProcess = inProcessHosts()): Promise<DemoEnd> {
    return runDemo({
      meters: 2,
      intervalMs: 100,
      forMs: 700,
      dir,
      gossip: 'on',
      platform: systemPlatform,
      openHost: open,
      progress: witness,
      signal: stop.signal,
      killSignal: kill.signal,
      ...more,
    })
  }

  const failure = async (run: Promise<DemoEnd>): Promise<unknown> => run.catch((error: unknown) => error)

  it('meters seal, everybody holds everything, and the run is judged', async () => {
    const { result, faults } = await run()
    expect(result).to.deep.include({ nodes: 4, meters: 2, agreed: true })
    expect(result.frontier).to.have.length(3)
    expect(result.frontier.reduce((a, b) => a + b, 0))
      .to.equal(result.blocks)
      .and.above(1)
    // A block holds a quarter of a day of quarter hours.
    expect(result.readings).to.equal(result.blocks * 24)
    expect(result.headsRoot).to.match(/^[0-9a-f]{64}$/)
    expect(faults).to.deep.equal([])
    expect(result.final).to.deep.equal(result.frontier)
    expect(result.finalLagMs.p50).to.be.a('number')
    expect(result.finalLagMs.p99).to.be.at.least(result.finalLagMs.p50 as number)
    expect(witness.phases).to.deep.equal(['starting', 'connecting', 'running', 'draining', 'agreed'])
    expect(witness.ends).to.equal(1)
  })

  it('the observer serves its page while the run lasts, where that was asked for', async () => {
    let status = 0
    const served = { host: '127.0.0.1', port: 0, orAnyPort: false }
    const hosts = inProcessHosts((word) => {
      if (word.type === 'started' && word.http !== undefined) {
        expect(word.name).to.equal('observer')
        void fetch(`${word.http}/v1/status`).then((answer) => (status = answer.status))
      }
      return word
    })
    const { result } = await run({ http: served }, hosts)
    expect(result.page).to.match(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(witness.notes).to.include(`the neighbourhood is to be seen at ${result.page} in a browser`)
    expect(status).to.equal(200)
    expect(await fetch(result.page as string).catch(() => 'gone')).to.equal('gone')
    expect((await run()).result.page).to.equal(null)
  })

  it('goes on in its directory: earlier blocks and readings count, none is taken twice', async () => {
    const before = (await run()).result
    const after = (await run({ meters: undefined, gossip: 'off' })).result
    expect(after.agreed).to.equal(true)
    expect(after.blocks).to.be.above(before.blocks)
    expect(after.readings).to.equal(after.blocks * 24)
    after.frontier.forEach((size, index) => expect(size).to.be.at.least(before.frontier[index] ?? 0))
    expect(witness.notes).to.include(`${dir}: the network of 2 meters goes on where it stopped`)
  })

  it('without a directory it takes a temporary one, says so, and removes it', async () => {
    await run({ dir: undefined, forMs: 1 })
    const [, path] = /^nodes in (\S+), removed at the end/.exec(witness.notes[0] ?? '') ?? []
    expect(await readdir(path ?? '').catch((error: NodeJS.ErrnoException) => error.code)).to.equal('ENOENT')
  })

  it('a file is replayed in time lapse, a day a block; at its end the meter starts no further block', async () => {
    const rows = Array.from({ length: 72 }, (_, at) => `${new Date(Date.UTC(2024, 0, 1, at)).toISOString()},${at}`)
    await writeFile(join(dir, 'sensor.csv'), `utc,ab12\n${rows.join('\n')}\n`)
    await writeFile(join(dir, 'notes.md'), '# about the data\n')
    const { result } = await run({ data: dir, dir: join(dir, 'demo'), meters: 1, forMs: 1_500 })
    expect(result).to.deep.include({ agreed: true, frontier: [0, 3], readings: 72 })
    expect(witness.notes.join('\n')).to.match(/skipped .*notes\.md/)
    expect(witness.notes).to.include(`${dir}: 1 of 1 homes are used`)
    expect(witness.notes.join('\n')).to.include('meter-01: its source is read to the end: no further blocks')
  })

  it('DEMO_NO_DATA: a directory in which nothing is recognised', async () => {
    await writeFile(join(dir, 'notes.md'), '# about the data\n')
    expect(isWattnessError(await failure(run({ data: dir, dir: join(dir, 'demo') })), 'DEMO_NO_DATA')).to.equal(true)
  })

  it('a signal stops it in good order: what was sealed is judged', async () => {
    witness.onShow = ({ picture }) => {
      if (picture.blocks >= 4) stop.abort(new Error('Ctrl-C'))
    }
    const { result } = await run({ forMs: undefined })
    expect(result.agreed).to.equal(true)
    expect(witness.phases.slice(-2)).to.deep.equal(['stopping', 'agreed'])
  })

  it('a signal before all are connected ends it without a verdict', async () => {
    const reason = new Error('Ctrl-C')
    witness.onShow = () => stop.abort(reason)
    const hosts = inProcessHosts()
    expect(await failure(run({}, hosts))).to.equal(reason)
    expect(hosts.hosts.every(({ isAlive }) => !isAlive)).to.equal(true)
  })

  it('a second signal ends everything at once, without a verdict', async () => {
    witness.onShow = ({ clock }) => {
      if (clock.phase === 'running') stop.abort(new Error('Ctrl-C'))
      if (clock.phase === 'stopping') kill.abort(new Error('Ctrl-C again'))
    }
    expect(await failure(run())).to.equal(kill.signal.reason)
  })

  it('a node that ends is told of, and there is no agreement without it', async () => {
    const hosts = inProcessHosts()
    witness.onShow = ({ clock, picture }) => {
      if (clock.phase === 'running' && picture.blocks > 2) hosts.hosts[1]?.die('signal SIGKILL')
    }
    const { result, faults } = await run({ forMs: 1_500 }, hosts)
    expect(result.agreed).to.equal(false)
    expect(witness.notes).to.include('meter-01 ended by signal SIGKILL')
    expect(faults).to.deep.equal(['meter-01 ended by signal SIGKILL'])
  })

  it('a node that lacks blocks at the end is named with their number', async () => {
    // The observer's word is held back at what it held first.
    const hosts = inProcessHosts((word) => {
      if (word.type !== 'report') return word
      return { ...word, nodes: word.nodes.map((node) => (node.name === 'observer' ? { ...node, frontier: [0, 0, 0] } : node)) }
    })
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 1_000)
    const { result, faults } = await run({ forMs: undefined }, hosts)
    expect(result).to.deep.include({ agreed: false })
    expect(faults).to.deep.equal([`observer lacks ${result.blocks} blocks`])
    expect(witness.phases.at(-1)).to.equal('not agreed')
  })

  it('a node that does not answer any more is named, whatever it said before', async () => {
    let isFrozen = false
    const hosts = inProcessHosts((word, { names }) => (isFrozen && names.includes('observer') ? undefined : word))
    witness.onShow = ({ clock }) => {
      isFrozen = clock.phase === 'stopping'
      if ((clock.elapsedMs ?? 0) > 500) stop.abort(new Error('Ctrl-C'))
    }
    const { result, faults } = await run({ forMs: undefined }, hosts)
    expect([result.agreed, faults]).to.deep.equal([false, ['observer does not answer any more']])
  })

  it('a node that does not know what is final as the others do is named', async () => {
    const hosts = inProcessHosts((word) => {
      if (word.type !== 'report') return word
      return { ...word, nodes: word.nodes.map((node) => (node.name === 'observer' ? { ...node, final: [0, 0, 0] } : node)) }
    })
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 1_000)
    const { result, faults } = await run({ forMs: undefined }, hosts)
    const final = result.final.reduce((a, b) => a + b, 0)
    expect(result.agreed).to.equal(false)
    expect(faults).to.deep.equal([`observer knows 0 blocks as final, of ${final} that others do`])
  })

  it('another heads root over the same blocks is named', async () => {
    const hosts = inProcessHosts((word) => {
      if (word.type !== 'report') return word
      return { ...word, nodes: word.nodes.map((node) => (node.name === 'observer' ? { ...node, headsRoot: 'ff' } : node)) }
    })
    setTimeout(() => stop.abort(new Error('Ctrl-C')), 1_000)
    const { faults } = await run({ forMs: undefined }, hosts)
    expect(faults).to.deep.equal(['observer has another heads root: ff'])
  })

  it('DEMO_NOT_STARTED: a node that cannot be opened, by name and reason', async () => {
    await run({ forMs: 1 })
    await rm(join(dir, 'meter-02', 'ledger'), { recursive: true })
    await writeFile(join(dir, 'meter-02', 'ledger'), 'in the way')
    const error = await failure(run({ meters: undefined }))
    expect(isWattnessError(error, 'DEMO_NOT_STARTED')).to.equal(true)
    expect((error as Error).message).to.match(/^the demonstration could not start: meter-02: .*ledger/)
  })

  it('DEMO_NOT_STARTED: a process that ends before its node runs', async () => {
    const hosts = inProcessHosts((word, host) => {
      if (word.type === 'started' && word.name === 'meter-01') host.die('exit status 1: out of memory')
      return word
    })
    expect(await failure(run({}, hosts))).to.match(/meter-01 ended by exit status 1: out of memory/)
  })
})
