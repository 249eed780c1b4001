import { stat } from 'node:fs/promises'
import { expect } from 'chai'
import type { BlockLine, Status } from '../../control/index.ts'
import { event, json, type Running, say, start, temporaryDirectory, until } from './command-line.ts'

const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0'] as const

/** The ten lines of the README, as one story: each step stands on the one before. */
describe('a network of your own, by the command line', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  const running: Running[] = []
  const run = (...words: readonly string[]): Running => {
    const command = start(words)
    running.push(command)
    return command
  }
  const status = async (name: string): Promise<Status> => json(await say(['status', '--dir', at.path(name), '--json'])) as Status
  const ticket = async (...more: readonly string[]): Promise<string> => {
    const said = await say(['ticket', '--dir', at.path('registrar'), ...more])
    expect(said.status).to.equal(0)
    return said.out.trim()
  }

  before(async () => {
    at = await temporaryDirectory()
  })
  after(async () => {
    await Promise.all(running.map((command) => command.stop()))
    await at.remove()
  })

  it('network create makes genesis and a key that only its owner can read', async () => {
    const said = await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar'), '--json'])
    expect(said.status).to.equal(0)
    expect(json(said)).to.have.nested.property('network.name', 'Elm Street')
    expect((await stat(at.path('registrar/key'))).mode & 0o777).to.equal(0o600)
  })

  it('network create leaves an existing network alone: NETWORK_EXISTS', async () => {
    const said = await say(['network', 'create', '--name', 'Other', '--dir', at.path('registrar'), '--json'])
    expect(said.status).to.equal(1)
    expect(json(said)).to.have.nested.property('error.code', 'NETWORK_EXISTS')
  })

  it('a ticket made before the first start names where the registrar will be', async () => {
    const made = await say(['ticket', '--dir', at.path('registrar'), '--json'], { environment: { WATTNESS_LISTEN: LOOPBACK[1] } })
    const { addresses } = json(made) as { addresses: string[] }
    expect(addresses).to.have.length(1)
    const registrar = run('run', '--dir', at.path('registrar'), ...LOOPBACK)
    const line = await registrar.line(event('listening'))
    expect((JSON.parse(line) as { address: string }).address).to.equal(addresses[0])
  })

  it('the control socket is for its owner alone', async () => {
    await until(
      () => status('registrar'),
      ({ running }) => running !== null,
    )
    expect((await stat(at.path('registrar/control.sock'))).mode & 0o777).to.equal(0o600)
  })

  it('a second run on the directory is refused, naming the process', async () => {
    const said = await say(['run', '--dir', at.path('registrar'), ...LOOPBACK])
    expect(said.status).to.equal(1)
    expect(said.err).to.contain('in use by this process')
  })

  it('join with an invitation makes a member, and again says the same', async () => {
    const text = await ticket('--invite')
    const words = ['join', text, '--dir', at.path('meter-01'), '--label', 'Elm Street 12', '--json']
    const first = await say(words)
    expect(first.err).to.equal('')
    expect(json(first)).to.deep.include({ joined: true })
    expect(json(await say(words))).to.deep.equal(json(first))
    expect((await stat(at.path('meter-01/key'))).mode & 0o777).to.equal(0o600)
  })

  it('an invitation admits once: INVITATION_USED for the next', async () => {
    const text = await ticket('--invite')
    expect((await say(['join', text, '--dir', at.path('meter-02'), '--label', 'two'])).status).to.equal(0)
    const said = await say(['join', text, '--dir', at.path('thief'), '--label', 'three'])
    expect(said.status).to.equal(1)
    expect(said.err).to.contain('INVITATION_USED')
  })

  it('join without invitation prints a request, and the registrar admits it', async () => {
    const words = ['join', await ticket(), '--dir', at.path('meter-03'), '--label', 'Elm Street 14']
    const asked = await say(words)
    expect(asked.status).to.equal(0)
    expect(asked.out).to.match(/^wattness-request:1:/)
    const admitted = await say(['member', 'admit', asked.out, '--dir', at.path('registrar')])
    expect(admitted.err).to.equal('')
    expect(admitted.out).to.contain('member 3 "Elm Street 14"')
    expect((await say(words)).out).to.contain('joined')
  })

  it('two meters run, and all agree on the heads root', async () => {
    for (const [name, seed] of [
      ['meter-01', '7'],
      ['meter-02', '8'],
    ] as const) {
      const source = `household:${seed}?interval=1s`
      await run('run', '--dir', at.path(name), ...LOOPBACK, '--source', source, '--interval', '1s').line(event('sealed'))
    }
    await until(
      async () => {
        const all = await Promise.all(['registrar', 'meter-01', 'meter-02'].map(status))
        return all.map(({ headsRoot, frontier }) => ({ headsRoot, least: Math.min(frontier[1] ?? 0, frontier[2] ?? 0) }))
      },
      ([first, ...others]) =>
        first !== undefined && first.least > 1 && others.every(({ headsRoot }) => headsRoot === first.headsRoot),
    )
    const { running } = await until(
      () => status('meter-01'),
      ({ running }) => running?.peers.some(({ agreement }) => agreement === 'equal') === true,
    )
    expect(running?.sources).to.deep.equal([{ source: 'household:7?interval=1s', state: 'reading' }])
  })

  it('OTHER_NETWORK: a running member is not joined to another network, nor told that it was', async () => {
    await say(['network', 'create', '--name', 'Other', '--dir', at.path('other')])
    const { out } = await say(['ticket', '--dir', at.path('other')])
    const said = await say(['join', out.trim(), '--dir', at.path('meter-01'), '--label', 'x', '--json'])
    expect(said.status).to.equal(1)
    expect(json(said)).to.have.nested.property('error.code', 'OTHER_NETWORK')
  })

  it('blocks shows the readings, asked of the running node', async () => {
    const said = await say([
      'blocks',
      '--dir',
      at.path('registrar'),
      '--member',
      'Elm Street 12',
      '--from',
      '0',
      '--limit',
      '1',
      '--json',
    ])
    const block = json(said) as BlockLine
    expect(block).to.deep.include({ member: 1, height: 0, kind: 'readings' })
    expect(block.readings?.[0]).to.include({ register: '1-0:1.8.0', quality: 'good' })
    const text = await say(['blocks', '--dir', at.path('registrar'), '--member', '1', '--limit', '1'])
    expect(text.out).to.match(/^Elm Street 12 0 {2}[0-9a-f]{16} {2}\S+ {2}readings/)
  })

  it('an observer of a listed network is admitted by an invitation for it', async () => {
    const refused = await say(['observe', await ticket(), '--dir', at.path('observer'), ...LOOPBACK])
    expect(refused.status).to.equal(1)
    expect(refused.out).to.match(/^wattness-request:1:/)
    const text = await ticket('--invite', '--roles', 'observer')
    const observer = run('observe', text, '--dir', at.path('observer'), ...LOOPBACK)
    await observer.line(event('agreement', ({ agreement }) => agreement === 'equal'))
    const { chains, self } = await status('observer')
    expect(self.roles).to.equal('observer')
    expect(chains.filter(({ size }) => size > 0)).to.have.length(3)
    expect((await say(['status', '--dir', at.path('observer')])).out).to.not.contain('seals nothing')
  })

  it('a member that is revoked ends at what the registrar holds', async () => {
    const said = await say(['member', 'revoke', 'Elm Street 14', '--dir', at.path('registrar'), '--json'])
    expect(json(said)).to.deep.include({ index: 3, endSize: 0 })
    const listed = await say(['member', 'list', '--dir', at.path('registrar')])
    expect(listed.out).to.contain('revoked after 0 blocks')
  })

  it('all stop cleanly, and a stopped store says the same', async () => {
    const observer = running.at(-1) as Running
    expect((await observer.stop()).status).to.equal(0)
    const before = await status('observer')
    expect(before.running).to.equal(null)
    for (const command of running) expect((await command.stop()).status).to.equal(0)
    const stopped = await status('meter-01')
    expect(stopped.running).to.equal(null)
    expect(stopped.frontier[1]).to.be.above(1)
    const blocks = await say(['blocks', '--dir', at.path('meter-01'), '--member', '1', '--json'])
    expect(blocks.out.trim().split('\n')).to.have.length(stopped.frontier[1] as number)
  })

  it('a stopped registrar admits nobody on a guess: SEAL_HELD_BACK, unless told that it is alone', async () => {
    const key = '25'.padEnd(64, '0')
    const refused = await say(['member', 'admit', key, '--dir', at.path('registrar')])
    expect(refused.status).to.not.equal(0)
    const words = ['member', 'revoke', '2', '--dir', at.path('registrar')]
    const held = await say(words)
    expect(held.status).to.equal(1)
    expect(held.err).to.contain('--seal-alone')
    expect((await say([...words, '--seal-alone'])).status).to.equal(0)
  })
})
