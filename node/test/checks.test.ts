import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import { listBenches, runBench } from '../bench/run.ts'
import { formatClosingLine, parseClosingLine } from './harness/closing-line.ts'
import { formatLowest, holdsCode, percentCovered } from './harness/coverage.ts'
import { maskSource } from './harness/mask.ts'
import { runCommand } from './harness/run-command.ts'
import { findSilencedChecks } from './harness/silenced-checks.ts'
import { PROJECT_ROOT } from './harness/source-tree.ts'

/** The checks are checked: what says "passed" for everybody must be able to say "failed". */
describe('checks', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'wattness-checks-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function write(name: string, text: string): string {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  describe('closing line', () => {
    it('is read back from the end of an output', () => {
      const line = formatClosingLine({ passed: 12, failed: 3 })
      expect(line).to.equal('12 passed, 3 failed')
      expect(parseClosingLine(`1 passed, 0 failed\nmore\n${line}\n\n`)).to.deep.equal({ passed: 12, failed: 3 })
    })

    it('is not found in an output that ends otherwise', () => {
      expect(parseClosingLine('1 passed, 0 failed\nError: too late')).to.equal(undefined)
      expect(parseClosingLine('')).to.equal(undefined)
    })
  })

  describe('reporter', () => {
    async function report(spec: string): Promise<{ status: number; output: string }> {
      const file = write('reported.test.ts', spec)
      const script = `
        import Mocha from 'mocha'
        import reporter from ${JSON.stringify(path.join(PROJECT_ROOT, 'node/test/harness/reporter.ts'))}
        const mocha = new Mocha({ reporter, forbidPending: true })
        mocha.addFile(${JSON.stringify(file)})
        await mocha.loadFilesAsync()
        mocha.run((failures) => { process.exitCode = failures > 0 ? 1 : 0 })`
      return capture(['node', '--input-type=module', '-e', script])
    }

    it('counts a passing test', async () => {
      const { status, output } = await report("it('adds', () => {})")
      expect(parseClosingLine(output)).to.deep.equal({ passed: 1, failed: 0 })
      expect(status).to.equal(0)
    })

    it('counts a failing and a pending test as failed, and names both', async () => {
      const { status, output } = await report(
        "describe('sums', () => { it('adds', () => {}); it('is later'); it('breaks', () => { throw new Error('broken') }) })",
      )
      expect(parseClosingLine(output)).to.deep.equal({ passed: 1, failed: 2 })
      expect(output).to.include('✗ sums › is later').and.include('✗ sums › breaks').and.include('broken')
      expect(status).to.equal(1)
    })
  })

  describe('run-command', () => {
    it('passes output and exit status on', async () => {
      const { status, output } = await capture(['node', '-e', 'console.log(5); console.error(6); process.exit(3)'])
      expect(status).to.equal(3)
      expect(output.split('\n')).to.include.members(['5', '6'])
    })

    it('ends a command that takes too long, and says so', async () => {
      const result = await capture(['node', '-e', 'process.stdin.resume(); setInterval(() => {}, 1000)'], 50)
      expect(result.status).to.equal(1)
      expect(result.stopped).to.include('took longer')
    })

    it('reports a command that does not exist as failed', async () => {
      const { status, output } = await capture(['wattness-no-such-command'])
      expect(status).to.equal(1)
      expect(output).to.include('ENOENT')
    })
  })

  describe('mask', () => {
    it('blanks comments, texts and regular expressions and keeps every offset', () => {
      const source = "a('x') // y\nb(`t${c('z')}t`) /* q\nr */ / d / /e[/]f/.g"
      expect(maskSource(source)).to.equal("a(' ')     \nb(` ${c(' ')} `)     \n     / d / /     /.g")
    })

    it('follows braces inside a template', () => {
      expect(maskSource('`a${{ b: `c${d}` }}e` + f')).to.equal('` ${{ b: ` ${d}` }} ` + f')
    })
  })

  describe('silenced checks', () => {
    const find = (path: string, text: string): string[] => findSilencedChecks([{ path, text }])

    it('finds each comment that switches a check off', () => {
      const tools = ['ts-ignore', 'ts-expect-error', 'ts-nocheck'].map((word) => `@${word}`)
      const comments = ['c8', 'v8', 'istanbul'].map((word) => `${word} ignore next`)
      const rules = ['oxlint', 'eslint'].map((word) => `${word}-disable-next-line no-var`)
      for (const comment of [...tools, ...comments, ...rules, ['biome', 'ignore format: x'].join('-')]) {
        expect(find('node/a.ts', `const a = 1\n// ${comment}\n`), comment).to.have.length(1)
      }
      expect(find('node/a.ts', '// nothing is ignored')).to.deep.equal([])
    })

    it('finds tests that are skipped or alone', () => {
      for (const call of ["it.skip('a')", "describe.only('a')", "xit('a')", 'this.skip()']) {
        expect(find('node/test/a.test.ts', call), call).to.have.length(1)
      }
      expect(find('node/test/a.test.ts', "// it.skip(\nreader.skip(5)\nit('only this', () => {})")).to.deep.equal([])
    })
  })

  describe('coverage', () => {
    it('is the share of lines over all files of a part', () => {
      expect(percentCovered([line('node/a.ts', 10, 9), line('node/b.ts', 90, 81)])).to.equal(90)
      expect(percentCovered([])).to.equal(100)
    })

    it('lists the files with the smallest share', () => {
      const lowest = formatLowest([line('node/a.ts', 10, 9), line('node/b.ts', 10, 1), line('node/c.ts', 10, 10)], 2)
      expect(lowest.split('\n').map((row) => row.trim().split(/\s+/)[2])).to.deep.equal(['node/b.ts', 'node/a.ts'])
    })

    it('leaves out files that hold types only', () => {
      expect(holdsCode("import type { A } from './a.ts'\n/** b */\nexport interface B { a: A }\n// c\n")).to.equal(false)
      expect(holdsCode('export const a = 1')).to.equal(true)
    })
  })

  describe('bench runner', () => {
    const result = (ok: boolean): string => `export async function run(args) {
      return { figures: { a: args.length }, yardstick: {}, budget: { a: '>= 1' }, ok: ${ok} }
    }`

    async function bench(...args: string[]): Promise<{ status: number; lines: string[] }> {
      write('bench/good.ts', result(true))
      write('bench/slow.ts', result(false))
      write('bench/support.ts', 'export const rows = 5')
      const lines: string[] = []
      const status = await runBench(args, [path.join(folder, 'bench'), path.join(folder, 'none')], (text) => lines.push(text))
      return { status, lines }
    }

    it('lists the files that export run', async () => {
      expect((await bench()).lines.join('\n')).to.include('good, slow')
      expect([...listBenches([path.join(folder, 'bench')]).keys()]).to.deep.equal(['good', 'slow'])
    })

    it('prints the result as JSON in the last line', async () => {
      const { status, lines } = await bench('good', '--rows', '5')
      expect(status).to.equal(0)
      expect(lines.at(-1)).to.equal('{"bench":"good","figures":{"a":2},"yardstick":{},"budget":{"a":">= 1"},"ok":true}')
    })

    it('exits 1 when a figure is out of its budget', async () => {
      expect((await bench('slow')).status).to.equal(1)
    })

    it('exits 2 for an unknown name, and says which there are', async () => {
      const { status, lines } = await bench('fast')
      expect(status).to.equal(2)
      expect(lines).to.deep.equal(['no bench is named fast; the benches are: good, slow'])
    })
  })
})

function line(file: string, total: number, covered: number): { path: string; total: number; covered: number } {
  return { path: file, total, covered }
}

/** Runs a command without showing its output, which would look like this run's own. */
async function capture(
  command: [string, ...string[]],
  limitMs = 15_000,
): Promise<{ status: number; output: string; stopped?: string }> {
  return runCommand(command, PROJECT_ROOT, limitMs, () => {})
}
