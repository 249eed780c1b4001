import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { event, json, type Running, say, start, temporaryDirectory, until } from './command-line.ts'

const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0'] as const
const TOKEN = 't'.repeat(32)

describe('what an observer serves', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let ticket: string
  const running: Running[] = []

  const run = (...words: readonly string[]): Running => {
    const command = start([...words, ...LOOPBACK])
    running.push(command)
    return command
  }
  const isHttp = event('listening', ({ address }) => String(address).startsWith('http'))
  const addressOf = async (observer: Running): Promise<string> =>
    (JSON.parse(await observer.line(isHttp)) as { address: string }).address

  before(async () => {
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--open-observers', '--dir', at.path('registrar')])
    await run('run', '--dir', at.path('registrar')).line(event('listening'))
    const made = await until(
      () => say(['ticket', '--dir', at.path('registrar')]),
      ({ status }) => status === 0,
    )
    ticket = made.out.trim()
  })
  after(async () => {
    await Promise.all(running.map((command) => command.stop()))
    await at.remove()
  })

  it('is on this machine alone, at 8080 or where that is taken at a free port; all that it says the command says', async () => {
    const [one, other] = await Promise.all([
      addressOf(run('observe', ticket, '--dir', at.path('one'))),
      addressOf(run('observe', ticket, '--dir', at.path('other'))),
    ])
    for (const address of [one, other]) expect(address).to.match(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(one).not.to.equal(other)
    const answer = (await (await fetch(`${one}/v1/status`)).json()) as Record<string, unknown>
    const told = json(await say(['status', '--dir', at.path('one'), '--json'])) as Record<string, unknown>
    for (const name of ['network', 'self', 'frontier', 'headsRoot', 'finality'])
      expect(answer[name], name).to.deep.equal(told[name])
    expect(answer['version']).to.match(/^\d+\.\d+\.\d+/)
  })

  it('is nothing where that is configured; LISTEN_FAILED where a port was asked for that is taken', async () => {
    const silent = run('observe', ticket, '--dir', at.path('silent'), '--http', 'off')
    await silent.line(event('agreement'))
    expect((await silent.stop()).out).to.not.match(/"address":"http/)
    const port = new URL(await addressOf(run('observe', ticket, '--dir', at.path('third'), '--http', '0'))).port
    const refused = await say(['observe', ticket, '--dir', at.path('fourth'), ...LOOPBACK, '--http', port])
    expect([refused.status, refused.err]).to.satisfy(([status, err]: [number, string]) => status === 1 && err.includes(port))
  })

  it('--http-read tokens: nothing without one, and no start without a file of them', async () => {
    const words = ['observe', ticket, '--dir', at.path('closed'), '--http', '0', '--http-read', 'tokens']
    const refused = await say([...words, ...LOOPBACK])
    expect(refused.status).to.equal(1)
    expect(refused.err).to.include('http-tokens holds no token')
    await writeFile(`${at.path('closed')}/http-tokens`, `read ${TOKEN}\n`, { mode: 0o600 })
    const address = await addressOf(run(...words))
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${address}/v1/status`, { headers })).status
    expect([await ask({}), await ask({ authorization: `Bearer ${TOKEN}` })]).to.deep.equal([401, 200])
  })
})
