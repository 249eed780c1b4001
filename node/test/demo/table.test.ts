import { expect } from 'chai'
import type { NodeReport } from '../../demo/messages.ts'
import { hostsOf, meterNames } from '../../demo/plan.ts'
import { BlockRate, WINDOW_MS } from '../../demo/rate.ts'
import { formatCount, formatTable, formatTime, inColour, plain, type TableInit } from '../../demo/table.ts'
import { picture, report } from './pictures.ts'

const CLOCK = { phase: 'running', elapsedMs: 27_000, forMs: 30_000, blocksPerSecond: 4, finalLagMs: 351 } as const

function nodes(meters: number, more: (name: string, at: number) => Partial<NodeReport> = () => ({})): NodeReport[] {
  const names = ['registrar', ...meterNames(meters), 'observer']
  return names.map((name, at) =>
    report(name, {
      frontier: [0, 12_345],
      final: [0, 12_340],
      witnesses: 7,
      head: '0123456789abcdef',
      peers: ['x'],
      readings: 100,
      ...more(name, at),
    }),
  )
}

function table(reports: readonly NodeReport[], more: Partial<TableInit> = {}): string[] {
  const hosts = hostsOf(reports.map(({ name }) => name).filter((name) => name.startsWith('meter')))
  return formatTable({ picture: picture(reports), hosts, clock: CLOCK, columns: 80, lines: 22, paint: plain, ...more })
}

describe('the live table', () => {
  it('a line for each node, then what all come to', () => {
    const lines = table(nodes(2))
    expect(lines[0]).to.match(/^node +peers +height +head +final +behind +heads root$/)
    expect(lines[1]).to.match(/^registrar +1 +0 +01234567 +12,340 +0 +✓ aaaaaaaa$/)
    expect(lines.slice(-3)).to.deep.equal([
      '12,345 blocks · 12,340 final · 400 readings · 4.0 blocks/s · gossip on',
      '7 witnesses, quorum 5, up to 2 may lie or be away · final in 351 ms',
      'running · 00:27 of 00:30 · Ctrl-C stops',
    ])
    expect(lines).to.have.length(9)
  })

  it('fits 80 columns, whatever the numbers, and 24 lines with eight meters', () => {
    const large = nodes(8, () => ({
      frontier: [0, 99_999_999],
      final: [0, 99_999_999],
      witnesses: 22,
      height: 9_999_999,
      peers: Array.from({ length: 128 }, String),
      readings: 1e12,
    }))
    const lines = table([...large, report('behind', { frontier: [0, 1] })])
    for (const line of lines) expect(line.length, line).to.be.at.most(80)
    expect(lines).to.have.length.below(23)
  })

  it('says of each whether its heads root is equal, different, not comparable yet, or was never heard', () => {
    const some = [
      report('g', { frontier: [2] }),
      report('a', { frontier: [2] }),
      report('b', { frontier: [2] }),
      report('c', { frontier: [2], headsRoot: 'cccccccccccc' }),
      report('d', { frontier: [1] }),
    ]
    const lines = formatTable({
      picture: picture(some, { names: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], silent: ['g'], dead: { f: 'x' } }),
      hosts: [],
      clock: CLOCK,
      columns: 80,
      lines: 22,
      paint: plain,
    })
    expect(lines.slice(1, 8).map((line) => line.replace(/^.* {2}/, ''))).to.deep.equal([
      '✓ aaaaaaaa',
      '✓ aaaaaaaa',
      '≠ cccccccc',
      '✓ so far',
      '· starting',
      '✗ ended',
      '? silent',
    ])
  })

  it('above 20 nodes: a line for each process, with the smallest and the largest of its numbers', () => {
    const lines = table(
      nodes(40, (_, at) => ({
        peers: Array.from({ length: 6 + (at % 3) }, String),
        frontier: [0, 12],
        final: [0, at === 3 ? 10 : 12],
      })),
    )
    expect(lines).to.have.length(7 + 5)
    expect(lines[2]).to.match(/^meter-01…08 +6–8 +0 +– +10–12 +0 +✓ aaaaaaaa$/)
    expect(lines[3]).to.match(/^meter-09…16 +6–8 +0 +– +12 +0 +✓ aaaaaaaa$/)
  })

  it('a low window shows processes, and says how much it leaves out', () => {
    expect(table(nodes(8), { lines: 10 }).slice(-5, -4)).to.deep.equal(['  … and 6 more lines'])
    expect(table(nodes(40), { lines: 1 })).to.have.length(6)
  })

  it('a wide window shows what waits and how far the readings have come', () => {
    const [header, , row] = table(
      nodes(1, () => ({ lastReadingMs: Date.UTC(2025, 3, 7, 6), waiting: 24 })),
      { columns: 120 },
    )
    expect(header).to.match(/held +waiting +newest reading$/)
    expect(row).to.match(/12,345 +24 {2}2025-04-07 06:00$/)
  })

  it('fewer than four witnesses, and none, are told as what they are worth', () => {
    const line = (witnesses: number): string | undefined => table(nodes(2, () => ({ witnesses }))).at(-2)
    expect(line(1)).to.equal('1 witness: fewer than four tolerate no liar · final in 351 ms')
    expect(line(3)).to.equal('3 witnesses, all needed: fewer than four tolerate no liar · final in 351 ms')
    expect(line(0)).to.match(/^no witnesses: nothing becomes final/)
  })

  it('where the page is stands above the last line', () => {
    const page = 'http://127.0.0.1:8080'
    const lines = formatTable({
      picture: picture(nodes(2), { names: ['registrar'] }),
      hosts: [['registrar']],
      clock: { ...CLOCK, page },
      columns: 80,
      lines: 22,
      paint: plain,
    })
    expect(lines.at(-2)).to.equal(`page: ${page}`)
  })

  it('before the first word there is a dash, and no time', () => {
    const lines = formatTable({
      picture: picture([], { names: ['registrar'] }),
      hosts: [['registrar']],
      clock: { phase: 'starting', elapsedMs: undefined, forMs: undefined, blocksPerSecond: 0, finalLagMs: null },
      columns: 30,
      lines: 22,
      paint: plain,
    })
    expect(lines[1]).to.match(/^registrar( +–){5} +· starting$/)
    expect(lines.slice(-2)).to.deep.equal(['0 blocks · 0 final · 0 readin…', 'starting · Ctrl-C stops'])
  })

  it('colours change nothing but the colour', () => {
    const some = nodes(3, (_, at) => ({ frontier: [at], headsRoot: at > 2 ? 'b' : 'a' }))
    const painted = table(some, { paint: inColour })
    expect(painted.join('\n')).to.include('\u001b[')
    // oxlint-free: the escape is built, not written into the pattern.
    const codes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')
    expect(painted.map((line) => line.replace(codes, '').trimEnd())).to.deep.equal(table(some))
  })

  it('counts and times are written for people', () => {
    expect([formatCount(1_234_567), formatTime(5_000), formatTime(3_605_000)]).to.deep.equal(['1,234,567', '00:05', '1:00:05'])
  })
})

describe('the rate of blocks', () => {
  it('is of the last ten seconds', () => {
    const rate = new BlockRate()
    expect(rate.at(0, 100)).to.equal(0)
    expect(rate.at(1_000, 104)).to.equal(4)
    for (let s = 2; s <= 30; s++) rate.at(s * 1_000, 104 + (s - 1) * 10)
    expect(rate.at(31_000, 404)).to.equal(10)
    expect(rate.at(31_000 + WINDOW_MS, 404)).to.equal(0)
  })
})
