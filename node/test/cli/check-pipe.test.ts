import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { expect } from 'chai'
import { systemPlatform } from '../../index.ts'
import { say, start, temporaryDirectory } from './command-line.ts'

/** `check` of a pipe that another command fills. */
describe('wattness check of a pipe', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  const pipe = (): string => at.path('pipe')
  /** Timers that are due at once: nobody waits a second to be told why nothing happens. */
  const { timers } = systemPlatform
  const platform = { ...systemPlatform, timers: { ...timers, set: (_: number, run: () => void) => timers.set(0, run) } }

  beforeEach(async () => {
    at = await temporaryDirectory()
    execFileSync('mkfifo', [pipe()])
  })
  afterEach(() => at.remove())

  it('reads what is written, whenever that comes', async () => {
    const said = say(['check', pipe()])
    const writer = await open(pipe(), 'w')
    await writer.write('{"this is":')
    await writer.write(' "no proof"}')
    await writer.close()
    const { status, out } = await said
    expect(status).to.equal(1)
    expect(out).to.contain('Not proven. What is wrong: file').and.to.contain('unknown field "this is"')
  })

  it('says that it waits, where nobody writes, and ends when it is stopped', async () => {
    const controller = start(['check', pipe()], { platform })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const { status, err } = await controller.stop()
    expect(status).to.equal(1)
    expect(err).to.equal(`${pipe()} is a pipe: waiting for whoever writes it\nwattness: This operation was aborted\n`)
  })

  it('as a process it ends on Ctrl-C', async () => {
    const command = path.join(import.meta.dirname, '../../cli/wattness.ts')
    const words = ['--disable-warning=ExperimentalWarning', command, 'check', pipe()]
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    // It waits: now the signal comes.
    await once(child.stderr, 'data')
    child.kill('SIGINT')
    const [status] = (await once(child, 'close')) as [number | null]
    expect(status).to.equal(1)
  }).timeout(15_000)
})
