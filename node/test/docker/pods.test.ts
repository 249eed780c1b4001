import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { ListedMember } from '../../control/index.ts'
import { event, json, type Running, say, start, temporaryDirectory, until } from '../cli/command-line.ts'
import { projectPath } from './declared.ts'
import { childrenOf, type EntryProcess, execute, terminate } from './entry-process.ts'

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

describe("a meter's pod", () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let registrar: Running
  const pods: EntryProcess[] = []

  const members = async (): Promise<ListedMember[]> =>
    json(await say(['member', 'list', '--json', '--dir', at.path('registrar')])) as ListedMember[]
  const pod = (): EntryProcess => {
    const made = execute('docker/entry/pod.ts', {
      PROGRAM: projectPath('node/cli/wattness.ts'),
      NODE_COMPILE_CACHE: at.path('compiled'),
      WATTNESS_DIR: at.path('meter'),
      WATTNESS_LISTEN: LOOPBACK,
      WATTNESS_MDNS: 'no',
      TICKETS: at.path('tickets'),
      POD_NAME: 'meter-6',
      INTERVAL: '1s',
    })
    pods.push(made)
    return made
  }

  before(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    registrar = start(['run', '--dir', at.path('registrar'), '--listen', LOOPBACK])
    await registrar.line(event('listening'))
    await mkdir(at.path('tickets'))
  })
  after(async () => {
    await Promise.all(pods.map(terminate))
    await registrar.stop()
    await at.remove()
  })

  it('waits for its own invitation, past anything else that lies there, and goes on as the same member without it', async () => {
    await writeFile(at.path('tickets/meter-6'), 'no ticket')
    const first = pod()
    await until(
      () => Promise.resolve(first.output()),
      (said) => said.includes('waiting for an invitation: wattness join'),
    )
    const { out } = await say(['ticket', '--invite', '--roles', 'meter', '--dir', at.path('registrar')])
    await writeFile(at.path('tickets/meter-6'), out)
    await until(members, (all) => all.length === 2)
    await until(
      () => Promise.resolve(first.output()),
      (said) => said.includes('"event":"sealed"'),
    )
    expect(await childrenOf(first), 'processes beside the node').to.deep.equal([])
    expect(await terminate(first)).to.equal(0)
    expect(existsSync(at.path('meter/joining'))).to.equal(false)
    await rm(at.path('tickets'), { recursive: true })
    const second = pod()
    await until(
      () => Promise.resolve(second.output()),
      (said) => said.includes('"event":"sealed"'),
    )
    expect((await members()).map(({ label, roles }) => [label, roles])[1]).to.deep.equal(['meter-6', 'meter'])
    expect(await members()).to.have.length(2)
  })
})

describe("a simulation's pod", () => {
  const SCENARIO = 'docker/kubernetes/simulations/scenario.ts'

  it('runs the scenario of its number and prints the report', async () => {
    const words = ['--for', '10m', '--meters', '3']
    const { ended, output } = execute(SCENARIO, { JOB_COMPLETION_INDEX: '0' }, ...words)
    expect(await ended, output()).to.equal(0)
    expect(JSON.parse(output())).to.have.property('scenario', 'baseline')
  })

  it('says which numbers there are where its own is none', async () => {
    for (const index of ['99', '', 'one']) {
      const { ended, output } = execute(SCENARIO, { JOB_COMPLETION_INDEX: index || undefined })
      expect([await ended, output()]).to.satisfy(
        ([status, said]: [number, string]) => status === 2 && said.includes('expected 0 to'),
      )
    }
  })
})
