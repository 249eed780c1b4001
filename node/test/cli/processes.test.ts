import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import type { Status } from '../../control/index.ts'
import { event, json, say, temporaryDirectory } from './command-line.ts'

const BIN = fileURLToPath(new URL('../../cli/wattness.ts', import.meta.url))
const FAKE = new URL('./faked-old-node.ts', import.meta.url).href

/** The command as processes of its own: what signals, kills and other versions of Node do to it. */
describe('the command as a process', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  const children = new Set<ChildProcess>()
  const begin = (words: readonly string[], nodeFlags: readonly string[] = []): ChildProcess => {
    const child = spawn(process.execPath, [...nodeFlags, BIN, ...words], { stdio: ['pipe', 'pipe', 'pipe'] })
    children.add(child)
    child.once('exit', () => children.delete(child))
    return child
  }
  const run = (...nodeFlags: readonly string[]): ChildProcess =>
    begin(['run', '--dir', at.path('registrar'), '--listen', '/ip4/127.0.0.1/tcp/0'], nodeFlags)
  const lineOf = async (child: ChildProcess, wanted: (line: string) => boolean): Promise<string> => {
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) if (wanted(line)) return line
    throw new Error('the process ended without the line')
  }
  /** Up to and with its control socket: asked from outside, it answers. */
  const ready = async (child: ChildProcess): Promise<Status> => {
    await lineOf(child, event('listening'))
    child.stdout?.resume()
    return json(await say(['status', '--dir', at.path('registrar'), '--json'])) as Status
  }
  const textOf = async (stream: NodeJS.ReadableStream | null): Promise<string> => {
    let text = ''
    for await (const part of stream ?? []) text += String(part)
    return text
  }

  beforeEach(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
  })
  afterEach(async () => {
    for (const child of children) child.kill('SIGKILL')
    await at.remove()
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`${signal} ends a run cleanly, with status 0`, async () => {
      const child = run()
      expect((await ready(child)).running?.pid).to.equal(child.pid)
      child.kill(signal)
      expect(await once(child, 'exit')).to.deep.equal([0, null])
      expect(existsSync(at.path('registrar/control.sock'))).to.equal(false)
    })
  }

  it('another process is refused, naming the one that holds the directory', async () => {
    const child = run()
    await ready(child)
    const second = run()
    const said = textOf(second.stderr)
    expect(await once(second, 'exit')).to.deep.equal([1, null])
    expect(await said).to.match(new RegExp(`^wattness: \\S+/registrar is in use by process ${child.pid}\n$`))
  })

  it('what a killed process leaves behind, lock and socket, is in nobody’s way', async () => {
    const child = run()
    await ready(child)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect((await lstat(at.path('registrar/control.sock'))).isSocket()).to.equal(true)
    const stopped = json(await say(['status', '--dir', at.path('registrar'), '--json'])) as Status
    expect(stopped.running).to.equal(null)
    const again = run()
    expect((await ready(again)).running?.pid).to.equal(again.pid)
  })

  it('readings come in on standard input', async () => {
    const child = begin([
      'run',
      '--dir',
      at.path('registrar'),
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--source',
      'jsonl:-',
      '--interval',
      '1s',
    ])
    child.stdin?.end(
      '{"time":"2026-01-01T00:15:00Z","register":"1-0:1.8.0","value":"1234.567","unit":"kWh","intervalMs":900000}\n',
    )
    await lineOf(child, event('sealed'))
    child.stdout?.resume()
    child.kill('SIGTERM')
    await once(child, 'exit')
    const blocks = await say(['blocks', '--dir', at.path('registrar')])
    expect(blocks.out).to.contain('1-0:1.8.0  1234.567 kWh')
  })

  it('a Node that is too old hands over to the bundled one: output, status and signals pass through', async () => {
    const old = ['--import', FAKE]
    const version = begin(['--version'], old)
    const said = textOf(version.stdout)
    expect(await once(version, 'exit')).to.deep.equal([0, null])
    expect(await said).to.match(/^\d+\.\d+\.\d+\n$/)
    const wrong = begin(['fnord'], old)
    expect(await once(wrong, 'exit')).to.deep.equal([2, null])
    const child = run(...old)
    const { running } = await ready(child)
    expect(running?.pid).to.not.equal(child.pid)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).to.deep.equal([0, null])
  })

  it('where an older Node handed over, kill -9 of the process that was started ends the node with it', async () => {
    const child = run('--import', FAKE)
    expect((await ready(child)).running?.pid).to.not.equal(child.pid)
    child.kill('SIGKILL')
    // Its standard output is the node's as well: it closes once both are gone.
    await once(child, 'close')
  })

  it('whoever stops reading ends the command quietly', async () => {
    const child = begin(['blocks', '--dir', at.path('registrar')])
    child.stdout?.destroy()
    const said = textOf(child.stderr)
    expect(await once(child, 'exit')).to.deep.equal([0, null])
    expect(await said).to.equal('')
  })
})
