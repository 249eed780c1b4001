import { execFile, fork } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { layGround } from '../../demo/ground.ts'
import { forkHosts, type HostLink } from '../../demo/host-link.ts'
import type { NodeReport, Order, Word } from '../../demo/messages.ts'
import { systemPlatform } from '../../platform.ts'

/** Real processes: few of them, since each loads the whole node. */
describe('a host process', () => {
  let dir = ''
  let words: Word[] = []
  let deaths: string[] = []
  let links: HostLink[] = []
  let heard: () => void = () => undefined
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'wattness-test-'))
    words = []
    deaths = []
    links = []
    await layGround(dir, 1, systemPlatform.random)
  })
  afterEach(async () => {
    await Promise.all(links.map((link) => link.stop(0)))
    await rm(dir, { recursive: true, force: true })
  })

  function open(names: readonly string[]): HostLink {
    const hear = (): void => heard()
    const link = forkHosts(systemPlatform.timers)({
      names,
      onWord: (word) => {
        words.push(word)
        hear()
      },
      onDeath: (reason) => {
        deaths.push(reason)
        hear()
      },
    })
    links.push(link)
    return link
  }

  async function until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (heard = resolve))
    }
  }

  const start = (...names: string[]): Order => ({
    type: 'start',
    nodes: names.map((name) => ({ name, dir: join(dir, name) })),
    bootstrap: [],
    intervalMs: 1_000,
    gossip: 'off',
  })
  const wordOf = <T extends Word['type']>(type: T) => words.find((word): word is Extract<Word, { type: T }> => word.type === type)

  it('runs what it is told to, says how it stands, and ends when it is told to', async () => {
    const link = open(['registrar', 'observer'])
    link.tell(start('registrar', 'observer'))
    await until(() => wordOf('ready'))
    expect(wordOf('started')?.addresses.join()).to.match(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)
    link.tell({ type: 'report', id: 7 })
    const { id, nodes } = await until(() => wordOf('report'))
    expect([id, nodes.map(({ name }: NodeReport) => name)]).to.deep.equal([7, ['registrar', 'observer']])
    expect(nodes[0]).to.deep.include({ frontier: [0, 0], height: 0, readings: 0, waiting: 0 })
    expect(nodes[1]?.height).to.equal(undefined)
    link.tell({ type: 'end-sealing' })
    await until(() => wordOf('sealing-ended'))
    await link.stop(10_000)
    expect([link.isAlive, deaths]).to.deep.equal([false, []])
    // Nothing left to tell it.
    link.tell({ type: 'report', id: 8 })
  })

  it('says why a node cannot start', async () => {
    await writeFile(join(dir, 'observer', 'key'), 'no key', { mode: 0o600 })
    const link = open(['observer'])
    link.tell(start('observer'))
    expect(await until(() => wordOf('failed'))).to.deep.include({ name: 'observer', code: 'KEY_MALFORMED' })
    await link.stop(10_000)
  })

  it('ends by itself when its parent is gone', async () => {
    const child = fork(fileURLToPath(new URL('../../demo/host-process.ts', import.meta.url)), ['registrar'], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    child.send(start('registrar'))
    await new Promise<void>((resolve) => child.on('message', (word: Word) => word.type === 'ready' && resolve()))
    child.disconnect()
    expect(await new Promise((resolve) => child.on('exit', resolve))).to.equal(0)
  })

  it('its death is told with how it ended; killed by us it is none', async () => {
    const link = open(['registrar'])
    link.tell({ type: 'report', id: 1 })
    await until(() => wordOf('report'))
    const pid = await pidOf('wattness demo: registrar')
    process.kill(pid, 'SIGKILL')
    await until(() => (deaths.length > 0 ? deaths : undefined))
    expect([deaths, link.isAlive]).to.deep.equal([['signal SIGKILL'], false])
    const other = open(['observer'])
    other.kill()
    await other.stop(10_000)
    expect(deaths).to.have.length(1)
  })

  /** The child of this process with that title. */
  async function pidOf(title: string): Promise<number> {
    const list = await new Promise<string>((resolve) =>
      execFile('ps', ['-A', '-o', 'pid=,ppid=,args='], (_, stdout) => resolve(stdout)),
    )
    const line = list.split('\n').find((each) => each.includes(title) && each.trim().split(/\s+/)[1] === String(process.pid))
    return Number(line?.trim().split(/\s+/)[0])
  }
})
