import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { formatLogLine } from '../../cli/log.ts'
import type { Status } from '../../control/index.ts'
import { event, json, say, start, temporaryDirectory } from './command-line.ts'

const LINE = '{"time":"2026-01-01T00:15:00Z","register":"1-0:1.8.0","value":"1234.567","unit":"kWh","intervalMs":900000}\n'

describe('commands that read and listen', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  beforeEach(async () => {
    at = await temporaryDirectory()
  })
  afterEach(() => at.remove())

  it('read prints readings as JSON lines and counts on standard error', async () => {
    await writeFile(at.path('readings.jsonl'), LINE)
    const said = await say(['read', at.path('readings.jsonl'), '--format', 'jsonl'])
    expect(said.status).to.equal(0)
    expect(JSON.parse(said.out)).to.include({ register: '1-0:1.8.0', value: '1234.567', unit: 'kWh' })
    expect(said.err).to.equal('1 readings, 1 values, 0 faults\n')
  })

  it('read ends with 1 where something was refused, and says what', async () => {
    const said = await say(['read', '-', '--format', 'jsonl'], { stdin: `${LINE}fnord\n` })
    expect(said.status).to.equal(1)
    expect(said.out.trim().split('\n')).to.have.length(1)
    expect(said.err).to.match(/^JSONL_LINE_MALFORMED: /)
    expect(said.err).to.contain('1 faults (JSONL_LINE_MALFORMED 1)')
  })

  it('read ends with 0 where a fault cost nothing: a meter whose clock is not set', async () => {
    const said = await say(['read', '-', '--format', 'p1'], {
      stdin: '/XYZ5\\2\r\n\r\n0-0:1.0.0(000000000000W)\r\n1-0:1.8.1(1*kWh)\r\n!\r\n',
    })
    expect(said.err).to.contain('1 readings, 1 values, 1 faults (P1_CLOCK_INVALID 1)')
    expect(said.status).to.equal(0)
  })

  it('read ends with 0 where a capture begins in the middle of a telegram, and says so; with 1 where more is wrong', async () => {
    const telegram = '/XYZ5\\2\r\n\r\n0-0:1.0.0(250101000000W)\r\n1-0:1.8.1(1*kWh)\r\n!\r\n'
    const midway = await say(['read', '-', '--format', 'p1'], { stdin: `0:1.8.1(1*kWh)\r\n!AB12\r\n${telegram}` })
    expect(midway.err).to.match(/^P1_STREAM_MIDWAY: the stream begins in the middle of a telegram/)
    expect(midway.err).to.contain('1 readings, 1 values, 1 faults (P1_STREAM_MIDWAY 1)')
    expect(midway.status).to.equal(0)
    const cut = await say(['read', '-', '--format', 'p1'], { stdin: `0:1.8.1(1*kWh)\r\n!AB12\r\n${telegram}/XYZ5` })
    expect(cut.err).to.contain('2 faults (P1_STREAM_MIDWAY 1, P1_TELEGRAM_TRUNCATED 1)')
    expect(cut.status).to.equal(1)
  })

  it('read of what is not there or not known', async () => {
    expect((await say(['read', at.path('nothing')])).err).to.match(/^wattness: \S+nothing cannot be read/)
    await writeFile(at.path('novel.txt'), 'It was a dark and stormy night.\n')
    expect((await say(['read', at.path('novel.txt')])).err).to.contain('no format recognises it')
  })

  it('read --list names every format, how it is written and its quirks; without it a file is asked for', async () => {
    const said = await say(['read', '--list'])
    expect(said.status).to.equal(0)
    expect(said.out).to.match(/^p1: DSMR[^\n]*\n(?: {2}p1:\S+\n)+ {2}- /m)
    expect(said.out).to.match(/\n {2}- versions 2 and 3 have no CRC/)
    const { formats } = json(await say(['read', '--list', '--json'])) as { formats: { name: string; quirks: string[] }[] }
    expect(formats.map(({ name }) => name)).to.include.members(['p1', 'csv', 'jsonl', 'household'])
    expect(formats.every(({ quirks }) => Array.isArray(quirks))).to.equal(true)
    expect((await say(['read'])).status).to.equal(2)
  })

  it('LISTEN_FAILED: a port that is taken, an address of another machine', async () => {
    await say(['network', 'create', '--name', 'x', '--dir', at.path('node')])
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    try {
      const said = await say(['run', '--dir', at.path('node'), '--listen', `/ip4/127.0.0.1/tcp/${port}`])
      expect(said.status).to.equal(1)
      expect(said.err).to.match(/^wattness: cannot listen on \/ip4\/127\.0\.0\.1\/tcp\/\d+: EADDRINUSE[^\n]*\n$/)
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
    const said = await say(['run', '--dir', at.path('node'), '--listen', '/ip4/203.0.113.7/tcp/4001', '--json'])
    expect(json(said)).to.have.nested.property('error.code', 'LISTEN_FAILED')
    expect((await say(['status', '--dir', at.path('node')])).status).to.equal(0)
  })

  it('a source that fails is told in the log, in the status and, as an event, in the chain', async () => {
    await say(['network', 'create', '--name', 'x', '--dir', at.path('node')])
    const server = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const source = `p1:tcp://127.0.0.1:${(server.address() as { port: number }).port}`
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0'] as const
    const command = start(['run', '--dir', at.path('node'), ...listen, '--source', source, '--interval', '1s'])
    try {
      await command.line(event('sourceFault', ({ code }) => code === 'SOURCE_FAILED'))
      await command.line(event('sealed'))
      const { running } = json(await say(['status', '--dir', at.path('node'), '--json'])) as Status
      expect(running?.sources.map((each) => each.source)).to.deep.equal([source])
      expect((await say(['blocks', '--dir', at.path('node')])).out).to.match(/ event .*\n {4}\S+ {2}source-failed/)
    } finally {
      expect((await command.stop()).status).to.equal(0)
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('on a terminal a run logs lines for people, elsewhere JSON', async () => {
    await say(['network', 'create', '--name', 'x', '--dir', at.path('node')])
    const command = start(['run', '--dir', at.path('node'), '--listen', '/ip4/127.0.0.1/tcp/0'], { isTerminal: true })
    const line = await command.line((text) => text.includes('listening on'))
    expect(line).to.match(/^\d{4}-\d\d-\d\dT\S+Z info {2}listening on \/ip4\/127\.0\.0\.1\/tcp\//)
    expect((await command.stop()).out).to.match(/info {2}stopped\n$/)
  })

  it('a line for people says the cause, without its stack', () => {
    const err = { code: 'DISK_FULL', message: 'no room' }
    const line = JSON.stringify({ time: '2026-01-01T00:00:00.000Z', level: 'error', msg: 'a block could not be sealed', err })
    expect(formatLogLine(line)).to.equal('2026-01-01T00:00:00.000Z error a block could not be sealed: no room (DISK_FULL)')
  })

  it('anyone may observe an open network, again without the ticket', async () => {
    await say(['network', 'create', '--name', 'x', '--open-observers', '--dir', at.path('registrar')])
    const listen = ['--listen', '/ip4/127.0.0.1/tcp/0'] as const
    const registrar = start(['run', '--dir', at.path('registrar'), ...listen])
    await registrar.line(event('listening'))
    const ticket = (await say(['ticket', '--dir', at.path('registrar')])).out
    for (const words of [[ticket], []]) {
      const observer = start(['observe', ...words, '--dir', at.path('observer'), ...listen])
      await observer.line(event('agreement', ({ agreement }) => agreement === 'equal'))
      const status = json(await say(['status', '--dir', at.path('observer'), '--json'])) as Status
      expect(status.self.index).to.equal(null)
      expect((await observer.stop()).status).to.equal(0)
    }
    expect((await registrar.stop()).status).to.equal(0)
  })
})
