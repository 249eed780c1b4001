import { writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { ImportReport } from '../../cli/import.ts'
import type { Status } from '../../control/index.ts'
import { event, json, type Running, type Said, say, start, temporaryDirectory, until } from './command-line.ts'

const QUARTER_HOUR_MS = 900_000
const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0'] as const

/** One quarter hour a line, of years ago. */
function lines(from: number, to: number, year = 2019): string {
  return Array.from({ length: to - from }, (_, index) => {
    const time = Date.UTC(year, 0, 1) + (from + index) * QUARTER_HOUR_MS
    return `${JSON.stringify({ time, intervalMs: QUARTER_HOUR_MS, values: { '1-0:1.29.0': `${from + index} Wh` } })}\n`
  }).join('')
}

describe('wattness import', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let registrar: Running
  let meter: Running | undefined

  const put = (file: string, ...flags: string[]): Promise<Said> => {
    return say(['import', at.path(file), '--dir', at.path('meter'), '--json', ...flags])
  }
  const report = (said: Said): ImportReport => json(said) as ImportReport
  const waiting = async (): Promise<Status> => json(await say(['status', '--dir', at.path('meter'), '--json'])) as Status
  const code = (said: Said): string => (json(said) as { error: { code: string } }).error.code

  before(async function () {
    this.timeout(30_000)
    at = await temporaryDirectory()
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    registrar = start(['run', '--dir', at.path('registrar'), ...LOOPBACK])
    await registrar.line(event('listening'))
    const ticket = (await say(['ticket', '--dir', at.path('registrar'), '--invite'])).out.trim()
    const joined = await say(['join', ticket, '--dir', at.path('meter'), '--label', 'Elm 12'])
    expect(joined.status, joined.err).to.equal(0)
  })
  after(async () => {
    await meter?.stop()
    await registrar.stop()
    await at.remove()
  })

  it('a stopped node: takes each reading once, in whatever order and from whatever file it comes', async () => {
    await writeFile(at.path('late.jsonl'), lines(100, 200))
    await writeFile(at.path('early.jsonl'), lines(0, 100).trim().split('\n').toReversed().join('\n'))
    await writeFile(at.path('both.jsonl'), lines(0, 201))
    const late = await put('late.jsonl')
    expect(late.status, late.err).to.equal(0)
    expect(report(late)).to.deep.include({ taken: 100, known: 0, refused: 0, first: '2019-01-02T01:00:00.000Z' })
    expect(report(await put('early.jsonl'))).to.include({ taken: 100, known: 0 })
    expect(report(await put('late.jsonl'))).to.include({ taken: 0, known: 100 })
    expect(report(await put('both.jsonl'))).to.include({ taken: 1, known: 200 })
    expect((await waiting()).waiting).to.equal(201)
  })

  it('says in words what it did, and ends with 1 where something was refused', async () => {
    await writeFile(at.path('wrong.jsonl'), `${lines(0, 2)}no JSON\n`)
    const said = await say(['import', at.path('wrong.jsonl'), '--dir', at.path('meter')])
    expect(said.status).to.equal(1)
    expect(said.out).to.contain('0 taken, 2 known, 1 refused (JSONL_LINE_MALFORMED 1), from 2019-01-01T00:00:00.000Z')
    expect(said.err).to.contain('JSONL_LINE_MALFORMED: line 3')
  })

  it('IMPORT_NOT_OWN and IMPORT_NO_METER: only a meter, and only its own readings', async () => {
    expect((await put('late.jsonl', '--member', (await waiting()).self.key)).status).to.equal(0)
    expect(code(await put('late.jsonl', '--member', '0'))).to.equal('IMPORT_NOT_OWN')
    expect(code(await put('late.jsonl', '--member', 'nobody'))).to.equal('MEMBER_UNKNOWN')
    const words = ['import', at.path('late.jsonl'), '--dir', at.path('registrar'), '--json']
    expect(code(await say(words))).to.equal('IMPORT_NO_METER')
  })

  it('a missing file and one of no known format are refused', async () => {
    expect((await put('nothing.jsonl')).status).to.equal(1)
    await writeFile(at.path('noise.bin'), 'what is this')
    expect(code(await put('noise.bin'))).to.equal('SOURCE_FORMAT_UNKNOWN')
  })

  it('a running node: through its control socket, idempotent with what was taken before, and sealed', async function () {
    this.timeout(30_000)
    meter = start(['run', '--dir', at.path('meter'), ...LOOPBACK, '--interval', '1s'])
    await meter.line(event('listening'))
    await until(waiting, ({ running }) => running !== null)
    await writeFile(at.path('more.jsonl'), lines(150, 300))
    const first = await put('more.jsonl')
    expect(first.status, first.out + first.err).to.equal(0)
    expect(report(first)).to.include({ taken: 99, known: 51 })
    expect(report(await put('more.jsonl'))).to.include({ taken: 0, known: 150 })
    await until(waiting, (status) => status.waiting === 0)
    expect((await put('late.jsonl', '--member', 'Elm 12')).status).to.equal(0)
    const wrong = await put('wrong.jsonl')
    expect(wrong.status).to.equal(1)
    expect(wrong.err).to.contain('JSONL_LINE_MALFORMED')
    expect((await say(['import', '-', '--format', 'jsonl', '--dir', at.path('meter')])).err).to.contain(
      'cannot read the standard input',
    )
  })
})
