import { expect } from 'chai'
import { type Bar, barAt, barsOf, differenceOf, gapsOf, sumOf } from '../../observe/page/data/bars.ts'
import { MOST_MEMBERS, meaningOf } from '../../observe/page/data/search.ts'
import { formatDay, isSpan, parseDay, rangeOf, resolutionOf, SPANS, widened } from '../../observe/page/data/spans.ts'
import { MOST_NAMES, MOST_NAMES_NARROW, meshOf } from '../../observe/page/parts/mesh-layout.ts'
import { blockPath, memberPath, parseRoute, searchPath } from '../../observe/page/routes.ts'
import type { Member, ReadingsAnswer, StatusAnswer } from '../../observe/schemas/index.ts'

function member(index: number, fields: Partial<Member> = {}): Member {
  const key = index.toString(16).padStart(64, '0')
  return {
    index,
    key,
    label: `Elm Street ${index}`,
    roles: 'meter',
    admittedAt: 0,
    replaces: null,
    revoked: null,
    counts: true,
    size: 4,
    counted: 4,
    head: null,
    sealedAt: null,
    quarantined: false,
    final: 2,
    contestedFrom: null,
    contradicted: false,
    lastReadingAt: null,
    lateAfter: null,
    health: 'fine',
    ...fields,
  }
}

