import { cp } from 'node:fs/promises'
import { expect } from 'chai'
import { SELF_EQUIVOCATION } from '../../cli/node-log.ts'
import type { Status } from '../../control/index.ts'
import { event, json, type Running, say, start, temporaryDirectory, until } from './command-line.ts'

describe('one key in two places', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  const running: Running[] = []
  const run = (name: string, ...more: readonly string[]): Running => {
    const command = start(['run', '--dir', at.path(name), '--listen', '/ip4/127.0.0.1/tcp/0', ...more])
    running.push(command)
    return command
  }
  const seals = (seed: string): string[] => ['--source', `household:${seed}?interval=1s`, '--interval', '1s']
  const status = async (name: string): Promise<Status> => json(await say(['status', '--dir', at.path(name), '--json'])) as Status

  before(async () => {
    at = await temporaryDirectory()
  })
  after(async () => {
    await Promise.all(running.map((command) => command.stop()))
    await at.remove()
  })

  it('is found out by its peers, stops the chain everywhere, and is said loudly', async () => {
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    const registrar = run('registrar')
    await registrar.line(event('listening'))
    const ticket = (await say(['ticket', '--dir', at.path('registrar'), '--invite'])).out
    await say(['join', ticket, '--dir', at.path('meter'), '--label', 'Elm Street 12'])
    const first = run('meter')
    await first.line(event('admitted'))
    await first.stop()
    await cp(at.path('meter'), at.path('copy'), { recursive: true })

    const meter = run('meter', ...seals('1'))
    await meter.line(event('sealed'))
    await until(
      () => status('registrar'),
      ({ frontier }) => (frontier[1] ?? 0) > 0,
    )
    await meter.stop()
    await registrar.stop()

    // Nobody is there to tell the copy what was sealed since, and its operator vouches that there was nothing.
    const copy = run('copy', ...seals('2'), '--seal-alone')
    await copy.line(event('sealed'))
    const again = run('registrar')
    await again.line(event('evidence', ({ self }) => self === false))
    await copy.line(
      event('evidence', ({ self, level, msg }) => self === true && level === 'fatal' && msg === SELF_EQUIVOCATION[0]),
    )

    const said = await say(['status', '--dir', at.path('copy')])
    expect(said.status).to.equal(1)
    expect(said.out).to.contain('QUARANTINED')
    expect(said.out).to.contain('seals nothing: this key has signed two histories')
    expect((await status('registrar')).chains[1]?.quarantined).to.equal(true)
    expect((await say(['status', '--dir', at.path('registrar')])).status).to.equal(0)
    expect((await copy.stop()).err).to.equal(`${SELF_EQUIVOCATION.join('\n')}\n`)
  })
})
