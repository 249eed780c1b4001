import { readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { event, type Running, say, start, temporaryDirectory } from './command-line.ts'

const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0', '--mdns', 'no', '--json']
const QUARTER_MS = 900_000
const FROM_MS = Date.UTC(2024, 0, 1)

/** A day of quarter hours of two registers; one value is missing. */
const DAY = Array.from({ length: 97 }, (_, i) => {
  const value = i === 40 ? null : `${(1_000 + i * 25) / 1_000}`
  const values = { '1-0:1.8.0': { value, unit: 'kWh' }, '1-0:32.7.0': `${230 + (i % 3)} V` }
  return `${JSON.stringify({ time: FROM_MS + i * QUARTER_MS, values })}\n`
}).join('')

describe('export', () => {
  let at: Awaited<ReturnType<typeof temporaryDirectory>>
  let node: Running | undefined

  const exported = (...words: string[]): ReturnType<typeof say> => say(['export', '--dir', at.path('registrar'), ...words])

  before(async () => {
    at = await temporaryDirectory()
    await writeFile(at.path('day.jsonl'), DAY)
    await say(['network', 'create', '--name', 'Elm Street', '--dir', at.path('registrar')])
    const source = ['--source', `jsonl:${at.path('day.jsonl')}`, '--interval', '1s']
    node = start(['run', '--dir', at.path('registrar'), ...LOOPBACK, ...source])
    await node.line(event('sealed', ({ rows }) => rows === undefined || Number(rows) > 0))
  })
  after(async () => {
    await node?.stop()
    await at.remove()
  })

  const all = async (): Promise<string> => {
    for (;;) {
      const said = await exported('--register', '1-0:1.8.0')
      if (said.status !== 0) throw new Error(said.err)
      if (said.out.trimEnd().split('\n').length === 98) return said.out
    }
  }

  it('of a running node and of a stopped store says the same: CSV, lines of JSON, intervals, files', async () => {
    const csv = (await all()).split('\n')
    expect(csv.slice(0, 2)).to.deep.equal([
      'member,time,register,value,unit,quality,timeSource,intervalMs',
      '0,2024-01-01T00:00:00Z,1-0:1.8.0,1.000,kWh,good,meter-clock,',
    ])
    expect(csv[41]).to.equal('0,2024-01-01T10:00:00Z,1-0:1.8.0,,kWh,missing,meter-clock,')
    const questions = [
      [],
      ['--format', 'ndjson', '--member', '0'],
      ['--resolution', '1h', '--from', '2024-01-01', '--to', '2024-01-02', '--register', '1-0:1.8.0', '--format', 'ndjson'],
      ['--resolution', '1d', '--tz', 'Asia/Kolkata', '--from', '2024-01', '--to', '2024-02', '--follow'],
    ]
    const running = []
    for (const words of questions) running.push(await exported(...words))
    await node?.stop()
    node = undefined
    for (const [i, words] of questions.entries()) {
      const stopped = await exported(...words)
      expect([stopped.status, stopped.err, stopped.out]).to.deep.equal([0, '', running[i]?.out])
    }
    const lines = (running[1]?.out ?? '').trimEnd().split('\n')
    expect(lines).to.have.length(2 * 97)
    expect(JSON.parse(lines[40] as string)).to.deep.include({ member: 0, register: '1-0:1.8.0', value: null, quality: 'missing' })
    const hours = (running[2]?.out ?? '').trimEnd().split('\n')
    expect(hours).to.have.length(24)
    expect(JSON.parse(hours[0] as string)).to.deep.include({ value: '0.100', unit: 'kWh', quality: 'good', last: '1.100' })

    const green = at.path('day.xml')
    expect((await exported('--register', '1-0:1.8.0', '--format', 'green-button', '--out', green)).status).to.equal(0)
    const back = (await say(['read', green])).out.trimEnd().split('\n')
    expect(back).to.have.length(97)
    expect(JSON.parse(back[0] as string)).to.include({
      time: '2024-01-01T00:00:00Z',
      register: '1-0:1.8.0',
      value: '1000',
      unit: 'Wh',
    })
    expect(JSON.parse(back[40] as string)).to.include({ value: null, quality: 'missing' })
    expect((await exported('--format', 'green-button', '--resolution', '1h', '--from', '2024-01-01')).status).to.equal(2)

    const out = at.path('day.csv')
    const written = await say(['export', '--dir', at.path('registrar'), '--register', '1-0:1.8.0', '--out', out, '--json'], {
      isTerminal: true,
    })
    expect([written.status, JSON.parse(written.out)]).to.deep.equal([0, { file: out, values: 97 }])
    expect(written.err).to.contain('] 0 % 0 values')
    expect(await readFile(out, 'utf8')).to.equal(csv.join('\n'))
    const again = await exported('--out', out)
    expect([again.status, again.err]).to.deep.equal([2, `wattness: ${out} is there already: it is not overwritten\n`])
    const nowhere = await exported('--out', at.path('no/such/folder/file'))
    expect([nowhere.status, nowhere.err]).to.satisfy(
      ([status, err]: [number, string]) => status === 1 && err.includes('cannot be written'),
    )
  }).timeout(20_000)

  it('says what is wrong with the question, and makes no file', async () => {
    const out = at.path('none.csv')
    for (const [words, text] of [
      [['--format', 'xml'], '--format xml: expected csv or ndjson'],
      [['--member', 'nobody'], 'no member is called "nobody"'],
      [['--register', '1-0:2.8.0'], 'has no register 1-0:2.8.0'],
      [['--register', 'kWh'], 'OBIS'],
      [['--resolution', '5m'], 'resolution: expected one of raw'],
      [['--resolution', '1h'], 'from: needed'],
      [['--from', 'noon'], 'from: expected a time'],
      [['--tz', 'Mars'], 'time zone'],
    ] as const) {
      const said = await exported(...words, '--out', out)
      expect([said.status > 0, said.out], words.join(' ')).to.deep.equal([true, ''])
      expect(said.err, words.join(' ')).to.contain(text)
    }
    expect((await exported()).status).to.equal(0)
    await readFile(out).then(
      () => expect.fail('a file was left behind'),
      () => undefined,
    )
    expect((await say(['export', '--help'])).out).to.contain('--resolution')
  })
})