describe('observe: the pictures of the page', () => {
  it('routes: every address is a view or unknown, and those that are written are read back', () => {
    expect(parseRoute('')).to.deep.equal({ view: 'neighbourhood' })
    expect(parseRoute('#/')).to.deep.equal({ view: 'neighbourhood' })
    expect(parseRoute(memberPath(12, 'span=week'))).to.deep.include({ view: 'member', member: '12' })
    expect(parseRoute(blockPath('a'.repeat(64)))).to.deep.equal({ view: 'block', hash: 'a'.repeat(64) })
    expect(parseRoute(searchPath('50 % / ß?'))).to.deep.equal({ view: 'search', text: '50 % / ß?' })
    expect(parseRoute('#/ledger?until=2026-01-01').view).to.equal('ledger')
    expect(parseRoute('#/balance').view).to.equal('balance')
    expect(parseRoute('#/check').view).to.equal('check')
    expect(memberPath(1)).to.equal('#/member/1')
    for (const strange of ['#/member/x', '#/block/12', '#/search/%', '#/nothing', '#/member/']) {
      expect(parseRoute(strange), strange).to.deep.equal({ view: 'unknown' })
    }
  })

  it('spans: whole hours, days, weeks from Monday, months and years; each goes on where the one before ends', () => {
    const at = new Date(2026, 2, 29, 13, 30).getTime()
    const local = (ms: number): string => `${formatDay(ms)} ${new Date(ms).getHours()}`
    const ends = SPANS.map((span) => [local(rangeOf(span, at).fromMs), local(rangeOf(span, at).toMs)])
    expect(ends).to.deep.equal([
      ['2026-03-29 13', '2026-03-29 14'],
      ['2026-03-29 0', '2026-03-30 0'],
      ['2026-03-23 0', '2026-03-30 0'],
      ['2026-03-01 0', '2026-04-01 0'],
      ['2026-01-01 0', '2027-01-01 0'],
    ])
    for (const span of SPANS) {
      const range = rangeOf(span, at)
      expect(rangeOf(span, range.toMs)).to.deep.equal(rangeOf(span, at, 1))
      expect(widened(span, range)).to.deep.equal({ fromMs: rangeOf(span, at, -1).fromMs, toMs: rangeOf(span, at, 1).toMs })
    }
    expect([isSpan('week'), isSpan('decade'), isSpan(null)]).to.deep.equal([true, false, false])
  })

  it('spans: days of addresses are read back, and others are none', () => {
    const ms = new Date(2026, 4, 1).getTime()
    expect(parseDay(formatDay(ms))).to.equal(ms)
    expect(parseDay('2026-05-01T13')).to.equal(new Date(2026, 4, 1, 13).getTime())
    for (const none of ['', '2026-13-01', '2026-02-30', 'yesterday']) expect(parseDay(none), none).to.equal(undefined)
  })

  it('spans: what is seen decides how finely', () => {
    const hours = (count: number): { fromMs: number; toMs: number } => ({ fromMs: 0, toMs: count * 3_600_000 })
    const found = [1, 24, 168, 744, 8_784, 40_000].map((count) => resolutionOf(hours(count), 900_000))
    expect(found).to.deep.equal(['raw', '15m', '1h', '1d', '1d', '1mo'])
    expect(resolutionOf(hours(24), 1_800_000)).to.equal('1h')
  })

  const answer = (resolution: ReadingsAnswer['resolution'], values: readonly object[]): ReadingsAnswer =>
    ({ resolution, values }) as unknown as ReadingsAnswer

  it('bars: intervals as answered; of a register as sealed how far it went on, exactly', () => {
    const day = (number: number): string => `2026-01-0${number}T00:00:00Z`
    const intervals = barsOf(
      answer('1d', [
        { from: day(1), to: day(2), value: '1.50', quality: 'good' },
        { from: day(2), to: day(3), value: null, quality: 'missing' },
      ]),
    )
    expect(intervals.map(({ value, text }) => [value, text])).to.deep.equal([
      [1.5, '1.50'],
      [null, null],
    ])
    const values = [
      { time: day(1), value: '9007199254740993.1', quality: 'good', intervalMs: 60_000 },
      { time: day(2), value: '9007199254740993.35', quality: 'estimated', intervalMs: 60_000 },
      { time: day(3), value: null, quality: 'missing' },
      { time: day(4), value: '7', quality: 'good' },
      { time: day(5), value: '5.5', quality: 'good' },
    ]
    const counter = barsOf({ ...answer('raw', values), kind: 'counter' })
    expect(counter.map(({ text, quality }) => [text, quality])).to.deep.equal([
      ['0.25', 'estimated'],
      [null, 'missing'],
      [null, 'good'],
      [null, 'good'],
    ])
    const total = barsOf({ ...answer('raw', values), kind: 'total' })
    expect(total.map(({ text }) => text)).to.deep.equal(values.map(({ value }) => value))
    expect((total[0]?.toMs ?? 0) - (total[0]?.fromMs ?? 0)).to.equal(60_000)
    expect(barsOf(answer('1d', [{ time: day(1) }]))).to.deep.equal([])
    expect(differenceOf('1', '2.5')).to.equal('-1.5')
    expect(differenceOf('3', '1')).to.equal('2')
    const bars = (...texts: (string | null)[]): Bar[] =>
      texts.map((text) => ({ fromMs: 0, toMs: 1, value: text === null ? null : Number(text), text, quality: 'good' }))
    expect(sumOf(bars('0.1', '0.2', null, '9007199254740993'))).to.equal('9007199254740993.3')
    expect([sumOf(bars('-0.5', '0.25')), sumOf(bars(null)), sumOf([])]).to.deep.equal(['-0.25', null, null])
  })

  it('bars: holes between what is known are gaps, side by side they are one', () => {
    const bar = (fromMs: number, value: number | null): Parameters<typeof gapsOf>[0][number] => ({
      fromMs,
      toMs: fromMs + 1,
      value,
      text: null,
      quality: 'good',
    })
    expect(gapsOf([bar(0, null), bar(1, 1), bar(2, null), bar(3, null), bar(6, 1), bar(7, null)])).to.deep.equal([
      { fromMs: 2, toMs: 6 },
    ])
    expect(gapsOf([])).to.deep.equal([])
    expect([-1, 0, 1.5, 9].map((ms) => barAt([bar(0, 1), bar(1, 1)], ms))).to.deep.equal([-1, 0, 1, 1])
  })

  it('search: a text means all that it may', () => {
    const members = Array.from({ length: 40 }, (_, index) => member(index))
    expect(meaningOf('elm street 12', members).members.map(({ index }) => index)).to.deep.equal([12])
    expect(meaningOf('elm', members).members).to.have.length(MOST_MEMBERS)
    expect(meaningOf('registrar', members).members.map(({ index }) => index)).to.deep.equal([0])
    expect(meaningOf('12', members)).to.deep.include({ height: 12, hash: undefined })
    expect(meaningOf('ABCDEF01', members).hash).to.equal('abcdef01')
    const day = new Date(2026, 4, 1).getTime()
    for (const text of ['2026-05-01', '1.5.2026', '01/05/2026']) {
      expect(meaningOf(text, members).time, text).to.deep.equal({ fromMs: day, toMs: day + 86_400_000 })
    }
    expect(meaningOf('2026-05-01 13:30', members).time?.fromMs).to.equal(new Date(2026, 4, 1, 13, 30).getTime())
    expect(meaningOf('30.2.2026', members).time).to.equal(undefined)
  })

  it('mesh: members stand on a ring, who ended is left out, and links go to who is there', () => {
    const members = [
      member(0),
      member(1),
      member(2, { revoked: { atSize: 1, endSize: 1, replacedBy: null } }),
      member(3, { size: 0 }),
    ]
    const status = { finality: { attestations: [{ index: 1 }] } } as unknown as StatusAnswer
    const peer = { name: '', index: null, address: '', direction: 'inbound' as const, agreement: 'equal' as const }
    const peers = [
      { ...peer, key: members[1]?.key ?? '' },
      { ...peer, key: 'f'.repeat(64) },
    ]
    const { nodes, links, hasEvidence } = meshOf(members, peers, status)
    expect(nodes.map(({ member: { index }, share, isWitness }) => [index, share, isWitness])).to.deep.equal([
      [0, 0.5, false],
      [1, 0.5, true],
      [3, 0, false],
    ])
    expect(nodes.map(({ label }) => label?.anchor)).to.deep.equal(['middle', 'start', 'end'])
    expect(links).to.have.length(1)
    expect(hasEvidence).to.equal(false)
    expect(meshOf([member(1, { quarantined: true })], [], undefined).hasEvidence).to.equal(true)
  })

  it('mesh: names are left out where they would overlap', () => {
    const labels = (count: number, isNarrow: boolean): number =>
      meshOf(
        Array.from({ length: count }, (_, index) => member(index)),
        [],
        undefined,
        isNarrow,
      ).nodes.filter(({ label }) => label !== undefined).length
    expect([labels(MOST_NAMES, false), labels(MOST_NAMES + 1, false)]).to.deep.equal([MOST_NAMES, 0])
    expect([labels(MOST_NAMES_NARROW, true), labels(MOST_NAMES_NARROW + 1, true)]).to.deep.equal([MOST_NAMES_NARROW, 0])
    expect(labels(200, false)).to.equal(0)
  })

  it('mesh: no two members stand on each other, up to the largest network', () => {
    for (const count of [1, 24, 25, 60, 96, 97, 200, 256]) {
      const { nodes } = meshOf(
        Array.from({ length: count }, (_, index) => member(index)),
        [],
        undefined,
      )
      expect(nodes).to.have.length(count)
      for (const [at, { x, y, size }] of nodes.entries()) {
        expect(Math.hypot(x, y) + size).to.be.below(222)
        for (const other of nodes.slice(at + 1)) {
          expect(Math.hypot(x - other.x, y - other.y), `${count} members`).to.be.above(2 * size + 4)
        }
      }
    }
  })
})
