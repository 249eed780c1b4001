import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { ListedMember } from '../../control/index.ts'
import { event, json, type Running, say, start, temporaryDirectory, until } from '../cli/command-line.ts'
import { projectPath } from './declared.ts'
import { childrenOf, type EntryProcess, execute, terminate } from './entry-process.ts'

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

describe("a meter's container", () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let registrar: Running
  const containers: EntryProcess[] = []

  const container = (name: string): EntryProcess => {
    const made = execute('docker/entry/meter.ts', {
      PROGRAM: projectPath('node/cli/wattness.ts'),
      NODE_COMPILE_CACHE: at.path('compiled'),
      HOSTNAME: name,
      METERS: at.path('meters'),
      TICKETS: at.path('tickets'),
      WATTNESS_LISTEN: LOOPBACK,
      WATTNESS_MDNS: 'no',
      INTERVAL: '1s',
      MAX_METERS: '2',
    })
    containers.push(made)
    return made
  }
  const has = (made: EntryProcess, text: string): Promise<unknown> =>
    until(
      () => Promise.resolve(made.output()),
      (said) => said.includes(text),
    )
  const invite = async (name: string): Promise<void> => {
    const { out } = await say(['ticket', '--invite', '--roles', 'meter', '--dir', at.path('registrar')])
    await writeFile(at.path(`tickets/${name}.invitation`), out)
  }
  const labels = async (): Promise<string[]> => {
    const members = json(await say(['member', 'list', '--json', '--dir', at.path('registrar')])) as ListedMember[]
    return members
      .flatMap(({ label }) => label ?? [])
      .filter((label) => label !== 'registrar')
      .sort()
  }

  before(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    registrar = start(['run', '--dir', at.path('registrar'), '--listen', LOOPBACK])
    await registrar.line(event('listening'))
    await mkdir(at.path('tickets'))
  })
  after(async () => {
    for (const { child } of containers) child.kill('SIGKILL')
    await Promise.all(containers.map(({ ended }) => ended))
    await registrar.stop()
    await at.remove()
  })

  it('each takes a directory of its own, is one process, and leaves it to the next, be it stopped or killed', async function () {
    this.timeout(60_000)
    // Half of one, as somebody lays it out.
    await writeFile(at.path('tickets/.1.invitation'), '')
    const [one, two] = [container('one'), container('two')]
    await has(one, 'waiting for an invitation')
    await has(two, 'waiting for an invitation')
    await invite('a')
    await invite('b')
    for (const each of [one, two]) await has(each, '"event":"sealed"')
    expect(await labels()).to.deep.equal(['meter 1', 'meter 2'])
    expect((await readdir(at.path('meters'))).sort()).to.deep.equal(['meter-001', 'meter-002'])
    const keys = await Promise.all(['001', '002'].map((number) => readFile(at.path(`meters/meter-${number}/key`), 'hex')))
    expect(new Set(keys).size).to.equal(2)
    expect(await readdir(at.path('tickets'))).to.deep.equal(['.1.invitation'])
    for (const each of [one, two]) expect(await childrenOf(each), 'processes beside the node').to.deep.equal([])

    const none = container('none')
    expect(await none.ended).to.equal(1)
    expect(none.output()).to.include('all 2 are in use')

    expect(await terminate(one)).to.equal(0)
    two.child.kill('SIGKILL')
    await two.ended
    // A join that was broken off is gone on with, and what belongs to no network is left alone.
    await mkdir(at.path('meters/meter-003'))
    await mkdir(at.path('meters/meter-004'))
    await invite('c')
    await rename(at.path('tickets/c.invitation'), at.path('meters/meter-004/ticket'))
    const next = ['three', 'four', 'five'].map(container)
    for (const each of next) await has(each, '"event":"sealed"')
    expect(await labels()).to.deep.equal(['meter 1', 'meter 2', 'meter 4'])
    expect(existsSync(at.path('meters/meter-004/ticket'))).to.equal(false)
    expect(await readdir(at.path('meters/meter-003'))).to.deep.equal([])
    expect(next.map((each) => each.output()).join('')).not.to.include('waiting for an invitation')
  })
})
