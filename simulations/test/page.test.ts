import { expect } from 'chai'
import { logTimeAxis, virtualTimeAxis } from '../page/axes.ts'
import { escapeText, html } from '../page/markup.ts'
import { reportPage } from '../page/report-page.ts'
import { bytesText, instantText, percentText, shortNumber, timeText } from '../page/words.ts'
import { makeReport, type Report } from '../report.ts'
import { runOf } from '../run.ts'
import { PRESETS } from '../settings.ts'
import { MAX_POINTS } from '../timeline.ts'
import { runSmall } from './small-run.ts'

const HOSTILE = `"><script>alert(1)</script><img src=x onerror='alert(2)'>`

describe('page: markup', () => {
  it('every gap of a template is escaped, in text and in attributes', () => {
    expect(html`<b title="${HOSTILE}">${HOSTILE}</b>`.text).to.equal(
      `<b title="${escapeText(HOSTILE)}">${escapeText(HOSTILE)}</b>`,
    )
    expect(escapeText(HOSTILE)).not.to.match(/[<>"']/)
  })

  it('markup in a gap stays markup, lists are strung together, undefined is nothing', () => {
    expect(html`<ul>${['<', 1].map((each) => html`<li>${each}</li>`)}${undefined}</ul>`.text).to.equal(
      '<ul><li>&lt;</li><li>1</li></ul>',
    )
  })
})

describe('page: words', () => {
  it('times, numbers, bytes and shares read as people say them', () => {
    expect([37.54, 6_300, 1_092_000, 7_200_000, undefined].map(timeText)).to.deep.equal([
      '37.5 ms',
      '6.3 s',
      '18.2 min',
      '2 h',
      '–',
    ])
    expect([0, 1_234.5, 0.01234].map(shortNumber)).to.deep.equal(['0', '1,235', '0.0123'])
    expect([12, 1_500, 2.5e6, 3e9].map(bytesText)).to.deep.equal(['12 B', '1.5 kB', '2.5 MB', '3 GB'])
    expect(instantText(90_061_000)).to.equal('1 d 01:01:01')
  })

  it('a share is 100 % only where nothing is missing', () => {
    expect([1, 0.999_999, 0.9, 0].map(percentText)).to.deep.equal(['100 %', '99.99 %', '90.0 %', '0.0 %'])
  })
})

describe('page: axes', () => {
  it('a logarithmic axis begins and ends on labels around what it shows', () => {
    const { from, to, ticks } = logTimeAxis(37, 1_100_000, '')
    expect([from, to]).to.deep.equal([10, 3_600_000])
    expect(ticks.map(({ text }) => text)).to.include.members(['10 ms', '1 s'])
    expect(ticks.length).to.be.at.most(6)
  })

  it('virtual time is told in units that leave few labels', () => {
    for (const endMs of [5_000, 600_000, 3_600_000, 86_400_000, 30 * 86_400_000, 4_000 * 86_400_000]) {
      expect(virtualTimeAxis(endMs).ticks.length, String(endMs)).to.be.within(2, 9)
    }
  })
})

describe('page: report.html', function () {
  this.timeout(60_000)
  let report: Report

  before(async () => {
    const simulation = await runSmall({ scenario: 'equivocator' })
    report = makeReport({
      ...{ run: runOf(simulation), scenario: 'equivocator', broken: undefined, seed: '1', data: undefined, presets: PRESETS },
    })
  })

  it('is one file that asks nobody for anything', () => {
    const page = reportPage(report)
    expect(page).to.include(escapeText("default-src 'none'"))
    expect(page).not.to.match(/\b(src|href|action)=|@import|url\(|https?:\/\/(?!www\.w3\.org)/)
    expect(page.match(/<script>/g)).to.have.length(1)
  })

  it('nothing of a run is markup', () => {
    const page = reportPage({
      ...report,
      scenario: HOSTILE,
      story: HOSTILE,
      seed: HOSTILE,
      load: HOSTILE,
      replay: HOSTILE,
      commit: HOSTILE,
      brokenOnPurpose: HOSTILE,
      differences: [HOSTILE],
      nodes: report.nodes.map((node) => ({ ...node, name: HOSTILE })),
      notes: [{ atMs: 1, kind: 'deed', text: HOSTILE }],
      violations: [{ checker: HOSTILE, atMs: 1, what: HOSTILE }],
    })
    expect(page).not.to.include('<img')
    expect(page.match(/<script>/g)).to.have.length(1)
    expect(page.split(escapeText(HOSTILE)).length).to.be.above(20)
  })

  it('every picture has a name, a text that says what it shows, and a caption', () => {
    const page = reportPage(report)
    const pictures = page.match(/<svg class="chart"/g) ?? []
    expect(pictures).to.have.length(6)
    for (const id of ['latency', 'course', 'traffic', 'duplicates', 'cost', 'mesh']) {
      expect(page).to.match(new RegExp(`<title id="${id}-t">[^<]{8,}</title><desc id="${id}-d">[^<]{20,}</desc>`))
    }
    expect(page.match(/<figcaption>/g)).to.have.length(6)
    expect(page.match(/class="sum"/g)).to.have.length(6)
    expect(page).not.to.include('NaN')
  })

  it('violations come first, and the command that shows them again', () => {
    const broken = { ...report, violations: [{ checker: 'agreement', atMs: 61_000, what: 'two stories' }] }
    const page = reportPage(broken)
    expect(page.indexOf('Broken rules')).to.be.within(1, page.indexOf('What is seen here'))
    expect(page).to.include('<b>agreement</b> at 00:01:01: two stories')
    expect(reportPage(report)).not.to.include('Broken rules')
  })

  it('attackers are marked, faults are marked, settings and differences are told', () => {
    const page = reportPage(report)
    expect(report.nodes.filter(({ role }) => role === 'liar')).to.have.length(2)
    expect(page).to.include('attacker')
    expect(page).to.include('class="mark"')
    expect(page).to.include('<tr class="deed">')
    expect(page).to.include('<li class="changed"><code>meters</code>')
    for (const difference of report.differences) expect(page).to.include(escapeText(difference))
  })

  it('a run that did nothing is a page too', () => {
    const none = { count: 0, p50Ms: undefined, p95Ms: undefined, p99Ms: undefined, maxMs: 0, curve: [] }
    const empty = { ...report, delivery: none, finality: none, timeline: [], nodes: [], links: [], notes: [], deliveries: 0 }
    const page = reportPage({
      ...empty,
      usPerDelivery: undefined,
      traffic: { ...report.traffic, gossip: { heard: 0, duplicates: 0, rejected: 0, ignored: 0 } },
    })
    expect(page).not.to.match(/NaN|Infinity|undefined/)
  })

  it('the course has 300 points at most, however long the drain', async () => {
    expect(report.timeline.length).to.be.within(200, MAX_POINTS)
    const long = await runSmall({ scenario: 'baseline', breaks: 'convergence', settings: { forMs: 600_000, drainMs: 1_200_000 } })
    expect(long.timeline.points.length).to.be.within(100, MAX_POINTS)
    const last = long.timeline.points.at(-1)
    expect(last?.atMs).to.equal(long.world.time.elapsedMs)
  })

  it('what a node holds and calls final ends as the counts of the run say', () => {
    const honest = report.nodes.filter(({ role }) => role !== 'liar')
    const last = report.timeline.at(-1)
    expect(last?.heldLeast).to.equal(Math.min(...honest.map(({ held }) => held)))
    expect(last?.deliveries).to.equal(report.deliveries)
    expect(report.links.every(([a, b]) => a < b && b < report.nodes.length)).to.equal(true)
    expect(report.links.length).to.be.above(report.nodes.length)
  })
})
