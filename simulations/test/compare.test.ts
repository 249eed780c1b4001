import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { isWattnessError } from '../../protocol/index.ts'
import { comparePage } from '../page/compare-page.ts'
import { compareReports, percentChange, textOfComparison } from '../page/comparison.ts'
import { writeComparison, writeReport } from '../page/files.ts'
import { readReport } from '../page/report-file.ts'
import { makeReport, type Report } from '../report.ts'
import { runOf } from '../run.ts'
import { PRESETS } from '../settings.ts'
import { runSmall } from './small-run.ts'

describe('compare', function () {
  this.timeout(60_000)
  let [directory, a, b] = ['', {} as Report, {} as Report]

  before(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'wattness-compare-'))
    const report = async (seed: string, meters: number): Promise<Report> => {
      const simulation = await runSmall({ scenario: 'baseline', seed, settings: { meters, witnesses: 4 } })
      return makeReport({
        run: runOf(simulation),
        scenario: 'baseline',
        broken: undefined,
        seed,
        data: undefined,
        presets: PRESETS,
      })
    }
    ;[a, b] = [await report('1', 5), await report('2', 6)]
    writeReport(path.join(directory, 'a'), a)
    writeReport(path.join(directory, 'b'), b)
  })

  after(() => rmSync(directory, { recursive: true }))

  /** The message of REPORT_…, after the name of the file. */
  function refused(change: (report: Record<string, unknown>) => void): string {
    const file = path.join(directory, 'wrong.json')
    const report = JSON.parse(JSON.stringify(a)) as Record<string, unknown>
    change(report)
    writeFileSync(file, JSON.stringify(report))
    try {
      readReport(file)
    } catch (error) {
      if (!isWattnessError(error, 'REPORT_INVALID')) throw error
      expect(error.message).to.include(`${file} is no report: `)
      return error.message.slice(error.message.indexOf('is no report: ') + 14)
    }
    throw new Error('was taken')
  }

  it('reads a report from its file and from its directory', () => {
    const whole = readReport(path.join(directory, 'a'))
    expect(whole).to.deep.equal(readReport(path.join(directory, 'a', 'report.json')))
    expect(whole.eventLogHash).to.equal(a.eventLogHash)
  })

  it('REPORT_INVALID: names file and field', () => {
    expect(refused((report) => delete report['seed'])).to.equal('seed: expected text')
    expect(refused((report) => Object.assign(report['delivery'] as object, { curve: 7 }))).to.equal(
      'delivery.curve: expected list',
    )
    expect(refused((report) => Object.assign(report['finality'] as object, { curve: [[1, 2], [1]] }))).to.equal(
      'finality.curve[1]: expected two numbers',
    )
    expect(refused((report) => Object.assign(report, { violations: ['x'] }))).to.include('violations[0]')
  })

  it('REPORT_UNREADABLE: says which file and why', () => {
    const none = path.join(directory, 'none.json')
    expect(() => readReport(none)).to.throw(`${none} is no report: ENOENT`)
    const text = path.join(directory, 'text.json')
    writeFileSync(text, 'no')
    expect(() => readReport(text)).to.throw(`${text} is no report: `)
  })

  it('tells what differs: figures with the difference in percent, settings, violations', () => {
    const broken = { ...b, violations: [{ checker: 'agreement', atMs: 1, what: 'two stories' }] }
    const comparison = compareReports(a, broken)
    expect(comparison.settings.map(({ name }) => name)).to.deep.equal(['meters'])
    const deliveries = comparison.figures.find(({ name }) => name === 'deliveries')
    expect(deliveries?.percent).to.equal(Math.round((b.deliveries / a.deliveries - 1) * 1_000) / 10)
    const text = textOfComparison(comparison)
    expect(text).to.match(/meters +5 +6/)
    expect(text).to.include('✓ A: no violation')
    expect(text).to.include('✗ B: 1 violations\n    agreement: two stories')
  })

  it('a run compared with itself differs in nothing', () => {
    const { figures, settings } = compareReports(a, a)
    expect(settings).to.deep.equal([])
    expect(figures.every(({ percent }) => percent === 0 || percent === undefined)).to.equal(true)
    expect([0, 12.5, -3, undefined].map(percentChange)).to.deep.equal(['=', '+12.5 %', '−3 %', ''])
  })

  it('a figure that one report lacks is a gap', () => {
    const { figures } = compareReports({ ...a, usPerDelivery: undefined }, b)
    const row = figures.find(({ name }) => name === 'usPerDelivery')
    expect([row?.a, row?.percent]).to.deep.equal([undefined, undefined])
  })

  it('the page has both curves in each picture, and nothing of a run is markup', () => {
    const page = comparePage({ ...a, scenario: '<img src=x>' }, b)
    expect(page.match(/class="line tone-1" d="M52 [\d.]+H/g)).to.have.length(2)
    expect(page.match(/class="line tone-2 dashed" d="M52 [\d.]+H/g)).to.have.length(2)
    expect(page).not.to.include('<img')
    expect(page).not.to.include('NaN')
    writeComparison(path.join(directory, 'both'), a, b)
    expect(readFileSync(path.join(directory, 'both', 'compare.html'), 'utf8')).to.equal(comparePage(a, b))
  })

  it('npm run simulate -- compare: prints the table, or JSON; status 2 for what is no report', () => {
    const simulate = path.resolve(import.meta.dirname, '../simulate.ts')
    const run = (...words: string[]) => spawnSync(process.execPath, [simulate, 'compare', ...words], { encoding: 'utf8' })
    const [left, right] = [path.join(directory, 'a'), path.join(directory, 'b', 'report.json')]
    expect(run(left, right).stdout).to.equal(`${textOfComparison(compareReports(a, b))}\n`)
    const json = run(left, right, '--json', '--report', path.join(directory, 'typed'))
    expect(JSON.parse(json.stdout)).to.deep.equal(JSON.parse(JSON.stringify(compareReports(a, b))))
    expect(readFileSync(path.join(directory, 'typed', 'compare.html'), 'utf8')).to.include('All figures')
    const wrong = run(left, path.join(directory, 'nowhere'))
    expect([wrong.status, wrong.stderr.startsWith(`simulate: ${path.join(directory, 'nowhere')} is no report: `)]).to.deep.equal([
      2,
      true,
    ])
  })
})
