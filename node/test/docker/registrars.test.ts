import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { expect } from 'chai'
import { parseTicket } from '../../../protocol/index.ts'
import { temporaryDirectory, until } from '../cli/command-line.ts'
import { projectPath } from './declared.ts'
import { type EntryProcess, execute, terminate } from './entry-process.ts'

describe("a registrar's container", () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  const containers: EntryProcess[] = []
  const container = (): EntryProcess => {
    const made = execute('docker/entry/registrar.ts', {
      PROGRAM: projectPath('node/cli/wattness.ts'),
      NODE_COMPILE_CACHE: at.path('compiled'),
      WATTNESS_DIR: at.path('registrar'),
      WATTNESS_LISTEN: '/ip4/127.0.0.1/tcp/0',
      WATTNESS_MDNS: 'no',
      TICKETS: at.path('tickets'),
      SPARE_INVITATIONS: '1',
      WITNESSES: '0',
    })
    containers.push(made)
    return made
  }
  const invitations = async (): Promise<string[]> =>
    (await readdir(at.path('tickets'))).filter((name) => !name.startsWith('.') && name.endsWith('.invitation')).sort()

  before(async () => {
    at = await temporaryDirectory()
    await mkdir(at.path('tickets'))
  })
  after(async () => {
    for (const { child } of containers) child.kill('SIGKILL')
    await Promise.all(containers.map(({ ended }) => ended))
    await at.remove()
  })

  it('makes the network once, lays out whole invitations, and goes on past what keeps it from that', async function () {
    this.timeout(60_000)
    const first = container()
    const laid = await until(invitations, (names) => names.length === 1)
    for (const name of laid)
      expect(parseTicket((await readFile(at.path(`tickets/${name}`), 'utf8')).trim())).to.have.property('held')
    // Nobody can lay anything out where there is no such place.
    await rm(at.path('tickets'), { recursive: true })
    await until(
      () => Promise.resolve(first.output()),
      (said) => said.includes('ENOENT'),
    )
    await mkdir(at.path('tickets'))
    await until(invitations, (names) => names.length === 1)
    expect(await terminate(first)).to.equal(0)

    const genesis = await readFile(at.path('registrar/genesis.json'), 'utf8')
    await rm(at.path('tickets/observer.ticket'))
    const second = container()
    await until(
      () => Promise.resolve(existsSync(at.path('tickets/observer.ticket'))),
      (isThere) => isThere,
    )
    expect(await readFile(at.path('registrar/genesis.json'), 'utf8')).to.equal(genesis)
    expect(await terminate(second)).to.equal(0)
    // What asks leaves the store to the node.
    expect(first.output() + second.output()).not.to.match(/in use by|STORE_LOCKED/)
  })
})
